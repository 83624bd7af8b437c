"""The demo, as a newcomer runs it: to its end, and without a trace."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.keyboard import Keyboard
from tests.e2e.desk import Desk


@pytest.mark.slow  # it waits for tokens to expire; `.ci/run` also runs `make demo` itself
@pytest.mark.timeout(300)
def test_the_demo_tells_its_seven_scenes_to_the_end_and_leaves_nothing_behind(tmp_path: Path):
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    desk = Desk(tmp_path, {"TMPDIR": str(scratch)})
    # What a user's shell may hold is not used: the demo has a store and settings of its own.
    strange: dict[str, Any] = {
        "VAULT_ADDR": "http://127.0.0.1:9",
        "RECONCILER_STORE": "vault://kv/prod",
        "RECONCILER_OUTPUT": "json",
        "CI": "true",
    }
    said = desk.run("demo", expect=0, **strange)
    assert [int(number) for number in re.findall(r"^── (\d)\.", said.out, flags=re.MULTILINE)] == list(
        range(1, 8)
    )
    assert "rotated" in said.out
    assert "Three things to try next" in said.out
    assert "account/default/files-backup" in said.out.partition("── 7.")[2]
    assert said.err == ""
    assert list(scratch.iterdir()) == []
    assert not re.search(r"Traceback|bug in reconciler", said.out)
    assert str(Path(__file__).parents[2]) not in said.out


def test_a_demo_on_a_store_that_is_none_says_what_to_write(desk: Keyboard):
    assert "write DEMO_STORE=vault" in desk.run("demo", DEMO_STORE="postgres", expect=64).err
    without = desk.run("demo", DEMO_STORE="vault", expect=64)
    assert "DEMO_STORE=vault needs a Vault" in without.err
