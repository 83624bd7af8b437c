"""Managing a client that we registered (RFC 7592): update, rotated registration tokens, delete, and what a kill leaves."""

from datetime import timedelta
from typing import Any

import pytest

from reconciler.decide.provider_change import ProviderAction, ProviderReason
from reconciler.decide.results import Outcome
from reconciler.engine.client_configuration import read_client
from reconciler.engine.prepare import Reach
from reconciler.engine.provider_ports import RegisterOptions
from reconciler.engine.registration_store import read_record
from reconciler.engine.trust import read_binding
from reconciler.model.desired import DesiredProvider
from reconciler.model.registration import ClientRegistration, IntentKind
from reconciler.model.secret import Secret
from reconciler.model.state import DeletionPolicy
from tests.engine.registering_world import ISSUER, Killed, RegisteringWorld, dynamic_provider, static_provider
from tests.simulators.manifests import PROVIDER
from tests.simulators.registration_endpoint import answer, html, lost

NEW: dict[str, Any] = {"redirect_uris": ["http://127.0.0.1/other"], "digest": "2" * 16}


def registered(**server: object) -> RegisteringWorld:
    world = RegisteringWorld()
    for name, value in server.items():
        setattr(world.server, name, value)
    world.apply(dynamic_provider(deletion_policy=DeletionPolicy.REVOKE))
    world.server.seen.clear()
    world.store.forget_requests()
    return world


def changed_provider(**other: Any) -> DesiredProvider:
    return dynamic_provider(deletion_policy=DeletionPolicy.REVOKE, **(NEW | other))


def client_of(world: RegisteringWorld) -> ClientRegistration:
    record = world.record()
    assert record is not None
    assert record.client is not None
    return record.client


# ------------------------------------------------------------------------------------------------------- update


def test_what_the_server_knows_of_is_updated_there():
    world = registered()
    result, ready = world.apply(changed_provider())
    assert result is not None
    assert (result.outcome, result.action) == (Outcome.DONE, "update"), result
    assert "redirect URI http://127.0.0.1/callback → http://127.0.0.1/other" in result.message
    (seen,) = world.server.seen
    assert seen.method == "PUT"
    assert seen.body is not None
    assert seen.body["client_id"] == "client-1"
    assert "registration_access_token" not in seen.body
    assert world.server.clients["client-1"].metadata["redirect_uris"] == ["http://127.0.0.1/other"]
    assert ready is not None
    assert ready.client.client_id == "client-1"
    assert world.change(changed_provider()) is None


def test_what_concerns_us_alone_asks_nobody():
    world = registered()
    result, ready = world.apply(dynamic_provider(deletion_policy=DeletionPolicy.REVOKE, digest="3" * 16))
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert world.server.seen == []


def test_a_rotated_registration_token_is_stored_and_used_from_then_on():
    world = registered(rotate_on=frozenset({"PUT"}))
    before = client_of(world).registration_access_token
    world.apply(changed_provider())
    after = client_of(world).registration_access_token
    assert after != before
    result, _ = world.apply(changed_provider(redirect_uris=["http://127.0.0.1/third"], digest="3" * 16))
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert after is not None
    assert world.server.seen[-1].bearer == after.reveal()


def test_a_server_without_management_is_named_and_nothing_changes():
    world = registered(manageable=False)
    result, _ = world.apply(changed_provider())
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert "lets nobody change" in result.error
    assert world.server.seen == []


@pytest.mark.parametrize(
    "refusal",
    [
        answer(400, {"error": "invalid_client_metadata"}),
        answer(429, {}),
        answer(401, {"error": "invalid_token"}),
    ],
)
def test_a_refused_update_leaves_everything_as_it_was(refusal):
    world = registered()
    before = client_of(world)
    world.server.refuse_next = refusal
    result, _ = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    record = world.record()
    assert record is not None
    assert (record.client, record.intent) == (before, None)
    assert world.apply(changed_provider())[1] is not None


def test_an_answer_that_speaks_of_another_client_is_not_believed():
    world = registered()
    before = client_of(world)
    world.server.refuse_next = answer(200, {"client_id": "evil", "client_secret": "x"})
    result, _ = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert client_of(world) == before


@pytest.mark.parametrize("fault", [lost, html])
@pytest.mark.parametrize("rotates", [frozenset(), frozenset({"GET"})])
def test_an_update_without_an_answer_is_settled_by_reading_the_client(fault, rotates):
    world = registered(rotate_on=rotates)
    world.server.next_answer = fault
    result, _ = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    record = world.record()
    assert record is not None
    assert record.intent is not None
    assert record.intent.kind is IntentKind.UPDATE
    result, ready = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert [seen.method for seen in world.server.seen] == ["PUT", "GET", "PUT"]
    assert ready is not None
    assert client_of(world).registration_access_token == Secret(world.server.clients["client-1"].token)


@pytest.mark.parametrize("at", ["update.intent-written", "update.answer-received", "update.committed"])
def test_a_kill_during_an_update_costs_one_more_question(at: str):
    world = registered()
    with pytest.raises(Killed):
        world.apply(changed_provider(), failpoint=world.kill_at(at))
    result, ready = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert world.change(changed_provider()) is None
    assert len(world.server.clients) == 1


def test_a_registration_token_lost_to_a_kill_is_named():
    world = registered(rotate_on=frozenset({"PUT"}))
    with pytest.raises(Killed):
        world.apply(changed_provider(), failpoint=world.kill_at("update.answer-received"))
    result, _ = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert "registration access token is not accepted" in result.hint
    assert client_of(world).client_id == "client-1"


def test_a_rotated_token_of_a_read_is_stored_before_anything_else():
    world = registered(rotate_on=frozenset({"GET"}))
    run = world.run()
    binding = read_binding(world.store, world.layout, credential="providers/team/sandbox")
    read, found = read_client(
        run,
        Reach(PROVIDER, binding, loopback=False),
        read=read_record(run, PROVIDER),
        ports=world.ports(),
    )
    assert found.registration_access_token == Secret(world.server.clients["client-1"].token)
    assert client_of(world) == found
    assert read.version == 3


def test_a_configuration_endpoint_elsewhere_gets_no_token():
    world = registered(client_uri_base="https://evil.example")
    result, _ = world.apply(changed_provider())
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "NotTrusted")
    assert world.server.seen == []


def dying() -> RegisteringWorld:
    """Its client secret dies in four days, and its registration is a day old."""
    soon = RegisteringWorld().clock.now() + timedelta(days=5)
    world = registered(secret_expires_at=int(soon.timestamp()))
    assert world.change(dynamic_provider(deletion_policy=DeletionPolicy.REVOKE)) is None
    world.clock.advance(timedelta(days=1))
    return world


def renew(world: RegisteringWorld) -> list[str]:
    provider = dynamic_provider(deletion_policy=DeletionPolicy.REVOKE)
    change = world.change(provider)
    assert change is not None
    assert change.reason is ProviderReason.CLIENT_SECRET_EXPIRING
    result, ready = world.apply(provider)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert ready is not None
    assert ready.client.secret == client_of(world).client_secret
    assert world.change(provider) is None
    return [seen.method for seen in world.server.seen]


def test_a_dying_client_secret_that_the_server_renewed_is_read():
    world = dying()
    world.server.secret_expires_at += 90 * 86400
    world.server.clients["client-1"].secret = "renewed"
    assert renew(world) == ["GET"]
    assert client_of(world).client_secret == Secret("renewed")


def test_a_dying_client_secret_is_asked_to_be_renewed_at_most_once_a_day():
    world = dying()
    assert renew(world) == ["GET", "PUT"]
    world.clock.advance(timedelta(days=1))
    assert world.change(dynamic_provider(deletion_policy=DeletionPolicy.REVOKE)) is not None


# --------------------------------------------------------------------------------------------------- deregister


def test_revoke_deletes_the_client_and_then_the_record():
    world = registered()
    result = world.remove()
    assert (result.outcome, result.action) == (Outcome.DONE, "deregister"), result
    assert world.server.clients == {}
    assert world.observe().metadata is None


def test_orphan_sets_the_record_aside_and_a_provider_declared_again_is_taken_up():
    world = RegisteringWorld()
    world.apply(dynamic_provider())
    world.server.seen.clear()
    assert world.remove().outcome is Outcome.DONE
    assert world.server.seen == []
    assert world.change(None) is None
    change = world.change(dynamic_provider())
    assert change is not None
    assert change.reason is ProviderReason.DECLARED_AGAIN
    result, ready = world.apply(dynamic_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert ready.client.client_id == "client-1"
    assert len(world.server.clients) == 1
    assert world.status().removed_at is None


def test_only_a_purge_destroys_an_orphans_record():
    world = RegisteringWorld()
    world.apply(dynamic_provider())
    world.remove(options=RegisterOptions(purge=True))
    assert world.observe().metadata is None
    assert len(world.server.clients) == 1


def test_a_static_providers_status_goes_and_its_secret_stays():
    world = RegisteringWorld()
    world.put_secret("clients/team/sandbox", client_secret="s1")
    world.apply(static_provider())
    assert world.remove().outcome is Outcome.DONE
    assert world.observe().metadata is None
    assert world.put_secret("clients/team/sandbox", client_secret="s2") == 2


def test_a_server_that_refuses_to_delete_keeps_everything_here_too():
    world = registered()
    before = client_of(world)
    world.server.refuse_next = answer(405, {})
    result = world.remove()
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert client_of(world) == before
    change = world.change(None)
    assert change is not None
    assert change.action is ProviderAction.DEREGISTER


@pytest.mark.parametrize("at", ["deregister.intent-written", "deregister.answer-received"])
def test_a_kill_during_a_delete_is_settled_by_the_next_run(at: str):
    world = registered()
    world.failpoint = world.kill_at(at)
    with pytest.raises(Killed):
        world.remove()
    world.failpoint = lambda name: None
    assert world.remove().outcome is Outcome.DONE
    assert world.server.clients == {}
    assert world.observe().metadata is None


@pytest.mark.parametrize("at", ["deregister.intent-written", "deregister.answer-received"])
def test_a_provider_declared_again_after_half_a_delete_is_settled_by_asking(at: str):
    world = registered()
    world.failpoint = world.kill_at(at)
    with pytest.raises(Killed):
        world.remove()
    world.failpoint = lambda name: None
    result, ready = world.apply(changed_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert ready is not None
    assert list(world.server.clients) == [ready.client.client_id]


def test_a_client_registered_by_hand_takes_the_place_of_ours_which_is_deleted():
    world = registered()
    world.put_secret("clients/team/sandbox", client_secret="s1")
    provider = static_provider(digest="4" * 16)
    change = world.change(provider)
    assert change is not None
    assert change.client_replaced
    result, ready = world.apply(provider)
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert result.warnings == (f"client client-1, which was registered before, is deleted at {ISSUER}",)
    assert world.server.clients == {}
    assert ready is not None
    assert ready.client.client_id == "client-1"  # the name that its manifest gives it
    assert world.change(provider) is None


def test_an_open_registration_is_not_forgotten_by_removing_its_manifest():
    world = RegisteringWorld()
    with pytest.raises(Killed):
        world.apply(dynamic_provider(), failpoint=world.kill_at("register.answer-received"))
    world.clock.advance(timedelta(hours=1))
    result = world.remove()
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "InterruptedRegistration")
    assert world.observe().metadata is not None


def test_what_another_owner_registered_is_not_deregistered():
    world = registered()
    stranger = RegisteringWorld(store=world.store, clock=world.clock, server=world.server, owner="other")
    assert stranger.change(None) is None


def test_a_key_that_became_foreign_since_the_plan_is_left_alone():
    world = registered()
    stranger = RegisteringWorld(store=world.store, clock=world.clock, server=world.server, owner="other")
    change = world.change(None)
    assert change is not None
    stranger.change = lambda provider, address=PROVIDER: change  # type: ignore[method-assign]  # as the plan had it
    result = stranger.remove()
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "ForeignOwner")
    assert len(world.server.clients) == 1


def test_adopting_takes_the_record_over_as_well():
    world = registered()
    heir = RegisteringWorld(store=world.store, clock=world.clock, server=world.server, owner="heir")
    provider = dynamic_provider(deletion_policy=DeletionPolicy.REVOKE)
    change = heir.change(provider)
    assert change is not None
    assert change.foreign_owner == "reconciler/default"
    result, ready = heir.apply(provider)
    assert result is not None
    assert (result.outcome, result.action) == (Outcome.DONE, "adopt"), result
    assert ready is not None
    assert ready.client.client_id == "client-1"
    record = heir.record()
    assert record is not None
    assert record.owner == "reconciler/heir"
    assert len(world.server.clients) == 1
    assert heir.change(provider) is None
