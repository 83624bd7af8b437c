"""What a Vault says of a mount, of our login, of paths and of a JWT role: for `doctor` and `drift`, which change nothing.

Rules: a question that the login may not ask is None or PathDenied, never a guess; what Vault says is facts, not secrets:
the token itself, accessors and entities are not taken out of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from reconciler.adapters.vault import VaultStore
from reconciler.errors import PathDenied
from reconciler.model.inspection import LoginFacts, MountFacts


class VaultInspector:
    """`ports.StoreInspector` over a `VaultStore`, with its login."""

    def __init__(self, store: VaultStore) -> None:
        self._store = store

    def mount(self, mount: str) -> MountFacts | None:
        answer = self._read(f"sys/internal/ui/mounts/{mount}")
        if answer is None:
            return None
        options = answer.get("options")
        version = options.get("version") if isinstance(options, dict) else None
        return MountFacts(str(answer.get("type") or ""), version if isinstance(version, str) else "")

    def login(self) -> LoginFacts | None:
        answer = self._read("auth/token/lookup-self")
        if answer is None:
            return None
        named = [*_texts(answer.get("policies")), *_texts(answer.get("identity_policies"))]
        seconds = answer.get("ttl")
        lasts = timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None
        return LoginFacts(tuple(dict.fromkeys(named)), lasts, answer.get("renewable") is True)

    def allowed(self, paths: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """PathDenied where the login may not even ask."""
        asked = sorted(set(paths))
        answer = self._store.ask("POST", "sys/capabilities-self", body={"paths": asked})
        if answer.status != 200 or answer.data is None:
            raise PathDenied("sys/capabilities-self: the login may not ask what it may do")
        return {path: frozenset(_texts(answer.data.get(path))) for path in asked}

    def jwt_role(self, mount: str, name: str) -> Mapping[str, object] | None:
        """None where there is no such role. PathDenied where the login may not read it."""
        answer = self._store.ask("GET", f"auth/{mount}/role/{name}")
        return answer.data if answer.status == 200 else None

    def _read(self, path: str) -> Mapping[str, object] | None:
        """None where the login may not, or nothing is there."""
        try:
            answer = self._store.ask("GET", path)
        except PathDenied:
            return None
        return answer.data if answer.status == 200 else None


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
