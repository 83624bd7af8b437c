"""The bench itself runs from end to end, on tiny worlds. No time is judged here: that is for a quiet machine and a reader."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.finding import Comparison, Reading, Readings, Side, at_least_rate, at_most
from tests.bench.measure import BenchFailed, Command, Sample, Spread, run
from tests.bench.page import render_page
from tests.servers.found import require, vault_binary


def page_of(tmp_path: Path, *arguments: str) -> str:
    page = tmp_path / "performance.md"
    assert main(["--quick", "--out", str(page), *arguments]) == 0
    return page.read_text()


@pytest.mark.slow
def test_a_trial_without_a_server_measures_start_up_validate_and_plan(tmp_path):
    page = page_of(tmp_path, "--cases", "start-up,sqlite")
    assert "### validate, 30 accounts" in page
    assert "### plan on SQLite, 30 accounts" in page
    assert "A trial with small numbers" in page


def test_a_trial_measures_what_a_cached_token_costs(tmp_path):
    assert "| httpx, a request |" in page_of(tmp_path, "--cases", "client")


@pytest.mark.slow
def test_a_trial_measures_the_first_byte_of_the_accounts_page(tmp_path):
    assert "### The Accounts page, 30 accounts, 20 clients" in page_of(tmp_path, "--cases", "accounts-page")


@pytest.mark.vault
@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "title"),
    [
        ("vault", "### plan on Vault, 30 accounts"),
        ("single-use", "### refresh, single-use grants, 20 accounts"),
        ("reusable", "### refresh, reusable grants, 20 accounts"),
    ],
)
def test_a_trial_on_a_real_vault_does_all_of_the_work_it_measures(case, title, tmp_path):
    require("vault", vault_binary())
    assert title in page_of(tmp_path, "--cases", case)


def test_a_case_that_does_not_exist_is_a_usage_error(capsys):
    assert main(["--quick", "--cases", "vualt"]) == 64
    assert "vualt" in capsys.readouterr().err


def test_a_command_that_fails_is_not_measured():
    with pytest.raises(BenchFailed, match="exit 3"):
        run(Command(argv=["python3", "-c", "raise SystemExit(3)"]))


def test_a_command_that_did_not_do_its_work_is_not_measured():
    def refuse(output: str) -> None:
        raise BenchFailed(f"not all: {output}")

    with pytest.raises(BenchFailed, match="not all: 7"):
        run(Command(argv=["python3", "-c", "print(7)"], check=refuse))


def test_peak_memory_is_the_commands_own_and_not_its_starters():
    ballast = bytearray(200 * 1024 * 1024)
    assert run(Command(argv=["python3", "-I", "-S", "-c", "pass"])).peak < len(ballast)


def test_a_goal_that_the_bare_requests_miss_too_says_so():
    def side(name: str, seconds: float) -> Side:
        return Side(name=name, words=name, samples=[Sample(wall=seconds, user=seconds, system=0, peak=1)])

    finding = Comparison(
        title="refresh",
        ours=side("reconciler", 3.0),
        floors=(side("floor", 3.0), side("same requests", 2.5)),
        count=10,
    )
    for wanted, verdict in [
        (1.5, "**missed**: the same requests and nothing else come to 1.20 ×"),
        (1.1, "**missed**"),
        (0.9, "met"),
    ]:
        judged = replace(finding, goals=(at_least_rate(wanted, finding),))
        page = render_page([judged], machine=[("processor", "one")], day="2026-01-02", full=True)
        assert f"| refresh | ≥ {wanted} × the floor's rate | 1.00 × | {verdict} |" in page


def test_a_figure_without_a_floor_has_its_own_table_and_its_goal():
    latency = Reading(what="first byte", unit="ms", spread=Spread.of([8.0, 9.0, 30.0]), runs=3)
    finding = Readings(
        title="A page",
        readings=(latency,),
        goals=(at_most(20, latency.spread.middle, unit="ms"),),
        notes=("20 clients",),
    )
    page = render_page([finding], machine=[("processor", "one")], day="2026-01-02", full=True)
    assert "| A page | ≤ 20 ms | 9 ms | met |" in page
    assert "| first byte | 9.0 (8.0 to 30.0) ms | 3 |" in page
    assert "- 20 clients" in page
