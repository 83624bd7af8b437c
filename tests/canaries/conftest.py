from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canaries.cage import Cage
from tests.canaries.parrot import parrot


@pytest.fixture
def cage(tmp_path: Path) -> Iterator[Cage]:
    """Everything declared and in the store; nothing registered yet."""
    with parrot() as bird:
        yield Cage.build(tmp_path, bird)
