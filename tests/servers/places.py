"""What a test gets when it asks for a server: the server, and a place in it that is the test's alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.vault_server import VaultServer

PREFIX = "reconciler"


@dataclass(frozen=True, kw_only=True)
class VaultPlace:
    """A fresh KV v2 mount of a running server. `token` is root's; `limited` makes a lesser one."""

    server: VaultServer
    mount: str
    prefix: str = PREFIX

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def token(self) -> str:
        return self.server.root_token

    @property
    def store_url(self) -> str:
        """What RECONCILER_STORE says for this place."""
        return f"vault://{self.mount}/{self.prefix}"

    def environment(self, **more: str) -> dict[str, str]:
        """The variables with which a user points the tool at this place."""
        return {
            "VAULT_ADDR": self.address,
            "VAULT_TOKEN": self.token,
            "RECONCILER_STORE": self.store_url,
            **more,
        }

    def limited(self, name: str, rules: Mapping[str, list[str]], *, ttl: str = "1h") -> str:
        """A token whose policy has just `rules`; `{mount}` and `{prefix}` in their paths are this place's."""
        here = {path.format(mount=self.mount, prefix=self.prefix): allowed for path, allowed in rules.items()}
        policy = f"{self.mount}-{name}"
        self.server.write_policy(policy, here)
        return self.server.create_token(policies=[policy], ttl=ttl)

    def put(self, path: str, data: Mapping[str, Any], *, cas: int | None = None) -> int:
        """Writes a version of a key of this mount, past the prefix and the tool; its number."""
        options = {} if cas is None else {"options": {"cas": cas}}
        answer = self.server.call("POST", f"{self.mount}/data/{path}", json={"data": dict(data), **options})
        version: int = answer["data"]["version"]
        return version

    def get(self, path: str, *, version: int = 0) -> dict[str, Any]:
        """The data of a version of a key (0: the newest)."""
        answer = self.server.call("GET", f"{self.mount}/data/{path}?version={version}")
        data: dict[str, Any] = answer["data"]["data"]
        return data

    def metadata(self, path: str) -> dict[str, Any]:
        """current_version, versions, custom_metadata, … of a key."""
        data: dict[str, Any] = self.server.call("GET", f"{self.mount}/metadata/{path}")["data"]
        return data
