"""The list of failpoints is the whole list: crash tests enumerate it, so a name that is missing there is never killed."""

import re
from pathlib import Path

import reconciler
from reconciler.engine.failpoints import AFTER_STEP, FAILPOINTS

ENGINE = Path(reconciler.__file__).parent / "engine"
NAMED = re.compile(r'failpoint\("([a-z.-]+)"\)')


def test_every_failpoint_in_the_engine_is_in_the_list_and_nothing_else_is():
    written = {name for file in ENGINE.rglob("*.py") for name in NAMED.findall(file.read_text())}
    assert written | set(AFTER_STEP.values()) == set(FAILPOINTS)
