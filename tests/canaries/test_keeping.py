"""What is brought in and given back: no command, format or failure says it."""

from __future__ import annotations

import base64
import json

import pytest

from tests.canaries.cage import Cage
from tests.canaries.forms import canary
from tests.canaries.parrot import MOODS

_QUICK = (
    "json-invalid_grant",
    "the token as the error's code",
    "HTML 500",
    "a 200 with odd fields",
    "headers",
)
SOME_MOODS = [mood if mood in _QUICK else pytest.param(mood, marks=pytest.mark.slow) for mood in MOODS]


def brought(cage: Cage, **more: str) -> str:
    """A token answer of another tool; every token in it is planted."""
    answer = {"refresh_token": canary("brought"), "access_token": canary("brought-access"), **more}
    cage.planted |= {f"{name}-{len(cage.planted)}": value for name, value in answer.items()}
    return json.dumps({**answer, "expires_in": 3600})


@pytest.mark.parametrize("flags", [(), ("-o", "json"), ("-v", "--log-format", "json")])
def test_what_is_imported_is_seen_by_nobody(cage: Cage, flags: tuple[str, ...]):
    cage.run("reconcile", expect=0)
    cage.run("import", "sales/crm", *flags, stdin=brought(cage), expect=0)
    cage.run("import", "sales/crm", *flags, stdin=brought(cage), expect=3)
    cage.run("import", "sales/crm", "--replace", *flags, stdin=brought(cage), expect=0)
    cage.run("status", "-o", "json")
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", SOME_MOODS)
def test_an_import_that_fails_says_nothing_and_keeps_what_was_brought(cage: Cage, mood: str):
    cage.run("reconcile", expect=0)
    cage.parrot.mood = mood
    answer = brought(cage)
    cage.run("import", "sales/crm", "-v", stdin=answer)
    cage.run("status")
    cage.assert_silent()
    cage.assert_no_file_holds_one()
    assert cage.read("reconciler/grants/sales/crm")["refresh_token"] == json.loads(answer)["refresh_token"]


def test_what_cannot_be_read_is_not_repeated(cage: Cage):
    cage.run("reconcile", expect=0)
    text = brought(cage)
    for wrong in (
        text[:-1],
        f"[{text}]",
        text.replace("refresh_token", "refreshToken"),
        brought(cage, scope=canary("scope") + "\n" + "é"),
        brought(cage, client_id=canary("client-id")),
        json.dumps(json.loads(text)["refresh_token"]),
    ):
        assert cage.run("import", "sales/crm", "-v", stdin=wrong).code in (3, 64)
    cage.assert_silent()


@pytest.mark.parametrize("flags", [(), ("-o", "json"), ("-v", "--log-format", "json")])
def test_what_is_given_back_is_seen_by_nobody(cage: Cage, flags: tuple[str, ...]):
    cage.settle()
    cage.run("revoke", "sales/crm", "--yes", *flags, expect=0)
    assert "POST /revoke" in cage.parrot.asked
    cage.run("status", "-o", "json")
    cage.assert_silent()
    cage.assert_no_file_holds_one()


@pytest.mark.parametrize("mood", SOME_MOODS)
def test_a_revocation_that_fails_says_nothing(cage: Cage, mood: str):
    cage.settle()
    cage.parrot.mood, cage.parrot.about = mood, "revoke"
    before = cage.read("reconciler/grants/sales/crm")["refresh_token"]
    cage.run("revoke", "sales/crm", "--yes", "-v")
    cage.run("status", "-v")
    cage.assert_silent()
    cage.assert_no_file_holds_one()
    assert cage.read("reconciler/grants/sales/crm")["refresh_token"] == before


@pytest.mark.parametrize("mood", SOME_MOODS)
@pytest.mark.parametrize(
    "flags",
    [
        ("-v",),
        *(pytest.param(more, marks=pytest.mark.slow) for more in (("-o", "json", "-v"), ("--dry-run",))),
    ],
)
def test_a_destination_that_repeats_everything_is_not_heard(cage: Cage, mood: str, flags: tuple[str, ...]):
    cage.settle()
    cage.run("revoke", "sales/crm", "--yes", expect=0)
    cage.parrot.mood, cage.parrot.about = mood, "notify"
    key = "whsec_" + base64.b64encode(canary("signing").encode()).decode()
    path = canary("webhook-path")
    cage.planted |= {"signing": key, "webhook-path": path}
    address = f"{cage.parrot.issuer}/notify/{path}"
    said = cage.run(
        "notify",
        *flags,
        RECONCILER_NOTIFY_WEBHOOK=address,
        RECONCILER_NOTIFY_WEBHOOK_SECRET=key,
        RECONCILER_NOTIFY_SLACK=address,
    )
    assert said.code in (0, 4)
    cage.assert_silent()
    cage.assert_no_file_holds_one()
