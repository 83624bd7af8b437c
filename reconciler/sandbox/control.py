"""The hand behind the scenes: seed, look, let time pass, revoke, script faults. For tests, the demo and the bench.

In process these are methods; over HTTP they are `POST /_sandbox/<verb>` with a JSON object of the same arguments, and
`Authorization: Bearer <control token>`. Answers are plain JSON values either way, so that both ways read alike.

Rules: nothing here goes through OAuth, and nothing here is counted as an exchange; a wrong argument is a ValueError (400
over HTTP) and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.sandbox.config import TokenPolicy
from reconciler.sandbox.counters import Counters
from reconciler.sandbox.faults import Fault, FaultScript
from reconciler.sandbox.records import CLIENT_CREDENTIALS, CODE, DEVICE, JWT_BEARER, REFRESH, Client, Grant
from reconciler.sandbox.world import World

VERBS = (
    "now", "advance_clock", "state", "counters", "reset_counters", "add_client", "configure_client", "configure_keys",
    "delete_client",
    "rotate_client_secret", "list_clients", "add_grants", "list_grants", "revoke_grant", "revoke_person",
    "revoke_client_grants", "refresh_token_state", "add_fault", "pending_faults", "clear_faults",
)  # fmt: skip


class Control:
    """The control calls, on one world."""

    def __init__(self, world: World, script: FaultScript) -> None:
        self._world = world
        self._script = script

    # -------------------------------------------------------------------------------------------------- time

    def now(self) -> float:
        """The sandbox's present: seconds since the epoch."""
        return self._world.clock.now()

    def advance_clock(self, seconds: float) -> float:
        """Let `seconds` pass for every token, code and secret of the sandbox."""
        return self._world.clock.advance(float(seconds))

    # ----------------------------------------------------------------------------------------------- looking

    def counters(self) -> dict[str, Any]:
        """What was asked and done since the start or the last `reset_counters`; see `Counters`."""
        with self._world.lock:
            return self._world.counters.to_json()

    def reset_counters(self) -> None:
        """Start counting anew; the grants' own counts too."""
        with self._world.lock:
            self._world.counters = Counters()
            for grant in self._world.grants.values():
                grant.exchanges = grant.reuses = 0

    def state(self) -> dict[str, Any]:
        """Everything at once, as one consistent picture."""
        with self._world.lock:
            return {
                "now": self.now(),
                "clients": self.list_clients(),
                "grants": self.list_grants(),
                "counters": self.counters(),
                "pending_faults": self.pending_faults(),
            }

    def list_clients(self) -> list[dict[str, Any]]:
        """Each client: id, name, whether it registered itself, metadata, policy. No secret."""
        with self._world.lock:
            return [
                {
                    "client_id": one.client_id,
                    "name": one.name,
                    "dynamic": one.dynamic,
                    "issued_at": one.issued_at,
                    "client_secret_expires_at": one.secret_expires_at,
                    "metadata": one.metadata,
                    "policy": self._world.policy_of(one.client_id).to_json(),
                }
                for one in self._world.clients.values()
            ]

    def list_grants(self, client_id: str | None = None, subject: str | None = None) -> list[dict[str, Any]]:
        """Each grant, the dead ones too: who, for which client, exchanges, reuses, and why it died."""
        with self._world.lock:
            return [
                _grant_to_json(one)
                for one in self._world.grants.values()
                if client_id in (None, one.client_id) and subject in (None, one.subject)
            ]

    def refresh_token_state(self, refresh_token: str) -> dict[str, Any]:
        """What a refresh token is, without presenting it: `state` is current, retry, reused, dead or unknown."""
        return self._world.state_of_refresh_token(refresh_token)

    # ----------------------------------------------------------------------------------------------- seeding

    def add_client(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        name: str | None = None,
        redirect_uris: Sequence[str] = ("http://127.0.0.1/callback",),
        auth_method: str = "client_secret_basic",
        scopes: Sequence[str] = (),
        jwks: Mapping[str, Any] | None = None,
        policy: TokenPolicy | Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A client registered by hand, for every grant: `{client_id, client_secret}` (None where it has none).

        `jwks`: the public keys (RFC 7517 §5) of one that signs, for `private_key_jwt` and the JWT bearer grant.
        """
        metadata: dict[str, Any] = {
            "redirect_uris": list(redirect_uris),
            "token_endpoint_auth_method": auth_method,
            "grant_types": [CODE, REFRESH, CLIENT_CREDENTIALS, DEVICE, *([JWT_BEARER] if jwks else [])],
            "response_types": ["code"],
        }
        if jwks is not None:
            metadata["jwks"] = dict(jwks)
        if name is not None:
            metadata["client_name"] = name
        if scopes:
            metadata["scope"] = " ".join(scopes)
        client = self._world.add_client(
            metadata, client_id=client_id, secret=client_secret, policy=_policy(policy)
        )
        return {"client_id": client.client_id, "client_secret": client.secret}

    def configure_client(self, client_id: str, *, policy: TokenPolicy | Mapping[str, Any] | None) -> None:
        """Give a client, also one that registered itself, a token policy of its own; None takes it away."""
        with self._world.lock:
            self._client(client_id).policy = _policy(policy)

    def configure_keys(self, client_id: str, *, jwks: Mapping[str, Any]) -> None:
        """The public keys of a client that signs are these from now on (RFC 7517 §5)."""
        with self._world.lock:
            self._client(client_id).metadata["jwks"] = dict(jwks)

    def add_grants(
        self,
        client_id: str,
        *,
        count: int = 1,
        scopes: Sequence[str] = ("profile",),
        subject: str | None = None,
        expires_in: int | None = None,
    ) -> list[dict[str, Any]]:
        """`count` consents as if given now, by `subject` or by person-1, person-2, ...; the access tokens live
        `expires_in` seconds, or what the policy says. Each answer: a token response plus `grant` and `subject`.
        """
        from reconciler.sandbox.protocol.answers import make_token_answer

        answers = []
        with self._world.lock:
            self._client(client_id)
            for number in range(1, count + 1):
                grant = self._world.open_grant(
                    client_id=client_id, subject=subject or f"person-{number}", scopes=scopes, origin="seeded"
                )
                answer = make_token_answer(
                    self._world,
                    client_id=client_id,
                    subject=grant.subject,
                    scope=" ".join(scopes),
                    grant=grant,
                    refresh_token=self._world.issue_refresh_token(grant),
                    seconds=expires_in,
                )
                answers.append(answer | {"grant": grant.grant_id, "subject": grant.subject})
        return answers

    # --------------------------------------------------------------------------------------------- misfortune

    def delete_client(self, client_id: str) -> bool:
        """Remove a client at the provider, with all its grants; False where there was none."""
        return self._world.remove_client(client_id)

    def rotate_client_secret(self, client_id: str, *, client_secret: str | None = None) -> str:
        """Replace a client's secret, by a random one or by `client_secret`, and return it."""
        with self._world.lock:
            return self._world.renew_client_secret(self._client(client_id), secret=client_secret)

    def revoke_grant(self, grant: str) -> bool:
        """Revoke one grant, as a person does on a provider's page; False if it was dead already."""
        with self._world.lock:
            found = self._world.grants.get(grant)
            if found is None:
                raise ValueError("no such grant")
            return bool(self._world.revoke_grants([found], because="revoked by the person"))

    def revoke_person(self, subject: str, *, client_id: str | None = None) -> int:
        """Revoke all that a person granted, or all that they granted to one client; how many died."""
        grants = self._world.grants_of(subject=subject, client_id=client_id)
        return self._world.revoke_grants(grants, because="revoked by the person")

    def revoke_client_grants(self, client_id: str) -> int:
        """Revoke every grant of a client, as an incident at the provider does; how many died."""
        return self._world.revoke_grants(
            self._world.grants_of(client_id=client_id), because="revoked by the provider"
        )

    def add_fault(self, fault: Fault | Mapping[str, Any]) -> None:
        """Script a fault; see `reconciler.sandbox.faults`."""
        self._script.add(fault if isinstance(fault, Fault) else Fault.from_json(fault))

    def pending_faults(self) -> list[dict[str, Any]]:
        """The faults that no request has used up."""
        return [fault.to_json() for fault in self._script.pending()]

    def clear_faults(self) -> None:
        """Forget the faults still to come."""
        self._script.clear()

    def _client(self, client_id: str) -> Client:
        client = self._world.clients.get(client_id)
        if client is None:
            raise ValueError("no such client")
        return client


def _policy(policy: TokenPolicy | Mapping[str, Any] | None) -> TokenPolicy | None:
    return policy if policy is None or isinstance(policy, TokenPolicy) else TokenPolicy.from_json(policy)


def _grant_to_json(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.grant_id,
        "client_id": grant.client_id,
        "subject": grant.subject,
        "scopes": list(grant.scopes),
        "origin": grant.origin,
        "created_at": grant.created_at,
        "alive": grant.alive,
        "revoked_at": grant.revoked_at,
        "revoked_because": grant.revoked_because,
        "exchanges": grant.exchanges,
        "reuses": grant.reuses,
    }
