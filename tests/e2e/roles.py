"""Who runs which verb at a real Vault, each with the policy that `reconciler policy` prints and nothing beside it.

There is no policy written by hand here: what the tool prints is what the whole story runs with, Vault's own policy
`default` left out. Only a server's operator (root) mounts, makes tokens and looks at what stands in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.decide.access import ALWAYS_NARROW, Role
from tests.servers.places import VaultPlace

_ROLES = {
    "init-store": Role.INIT,
    "validate": Role.PLAN,
    "plan": Role.PLAN,
    "status": Role.PLAN,
    "forecast": Role.PLAN,
    "notify": Role.NOTIFY,
    "reconcile": Role.RECONCILE,
    "apply": Role.RECONCILE,
    "refresh": Role.RECONCILE,
    "revoke": Role.RECONCILE,
    "consent": Role.CONSENT,
    "import": Role.CONSENT,
    "trust": Role.TRUST,
    "secret": Role.SECRETS,
    "doctor": Role.PLAN,
    "serve": Role.SERVE,
    "consent-link": Role.SERVE,
    "drift": Role.PLAN,
    "history": Role.PLAN,
}
"""A new verb that opens a store says here whose it is."""


def role_of(arguments: tuple[str, ...]) -> Role:
    role = _ROLES[arguments[0]]
    if {"--registrations", "--tokens", "--versions"} & set(arguments):
        return Role.RECONCILE
    return Role.PRUNE if role is Role.RECONCILE and "--prune" in arguments else role


@dataclass
class RoleLogins:
    """Tokens of a place's roles, made when they are first needed. `namespaces` are those of the person who consents."""

    vault: VaultPlace
    namespaces: tuple[str, ...] = ("sales",)
    _tokens: dict[Role, str] = field(default_factory=dict)

    def variables_for(self, arguments: tuple[str, ...]) -> Mapping[str, str]:
        return {"VAULT_TOKEN": self.token(role_of(arguments))}

    def token(self, role: Role) -> str:
        if role not in self._tokens:
            name = f"{self.vault.mount}-{role.value}"
            self.vault.server.write_policy_text(name, self.policy(role))
            self._tokens[role] = self.vault.server.create_token(policies=[name], default_policy=False)
        return self._tokens[role]

    def policy(self, role: Role) -> str:
        """What `reconciler policy` prints for this place."""
        from tests.cli.keyboard import Keyboard

        wanted = self.namespaces if role in ALWAYS_NARROW else ()
        flags = [text for namespace in wanted for text in ("--namespace", namespace)]
        desk = Keyboard(Path("/"), {"RECONCILER_STORE": self.vault.store_url})
        return desk.run("policy", role.value, *flags, expect=0).out


def at_vault(vault: VaultPlace, **more: str) -> tuple[dict[str, str], RoleLogins]:
    """`Desk(folder, *at_vault(vault))`: the environment of a desk at this Vault, and its logins."""
    environment = vault.environment(**more)
    del environment["VAULT_TOKEN"]
    return environment, RoleLogins(vault)
