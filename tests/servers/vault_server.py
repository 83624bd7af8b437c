"""A real Vault (or OpenBao) of a test's own, on a free port of 127.0.0.1, in a folder of its own.

Not `-dev`: the server is configured, initialised and unsealed like a user's, so that it can be sealed,
stopped, killed, frozen and started again. Storage is `inmem` (quick), `file` or `raft` (both survive a restart).
The calls below are the operator's, by plain HTTP; the adapter under test is never used to set its own stage.
"""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.servers.audit import AuditLog
from tests.servers.process import Child, free_port

Storage = Literal["inmem", "file", "raft"]


class VaultRefused(AssertionError):
    """The server answered an operator's call with an error; `status` and `errors` are as it sent them."""

    def __init__(self, call: str, *, status: int, errors: list[str]) -> None:
        super().__init__(f"{call}: {status} {'; '.join(errors)}")
        self.status = status
        self.errors = errors


@cache
def version_of(binary: Path) -> str:
    """`Vault v1.21.0` or `OpenBao v2.4.1`: the first two words that the binary says of itself."""
    said = subprocess.run([binary, "version"], capture_output=True, text=True, timeout=30, check=True).stdout
    return " ".join(said.split()[:2]).rstrip(",")


@dataclass(kw_only=True)
class VaultServer:
    """One server. `start` gives it initialised, unsealed and active; `stop` ends it by its pid."""

    binary: Path
    folder: Path
    storage: Storage
    port: int = 0
    root_token: str = ""
    _keys: list[str] = field(default_factory=list)
    _child: Child | None = None
    _own: threading.local = field(default_factory=threading.local)
    _clients: list[httpx.Client] = field(default_factory=list)

    @classmethod
    def start(cls, folder: Path, *, binary: Path, storage: Storage = "inmem") -> "VaultServer":
        folder.mkdir(parents=True, exist_ok=True)
        server = cls(binary=binary, folder=folder, storage=storage)
        server.boot()
        made = server.call("PUT", "sys/init", json={"secret_shares": 1, "secret_threshold": 1}, token="")
        server._keys, server.root_token = made["keys"], made["root_token"]
        server.unseal()
        return server

    # ------------------------------------------------------------------------------------------ life and death

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _http(self) -> httpx.Client:
        """A client of this thread's own: one that threads share may close a socket that another is reading."""
        client: httpx.Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = httpx.Client(timeout=30, trust_env=False)
            self._clients.append(client)
        return client

    @property
    def _running(self) -> Child:
        assert self._child is not None, "the server was never started"
        return self._child

    def boot(self) -> None:
        """Starts the process, sealed as it comes, on the same port as before (a free one the first time)."""
        self.port = self.port or free_port()
        cluster = free_port()
        where = {"inmem": {}, "file": {"path": str(self.folder / "data")}}.get(
            self.storage, {"path": str(self.folder / "data"), "node_id": "one", "performance_multiplier": "1"}
        )
        (self.folder / "data").mkdir(exist_ok=True)
        configuration = self.folder / "server.json"
        configuration.write_text(
            json.dumps(
                {
                    "storage": {self.storage: where},
                    "listener": {
                        "tcp": {
                            "address": f"127.0.0.1:{self.port}",
                            "cluster_address": f"127.0.0.1:{cluster}",
                            "tls_disable": True,
                        }
                    },
                    "api_addr": self.address,
                    "cluster_addr": f"http://127.0.0.1:{cluster}",
                    "disable_mlock": True,
                    "ui": False,
                    "log_level": "warn",
                    "max_lease_ttl": "768h",
                }
            )
        )
        self._child = Child.start(
            [str(self.binary), "server", f"-config={configuration}"],
            log=self.folder / "server.log",
            extra={"HOME": str(self.folder)},
        )
        self._child.wait_until(lambda: self.health() is not None, seconds=60, what="vault")

    def stop(self) -> None:
        """Ends the process for good and lets go of the operator's connections."""
        self._running.thaw()
        self._running.stop()
        while self._clients:
            self._clients.pop().close()
        self._own = threading.local()

    def kill(self) -> None:
        """SIGKILL, as when the machine goes: what was not on disk is gone."""
        self._running.stop(hard=True)

    def restart(self, *, unseal: bool = True) -> None:
        """Stops and starts on the same address; needs storage `file` or `raft`."""
        assert self.storage != "inmem", "an inmem server forgets everything"
        self._running.stop()
        self.boot()
        if unseal:
            self.unseal()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """While inside, the server keeps its sockets and answers nothing."""
        self._running.freeze()
        try:
            yield
        finally:
            self._running.thaw()

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        for key in self._keys:
            self.call("PUT", "sys/unseal", json={"key": key}, token="")
        self._running.wait_until(lambda: self.health() == 200, seconds=30, what="vault: unsealing")

    def health(self) -> int | None:
        """The status of `sys/health` (200 active, 501 not initialised, 503 sealed); None while nobody listens."""
        try:
            return self._http.get(f"{self.address}/v1/sys/health", timeout=5).status_code
        except httpx.TransportError:
            return None

    # ------------------------------------------------------------------------------------------------- asking

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One API call as root, or with `token` (`""`: none); the JSON object answered, `{}` for no content."""
        chosen = self.root_token if token is None else token
        carried = {**({"X-Vault-Token": chosen} if chosen else {}), **(headers or {})}
        answer = self._http.request(method, f"{self.address}/v1/{path}", json=json, headers=carried)
        body: dict[str, Any] = answer.json() if answer.content else {}
        if answer.status_code >= 400:
            raise VaultRefused(f"{method} {path}", status=answer.status_code, errors=body.get("errors") or [])
        return body

    # --------------------------------------------------------------------------------------------- setting up

    def mount_kv(self, path: str, *, version: int = 2) -> None:
        """Mounts a KV engine and waits until it takes writes (a new v2 mount answers 400 for a moment)."""
        self.call("POST", f"sys/mounts/{path}", json={"type": "kv", "options": {"version": str(version)}})
        deadline = time.monotonic() + 30
        while version == 2:
            try:
                self.call("GET", f"{path}/config")
                return
            except VaultRefused as refused:
                if refused.status != 400 or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def unmount(self, path: str) -> None:
        self.call("DELETE", f"sys/mounts/{path}")

    def write_policy(self, name: str, rules: Mapping[str, list[str]]) -> None:
        """`rules`: path (with `*` or `+`) → capabilities."""
        policy = {"path": {path: {"capabilities": capabilities} for path, capabilities in rules.items()}}
        self.write_policy_text(name, json.dumps(policy))

    def write_policy_text(self, name: str, policy: str) -> None:
        """`policy` as HCL or JSON, as Vault's own command line takes it."""
        self.call("PUT", f"sys/policies/acl/{name}", json={"policy": policy})

    def create_token(
        self,
        *,
        policies: list[str],
        ttl: str = "1h",
        renewable: bool = True,
        uses: int = 0,
        default_policy: bool = True,
    ) -> str:
        """A token with these policies (and Vault's `default`, unless told otherwise); `uses` of 0 is without limit."""
        asked = {
            "policies": policies,
            "ttl": ttl,
            "renewable": renewable,
            "num_uses": uses,
            "no_parent": True,
            "no_default_policy": not default_policy,
        }
        made: str = self.call("POST", "auth/token/create", json=asked)["auth"]["client_token"]
        return made

    def revoke_token(self, token: str) -> None:
        self.call("POST", "auth/token/revoke", json={"token": token})

    def enable_auth(self, kind: str, *, path: str | None = None) -> None:
        """Enables an auth method at `path` (its own name where none is given); no error where it is there already."""
        where = path or kind
        if f"{where}/" not in self.call("GET", "sys/auth")["data"]:
            self.call("POST", f"sys/auth/{where}", json={"type": kind})

    def make_approle(
        self, role: str, *, policies: list[str], ttl: str = "1h", path: str = "approle"
    ) -> tuple[str, str]:
        """(role_id, secret_id) of a new AppRole."""
        self.enable_auth("approle", path=path)
        settings = {"token_policies": policies, "token_ttl": ttl, "token_max_ttl": "24h"}
        self.call("POST", f"auth/{path}/role/{role}", json=settings)
        role_id: str = self.call("GET", f"auth/{path}/role/{role}/role-id")["data"]["role_id"]
        secret_id: str = self.call("POST", f"auth/{path}/role/{role}/secret-id", json={})["data"]["secret_id"]
        return role_id, secret_id

    def make_jwt_role(
        self,
        role: str,
        *,
        policies: list[str],
        public_key: str,
        audience: str,
        claims: Mapping[str, str] | None = None,
        ttl: str = "10m",
        path: str = "jwt",
    ) -> None:
        """A JWT login bound to `audience` and `claims`; tokens are checked with `public_key` (PEM)."""
        self.enable_auth("jwt", path=path)
        self.call("POST", f"auth/{path}/config", json={"jwt_validation_pubkeys": [public_key]})
        settings = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [audience],
            "bound_claims": dict(claims or {}),
            "token_policies": policies,
            "token_ttl": ttl,
        }
        self.call("POST", f"auth/{path}/role/{role}", json=settings)

    @contextlib.contextmanager
    def audited(self, name: str = "audit") -> Iterator[AuditLog]:
        """While inside, every request is logged to a file whose entries can be asked for."""
        file = self.folder / f"{name}.log"
        self.call("PUT", f"sys/audit/{name}", json={"type": "file", "options": {"file_path": str(file)}})
        try:
            yield AuditLog(file)
        finally:
            self.call("DELETE", f"sys/audit/{name}")
