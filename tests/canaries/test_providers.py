"""A provider that repeats every secret it ever saw, in every way an answer can hold it, is not heard by anybody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.canaries.cage import QUICK_VERBS, VERBS, Cage
from tests.canaries.forms import leaks
from tests.canaries.parrot import MOODS
from tests.cli.processes import wait_until

_QUICK = (
    "json-invalid_grant", "json-invalid_client", "the secret as the error's code", "the token as the error's code",
    "secrets as names", "HTML 500", "headers", "no HTTP",
)  # fmt: skip
SOME_MOODS = [mood if mood in _QUICK else pytest.param(mood, marks=pytest.mark.slow) for mood in MOODS]


def test_when_all_goes_well_no_command_says_a_secret_and_no_file_holds_one(cage: Cage):
    cage.settle()
    for verb in VERBS:
        cage.run(*verb)
    cage.run("secret", "rm", "clients/sales/made", expect=0)
    assert len(cage.secrets) > 12, "the provider was talked to"
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", MOODS)
def test_a_refresh_that_fails_says_nothing_of_what_the_provider_said(cage: Cage, mood: str):
    cage.settle()
    cage.parrot.mood = mood
    before = cage.read("reconciler/grants/sales/crm")["refresh_token"]
    for verb in QUICK_VERBS:
        cage.run(*verb)
    assert any("/token" in line for line in cage.parrot.asked)
    cage.assert_silent()
    cage.assert_no_file_holds_one()
    assert cage.read("reconciler/grants/sales/crm")["refresh_token"] == before


@pytest.mark.slow
@pytest.mark.parametrize("mood", MOODS)
def test_no_command_in_no_format_says_it_either(cage: Cage, mood: str):
    cage.settle()
    cage.parrot.mood = mood
    for verb in VERBS:
        cage.run(*verb)
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", SOME_MOODS)
def test_a_registration_that_fails_says_nothing(cage: Cage, mood: str):
    cage.parrot.mood, cage.parrot.about = mood, "register"
    for verb in (("reconcile", "-v"), ("status", "-o", "json"), ("plan", "-o", "markdown")):
        cage.run(*verb)
    assert any("POST /register" in line for line in cage.parrot.asked)
    assert cage.planted["initial-token"] in cage.parrot.known.values()
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", SOME_MOODS)
def test_a_registration_that_cannot_be_changed_or_removed_says_nothing(cage: Cage, mood: str):
    cage.run("reconcile", expect=0)
    path = cage.desk.folder / "manifests/sales/made.yaml"
    cage.parrot.mood, cage.parrot.about = mood, "register"
    path.write_text(path.read_text().replace("name: app", "name: another"))
    cage.run("reconcile", "-v")
    path.unlink()
    (cage.desk.folder / "manifests/sales/feed.yaml").unlink()
    pruned = cage.run("reconcile", "--prune", "--allow-bulk-removal", "-v")
    assert pruned.code != 64
    cage.run("status")
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", SOME_MOODS)
def test_a_consent_whose_code_is_refused_says_nothing(cage: Cage, mood: str):
    cage.run("reconcile", expect=0)
    cage.parrot.mood = mood
    assert cage.consent("crm", expect=None).code in (0, 1, 3, 4, 5)
    cage.run("status", "-v")
    cage.assert_silent()
    cage.assert_no_file_holds_one()


_FOR_DEVICES = ("json-invalid_grant", "the secret as the error's code", "headers")


@pytest.mark.parametrize("about", ["device", "token"])
@pytest.mark.parametrize(
    "mood", [mood if mood in _FOR_DEVICES else pytest.param(mood, marks=pytest.mark.slow) for mood in MOODS]
)
def test_a_device_flow_that_is_refused_says_nothing(cage: Cage, mood: str, about: str):
    cage.run("reconcile", expect=0)
    cage.parrot.mood, cage.parrot.about = mood, about
    assert cage.consent_by_device("crm", expect=None).code in (1, 3, 4, 5)
    assert any("POST /device" in line for line in cage.parrot.asked)
    cage.assert_silent()
    cage.assert_no_file_holds_one()


def test_a_device_flow_that_works_shows_no_device_code(cage: Cage):
    cage.run("reconcile", expect=0)
    cage.consent_by_device("crm")
    assert any(name.startswith("given-device") for name in cage.parrot.known)
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", ["good", *SOME_MOODS])
def test_an_id_token_that_proves_nothing_is_not_shown(cage: Cage, mood: str):
    """Neither the token, nor what the endpoint of the server's keys says beside it."""
    path = cage.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text().replace("server: {", "server: {identity: {source: id-token}, "))
    cage.run("reconcile", expect=0)
    cage.parrot.mood, cage.parrot.about = mood, "keys"
    cage.parrot.id_token = ".".join(cage.parrot.give(part) for part in ("head", "claims", "signature"))
    said = cage.consent("crm", expect=None)
    assert said.code in (0, 4, 5)
    assert any("GET /keys" in line for line in cage.parrot.asked)
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("form", [(), ("--json",), ("--header",), ("--env",)])
def test_token_says_the_one_secret_that_it_is_asked_for_and_that_on_stdout_alone(
    cage: Cage, form: tuple[str, ...]
):
    cage.settle()
    cage.run("token", "sales/crm", *form, "--min-valid", "59m", "-v", expect=0)
    shown = cage.said.pop()[1]
    one = cage.read("reconciler/tokens/sales/crm")["access_token"]
    assert one in shown.out
    others = {name: value for name, value in cage.secrets.items() if value != one}
    assert leaks(shown.out, others) == []
    assert leaks(shown.err, cage.secrets) == []
    cage.assert_silent()


@pytest.mark.parametrize(
    "mood", ["json-invalid_grant", *(pytest.param(m, marks=pytest.mark.slow) for m in MOODS[1:])]
)
def test_a_token_that_cannot_be_had_says_nothing(cage: Cage, mood: str):
    cage.parrot.life = 2
    cage.settle()
    dead_at = datetime.fromisoformat(cage.read("reconciler/tokens/sales/crm")["expires_at"])
    wait_until(lambda: datetime.now(UTC) > dead_at, what="the token's end")
    cage.parrot.mood = mood
    for form in ((), ("--json",), ("--env", "-v")):
        said = cage.run("token", "sales/crm", *form)
        assert said.code in (4, 5, 6)
        assert said.out == ""
    assert sum("/token" in line for line in cage.parrot.asked) > 3
    cage.assert_silent()


def test_a_callback_full_of_secrets_says_nothing(cage: Cage):
    cage.settle()
    for answer in (
        {"error": "access_denied", "error_description": cage.parrot.newest("refresh")},
        {"error": "access_denied", "error_description": f"no: {cage.planted['client-secret']}"},
        {"error": "server_error", "error_description": " ".join(cage.secrets.values())},
        {"error": cage.planted["client-secret"]},
        {"error": cage.parrot.newest("refresh")},
        {"iss": f"https://{cage.parrot.newest('refresh')}.example"},
        {"state": cage.parrot.newest("refresh")},
    ):
        said = cage.consent("crm", expect=5, **answer) if "error" in answer else None
        if said is None:
            cage.run("plan")
    cage.assert_silent()


def test_the_provider_tells_who_it_is_by_a_secret(cage: Cage, monkeypatch: pytest.MonkeyPatch):
    """Metadata that name a secret as issuer, endpoint or capability."""
    from tests.canaries import parrot as module

    cage.settle()
    real = module._answer
    secret = cage.parrot.newest("refresh")
    for document in (
        {"issuer": f"https://{secret}.example"},
        {"issuer": secret},
        {"issuer": cage.parrot.issuer, "token_endpoint": f"http://{secret}.example/token"},
        {
            "issuer": cage.parrot.issuer,
            "token_endpoint": f"{cage.parrot.issuer}/{secret}",
            "registration_endpoint": secret,
        },
        {"issuer": cage.parrot.issuer, "token_endpoint": secret, "jwks_uri": secret},
        {"issuer": cage.parrot.issuer, "token_endpoint": {secret: secret}},
    ):

        def answer(p, path, form, method, document=document):
            return module._json(200, document) if "well-known" in path else real(p, path, form, method)

        monkeypatch.setattr(module, "_answer", answer)
        path = cage.desk.folder / "manifests/sales/idp.yaml"
        path.write_text(
            path.read_text().replace("name: idp", f"name: idp, labels: {{n: '{len(cage.parrot.asked)}'}}", 1)
        )
        cage.run("reconcile", "-v")
        cage.run("status")
        path.write_text("")
        cage.declare()
    cage.assert_silent()
