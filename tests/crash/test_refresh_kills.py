"""A refresh is killed at each of its failpoints, and at any moment: every grant is intact, or its loss is named."""

import itertools

import pytest

from reconciler.engine.failpoints import REFRESH_FAILPOINTS
from reconciler.sandbox import faults
from tests.crash.kills import patient

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash"), pytest.mark.timeout(600)]

HAPPY = [
    "refresh.grant-read",
    "refresh.intent-written",
    "refresh.answer-received",
    "refresh.committed",
    "refresh.published",
]
UNHAPPY = {
    "refresh.released": lambda: faults.too_many_requests("token", retry_after="1"),
    "refresh.unclear-written": lambda: faults.html_answer("token", status=502),
}
ELSEWHERE = {"refresh.verdict-written", "refresh.status-written"}
"""Reached by reusable grants, or where the metadata has something new to say: see below."""


def test_every_failpoint_of_a_refresh_is_killed_somewhere():
    assert {*HAPPY, *UNHAPPY, *ELSEWHERE} == set(REFRESH_FAILPOINTS)


def kill_everywhere(scene):
    for failpoint in HAPPY:
        scene.kill_at(failpoint)
    for failpoint, fault in UNHAPPY.items():
        scene.kill_at(failpoint, fault=fault())
    assert scene.kills == 7
    assert scene.named == ["refresh.answer-received"]


def test_a_kill_at_any_step_of_a_refresh_loses_nothing_in_silence(embedded):
    kill_everywhere(embedded)


def test_a_kill_at_any_step_of_a_refresh_loses_nothing_in_silence_on_real_vault(scene):
    kill_everywhere(scene)


def test_a_kill_before_the_metadata_is_written_is_made_up_for(scene):
    # The first refresh has something new to say: the token lives an hour now, and no longer ten minutes.
    scene.kill_at("refresh.published")
    scene.kill_at("refresh.status-written")
    assert scene.kills == 2
    assert scene.lost == 0


@pytest.mark.slow
def test_where_nobody_knows_who_is_dead_the_deadline_decides(scene):
    with patient(scene) as waiting:
        waiting.kill_at("refresh.intent-written")
        waiting.kill_at("refresh.answer-received")
        assert waiting.named == ["refresh.answer-received"]


@pytest.mark.slow
def test_two_hundred_kills_on_real_vault_and_a_strict_server(scene):
    rounds = itertools.cycle([*HAPPY, *UNHAPPY, "refresh.status-written"])
    while scene.kills < 160:
        failpoint = next(rounds)
        scene.kill_at(failpoint, fault=UNHAPPY[failpoint]() if failpoint in UNHAPPY else None)
    with patient(scene) as waiting:
        for failpoint in HAPPY:
            waiting.kill_at(failpoint)
        slowly = waiting.kills
    for tries in range(200):
        scene.kill_after(0.004 * (tries % 40))
        if scene.kills + slowly >= 230:
            break
    assert scene.kills + slowly >= 200
    assert set(scene.named) - {"refresh.answer-received"} <= {f"after {4 * n} ms" for n in range(40)}
