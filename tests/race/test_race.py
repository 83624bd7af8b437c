"""Eight processes want one single-use grant at once: one exchange, one token, eight times exit 0 (issue 3, Proof)."""

from dataclasses import asdict

import pytest

from tests.crash.kills import Scene
from tests.crash.wire_world import look

pytestmark = [pytest.mark.race, pytest.mark.xdist_group("crash"), pytest.mark.timeout(600)]

PROCESSES = 8


def race(scene: Scene) -> None:
    name = scene.consented()
    grant = scene.sandbox.refresh_token_state(look(scene.run, name).refresh_token)["grant"]
    before = scene.sandbox.counters()
    children = scene.zygote.run("refresh", count=PROCESSES, place=asdict(scene.place), account=name)
    after = scene.sandbox.counters()
    said = [child["said"] for child in children]
    assert [child["status"] for child in children] == [0] * PROCESSES, said
    # Who comes late finds it done already.
    assert {(one["outcome"], one["code"]) for one in said} <= {("done", 0), ("skipped", 0)}, said
    assert after["exchanges_total"] - before["exchanges_total"] == 1
    assert after["families_revoked"] == before["families_revoked"]
    assert after["reuses"] == before["reuses"]
    current = look(scene.run, name)
    assert scene.sandbox.refresh_token_state(current.refresh_token)["state"] == "current", grant
    assert {one["access_token"] for one in said} == {current.access_token}


def test_eight_processes_refresh_one_single_use_grant_at_once_five_rounds(
    sqlite_place, zygote, strict_sandbox
):
    with Scene.at(sqlite_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for _ in range(5):
            race(scene)


def test_eight_processes_refresh_one_single_use_grant_at_once_five_rounds_on_real_vault(
    vault_place, zygote, strict_sandbox
):
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for _ in range(5):
            race(scene)


@pytest.mark.slow
def test_eight_processes_refresh_one_single_use_grant_at_once_fifty_rounds_on_real_vault(
    vault_place, zygote, strict_sandbox
):
    with Scene.at(vault_place, sandbox=strict_sandbox, zygote=zygote) as scene:
        for _ in range(50):
            race(scene)
