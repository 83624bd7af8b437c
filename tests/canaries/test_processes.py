"""What other processes of the machine see of ours: arguments, files, terminals, the page that a browser is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from tests.canaries.cage import Cage
from tests.canaries.forms import canary, leaks
from tests.cli.keyboard import Keyboard
from tests.e2e.desk import Desk
from tests.servers.keys import key_pair
from tests.servers.places import VaultPlace


@contextmanager
def watched() -> Iterator[dict[int, bytes]]:
    """Arguments of every process of this machine, sampled as fast as it goes."""
    seen: dict[int, bytes] = {}
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        seen[int(entry.name)] = (entry / "cmdline").read_bytes()
                    except OSError:
                        continue
            time.sleep(0.005)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_processes_terminals_and_files_show_no_secret(cage: Cage):
    """The whole way in child processes, with the key in a file beside the store, as it is by default."""
    folder = cage.desk.folder / "second"
    (folder / "tmp").mkdir(parents=True)
    variables = {"RECONCILER_STORE": f"sqlite://{folder}/store/store.db", "TMPDIR": str(folder / "tmp")}
    desk = Desk(folder, variables)
    first, cage.desk = cage.desk, Keyboard(folder, variables)
    cage.declare()
    shown: list[str] = []
    pages: list[str] = []
    codes: dict[str, str] = {}

    def browse(link: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        codes["state"], codes["code"] = asked["state"], canary("code")
        with httpx.Client(trust_env=False) as browser:
            # First something that is none, with secrets in it, then the real answer.
            strange = f"error=x&error_description={quote(cage.parrot.newest())}&state=wrong"
            pages.append(browser.get(f"{asked['redirect_uri']}?{strange}").text)
            real = f"code={codes['code']}&state={quote(codes['state'])}"
            pages.append(browser.get(f"{asked['redirect_uri']}?{real}").text)

    with watched() as arguments:
        said = [
            desk.run("init-store", "--trust", "tofu", "--loopback", expect=0),
            desk.run(
                "secret",
                "set",
                "clients/sales/idp",
                "client_secret",
                stdin=cage.planted["client-secret"],
                expect=0,
            ),
            desk.run(
                "secret",
                "set",
                "clients/sales/made",
                "initial_access_token",
                stdin=cage.planted["initial-token"],
                expect=0,
            ),
            desk.run(
                "secret",
                "set",
                "clients/sales/keyed",
                "private_key",
                stdin=key_pair("jwk").private,
                expect=0,
            ),
            desk.run("reconcile", "-v", expect=0),
        ]
        shown.append(desk.consent("sales/crm", browse))
        said += [desk.run("refresh", "--force", "-v", expect=0), desk.run("status", "-o", "json", expect=0)]
    secrets = {**cage.secrets, "code": codes["code"]}
    assert len(arguments) > 7
    assert leaks(b"\n".join(arguments.values()), {**secrets, "state": codes["state"]}) == []
    for one in said:
        assert leaks(one.out + one.err, {**secrets, "state": codes["state"]}) == []
    assert leaks("\n".join([*shown, *pages]), secrets) == []
    assert leaks("\n".join(pages), {"state": codes["state"]}) == []
    key = (folder / "store/store.key").read_text().strip()
    cage.planted |= {"code": codes["code"], "state": codes["state"], "key": key}
    cage.assert_no_file_holds_one(but={"store.key"})
    cage.desk = first


def test_the_secrets_of_a_vault_login_are_shown_nowhere(cage: Cage, vault: VaultPlace, tmp_path: Path):
    """Token, AppRole and a wrong one of each, through every way to fail."""
    rules = {
        "{mount}/*": ["create", "read", "update", "list", "patch", "delete"],
        "sys/capabilities-self": ["update"],
    }
    policy = f"{vault.mount}-all"
    vault.limited("all", rules)
    role, secret_id = vault.server.make_approle(policy, policies=[policy])
    secrets = {
        "token": vault.token,
        "secret-id": secret_id,
        "wrong": canary("wrong-token"),
        "wrong-id": canary("wrong-id"),
    }
    desk = Keyboard(tmp_path / "v", {"RECONCILER_STORE": vault.store_url, "VAULT_ADDR": vault.address})
    desk.write("sales/a.yaml", "")
    ways: tuple[dict[str, str], ...] = (
        {"VAULT_TOKEN": vault.token},
        {"VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret_id},
        {"VAULT_TOKEN": secrets["wrong"]},
        {"VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secrets["wrong-id"]},
        {"VAULT_TOKEN": f"{secrets['wrong']}\nX-Evil: 1"},
        {"VAULT_ADDR": f"http://user:{secrets['wrong']}@127.0.0.1:1", "VAULT_TOKEN": secrets["wrong"]},
        {
            "VAULT_ADDR": f"{vault.address}/{secrets['wrong']}?x={secrets['wrong']}",
            "VAULT_TOKEN": secrets["wrong"],
        },
        {"RECONCILER_STORE": f"vault://kv:{secrets['wrong']}@host/x", "VAULT_TOKEN": vault.token},
        {"RECONCILER_PROXY": f"http://user:{secrets['wrong']}@127.0.0.1:1", "VAULT_TOKEN": vault.token},
    )
    for way in ways:
        for verb in (
            ("init-store",),
            ("plan", "-v"),
            ("reconcile", "-v", "--log-format", "json"),
            ("secret", "list"),
            ("policy", "plan", "-o", "json"),
            ("doctor", "-v"),
            ("doctor", "-o", "json", "--role", "plan"),
            ("drift",),
            ("history", "sales/crm"),
        ):
            said = desk.run(*verb, expect=None, **way)
            assert leaks(said.out + said.err, secrets) == [], (way, said)
    for path in sorted((tmp_path / "v").rglob("*")):
        if path.is_file():
            assert leaks(path.read_bytes(), secrets) == [], path


@pytest.mark.parametrize(
    "verb", [("secret", "set", "clients/x/y", "k", "SECRET"), ("secret", "SECRET"), ("plan", "SECRET")]
)
def test_a_secret_typed_as_an_argument_is_a_usage_error_that_says_little(
    tmp_path: Path, verb: tuple[str, ...]
):
    """Too late for the shell's history, but our own logs need not keep it."""
    secret = canary("typed")
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
    said = desk.run(*[word.replace("SECRET", secret) for word in verb], expect=64)
    assert said.out == ""
    assert not (tmp_path / "store").exists()
