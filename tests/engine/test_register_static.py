"""Registering a client that a person made at the provider's console: references, endpoints, rotated secrets."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.decide.provider_change import ProviderAction, ProviderReason
from reconciler.decide.registering import compare
from reconciler.decide.results import Outcome
from reconciler.decide.trust import judge
from reconciler.engine.provider_ports import RegisterOptions
from reconciler.engine.provider_record import write_status
from reconciler.engine.ready import ready_provider
from reconciler.engine.register import apply_provider
from reconciler.errors import GuardRefused, ProviderFailed, SecretMissing, TrustRefused
from reconciler.model.desired import DesiredClient, DesiredProvider
from reconciler.model.secret import Secret
from reconciler.model.state import ErrorClass, Reason
from reconciler.model.status import MANAGED_BY, Circuit, ProviderStatus, ownership_mark
from reconciler.model.store_path import reference_path
from reconciler.model.trust import TrustMode
from tests.engine.registering_world import ISSUER, RegisteringWorld, server_behaviour, static_provider
from tests.simulators.manifests import PROVIDER, secret_ref

CLIENT = "clients/team/sandbox"


@pytest.fixture
def world() -> RegisteringWorld:
    world = RegisteringWorld()
    world.put_secret(CLIENT, client_secret="s1")
    return world


def but(**fields: Any) -> Callable[[ProviderStatus | None], ProviderStatus]:
    """The status that stands there, with some fields changed."""

    def change(before: ProviderStatus | None) -> ProviderStatus:
        assert before is not None
        return replace(before, **fields)

    return change


def test_a_static_provider_is_registered_by_its_status_alone(world: RegisteringWorld):
    result, ready = world.apply(static_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    assert result.message == "registered, written to reconciler/providers/team/sandbox"
    status = world.status()
    assert (status.client_id, status.secret_path, status.secret_version) == ("client-1", CLIENT, 1)
    assert status.endpoints["token"] == f"{ISSUER}/token"
    assert world.record() is None
    assert ready is not None
    assert ready.client.secret == Secret("s1")
    assert str(ready.endpoints.token) == f"{ISSUER}/token"


def test_a_second_run_writes_nothing_and_asks_nobody(world: RegisteringWorld):
    world.apply(static_provider())
    world.store.forget_requests()
    result, ready = world.apply(static_provider())
    assert result is None
    assert ready is not None
    assert world.store.writes() == []
    assert world.issuer.seen == []


def test_the_status_holds_no_secret(world: RegisteringWorld):
    world.put_secret(CLIENT, client_secret="canary-3f1")
    world.apply(static_provider())
    assert "canary" not in str(world.observe().metadata)


@pytest.mark.parametrize("keys", [{}, {"another": "x"}])
def test_a_dangling_reference_blocks_and_nothing_is_made_up(keys: dict[str, str]):
    world = RegisteringWorld()
    if keys:
        world.put_secret(CLIENT, **keys)
    result, ready = world.apply(static_provider())
    assert result is not None
    assert (result.outcome, result.reason, result.code) == (Outcome.FAILED, "SecretMissing", 4)
    assert CLIENT in result.error
    assert "provider/team/sandbox" in result.error
    assert ready is None
    assert world.observe().metadata is None


def test_the_plan_sees_a_missing_secret_by_metadata(world: RegisteringWorld):
    provider = static_provider(client=DesiredClient(id="a", secret_ref=secret_ref("clients/team/none")))
    change = world.change(provider)
    assert change is not None
    assert change.blocked == "there is no secret at clients/team/none#client_secret"


def test_a_rotated_secret_is_seen_by_its_version_and_taken_up(world: RegisteringWorld):
    world.apply(static_provider())
    world.put_secret(CLIENT, client_secret="s2")
    change = world.change(static_provider())
    assert change is not None
    assert change.reason is ProviderReason.SECRET_ROTATED
    assert change.message == "client_secret version 1 → 2"
    result, ready = world.apply(static_provider())
    assert result is not None
    assert result.message.startswith("updated, client_secret version 1 → 2, written to")
    assert ready is not None
    assert ready.client.secret == Secret("s2")
    assert world.change(static_provider()) is None


def test_the_last_good_secret_stays_at_hand_until_the_new_one_has_worked(world: RegisteringWorld):
    world.apply(static_provider())
    write_status(world.run(), PROVIDER, change=but(good_secret_version=1))
    world.put_secret(CLIENT, client_secret="s2")
    _, ready = world.apply(static_provider())
    assert ready is not None
    assert ready.last_good is not None
    assert ready.secret_version == 2
    assert ready.last_good.secret == Secret("s1")
    assert world.status().good_secret_version == 1


def test_a_pinned_version_stays_whatever_comes_later(world: RegisteringWorld):
    pinned = static_provider(client=DesiredClient(id="client-1", secret_ref=secret_ref(CLIENT, version=1)))
    world.put_secret(CLIENT, client_secret="s2")
    _, ready = world.apply(pinned)
    assert ready is not None
    assert ready.client.secret == Secret("s1")
    world.put_secret(CLIENT, client_secret="s3")
    assert world.change(pinned) is None


def test_id_and_secret_of_one_secret_are_read_once(world: RegisteringWorld):
    world.put_secret(CLIENT, client_secret="s2", client_id="id-2")
    provider = static_provider(
        client=DesiredClient(id_ref=secret_ref(CLIENT, "client_id"), secret_ref=secret_ref(CLIENT))
    )
    world.store.forget_requests()
    _, ready = world.apply(provider)
    assert ready is not None
    assert ready.client.client_id == "id-2"
    reads = [r for r in world.store.requests if r.operation == "read" and str(r.path) == CLIENT]
    assert len(reads) == 1


def test_a_client_id_that_changed_behind_a_reference_is_a_guard(world: RegisteringWorld):
    provider = static_provider(
        client=DesiredClient(id_ref=secret_ref(CLIENT, "client_id"), secret_ref=secret_ref(CLIENT))
    )
    world.put_secret(CLIENT, client_secret="s2", client_id="id-2")
    world.apply(provider)
    world.put_secret(CLIENT, client_secret="s3", client_id="id-3")
    result, ready = world.apply(provider)
    assert result is not None
    assert (result.outcome, result.reason, result.code) == (Outcome.REFUSED, "ClientReplaced", 3)
    assert ready is None
    assert "--allow-client-replacement" in result.hint
    assert world.status().client_id == "id-2"
    result, ready = world.apply(provider, options=RegisterOptions(allow_client_replacement=True))
    assert ready is not None
    assert world.status().client_id == "id-3"


@pytest.mark.parametrize("text", ["s3-the-very-secret", "GOCSPX-0123456789abcdefghijklmn"])
def test_a_reference_for_the_client_id_that_leads_to_a_secret_is_refused_and_not_shown(
    world: RegisteringWorld, text: str
):
    world.put_secret(CLIENT, client_secret="s3-the-very-secret", other=text)
    client = DesiredClient(id_ref=secret_ref(CLIENT, "other"), secret_ref=secret_ref(CLIENT))
    result, ready = world.apply(static_provider(client=client))
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.FAILED, "SecretMissing")
    assert ready is None
    assert text not in repr(result)


def test_what_a_moved_reference_leads_to_is_not_shown_by_the_guard(world: RegisteringWorld):
    ids = {"client_id": "id-2", "password": "correct horse battery staple"}
    world.put_secret(CLIENT, client_secret="s2", **ids)
    result = None
    for key in ids:
        client = DesiredClient(id_ref=secret_ref(CLIENT, key), secret_ref=secret_ref(CLIENT))
        result, _ = world.apply(static_provider(client=client, digest=key.ljust(16, "0")))
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "ClientReplaced")
    assert "correct horse" not in repr(result)


def test_a_client_id_that_changed_in_git_shows_in_the_plan(world: RegisteringWorld):
    world.apply(static_provider())
    change = world.change(static_provider(client_id="client-2", digest="2" * 16))
    assert change is not None
    assert change.client_replaced
    assert change.reason is ProviderReason.CLIENT_REPLACED
    assert [(f.name, f.before, f.after) for f in change.fields] == [("client id", "client-1", "client-2")]


def test_refresh_before_reconcile_sees_a_replaced_client_and_sends_nothing(world: RegisteringWorld):
    world.apply(static_provider())
    provider = static_provider(client_id="client-2", digest="2" * 16)
    with pytest.raises(GuardRefused, match="ClientReplaced"):
        ready_provider(
            world.run(),
            provider,
            observed=world.observe(),
            trust=world.trust(provider),
            ports=world.ports(),
        )


def test_a_provider_that_was_never_registered_is_not_ready(world: RegisteringWorld):
    provider = static_provider()
    with pytest.raises(ProviderFailed, match="not registered"):
        ready_provider(
            world.run(), provider, observed=world.observe(), trust=world.trust(provider), ports=world.ports()
        )


# ------------------------------------------------------------------------------------------------------- owners


def test_a_foreign_owners_provider_is_written_for_adopt_alone(world: RegisteringWorld):
    world.store.write_metadata(
        world.layout.provider(PROVIDER), {MANAGED_BY: ownership_mark("other"), "x": "y"}
    )
    change = world.change(static_provider())
    assert change is not None
    assert (change.action, change.foreign_owner) == (ProviderAction.ADOPT, "reconciler/other")
    result, _ = world.apply(static_provider())
    assert result is not None
    assert result.outcome is Outcome.DONE  # `adopt` is carried out only once its guard has let it pass
    assert world.status().managed_by == ownership_mark("default")


def test_what_became_foreign_since_the_plan_is_left_alone(world: RegisteringWorld):
    provider = static_provider()
    world.apply(provider)
    theirs = {MANAGED_BY: ownership_mark("other")}
    changed = static_provider(digest="2" * 16)
    observed = world.observe()
    world.store.before(
        "read_metadata",
        lambda: world.store.another_client().write_metadata(world.layout.provider(PROVIDER), theirs),
        path=world.layout.provider(PROVIDER),
    )
    change = compare(
        changed, observed, secrets=world.secrets(changed), owner="default", now=world.clock.now()
    )
    assert change is not None
    result, _ = apply_provider(
        world.run(),
        change,
        desired=changed,
        observed=observed,
        trust=world.trust(changed),
        ports=world.ports(),
    )
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "ForeignOwner")
    assert dict(world.observe().metadata.custom) == theirs  # type: ignore[union-attr]  # it is there


def test_a_circuit_outlives_an_update_and_is_probed_at_once_where_the_client_changed(world: RegisteringWorld):
    world.apply(static_provider())
    now = world.clock.now()
    circuit = Circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED, now, now + timedelta(hours=6), accounts=2)
    write_status(world.run(), PROVIDER, change=but(circuit=circuit))
    world.put_secret(CLIENT, client_secret="s2")
    world.apply(static_provider())
    kept = world.status().circuit
    assert kept is not None
    assert (kept.since, kept.probe_at) == (now, now)


# ---------------------------------------------------------------------------------------------------- discovery


def discovered(**other: Any) -> DesiredProvider:
    return static_provider(behaviour=server_behaviour(endpoints={}, issuer=ISSUER, discovery=True, **other))


def test_endpoints_are_found_at_the_issuer_and_kept_with_their_date(world: RegisteringWorld):
    world.issuer.publish(ISSUER, revocation_endpoint=f"{ISSUER}/revoke")
    result, ready = world.apply(discovered())
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert ready is not None
    assert str(ready.endpoints.revocation) == f"{ISSUER}/revoke"
    assert world.status().discovered_at == world.clock.now()


def test_the_issuer_is_asked_again_after_a_day_and_not_before(world: RegisteringWorld):
    world.issuer.publish(ISSUER)
    provider = discovered()
    world.apply(provider)
    asked = len(world.issuer.seen)
    world.clock.advance(timedelta(hours=23))
    world.store.forget_requests()
    world.apply(provider)
    assert len(world.issuer.seen) == asked
    assert world.store.writes() == []
    world.clock.advance(timedelta(hours=2))
    world.apply(provider)
    assert len(world.issuer.seen) == asked + 1
    assert world.status().discovered_at == world.clock.now()


def test_an_issuer_that_is_down_does_not_stop_what_worked_yesterday(world: RegisteringWorld):
    world.issuer.publish(ISSUER)
    provider = discovered()
    world.apply(provider)
    world.clock.advance(timedelta(days=2))
    world.issuer.down = True
    asked = len(world.issuer.seen)
    _, ready = world.apply(provider)
    assert ready is not None
    assert "stay in use" in ready.notes[0]
    assert len(world.issuer.seen) == asked + 1, "a host that cannot be reached is waited for once"


def test_an_issuer_that_is_down_at_first_use_fails_and_nothing_is_written(world: RegisteringWorld):
    world.issuer.down = True
    result, _ = world.apply(discovered())
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert world.observe().metadata is None


def test_metadata_of_another_issuer_is_not_believed(world: RegisteringWorld):
    world.issuer.publish(ISSUER)
    key = f"{ISSUER}/.well-known/openid-configuration"
    world.issuer.documents[key] = {**world.issuer.documents[key], "issuer": "https://evil.example"}  # type: ignore[dict-item]  # an object
    result, _ = world.apply(discovered())
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert "another one" in result.error


def test_a_document_that_moves_the_token_endpoint_is_a_trust_change_that_the_plan_shows(
    world: RegisteringWorld,
):
    world.issuer.publish(ISSUER)
    provider = discovered()
    world.apply(provider)
    world.clock.advance(timedelta(days=2))
    world.issuer.publish(ISSUER, token_endpoint="https://evil.example/token")
    with pytest.raises(TrustRefused, match="TRUST CHANGE"):
        world.apply(provider)
    decision = judge(world.trust(provider), provider, discovered=world.status().endpoints)
    assert decision.change
    # The issuer puts it right: the next run looks again, though the day is not over.
    world.issuer.publish(ISSUER)
    _, ready = world.apply(provider)
    assert ready is not None


def test_no_token_endpoint_at_all_is_said_with_what_to_declare(world: RegisteringWorld):
    result, _ = world.apply(static_provider(behaviour=server_behaviour(endpoints={})))
    assert result is not None
    assert "no token endpoint" in result.error
    assert "spec.server" in result.hint


def test_a_missing_secret_of_a_registered_provider_holds_its_accounts(world: RegisteringWorld):
    world.apply(static_provider())
    world.store.delete_newest(reference_path(CLIENT))
    provider = static_provider()
    with pytest.raises(SecretMissing, match="newest version is deleted"):
        ready_provider(
            world.run(), provider, observed=world.observe(), trust=world.trust(provider), ports=world.ports()
        )


def test_trust_is_settled_before_the_secret_is_even_read():
    world = RegisteringWorld(mode=TrustMode.STRICT)
    world.put_secret(CLIENT, client_secret="s1")
    world.store.forget_requests()
    result, _ = world.apply(static_provider())
    assert result is not None
    assert (result.outcome, result.reason, result.code) == (Outcome.REFUSED, "NotTrusted", 3)
    assert result.hint == "reconciler trust provider/team/sandbox"
    assert [r for r in world.store.requests if r.operation == "read" and str(r.path) == CLIENT] == []
    assert world.store.writes() == []
