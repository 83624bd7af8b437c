"""A town with its page served, and a Chromium to look at it with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town
from tests.servers.found import chromium_binary, require
from tests.web.browser import Person
from tests.web.browser import chromium as open_chromium
from tests.web.served import Served


def desk_at(folder: Path) -> Keyboard:
    return Keyboard(folder, {"RECONCILER_STORE": f"sqlite://{folder}/store/store.db"})


@pytest.fixture
def desk(tmp_path: Path) -> Keyboard:
    return desk_at(tmp_path)


@pytest.fixture(scope="module")
def template(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town that is registered; made once, and copied for each test."""
    town = Town(sandbox, desk_at(tmp_path_factory.mktemp("town")))
    town.found()
    town.desk.run("reconcile", expect=0)
    return town


@pytest.fixture
def town(template: Town, desk: Keyboard) -> Town:
    """Registered; nobody has consented."""
    template.sandbox.clear_faults()
    template.sandbox.reset_counters()
    for name in ("manifests", "store"):
        shutil.copytree(template.desk.folder / name, desk.folder / name)
    return Town(template.sandbox, desk, template.client)


@pytest.fixture
def served(town: Town) -> Iterator[Served]:
    """The town's page, on this machine alone."""
    running = Served(town.desk)
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with open_chromium(require("chromium", chromium_binary())) as browser:
        yield browser


@pytest.fixture
def people(chromium: Browser) -> Iterator[Callable[..., Person]]:
    """`people(phone=…, dark=…, script=…)`: somebody with a private window of their own."""
    there: list[Person] = []

    def somebody(**how: bool) -> Person:
        there.append(Person.new(chromium, **how))
        return there[-1]

    yield somebody
    for person in there:
        person.close()
