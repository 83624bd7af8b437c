"""Every command that a page shows is run, on a sandbox or a real Vault, and prints what the page says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.stage import Stage
from tests.docs.story import Page, read_page
from tests.house.tree import ROOT
from tests.servers.vault_server import VaultServer

FILES = (
    Path("README.md"),
    Path("CONTRIBUTING.md"),
    Path("SECURITY.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
)
PAGES = tuple(read_page(ROOT / file) for file in FILES)
RUN = tuple(page for page in PAGES if any(block.language == "console" for block in page.blocks))


QUICK = {"README.md"}
"""Pages whose commands the quick tier runs; CI runs those of all."""


def name_of(page: Page) -> str:
    return str(page.file.relative_to(ROOT))


def cases(world: str) -> list[Any]:
    """The pages that are run in this world."""
    return [
        pytest.param(page, id=name_of(page), marks=() if name_of(page) in QUICK else pytest.mark.slow)
        for page in RUN
        if page.world == world
    ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "stage")
    yield made
    made.close()


@pytest.mark.parametrize("page", cases("plain"))
@pytest.mark.timeout(300)
def test_the_commands_of_a_page_do_what_it_says(page: Page, stage: Stage):
    stage.play(page)


@pytest.mark.parametrize("page", cases("vault"))
@pytest.mark.timeout(300)
def test_the_commands_of_a_page_do_what_it_says_on_a_real_vault(
    page: Page, stage: Stage, start_vault: Callable[[str], VaultServer]
):
    server = start_vault("inmem")
    (stage.folder / "bin" / "vault").symlink_to(server.binary)
    stage.environment |= {"VAULT_ADDR": server.address, "VAULT_TOKEN": server.root_token}
    stage.play(page)


def test_a_page_is_run_in_a_world_that_there_is():
    assert {page.world for page in RUN} <= {"plain", "vault"}


def test_the_guide_shows_commands_that_are_run():
    """A guide page without one console block explains and does nothing: it must be one of these."""
    explaining = {"docs/guide/README.md", "docs/guide/ci.md", "docs/guide/troubleshooting.md"}
    silent = {name_of(page) for page in PAGES if page not in RUN and "docs/guide/" in name_of(page)}
    assert silent <= explaining
