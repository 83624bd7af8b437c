"""A dynamic registration is killed at each of its failpoints: never a second client without a person's word (RFC 7591)."""

from dataclasses import asdict

import pytest

from tests.crash.kills import SIGKILLED
from tests.crash.wire_world import Place
from tests.crash.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash"), pytest.mark.timeout(300)]

FAILPOINTS = {"register.intent-written": 0, "register.answer-received": 1, "register.committed": 1}
"""… and how many clients exist at the server when the process dies there."""


def clients(sandbox) -> int:
    return sum(1 for client in sandbox.list_clients() if client["dynamic"])


def register(zygote: Zygote, place: Place, name: str, **order) -> dict:
    (child,) = zygote.run("register", place=asdict(place), provider=name, **order)
    return child


def kill(zygote: Zygote, place: Place, sandbox, failpoint: str) -> None:
    name = f"team/{failpoint.replace('.', '-')}"
    before = clients(sandbox)
    assert register(zygote, place, name, failpoint=failpoint)["status"] == SIGKILLED
    assert clients(sandbox) - before == FAILPOINTS[failpoint]
    next_run = register(zygote, place, name)["said"]
    assert clients(sandbox) - before == FAILPOINTS[failpoint], "no second client without a person's word"
    if failpoint == "register.committed":
        assert next_run["client_id"], next_run
        return
    assert next_run["outcome"] in ("refused", "held"), next_run
    assert place.server in next_run["error"], "the report names the issuer"
    assert "never finished" in next_run["error"]
    assert "--register-again" in next_run["hint"]
    again = register(zygote, place, name, register_again=True)["said"]
    assert again["outcome"] == "done", again
    assert clients(sandbox) - before == FAILPOINTS[failpoint] + 1
    assert register(zygote, place, name)["said"]["client_id"] == again["client_id"]


def test_a_kill_at_any_step_of_a_registration(sqlite_place, zygote, strict_sandbox):
    for failpoint in FAILPOINTS:
        kill(zygote, sqlite_place, strict_sandbox, failpoint)


def test_a_kill_at_any_step_of_a_registration_on_real_vault(vault_place, zygote, strict_sandbox):
    for failpoint in FAILPOINTS:
        kill(zygote, vault_place, strict_sandbox, failpoint)
