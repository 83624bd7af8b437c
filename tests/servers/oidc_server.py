"""A real, certified authorization server (oidc-provider on Node) on a free port of 127.0.0.1.

Everything that a test changes in it goes through its control endpoints, which `oidc-provider/control.mjs`
describes. Its client secrets are constants of the tests: it listens on loopback and knows nobody.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.servers.keys import key_pair
from tests.servers.process import Child

INITIAL_ACCESS_TOKEN = "initial-access-token-of-the-tests"
REDIRECTS = [
    "http://127.0.0.1/callback",
    "http://localhost/callback",
]  # any port will do (RFC 8252, section 7.3)
SCOPES = ["read", "write", "admin"]
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, kw_only=True)
class StaticClient:
    """A client that was registered by hand, as in a provider's console."""

    client_id: str
    secret: str
    method: str
    keys: str = ""
    """The kind of its key pair (`tests.servers.keys`), for one that signs."""
    more: Mapping[str, Any] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """RFC 7591, section 2."""
        grants = ["authorization_code", "refresh_token", _DEVICE]
        confidential: dict[str, Any] = {"client_secret": self.secret} if self.secret else {}
        if self.keys:
            confidential["jwks"] = key_pair(self.keys).jwks
        return {
            "client_id": self.client_id,
            "token_endpoint_auth_method": self.method,
            "redirect_uris": REDIRECTS,
            "grant_types": [*grants, "client_credentials"] if confidential else grants,
            **confidential,
            **self.more,
        }


# The first one's secret must be form-encoded before it goes into a Basic header (RFC 6749, section 2.3.1).
BASIC = StaticClient(client_id="basic", secret="basic: s3cret + 100%", method="client_secret_basic")
POST = StaticClient(client_id="post", secret="post-s3cret", method="client_secret_post")
PUBLIC = StaticClient(client_id="public", secret="", method="none")
KEYED = StaticClient(client_id="keyed", secret="", method="private_key_jwt", keys="rsa")
SIGNING = StaticClient(
    client_id="signing", secret="a shared secret of thirty-two bytes", method="client_secret_jwt"
)


@dataclass(kw_only=True)
class OidcServer:
    """One server. `start` gives it listening; `stop` ends it by its pid."""

    folder: Path
    home: Path
    config: Mapping[str, Any]
    issuer: str = ""
    _child: Child | None = None
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        home: Path,
        clients: Sequence[StaticClient] = (BASIC, POST, PUBLIC, KEYED, SIGNING),
        initial_access_token: str | None = INITIAL_ACCESS_TOKEN,
        settings: Mapping[str, Any] | None = None,
    ) -> "OidcServer":
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "clients": [client.metadata() for client in clients],
            "scopes": SCOPES,
            "initialAccessToken": initial_access_token or False,
            "settings": dict(settings or {}),
        }
        server = cls(folder=folder, home=home, config=config)
        server._boot(port=0)
        return server

    def _boot(self, *, port: int) -> None:
        log = self.folder / "server.log"
        log.unlink(missing_ok=True)
        node = shutil.which("node")
        assert node is not None
        self._child = Child.start(
            [node, str(self.home / "server.mjs")],
            log=log,
            extra={"OIDC_CONFIG": json.dumps({**self.config, "port": port}), "NODE_ENV": "test"},
        )
        self._child.wait_until(self._listening, seconds=60, what="oidc-provider")

    def _listening(self) -> bool:
        assert self._child is not None
        for line in self._child.tail().splitlines():
            if line.startswith('{"issuer"'):
                self.issuer = json.loads(line)["issuer"]
                return True
        return False

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def stop(self) -> None:
        assert self._child is not None
        self._child.stop()
        self._http.close()

    def restart(self) -> None:
        """A new process on the same port: it has forgotten every grant and registered client."""
        assert self._child is not None
        self._child.stop()
        self._boot(port=int(self.issuer.rsplit(":", 1)[1]))

    # ---------------------------------------------------------------------------------------- changing the world

    def _tell(self, verb: str, said: object) -> dict[str, Any]:
        answer = self._http.post(f"{self.issuer}/_test/{verb}", json=said)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def reset(self) -> None:
        """Settings, counts, faults and clients as at the start; tokens stay."""
        self._tell("reset", {})

    def configure(self, **settings: object) -> None:
        """accessTokenTtl, refreshTokenTtl, rotateRefreshToken, withholdRefreshToken, … (control.mjs, DEFAULTS)."""
        self._tell("settings", settings)

    def put_client(self, client_id: str, **metadata: object) -> None:
        """Changes a client, or registers it: `put_client("basic", client_secret="new")`."""
        self._tell("client", {"client_id": client_id, **metadata})

    def remove_client(self, client_id: str) -> None:
        self._tell("remove", {"client_id": client_id})

    def revoke(self, account: str | None = None) -> int:
        """The person removes the app: every grant of `account` (of everybody) dies. How many there were."""
        families: int = self._tell("revoke", {"account": account} if account else {})["families"]
        return families

    def advance(self, seconds: float) -> None:
        """Moves the server's clock forward."""
        self._tell("advance", {"seconds": seconds})

    def fail(self, path: str, *, times: int = 1, **fault: object) -> None:
        """The next `times` requests to `path` meet a fault: status, headers, body, drop, delay, skip, grant."""
        self._tell("faults", [{"path": path, "times": times, **fault}])

    # --------------------------------------------------------------------------------------------- looking at it

    def stats(self) -> dict[str, Any]:
        """requests, token, exchanged, refused (counts by name), reuse, familiesRevoked, clients, grants, settings."""
        answer = self._http.get(f"{self.issuer}/_test/stats")
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def exchanged(self, grant: str) -> int:
        """How many token requests of this grant type succeeded since the last reset."""
        count: int = self.stats()["exchanged"].get(grant, 0)
        return count
