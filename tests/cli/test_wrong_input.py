"""Wrong input, and what it gets: the right exit code, one sentence that names the object and its place, a hint, and
nothing changed for that object. The other objects of the same run are done: one bad file never starves the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import faults
from tests.cli.keyboard import Keyboard
from tests.cli.town import CLIENT_PATH, Town, account, provider
from tests.servers.process import free_port

SPARE_PATH = "clients/sales/spare"
QUICK: dict[str, Any] = {"RECONCILER_HTTP_DEADLINE": "1s"}


@pytest.fixture
def pair(town: Town) -> Town:
    """Two providers with an account each, consented and applied: `idp` and `crm`, where things go wrong, and `spare` and
    `feed`, which is due."""
    (town.desk.folder / "manifests/sales/mail.yaml").unlink()
    spare = town.sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
    town.put_secret(SPARE_PATH, spare["client_secret"])
    text = provider(town.sandbox.issuer, name="spare", client_id=spare["client_id"], secret=SPARE_PATH)
    town.desk.write("sales/spare.yaml", text)
    town.desk.write("sales/feed.yaml", account("feed", provider="spare"))
    town.settle("crm", "feed")
    town.age("feed")
    return town


def edit(town: Town, name: str, *changes: tuple[str, str]) -> None:
    path: Path = town.desk.folder / "manifests/sales" / name
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@dataclass(frozen=True)
class Wrong:
    """`edits`: of which file, and how. `plan`: the exit code of `plan`, where it is not the run's. `says` and `hint` are in
    the sentence and in the hint of the run; `where` is the place that is shown."""

    file: str
    edits: tuple[tuple[str, str], ...]
    code: int
    says: str
    hint: str
    where: str
    plan: int | None = None


_REF = "secretRef: {path: clients/sales/idp, key: client_secret}"
MANIFESTS = {
    "unknown base": Wrong(
        "idp.yaml", (("base: custom", "base: gogle"),), 65,
        "provider/sales/idp: there is no base 'gogle'", "did you mean 'google'?", "manifests/sales/idp.yaml:5:9",
    ),
    "unknown provider": Wrong(
        "crm.yaml", (("provider: idp", "provider: ipd"),), 65,
        "account/sales/crm: there is no provider 'ipd' for namespace sales", "did you mean 'idp'?",
        "manifests/sales/crm.yaml:4:18",
    ),
    "a path with ..": Wrong(
        "idp.yaml", ((CLIENT_PATH, "clients/../../sys/policies"),), 65,
        "spec.client.secretRef.path is not valid: segment 2 of the path is '..'",
        "write it like clients/<namespace>/<name>", "manifests/sales/idp.yaml:8:23",
    ),
    "a literal secret": Wrong(
        "idp.yaml", ((_REF, "secretRef: hunter2-hunter2"),), 65,
        "spec.client.secretRef must be a reference, never the secret itself",
        "a secret is never written in a manifest", "manifests/sales/idp.yaml:8:16",
    ),
    "a literal secret under a key of its own": Wrong(
        "idp.yaml", ((_REF, "clientSecret: hunter2-hunter2"),), 65,
        "unknown key 'clientSecret'", "secretRef", "manifests/sales/idp.yaml:8:5",
    ),
    "a scope that is two": Wrong(
        "crm.yaml", (("[profile,", '["profile email",'),), 65,
        "spec.scopes[0] must be one scope", "", "manifests/sales/crm.yaml:4:",
    ),
    "no YAML at all": Wrong(
        "crm.yaml", (("kind: Account", "kind: {Account"),), 65, "error:", "", "manifests/sales/crm.yaml:",
    ),
    "a dangling reference": Wrong(
        "idp.yaml", ((CLIENT_PATH, "clients/sales/nobody"),), 4,
        "there is no secret at clients/sales/nobody#client_secret", "reconciler secret set",
        "manifests/sales/idp.yaml:1",
    ),
    "a key that the secret has not": Wrong(
        "idp.yaml", (("key: client_secret", "key: password"),), 4,
        "secret clients/sales/idp has no key 'password'", "it has client_secret", "manifests/sales/idp.yaml:1", plan=0,
    ),
    "another team's secret": Wrong(
        "idp.yaml", ((CLIENT_PATH, "clients/marketing/idp"),), 3,
        "spec.client.secretRef may not name clients/marketing/idp", "move the secret there",
        "manifests/sales/idp.yaml",
    ),
    "a secret of ours": Wrong(
        "idp.yaml", ((CLIENT_PATH, "reconciler/grants/sales/crm"),), 3,
        "may not name reconciler/grants/sales/crm: it is under the store's own prefix",
        "keep client secrets under clients/sales/", "manifests/sales/idp.yaml",
    ),
    "a token endpoint that moved": Wrong(
        "idp.yaml", (("    refreshToken:", "    endpoints: {token: https://evil.example/token}\n    refreshToken:"),), 3,
        "TRUST CHANGE: clients/sales/idp is bound to", "reconciler trust provider/sales/idp",
        "manifests/sales/idp.yaml:1",
    ),
    "an issuer that moved": Wrong(
        "idp.yaml", (("    issuer: http://127.0.0.1", "    issuer: http://localhost"),), 3,
        "provider/sales/idp", "", "manifests/sales/idp.yaml:1",
    ),
}  # fmt: skip


def said_of(town: Town, *about: str) -> dict[str, Any]:
    """All that the store says of objects, but for when their issuer was last asked: that is no change of theirs."""
    return {
        path: (document, re.sub(r'"discovered-at":"[^"]*"', "", custom))
        for each in about
        for path, (document, custom) in town.values(each).items()
    }


def squeezed(text: str) -> str:
    """As one line: a sentence may be broken over several."""
    return " ".join(text.split())


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_wrong_manifest_changes_nothing_of_its_object_and_starves_nobody(pair: Town, case: str):
    wrong = MANIFESTS[case]
    before = said_of(pair, "/idp", "/crm")
    token = pair.read("reconciler/tokens/sales/feed")
    edit(pair, wrong.file, *wrong.edits)

    plan = pair.desk.run("plan", expect=wrong.code if wrong.plan is None else wrong.plan)
    run = pair.desk.run("reconcile", expect=wrong.code)
    for said in (run,) if wrong.plan is not None else (plan, run):
        shown = squeezed(said.out + said.err)
        assert wrong.says in shown
        assert wrong.hint in shown
        assert wrong.where in shown
        assert "hunter2" not in shown
    assert said_of(pair, "/idp", "/crm") == before
    assert pair.read("reconciler/tokens/sales/feed") != token, "what was due elsewhere is refreshed"
    assert "account/sales/feed refreshed" in squeezed(run.out)


@dataclass(frozen=True)
class Bad:
    """An answer of the token endpoint. `kept`: the very grant record is unchanged but for what it says of the attempt."""

    fault: Callable[[dict[str, Any]], faults.Fault]
    says: str
    outcome: str = "failed"


ANSWERS = {
    "HTML with 502": Bad(lambda to: faults.html_answer("token", status=502, **to), "HTTP 502"),
    "HTML with 200": Bad(lambda to: faults.html_answer("token", status=200, **to), "HTTP 200 no readable answer"),
    "200 {}": Bad(lambda to: faults.json_answer("token", {}, status=200, **to), "HTTP 200 an answer without a token"),
    "200 []": Bad(lambda to: faults.json_answer("token", [], status=200, **to), "HTTP 200"),
    "302": Bad(lambda to: faults.redirect("token", "https://evil.example/token", **to), "HTTP 302"),
    "307": Bad(lambda to: faults.redirect("token", "https://evil.example/token", status=307, **to), "HTTP 307"),
    "10 GB": Bad(lambda to: faults.endless("token", **to), "the answer is larger than 128 KiB"),
    "one byte a second": Bad(lambda to: faults.drip("token", **to), "timed out after 1 s"),
    "silence": Bad(lambda to: faults.delay("token", 3.0, **to), "timed out after 1 s"),
    "a cut": Bad(lambda to: faults.close_before("token", **to), "closed"),
    "half an answer": Bad(lambda to: faults.truncate("token", **to), "cut"),
    **{
        f"429, Retry-After {shown}": Bad(
            lambda to, header=header: faults.too_many_requests("token", retry_after=header, **to),  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            "HTTP 429 rate_limited; tried again",
            outcome="held",
        )
        for shown, header in {
            "none": None, "30": "30", "0": "0", "negative": "-7", "words": "soon", "huge": "9" * 400,
            "1e9": "1e9", "a date": "Wed, 21 Oct 2099 07:28:00 GMT", "a past date": "Wed, 21 Oct 2015 07:28:00 GMT",
            "a date that is none": "Wed, 99 Foo 2099 99:99:99 GMT", "blank": " ", "two": "30, 60",
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_a_wrong_answer_of_the_token_endpoint_costs_its_account_nothing_and_nobody_else_anything(
    pair: Town, case: str
):
    bad = ANSWERS[case]
    pair.age("crm")
    grant, token = pair.read("reconciler/grants/sales/crm"), pair.read("reconciler/tokens/sales/crm")
    pair.sandbox.add_fault(bad.fault({"refresh_token": grant["refresh_token"]}))

    results = pair.result("reconcile", **QUICK)
    crm, feed = results["account/sales/crm"], results["account/sales/feed"]
    assert crm["outcome"] == bad.outcome
    assert bad.says in crm["message"] + crm["error"]["message"]
    assert crm["error"]["hint"]
    assert crm["source"] == {"file": "manifests/sales/crm.yaml", "line": 1}
    assert feed["outcome"] == "done"
    after = pair.read("reconciler/grants/sales/crm")
    assert after["refresh_token"] == grant["refresh_token"], (
        "the last known token is never overwritten by a failure"
    )
    assert pair.read("reconciler/tokens/sales/crm") == token, "what workloads read stays"
    assert pair.desk.attention() == {}, "nobody is asked to consent again because of it"


def test_a_failed_refresh_is_exit_4_only_where_the_published_token_does_not_reach_the_next_run(pair: Town):
    for seconds, code in ((0, 0), (3540, 4)):
        pair.age("crm", seconds=seconds)
        pair.age("feed", seconds=-3540)
        token = pair.read("reconciler/grants/sales/crm")["refresh_token"]
        pair.sandbox.add_fault(
            faults.json_answer("token", {"error": "temporarily_unavailable"}, status=503, refresh_token=token)
        )
        pair.desk.run("refresh", "--force", "sales/crm", expect=code)


METADATA = {
    "HTML": (lambda: faults.html_answer("metadata", status=200, times=None), "not a JSON object"),
    "{}": (lambda: faults.json_answer("metadata", {}, status=200, times=None), "it names no issuer"),
    "another issuer": (
        lambda: faults.json_answer("metadata", {"issuer": "https://evil.example"}, status=200, times=None),
        "its issuer is another one",
    ),
    "302": (lambda: faults.redirect("metadata", "https://evil.example/", times=None), "HTTP 302"),
    "429": (lambda: faults.too_many_requests("metadata", retry_after="1", times=None), "HTTP 429"),
    "10 GB": (lambda: faults.endless("metadata", times=None), "larger than"),
    "one byte a second": (lambda: faults.drip("metadata", times=None), "timed out after 1 s"),
    "a cut": (lambda: faults.close_before("metadata", times=None), "closed"),
}


@pytest.mark.parametrize("case", METADATA)
def test_an_issuer_that_answers_wrongly_is_not_registered_and_the_rest_is(pair: Town, case: str):
    make, says = METADATA[case]
    bad = provider(pair.sandbox.issuer, name="third", client_id="any", secret=CLIENT_PATH)
    pair.desk.write("sales/third.yaml", bad)
    pair.desk.write("sales/wiki.yaml", account("wiki", provider="third"))
    pair.sandbox.add_fault(make())
    results = pair.result("reconcile", expect=4, **QUICK)
    third = results["provider/sales/third"]
    assert third["outcome"] == "failed"
    assert says in third["error"]["message"]
    assert third["error"]["hint"]
    assert third["source"]["file"] == "manifests/sales/third.yaml"
    assert results["account/sales/feed"]["outcome"] == "done"
    assert pair.rows("/third") == {}


# ------------------------------------------------------------------------------------------------ which store is meant


@pytest.mark.parametrize(
    ("variables", "sentence", "hint"),
    [
        ({"CI": "true"}, "under CI the store must be named", "RECONCILER_STORE=vault://"),
        ({"VAULT_ADDR": "http://127.0.0.1:8200"}, "VAULT_ADDR is set, but RECONCILER_STORE is not", "vault://"),
        ({"BAO_ADDR": "http://127.0.0.1:8200"}, "BAO_ADDR is set, but RECONCILER_STORE is not", "vault://"),
        ({"RECONCILER_STORE": "postgres://x"}, "'postgres://x' is no store", "vault://<mount>/<prefix>"),
        ({"RECONCILER_STORE": "sqlite://relative.db"}, "needs an absolute path", "/relative.db"),
        ({"RECONCILER_STORE": "vault://kv"}, "names no legal prefix", "vault://kv/reconciler"),
        ({"RECONCILER_STORE": "vault://kv/../sys"}, "names no legal prefix", "vault://kv/reconciler"),
        ({"RECONCILER_STORE": "vault:///x"}, "names no mount", "vault://<mount>/<prefix>"),
        ({"RECONCILER_STORE": "vault://kv/r"}, "VAULT_ADDR is not set", "set VAULT_ADDR"),
        (
            {"RECONCILER_STORE": "vault://kv/r", "VAULT_ADDR": "http://127.0.0.1:1"},
            "no way to log in to Vault", "set VAULT_TOKEN",
        ),
        (
            {"RECONCILER_STORE": "vault://kv/r", "VAULT_ADDR": "http://a:1", "BAO_ADDR": "http://b:1", "VAULT_TOKEN": "t"},
            "name different servers", "unset one",
        ),
        ({"RECONCILER_OWNER": "No Name"}, "RECONCILER_OWNER is no name", "lower-case"),
        ({"RECONCILER_HTTP_DEADLINE": "soon"}, "RECONCILER_HTTP_DEADLINE", ""),
        ({"RECONCILER_HTTP_DEADLINE": "0s"}, "RECONCILER_HTTP_DEADLINE must be longer than nothing", ""),
        ({"RECONCILER_REFRESH_EVERY": "-1h"}, "RECONCILER_REFRESH_EVERY", ""),
        ({"RECONCILER_TRUST": "anything"}, "RECONCILER_TRUST names no mode", "tofu, catalogue, strict"),
        ({"RECONCILER_LOOPBACK": "maybe"}, "RECONCILER_LOOPBACK is neither true nor false", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["plan", "reconcile"])
def test_an_environment_that_names_no_store_or_half_of_one_is_a_usage_error(
    tmp_path: Path, variables: dict[str, str], sentence: str, hint: str, verb: str
):
    desk = Keyboard(tmp_path)
    desk.write("a.yaml", "")
    said = desk.run(verb, expect=64, **variables)
    assert sentence in said.err
    assert hint in said.err
    assert said.out == ""


def test_no_store_named_on_a_laptop_is_one_under_the_data_folder(tmp_path: Path):
    desk = Keyboard(tmp_path)
    desk.write("a.yaml", "")
    desk.run("plan", expect=0)
    file = tmp_path / ".local/share/reconciler/store.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.with_suffix(".key").stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    elsewhere = tmp_path / "xdg"
    desk.run("plan", expect=0, XDG_DATA_HOME=str(elsewhere))
    assert (elsewhere / "reconciler/store.db").exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_embedded_store_never_lies_in_a_git_work_tree(tmp_path: Path, kind: str):
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/deep/er/store.db"})
    desk.write("a.yaml", "")
    # A linked work tree has a file there.
    (tmp_path / ".git").mkdir() if kind == "folder" else (tmp_path / ".git").write_text("gitdir: elsewhere")
    said = desk.run("plan", expect=64)
    assert f"an embedded store may not lie in a Git work tree ({tmp_path})" in said.err
    assert not (tmp_path / "deep").exists()


def test_a_store_that_others_may_read_is_not_used(town: Town):
    town.store_file.chmod(0o644)
    said = town.desk.run("plan", expect=8)
    assert str(town.store_file) in said.err


def test_a_file_that_is_no_store_is_left_as_it_is(tmp_path: Path):
    other = tmp_path / "store" / "store.db"
    other.parent.mkdir(mode=0o700)
    other.write_bytes(b"somebody's notes, certainly no database" * 40)
    other.chmod(0o600)
    before = other.read_bytes()
    desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{other}"})
    desk.write("a.yaml", "")
    for verb in ("plan", "init-store", "reconcile"):
        desk.run(verb, expect=8)
    assert other.read_bytes() == before


def test_a_store_without_its_key_or_with_another_is_a_refused_login(town: Town):
    key = town.store_file.with_suffix(".key")
    kept = key.read_bytes()
    key.unlink()
    assert town.desk.run("plan", expect=8).err.startswith("error: ")
    assert not key.exists(), "a store that exists is never given a new key"
    key.write_bytes(kept)
    key.chmod(0o600)
    said = town.desk.run("plan", expect=8, RECONCILER_KEY="A" * 43 + "=")
    assert "A" * 20 not in said.err
    town.desk.run("plan", expect=0)


def test_a_vault_that_is_not_there_is_exit_8_in_no_time(tmp_path: Path):
    address = f"http://127.0.0.1:{free_port()}"
    desk = Keyboard(
        tmp_path,
        {
            "RECONCILER_STORE": "vault://kv/reconciler",
            "VAULT_ADDR": address,
            "VAULT_TOKEN": "a-token-of-ours",
        },
    )
    desk.write("a.yaml", "")
    for verb in ("plan", "reconcile", "status", "refresh"):
        said = desk.run(verb, expect=8, VAULT_CLIENT_TIMEOUT="1")
        assert said.err.startswith("error: ")
        assert address.removeprefix("http://") in said.err
        assert "a-token-of-ours" not in said.err
        assert said.out == ""


@pytest.mark.parametrize(
    ("rules", "scopes", "says"),
    [
        ("pattern: '[a-z._]+'", "[profile, offline_access, Files/All]", "spec.scopes[2]"),
        ("maxCount: 2", "[profile, email, offline_access]", "3 scopes: provider/sales/idp takes at most 2"),
        (
            "mandatory: [offline_access], maxCount: 2",
            "[profile, email]",
            "takes at most 2",
        ),
    ],
)
def test_scopes_that_exceed_the_rules_of_the_base_are_an_error_at_their_place(
    pair: Town, rules: str, scopes: str, says: str
):
    base = (pair.desk.folder / "manifests/sales/idp.yaml").read_text()
    pair.desk.write("sales/idp.yaml", base + f"    scopes: {{{rules}}}\n")
    before = said_of(pair, "/crm")
    edit(pair, "crm.yaml", ("[profile, offline_access]", scopes))
    plan, run = (pair.desk.run(verb, expect=65) for verb in ("plan", "reconcile"))
    for said in (plan, run):
        assert says in squeezed(said.out)
        assert "manifests/sales/crm.yaml:4:" in said.out
    assert said_of(pair, "/crm") == before
    assert "account/sales/feed refreshed" in squeezed(run.out)


def test_a_grant_that_the_base_does_not_know_is_an_error_at_its_place(pair: Town):
    edit(pair, "crm.yaml", ("provider: idp,", "provider: idp, grant: device_code,"))
    said = pair.desk.run("plan", expect=65)
    assert "manifests/sales/crm.yaml:4:" in said.out
    assert "device" in said.out
