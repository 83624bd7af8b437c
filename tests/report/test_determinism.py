"""The same world gives the same bytes: whatever the hash seed, the order of files, the locale and the time zone."""

import os
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

PROGRAM = """
import random, sys
from dataclasses import replace
from reconciler.decide.plan import PlanOptions, make_plan
from reconciler.report.json_document import plan_document
from tests.report.story import declared, observed, TOOL, COMMIT

random.seed(int(sys.argv[1]))
def shuffled(mapping):
    pairs = list(mapping.items())
    random.shuffle(pairs)
    return dict(pairs)
desired = declared()
seen = observed(desired)
desired = replace(desired, providers=shuffled(desired.providers), accounts=shuffled(desired.accounts))
seen = replace(
    seen, providers=shuffled(seen.providers), accounts=shuffled(seen.accounts), secrets=shuffled(seen.secrets)
)
sys.stdout.write(plan_document(make_plan(desired, seen, PlanOptions(prune=True)), tool=TOOL, commit=COMMIT))
"""
LOCALES = ("C", "C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8", "POSIX")
ZONES = ("UTC", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Kiritimati", "")


def plan_bytes(seed: int) -> bytes:
    environment = os.environ | {
        "PYTHONHASHSEED": str(seed),
        "LC_ALL": LOCALES[seed % len(LOCALES)],
        "TZ": ZONES[seed // len(LOCALES) % len(ZONES)],
    }
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return made.stdout


def test_a_saved_plan_has_the_same_bytes_in_another_process():
    assert plan_bytes(1) == plan_bytes(7)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_saved_plan_has_the_same_bytes_under_fifty_seeds():
    assert len({plan_bytes(seed) for seed in range(50)}) == 1
