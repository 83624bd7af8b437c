"""One command's wiring: settings, console, store, ports. Builds; decides nothing.

Rules: what a verb does not need is not made (`plan` gets no HTTP client, and a store without write methods); one login
a run; everything that was opened is closed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.cli.accounts_page import checked_page
from reconciler.cli.console import Console, LogLines, make_console
from reconciler.cli.settings import Settings, SqliteLocation, VaultLocation, read_settings, store_location
from reconciler.cli.vault_env import vault_settings
from reconciler.engine.metadata_only import MetadataOnly
from reconciler.errors import ManifestError, StoreNotInitialised
from reconciler.model.desired import Desired
from reconciler.model.location import Problem
from reconciler.model.secret import Secret
from reconciler.model.store_path import Layout
from reconciler.model.trust import TrustSettings
from reconciler.ports import MetadataStore, SecretStore

if TYPE_CHECKING:
    from reconciler.engine.initialise import StoreFormat

TOOL = f"reconciler {__version__}"
FIRST_SETTINGS = TrustSettings()


@dataclass(frozen=True, slots=True)
class Session:
    """What every verb has. `stop` is set by the first SIGTERM or SIGINT."""

    settings: Settings
    console: Console
    events: LogLines
    stop: threading.Event = field(default_factory=threading.Event)


def make_session(options: dict[str, Any]) -> Session:
    """Take the common flags out of `options` and read the environment."""
    console = make_console(
        verbose=options.pop("verbose"),
        no_color=options.pop("no_color"),
        no_input=options.pop("no_input"),
        log_format=options.pop("log_format"),
        page=checked_page(options.pop("accounts_url", "")),
    )
    settings = read_settings(dict(os.environ), home=home())
    frozen = options.pop("frozen", None)
    settings = settings if frozen is None else replace(settings, frozen=frozen)
    return Session(settings, console, LogLines(console))


def home() -> Path:
    """The user's home; `/` for a user without one (a container's random uid), where nothing of ours can be."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


@contextmanager
def open_store(session: Session) -> Iterator[tuple[SecretStore, Layout]]:
    """The store that the environment names; closed at the end. Nothing is asked of it yet."""
    location = store_location(session.settings)
    with ExitStack() as closing:
        match location:
            case VaultLocation(mount=mount, layout=layout):
                from reconciler.adapters.vault import VaultStore

                vault = VaultStore(vault_settings(session.settings, mount=mount))
                closing.callback(vault.close)
                yield vault, layout
            case SqliteLocation(path=path, layout=layout):
                from reconciler.adapters.sqlite import SqliteStore

                sqlite = SqliteStore(path, key=sealing_key(session.settings))
                closing.callback(sqlite.close)
                yield sqlite, layout


def sealing_key(settings: Settings) -> Secret | None:
    text = settings.get("RECONCILER_KEY")
    return None if text is None else Secret(text)


@contextmanager
def open_made_store(session: Session) -> Iterator[tuple[SecretStore, Layout]]:
    """The whole store, initialised."""
    from reconciler.engine.initialise import check_format

    with open_store(session) as (store, layout):
        try:
            check_format(store, layout)
        except StoreNotInitialised:
            if not _makes_itself(session):
                raise
            make_store(session, store, layout)
        yield store, layout


@contextmanager
def open_for_reading(session: Session) -> Iterator[tuple[MetadataStore, Layout]]:
    """The store for `plan` and `status`: initialised, and without any way to write or to read a secret."""
    with open_made_store(session) as (store, layout):
        yield MetadataOnly(store, layout=layout), layout


@contextmanager
def open_for_work(session: Session, *, init: bool = False) -> Iterator[tuple[SecretStore, Layout, bytes]]:
    """The whole store with its fingerprint key; `init` makes it where it is not made."""
    from reconciler.engine.initialise import open_store as open_format

    with open_store(session) as (store, layout):
        try:
            opened = open_format(store, layout)
        except StoreNotInitialised:
            if not (init or _makes_itself(session)):
                raise
            opened = make_store(session, store, layout)
        yield store, layout, opened.fingerprint_key


def make_store(
    session: Session, store: SecretStore, layout: Layout, *, settings: TrustSettings = FIRST_SETTINGS
) -> StoreFormat:
    """Make it, or find it made."""
    from reconciler.adapters.system import SystemClock, SystemEntropy
    from reconciler.engine.initialise import init_store

    return init_store(
        store,
        layout,
        settings=settings,
        clock=SystemClock(session.stop),
        entropy=SystemEntropy(),
        by=TOOL,
    )


def _makes_itself(session: Session) -> bool:
    """An embedded store is made by its first use: its file is new then, and cannot be mistaken for another one."""
    return isinstance(store_location(session.settings), SqliteLocation)


def read_desired(path: str) -> Desired:
    """Everything declared under `path`, problems included; never raises for what the files say."""
    from reconciler.adapters.manifest_catalogue import load_catalogue
    from reconciler.adapters.manifests import load
    from reconciler.decide.desired import resolve

    return resolve(load(Path(path)), load_catalogue(), root=path)


def refuse_problems(problems: tuple[Problem, ...], *, root: str) -> None:
    """ManifestError with all of them, where there are any."""
    count = len(problems)
    if count:
        raise ManifestError(f"{count} problem{'' if count == 1 else 's'} in {root}", problems=problems)
