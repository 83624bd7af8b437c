"""A town for each test; one sandbox for the module, with its faults cleared and a client of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town


@pytest.fixture
def desk(tmp_path: Path) -> Keyboard:
    """An empty desk with an embedded store of its own, not made yet."""
    return Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})


@pytest.fixture
def town(sandbox: Sandbox, desk: Keyboard) -> Town:
    """Declared and in the store, but not reconciled."""
    sandbox.clear_faults()
    sandbox.reset_counters()
    town = Town(sandbox, desk)
    town.found()
    return town
