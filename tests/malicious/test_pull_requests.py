"""The corpus of malicious pull requests: merged, and then everything is run. The attacker hears no secret.

Each is merged into a repository whose provider was trusted and whose account was consented to, the settings of trust as
`init-store` makes them. `plan`, `reconcile`, `refresh`, `consent`, `revoke`, `token`, `request` and `check` are then run
with the rights of their roles. What reached the attacker, what was printed and what stands in metadata holds no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.cli.main import VERBS
from reconciler.sandbox import Sandbox
from reconciler.sandbox.person import PageRefused
from tests.canaries.forms import canary, leaks
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town
from tests.malicious.attacker import Attacker

CORPUS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "pull-requests.yaml").read_text(encoding="utf-8")
)
PROVIDER: dict[str, Any] = {
    "apiVersion": "oauth2.reconciler/v1",
    "kind": "Provider",
    "metadata": {"name": "idp"},
    "spec": {
        "base": "custom",
        "client": {"id": "CLIENT", "secretRef": {"path": CLIENT_PATH, "key": "client_secret"}},
        "redirectUri": "http://127.0.0.1/callback",
        "server": {"issuer": "IDP", "refreshToken": {"rotation": "single-use"}},
    },
}
ACCOUNT: dict[str, Any] = {
    "apiVersion": "oauth2.reconciler/v1",
    "kind": "Account",
    "metadata": {"name": "crm"},
    "spec": {"provider": "idp", "owner": "ana@example.com", "scopes": ["profile", "offline_access"]},
}
AFTERWARDS: tuple[tuple[str, ...], ...] = (
    ("refresh", "--force"),
    ("refresh", "--force", "-o", "markdown"),
    ("status", "-o", "json"),
    ("plan", "-o", "github"),
    ("plan", "-o", "markdown"),
    ("token", "sales/crm", "--min-valid", "24h"),
    ("check", "sales/crm", "--live"),
    ("request", "sales/crm", "EVIL/api"),
    ("request", "sales/crm", "http://IDPHOST@EVILHOST/api"),
    ("revoke", "sales/crm", "--yes"),
)
"""Command lines after `reconcile`; those of verbs that print a secret on purpose are only listened to at the attacker's."""
PRINTS_A_TOKEN = ("token",)


def test_the_corpus_is_large_and_each_is_named_once():
    names = [attack["name"] for attack in CORPUS]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


@pytest.fixture
def attacker(sandbox: Sandbox) -> Iterator[Attacker]:
    with Attacker(sandbox.issuer) as running:
        yield running


@pytest.fixture
def repository(sandbox: Sandbox, attacker: Attacker, tmp_path: Path) -> Repository:
    made = Repository(sandbox, attacker, tmp_path)
    made.found()
    return made


class Repository:
    """The team's repository, its store and its people."""

    def __init__(self, sandbox: Sandbox, attacker: Attacker, folder: Path) -> None:
        self.attacker = attacker
        store = f"sqlite://{folder}/store/store.db"
        self.desk = Keyboard(folder, {"RECONCILER_STORE": store, "RECONCILER_HTTP_DEADLINE": "2s"})
        self.town = Town(sandbox, self.desk)
        self.theirs = canary("theirs")

    def found(self) -> None:
        self.town.client = self.town.sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
        self.write({"sales/idp.yaml": _yaml(PROVIDER), "sales/crm.yaml": _yaml(ACCOUNT)})
        self.desk.run("init-store", "--loopback", expect=0)
        self.town.put_secret(CLIENT_PATH, self.town.client["client_secret"])
        self.town.put_secret("clients/other/theirs", self.theirs)
        self.desk.run("trust", "provider/sales/idp", "--yes", expect=0)
        self.desk.run("reconcile", expect=0)
        self.town.consent("crm")
        self.attacker.heard.clear()

    def merge(self, attack: Mapping[str, Any]) -> None:
        provider, account = _laid_over(PROVIDER, attack), _laid_over(ACCOUNT, attack)
        files = {"sales/idp.yaml": _yaml(provider), "sales/crm.yaml": _yaml(account)} | attack.get(
            "files", {}
        )
        self.write(files)
        root = self.desk.folder / "manifests"
        for name in attack.get("delete", ()):
            (root / name).unlink()
        for name, target in attack.get("links", {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(target)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.desk.write(name, self.local(text))
            if text == "BYTES":
                path.write_bytes(b"\xff\xfe\x00a")

    def local(self, text: str) -> str:
        if text == "DEEP":
            return "a: " + "[" * 5000 + "]" * 5000
        idp, evil = self.town.sandbox.issuer, self.attacker.url
        for word, value in (
            ("EVILHOST", evil.partition("//")[2]), ("EVILPORT", str(self.attacker.port)), ("EVIL", evil),
            ("IDPHOST", idp.partition("//")[2]), ("IDP", idp), ("CLIENT", self.town.client["client_id"]),
        ):  # fmt: skip
            text = text.replace(word, value)
        return text

    def secrets(self) -> dict[str, str]:
        """Everything that is secret in this world, as it is now."""
        found = {"client secret": self.town.client["client_secret"], "another team's": self.theirs}
        for folder in ("grants", "tokens"):
            for path in self.town.rows(f"{folder}/"):
                found |= {f"{path} {k}": v for k, v in _tokens_in(self.town.read(path))}
        return found


def _tokens_in(document: object) -> Iterator[tuple[str, str]]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("access_token", "refresh_token", "id_token") and isinstance(value, str):
                yield key, value
            else:
                yield from _tokens_in(value)


def _laid_over(document: dict[str, Any], attack: Mapping[str, Any]) -> dict[str, Any]:
    spec = dict(document["spec"])
    if document["kind"] == "Provider":
        spec |= attack.get("spec", {})
        server = {**spec["server"], **attack.get("server", {})}
        spec["server"] = {key: value for key, value in server.items() if value is not None}
    else:
        spec |= attack.get("account", {})
    return {**document, "spec": spec}


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _cases() -> Iterator[Any]:
    """Every eighth in the quick tier, all of them in CI."""
    for number, attack in enumerate(CORPUS):
        marks = () if number % 8 == 0 else pytest.mark.slow
        yield pytest.param(attack, id=re.sub(r"\W+", "-", attack["name"]), marks=marks)


@pytest.mark.parametrize("attack", list(_cases()))
def test_the_attacker_hears_no_secret(repository: Repository, attack: dict[str, Any]):
    known = repository.secrets()
    repository.merge(attack)
    desk, printed = repository.desk, ""

    said = desk.run("plan")
    assert repository.attacker.heard == [], "a plan contacts nobody"
    printed += said.out + said.err
    said = desk.run("reconcile", *attack.get("flags", ()))
    printed += said.out + said.err
    expected = attack["code"] if isinstance(attack["code"], list) else [attack["code"]]
    assert attack["code"] == "any" or said.code in expected, f"exit {said.code}\n{said.out}\n{said.err}"

    printed += _consent(repository)
    for words in AFTERWARDS:
        if words[0] not in VERBS:
            continue
        said = desk.run(*(repository.local(word) for word in words))
        printed += "" if words[0] in PRINTS_A_TOKEN else said.out + said.err

    known |= repository.secrets()
    for request in repository.attacker.heard:
        assert leaks(request, known) == [], request
        assert b"authorization:" not in request.lower()
    assert leaks(printed, known) == []
    metadata = " ".join(custom for _, custom in repository.town.rows().values())
    assert leaks(metadata, known) == []


def _consent(repository: Repository) -> str:
    """Ana is asked again. She follows a link only where it leads to the server that she knows."""

    def browse(link: str) -> str:
        assert not link.startswith(repository.attacker.url), "a person is sent to the attacker"
        try:
            return str(repository.town.allow("crm")(link))
        except PageRefused:
            return "http://127.0.0.1/callback?error=access_denied"

    said = repository.desk.paste("sales/crm", browse, "--timeout", "5s", expect=None)
    return said.out + re.sub(r"\nhttps?://\S+\n", "\n", said.err)
