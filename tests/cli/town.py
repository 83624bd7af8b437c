"""A small team with the sandbox for a provider: manifests, an embedded store, and people who consent.

The provider `sales/idp` is static and single-use; accounts are `sales/crm` (ana's) and `sales/mail` (ben's).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.adapters.sqlite import SqliteStore
from reconciler.model.duration import format_instant
from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from reconciler.sandbox import Sandbox, person
from tests.cli.keyboard import Keyboard

HEADER = "apiVersion: oauth2.reconciler/v1\n"
CLIENT_PATH = "clients/sales/idp"
DEADLINE = "1s"


def provider(
    issuer: str, *, name: str = "idp", client_id: str = "", secret: str = CLIENT_PATH, more: str = ""
) -> str:
    return f"""\
{HEADER}kind: Provider
metadata: {{name: {name}}}
spec:
  base: custom
  client:
    id: {client_id}
    secretRef: {{path: {secret}, key: client_secret}}
  redirectUri: http://127.0.0.1/callback
  server:
    issuer: {issuer}
    refreshToken: {{rotation: single-use}}
{more}"""


def account(
    name: str,
    *,
    provider: str = "idp",
    owner: str = "ana@example.com",
    scopes: str = "profile, offline_access",
) -> str:
    return f"""\
{HEADER}kind: Account
metadata: {{name: {name}}}
spec: {{provider: {provider}, owner: {owner}, scopes: [{scopes}]}}
"""


@dataclass
class Town:
    """`desk` is where commands are typed; `client` the sandbox's client of the team."""

    sandbox: Sandbox
    desk: Keyboard
    client: dict[str, str] = field(default_factory=dict)

    @property
    def store_file(self) -> Path:
        return self.desk.folder / "store" / "store.db"

    def found(self, *, trust: str = "tofu") -> None:
        """Register the client by hand, declare provider and accounts, make the store, put the secret there."""
        self.client = self.sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
        self.desk.write("sales/idp.yaml", provider(self.sandbox.issuer, client_id=self.client["client_id"]))
        self.desk.write("sales/crm.yaml", account("crm"))
        self.desk.write("sales/mail.yaml", account("mail", owner="ben@example.com"))
        self.desk.run("init-store", "--trust", trust, "--loopback", expect=0)
        self.put_secret(CLIENT_PATH, self.client["client_secret"])

    def put_secret(self, path: str, value: str, *, key: str = "client_secret") -> None:
        self.desk.run("secret", "set", path, key, stdin=value, expect=0)

    def settle(self, *accounts: str) -> None:
        """Everything applied, and these accounts consented by somebody of their name."""
        self.desk.run("reconcile", expect=0)
        for name in accounts:
            self.consent(name)

    def consent(self, name: str) -> None:
        self.desk.paste(f"sales/{name}", self.allow(name))

    @staticmethod
    def allow(name: str) -> Any:
        return lambda link: person.press_allow(link, subject=f"{name}@example.com")

    # --------------------------------------------------------------------------------------- what stands in the store

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        opened = SqliteStore(self.store_file)
        try:
            yield opened
        finally:
            opened.close()

    def read(self, path: str) -> dict[str, Any]:
        """The newest document at `path`, secrets revealed."""
        with self.store() as opened:
            document = opened.read(StorePath(tuple(path.split("/")))).document
        return {} if document is None else document.plain()

    def rows(self, about: str = "") -> dict[str, tuple[int, str]]:
        """Path -> (version, custom metadata) of every key whose path holds `about`."""
        with sqlite3.connect(self.store_file) as connection:
            found = connection.execute("SELECT path, current, custom FROM keys").fetchall()
        connection.close()
        return {path: (version, custom) for path, version, custom in found if about in path}

    def age(self, name: str, *, seconds: int = 3540) -> None:
        """As if the account had been refreshed that much earlier: the documents and the store's own times say so."""
        by = timedelta(seconds=seconds)
        with self.store() as opened:
            for folder in ("grants", "tokens"):
                path = StorePath(("reconciler", folder, "sales", name))
                stored = opened.read(path)
                assert stored.document is not None
                document = stored.document.plain()
                holder = document["token_set"] if folder == "grants" else document
                holder["expires_at"] = format_instant(datetime.fromisoformat(holder["expires_at"]) - by)
                version = opened.write(path, Document(document), cas=stored.version)
                if folder == "tokens":
                    opened.write_metadata(path, {**stored.custom, "grant-version": str(version)})
        with sqlite3.connect(self.store_file) as connection:
            connection.execute(
                "UPDATE versions SET created = created - ? WHERE path LIKE ?",
                (seconds * 1_000_000, f"reconciler/%/sales/{name}"),
            )
        connection.close()

    def values(self, about: str) -> dict[str, tuple[dict[str, Any], str]]:
        """Path -> (newest document, custom metadata) of every key whose path holds `about`."""
        return {path: (self.read(path), custom) for path, (_, custom) in self.rows(about).items()}

    def result(self, verb: str, *flags: str, expect: int | None = None, **more: str) -> dict[str, Any]:
        """Address -> result of `verb -o json`."""
        said = self.desk.run(verb, "-o", "json", *flags, expect=expect, **more)
        return {found["address"]: found for found in said.json["results"]}
