"""The world of the canaries: a team whose every secret is one, a provider that repeats them all, and an embedded store.

`secrets` are all of them: those that were planted, those that the provider heard or gave, and what is in the store.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from reconciler.adapters.sqlite import SqliteStore
from reconciler.model.secret import Secret
from reconciler.model.store_path import StorePath
from tests.canaries.forms import canary, leaks
from tests.canaries.parrot import CLIENT_ID, Parrot
from tests.cli.keyboard import Keyboard
from tests.e2e.desk import Said
from tests.servers.keys import key_pair

HEADER = "apiVersion: oauth2.reconciler/v1\n"
VERBS: tuple[tuple[str, ...], ...] = (
    ("validate",), ("validate", "-o", "json"), ("validate", "-o", "github"),
    ("plan",), ("plan", "-o", "json"), ("plan", "-o", "markdown"), ("plan", "-o", "github"),
    ("plan", "--prune", "-v"),
    ("status",), ("status", "-o", "json"), ("status", "-o", "markdown"),
    ("reconcile", "-v"), ("refresh", "--force", "-v", "--log-format", "json"),
    ("refresh", "--force", "-o", "json"), ("refresh", "--force", "-o", "markdown"), ("reconcile", "-o", "github"),
    ("secret", "list"), ("trust", "--show"), ("doctor",), ("doctor", "-o", "json"),
    ("history", "sales/crm", "--versions"), ("history", "provider/sales/idp", "--versions", "-o", "json"),
    ("export",), ("export", "--out", "exported"),
    ("drift",), ("drift", "-o", "markdown", "--tokens", "--registrations", "-v"), ("drift", "-o", "json", "--tokens"),
    ("base", "list", "-o", "json"), ("base", "show", "custom", "-o", "json"), ("base", "show", "custom"),
    ("plan", "--out", "saved.plan"), ("reconcile", "--plan", "saved.plan"),
)  # fmt: skip
QUICK_VERBS: tuple[tuple[str, ...], ...] = (
    ("refresh", "--force", "-v"), ("refresh", "--force", "-o", "json"), ("status", "-o", "json"), ("plan",),
)  # fmt: skip


@dataclass
class Cage:
    desk: Keyboard
    parrot: Parrot
    planted: dict[str, str] = field(default_factory=dict)
    said: list[tuple[str, Said]] = field(default_factory=list)

    @classmethod
    def build(cls, folder: Path, parrot: Parrot) -> Cage:
        """Everything declared, the store made with a key from the environment, the secrets put in by stdin."""
        key = base64.b64encode(os.urandom(32)).decode()
        scratch = folder / "tmp"
        scratch.mkdir()
        variables = {
            "RECONCILER_STORE": f"sqlite://{folder}/store/store.db",
            "RECONCILER_KEY": key,
            "RECONCILER_HTTP_DEADLINE": "2s",
            "TMPDIR": str(scratch),
        }
        cage = cls(Keyboard(folder, variables), parrot)
        cage.planted = {
            "sealing-key": key,
            "client-secret": canary("client", plain=False),
            "initial-token": canary("initial"),
            "private-key": json.loads(key_pair("jwk").private)["d"],
        }
        cage.declare()
        cage.run("init-store", "--trust", "tofu", "--loopback", expect=0)
        for path, name, value in (
            ("clients/sales/idp", "client_secret", cage.planted["client-secret"]),
            ("clients/sales/made", "initial_access_token", cage.planted["initial-token"]),
            ("clients/sales/keyed", "private_key", key_pair("jwk").private),
        ):
            cage.run("secret", "set", path, name, stdin=value, expect=0)
        return cage

    def declare(self) -> None:
        server = f"server: {{issuer: '{self.parrot.issuer}', refreshToken: {{rotation: single-use}}}}"
        self.desk.write("sales/idp.yaml", (
            f"{HEADER}kind: Provider\nmetadata: {{name: idp}}\nspec:\n  base: custom\n"
            f"  client: {{id: {CLIENT_ID}, secretRef: {{path: clients/sales/idp, key: client_secret}}}}\n"
            f"  redirectUri: http://127.0.0.1/callback\n  {server}\n"
        ))  # fmt: skip
        self.desk.write("sales/made.yaml", (
            f"{HEADER}kind: Provider\nmetadata: {{name: made}}\nspec:\n  base: custom\n  registration: dynamic\n"
            "  deletionPolicy: Revoke\n"
            "  client: {name: app, initialAccessTokenRef: {path: clients/sales/made, key: initial_access_token}}\n"
            f"  redirectUri: http://127.0.0.1/callback\n  {server}\n"
        ))  # fmt: skip
        self.desk.write("sales/keyed.yaml", (
            f"{HEADER}kind: Provider\nmetadata: {{name: keyed}}\nspec:\n  base: custom\n"
            f"  client: {{id: {CLIENT_ID}, keyRef: {{path: clients/sales/keyed, key: private_key}}}}\n"
            f"  server: {{issuer: '{self.parrot.issuer}', clientAuth: private_key_jwt, "
            "grants: [client_credentials, jwt_bearer]}\n"
        ))  # fmt: skip
        for name, rest in {
            "signed": "provider: keyed, grant: client_credentials, scopes: [read]",
            "bearer": "provider: keyed, grant: jwt_bearer, subject: ana@example.com, scopes: [read]",
            "crm": "provider: idp, owner: ana@example.com, scopes: [read, offline_access]",
            "feed": "provider: made, owner: ben@example.com, scopes: [read, offline_access]",
            "robot": "provider: idp, grant: client_credentials, scopes: [read]",
        }.items():
            text = f"{HEADER}kind: Account\nmetadata: {{name: {name}}}\nspec: {{{rest}}}\n"
            self.desk.write(f"sales/{name}.yaml", text)

    def settle(self) -> None:
        """Registered, and both people have consented."""
        self.run("reconcile", expect=0)
        for name in ("crm", "feed"):
            self.consent(name)

    # ------------------------------------------------------------------------------------------------------- commands

    def run(self, *arguments: str, stdin: str = "", expect: int | None = None, **more: str) -> Said:
        said = self.desk.run(*arguments, stdin=stdin, expect=expect, **more)
        self.said.append((" ".join(arguments), said))
        return said

    def consent(self, name: str, *, expect: int | None = 0, **answer: str) -> Said:
        """By paste. `expect` None: however it ends. `answer` replaces parameters of the callback; what they hold is planted."""

        def browse(link: str) -> str:
            asked = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
            self.planted[f"state-{len(self.planted)}"] = asked["state"]
            code = canary("code")
            self.planted[f"code-{len(self.planted)}"] = code
            back = {"code": code, "state": asked["state"], **answer}
            return f"{asked['redirect_uri']}?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in back.items())

        said = self.desk.paste(f"sales/{name}", browse, expect=expect)
        self.said.append((f"consent {name}", _without_link(said)))
        return said

    def consent_by_device(self, name: str, *, expect: int | None = 0) -> Said:
        """Nobody types anything; the provider gives tokens, or sulks, at the first question."""

        def types(seen: str) -> str:
            raise AssertionError(f"nothing is asked here:\n{seen}")

        arguments = ("consent", "--device", "--timeout", "3s", f"sales/{name}")
        said = self.desk.at_terminal(*arguments, answers=types, expect=expect)
        self.said.append((" ".join(arguments), said))
        return said

    # ------------------------------------------------------------------------------------------------------ the search

    @property
    def secrets(self) -> Mapping[str, str]:
        return {**self.planted, **self.parrot.known}

    def assert_silent(self) -> None:
        """No command so far has said any of them."""
        for words, said in self.said:
            assert leaks(said.out, self.secrets) == [], f"{words}: stdout\n{said.out}"
            assert leaks(said.err, self.secrets) == [], f"{words}: stderr\n{said.err}"
        self.said.clear()

    def assert_no_file_holds_one(self, *, but: Iterable[str] = ()) -> None:
        """Neither the home folder with all that is below it, the store's own files included, nor the folder for scratch."""
        for path in sorted(self.desk.folder.rglob("*")):
            if path.is_file() and path.name not in but:
                assert leaks(path.read_bytes(), self.secrets) == [], path
        assert list((self.desk.folder / "tmp").iterdir()) == []

    # ------------------------------------------------------------------------------------------------------- the store

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        opened = SqliteStore(self.desk.folder / "store/store.db", key=Secret(self.planted["sealing-key"]))
        try:
            yield opened
        finally:
            opened.close()

    def read(self, path: str) -> dict[str, Any]:
        with self.store() as opened:
            document = opened.read(StorePath(tuple(path.split("/")))).document
        return {} if document is None else document.plain()


def _without_link(said: Said) -> Said:
    """The link must be printed, and holds the state; the state is a secret everywhere else."""
    lines = [line for line in said.err.splitlines() if not line.startswith("http")]
    return Said(said.code, said.out, "\n".join(lines))
