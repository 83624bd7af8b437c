"""What workloads read under `tokens/` against its published schema, as each store gives it to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from reconciler.adapters.sqlite import SqliteStore
from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.model.desired import DesiredAccount
from reconciler.model.schema import schema_file_name, schema_text
from reconciler.model.secret import Secret
from reconciler.report.contract_stored import stored_schemas
from tests.engine.refresh_world import LAYOUT, SOON, RefreshWorld
from tests.servers.places import VaultPlace
from tests.simulators.clocks import ManualClock

SCHEMAS = Path(__file__).parents[2] / "schemas"
SCHEMA = stored_schemas()["stored-token"]


@contextmanager
def at_vault(place: VaultPlace) -> Iterator[VaultStore]:
    login = TokenLogin(Secret(place.token))
    with closing(VaultStore(VaultSettings(place.address, login, mount=place.mount))) as store:
        yield store


@contextmanager
def embedded(folder: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(folder / "store.db")) as store:
        yield store


def world(store: Any, **more: Any) -> RefreshWorld:
    return RefreshWorld(store=store, clock=ManualClock(datetime.now(UTC).replace(microsecond=0)), **more)


def stored(world: RefreshWorld, account: DesiredAccount) -> Any:
    """Plain JSON, as whoever reads the store without us has it."""
    document = world.store.read(LAYOUT.token(account.address)).document
    assert document is not None
    return json.loads(document.to_json())


@pytest.mark.parametrize("name", stored_schemas())
def test_the_published_schema_is_that_of_the_code(name: str):
    schema = stored_schemas()[name]
    assert (SCHEMAS / schema_file_name(name)).read_text() == schema_text(schema)
    Draft202012Validator.check_schema(schema)


def publishes(store: Any) -> None:
    """A consent, a refresh, and a refresh whose answer names what the base keeps."""
    w = world(store, behaves={"response": {"keep": ("instance_url",)}})
    drive = w.consented()
    found = [stored(w, drive)]
    for more in ({}, {"instance_url": "https://na1.example.com"}):
        w.server.extra.update(more)
        w.clock.advance(SOON)
        assert w.refresh_one(force=True, due_within=timedelta(hours=1)).outcome == "done"
        found.append(stored(w, drive))
    for document in found:
        Draft202012Validator(SCHEMA).validate(document)
    assert len({document["access_token"] for document in found}) == 3
    assert [document.get("values") for document in found] == [
        None,
        None,
        {"instance_url": "https://na1.example.com"},
    ]


def test_what_is_published_is_what_the_schema_says(tmp_path: Path):
    with embedded(tmp_path) as store:
        publishes(store)


def test_what_is_published_is_what_the_schema_says_on_real_vault(vault: VaultPlace):
    with at_vault(vault) as store:
        publishes(store)


@pytest.mark.parametrize(
    "change", [{"refresh_token": "r"}, {"expires_at": 5}, {"scope": None}, {"values": {"a": 1}}]
)
def test_a_document_with_anything_else_is_not_valid(change: dict[str, Any]):
    w = world(None)
    document = {**stored(w, w.consented()), **change}
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(document)
