"""Drift of registrations (RFC 7592 §2.1): what each server says of our client is compared, and nothing is changed but
what a server itself replaced while it was read."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.decide.selection import EVERYTHING
from reconciler.engine.drift import Found, Looking
from reconciler.engine.drift_deep import find_registration_drift
from reconciler.engine.reading_store import ReadingStore
from reconciler.engine.trust import revoke_trust
from reconciler.errors import PathDenied
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.observed import Observed
from reconciler.model.secret import Document
from tests.engine.registering_world import LAYOUT, RegisteringWorld, dynamic_provider
from tests.simulators.manifests import PROVIDER
from tests.simulators.registration_endpoint import html, lost


def registered(**server: object) -> RegisteringWorld:
    world = RegisteringWorld()
    for name, value in server.items():
        setattr(world.server, name, value)
    world.apply(dynamic_provider())
    world.server.seen.clear()
    world.store.forget_requests()
    return world


def look(world: RegisteringWorld, provider: DesiredProvider | None = None, store: Any = None) -> Found:
    declared = provider or dynamic_provider()
    found = Found()
    observed = Observed("memory", world.clock.now(), {PROVIDER: world.observe()}, trust=world.trust(declared))
    run = world.run(store=ReadingStore(store or world.store, layout=LAYOUT))
    desired = Desired("manifests", {PROVIDER: declared}, {})
    find_registration_drift(
        run,
        desired,
        observed,
        looking=Looking("default", "test", EVERYTHING),
        ports=world.ports(),
        found=found,
    )
    return found


def token_of(world: RegisteringWorld) -> str:
    record = world.record()
    assert record is not None
    assert record.client is not None
    assert record.client.registration_access_token is not None
    return record.client.registration_access_token.reveal()


def test_a_client_as_it_was_registered_is_no_drift_and_nothing_is_written():
    world = registered()
    before = world.store.read(LAYOUT.provider(PROVIDER)).version
    found = look(world)
    assert (found.drifts, found.not_seen, found.kept) == ([], [], [])
    assert [seen.method for seen in world.server.seen] == ["GET"]
    assert world.store.read(LAYOUT.provider(PROVIDER)).version == before


@pytest.mark.parametrize(
    ("field", "value", "differs"),
    [
        ("redirect_uris", ["https://elsewhere.example/callback"], True),
        ("redirect_uris", ["http://127.0.0.1/callback", "https://more.example/callback"], True),
        ("grant_types", ["authorization_code"], True),
        ("grant_types", ["authorization_code", "refresh_token", "client_credentials", "implicit"], False),
        ("client_name", "somebody else's", True),
        ("token_endpoint_auth_method", "none", True),
        ("policy_uri", "https://new.example", False),
    ],
)
def test_a_field_that_was_changed_at_the_server(field: str, value: object, differs: bool):
    world = registered()
    world.server.clients["client-1"].metadata[field] = value
    found = look(world)
    assert [drift.kind.value for drift in found.drifts] == (["RegistrationChanged"] if differs else [])
    assert all(field in drift.message for drift in found.drifts)


def test_a_client_that_is_gone():
    world = registered()
    world.server.clients.clear()
    found = look(world)
    assert [drift.kind.value for drift in found.drifts] == ["RegistrationGone"]
    assert found.not_seen == []


@pytest.mark.parametrize("fault", [lost, html])
def test_a_server_that_does_not_answer_is_not_called_equal(fault: Any):
    world = registered()
    world.server.next_answer = fault
    found = look(world)
    assert found.drifts == []
    assert [missed.address for missed in found.not_seen] == [PROVIDER]


def test_a_registration_token_that_the_server_replaced_is_stored_and_named_and_nothing_else_is_written():
    world = registered(rotate_on=frozenset({"GET"}))
    before, metadata = token_of(world), world.store.read_metadata(LAYOUT.provider(PROVIDER))
    found = look(world)
    assert found.kept == [PROVIDER]
    assert found.drifts == []
    assert token_of(world) != before
    assert token_of(world) == world.server.clients["client-1"].token
    after = world.store.read_metadata(LAYOUT.provider(PROVIDER))
    assert metadata is not None
    assert after is not None
    assert (after.custom, after.current_version) == (metadata.custom, metadata.current_version + 1)
    assert look(world).kept == [PROVIDER], "the new token works, and is replaced again"


class MayNotWrite(ReadingStore):
    """A login with the plan role."""

    def capabilities(self, paths: Any) -> Any:
        return {path: frozenset({"read"}) for path in paths}


def test_a_login_that_could_not_keep_a_new_token_does_not_ask_the_server():
    world = registered(rotate_on=frozenset({"GET"}))
    found = look(world, store=MayNotWrite(world.store, layout=LAYOUT))
    assert world.server.seen == []
    assert [missed.address for missed in found.not_seen] == [PROVIDER]


def test_a_server_whose_origin_is_not_trusted_any_more_hears_nothing():
    world = registered()
    revoke_trust(world.run(), credential=f"providers/{PROVIDER.namespace}/{PROVIDER.name}")
    found = look(world)
    assert world.server.seen == []
    assert "trust" in found.not_seen[0].message


def test_what_git_asks_for_is_left_to_plan():
    world = registered()
    found = look(world, dynamic_provider(digest="9" * 16))
    assert (found.drifts, world.server.seen) == ([], [])


def test_a_record_that_holds_another_client():
    world = registered()
    stored = world.store.read(LAYOUT.provider(PROVIDER))
    plain = stored.document.plain()
    plain["client"]["client_id"] = "client-2"
    world.store.write(LAYOUT.provider(PROVIDER), Document(plain), cas=stored.version)
    found = look(world)
    assert "RecordEdited" in [drift.kind.value for drift in found.drifts]


def test_a_record_that_is_none_any_more():
    world = registered()
    stored = world.store.read(LAYOUT.provider(PROVIDER))
    world.store.write(LAYOUT.provider(PROVIDER), Document({"format": 1, "x": "y"}), cas=stored.version)
    found = look(world)
    assert [drift.kind.value for drift in found.drifts] == ["RecordEdited"]
    assert world.server.seen == []


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.write(LAYOUT.grants.child("sales").child("crm"), Document({"a": 1}), cas=1),
        lambda store: store.write(LAYOUT.provider(PROVIDER), Document({"a": 1}), cas=0),
        lambda store: store.write(LAYOUT.trust_settings, Document({"a": 1}), cas=1),
        lambda store: store.write_metadata(LAYOUT.provider(PROVIDER), {"a": "b"}),
        lambda store: store.delete_newest(LAYOUT.provider(PROVIDER)),
        lambda store: store.purge(LAYOUT.provider(PROVIDER)),
    ],
)
def test_the_store_that_looks_lets_no_other_write_through(act: Any):
    world = registered()
    with pytest.raises(PathDenied, match="changes nothing"):
        act(ReadingStore(world.store, layout=LAYOUT))
