"""What differs between a declared provider and the store, told from metadata alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.decide.provider_change import FieldChange, Precondition, ProviderAction, ProviderReason
from reconciler.decide.provider_fields import declared_endpoints
from reconciler.decide.registering import RENEW_BEFORE, compare
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredClient, DesiredProvider, Registration
from reconciler.model.names import provider_address
from reconciler.model.observed import ObservedProvider, ObservedSecret
from reconciler.model.state import DeletionPolicy
from reconciler.model.status import MANAGED_BY, ProviderStatus, ownership_mark
from reconciler.model.store_path import reference_path
from reconciler.model.stored import KeyMetadata, VersionInfo
from tests.simulators.manifests import PROVIDER, make_behaviour, make_provider, secret_ref

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = reference_path("clients/team/sandbox")
OURS = ownership_mark("default")


def secret(version: int = 1, *, deleted: bool = False) -> ObservedSecret:
    gone = NOW if deleted else None
    versions = {n: VersionInfo(n, NOW, gone if n == version else None) for n in range(1, version + 1)}
    return ObservedSecret(SECRET, KeyMetadata(version, versions))


def status(**other: object) -> ProviderStatus:
    provider = make_provider()
    return replace(
        ProviderStatus(
            managed_by=OURS,
            manifest_digest=provider.digest,
            registration="static",
            registered_at=NOW,
            client_id="client-1",
            secret_path=str(SECRET),
            secret_version=1,
            endpoints=declared_endpoints(provider.behaviour),
            redirect_uri="http://127.0.0.1/callback",
        ),
        **other,  # type: ignore[arg-type]  # any field
    )


def stored(found: ProviderStatus | None, *, version: int = 0, custom: dict[str, str] | None = None):
    metadata = KeyMetadata(version, custom=custom or (found.to_metadata() if found else {}))
    return ObservedProvider(PROVIDER, metadata, found)


def change_of(
    desired: DesiredProvider | None,
    observed: ObservedProvider | None = None,
    *,
    now: datetime = NOW,
    seen=None,
):
    return compare(
        desired,
        observed or stored(status()),
        secrets={SECRET: seen or secret()},
        owner="default",
        now=now,
    )


NOTHING_THERE = ObservedProvider(PROVIDER)


def test_an_unchanged_provider_gives_no_change_however_often_it_is_asked():
    assert change_of(make_provider()) is None
    moved_in_file = replace(make_provider(), location=make_provider(line=99).location)
    assert change_of(moved_in_file) is None


def test_a_provider_seen_first_is_registered_and_its_redirect_uri_is_shown():
    change = change_of(make_provider(), NOTHING_THERE)
    assert change is not None
    assert (change.action, change.reason) == (ProviderAction.REGISTER, ProviderReason.FIRST_SEEN)
    assert change.message == "static client, secret clients/team/sandbox version 1"
    assert change.notes == ("redirect URI to allow at its console: http://127.0.0.1/callback",)
    assert change.preconditions == (
        Precondition("providers/team/sandbox", 0),
        Precondition("clients/team/sandbox", 1),
        Precondition("provider/team/sandbox", 0, "1" * 16),
    )
    assert str(change.location) == "manifests/team/sandbox.yaml:1:1"


def test_what_could_not_be_read_never_creates_changes_or_deletes():
    unknown = ObservedProvider(PROVIDER, unreadable="denied")
    assert change_of(make_provider(), unknown) is None
    assert change_of(None, unknown) is None


def test_a_rotated_secret_is_told_by_its_version():
    change = change_of(make_provider(), seen=secret(5))
    assert change is not None
    assert change.reason is ProviderReason.SECRET_ROTATED
    assert change.fields == (FieldChange("client_secret version", "1", "5"),)
    assert change.risk == ""


def test_a_pinned_secret_does_not_follow_newer_versions():
    pinned = make_provider(client=DesiredClient(id="client-1", secret_ref=secret_ref(version=1)))
    assert change_of(pinned, seen=secret(5)) is None


@pytest.mark.parametrize(
    "seen", [ObservedSecret(SECRET), secret(2, deleted=True), ObservedSecret(SECRET, KeyMetadata(0))]
)
def test_a_reference_that_leads_nowhere_blocks_the_change(seen: ObservedSecret):
    for observed in (NOTHING_THERE, stored(status())):
        change = change_of(make_provider(), observed, seen=seen)
        assert change is not None
        assert change.blocked == "there is no secret at clients/team/sandbox#client_secret"


def test_a_secret_that_the_plan_may_not_see_is_not_taken_for_missing():
    change = change_of(make_provider(), NOTHING_THERE, seen=ObservedSecret(SECRET, unreadable="denied"))
    assert change is not None
    assert change.blocked == ""
    assert "could not be read" in change.notes[-1]
    assert change_of(make_provider(), seen=ObservedSecret(SECRET, unreadable="denied")) is None


def test_fields_that_differ_are_named_in_a_fixed_order():
    provider = make_provider(
        digest="2" * 16,
        client_id="client-2",
        redirect_uris=["http://localhost/cb"],
        deletion_policy=DeletionPolicy.REVOKE,
        protect=True,
        behaviour=make_behaviour("http://127.0.0.1:9400", endpoints=None),
    )
    change = change_of(provider)
    assert change is not None
    names = [field.name for field in change.fields]
    assert names[0] == "client id"
    assert names[-3:] == ["redirect URI", "deletionPolicy", "protect"]


def test_a_change_that_no_field_shows_is_told_by_the_digest():
    unchanged = status(endpoints={"token": "http://127.0.0.1:9400/token"})
    behaviour = Behaviour.model_validate(
        {"endpoints": {"token": "http://127.0.0.1:9400/token"}, "access_token": {"lifetime": "5m"}}
    )
    change = change_of(make_provider(digest="2" * 16, behaviour=behaviour), stored(unchanged))
    assert change is not None
    assert change.fields == (FieldChange("manifest", "1" * 16, "2" * 16),)


@pytest.mark.parametrize("found", [{MANAGED_BY: "reconciler/other"}, {"made": "by hand"}])
def test_what_another_owner_or_nobody_wrote_is_foreign(found: dict[str, str]):
    observed = stored(None, custom=found)
    change = change_of(make_provider(), observed)
    assert change is not None
    assert change.action is ProviderAction.ADOPT
    assert change.foreign_owner in ("reconciler/other", "nobody")
    assert change_of(None, observed) is None


def test_an_unreadable_status_of_ours_is_written_anew():
    change = change_of(make_provider(), stored(None, custom={MANAGED_BY: OURS}))
    assert change is not None
    assert change.reason is ProviderReason.STATUS_UNREADABLE


def test_a_replaced_client_is_a_fact_for_the_guard():
    change = change_of(make_provider(digest="2" * 16, client_id="client-2"))
    assert change is not None
    assert change.client_replaced
    assert change.risk
    kind = change_of(make_provider(digest="2" * 16, registration=Registration.DYNAMIC))
    assert kind is not None
    assert kind.client_replaced


def at_issuer(issuer: str, **other: object) -> DesiredProvider:
    behaviour = Behaviour.model_validate({"issuer": issuer, "discovery": True, **other})
    return make_provider(behaviour=behaviour, digest="2" * 16)


def test_a_replaced_issuer_is_a_fact_for_the_guard():
    change = change_of(at_issuer("https://new.example"), stored(status(issuer="https://old.example")))
    assert change is not None
    assert change.issuer_replaced
    assert change.reason is ProviderReason.ISSUER_REPLACED


def test_a_token_endpoint_at_another_origin_is_another_issuer():
    change = change_of(make_provider(digest="2" * 16, behaviour=make_behaviour("http://127.0.0.1:9401")))
    assert change is not None
    assert change.issuer_replaced


def test_a_shipped_base_that_moved_is_the_same_issuer_and_one_in_git_is_not():
    moved = at_issuer("https://new.example", former_origins=["https://old.example"])
    recorded = stored(status(issuer="https://old.example"))
    by_catalogue = change_of(replace(moved, base_shipped=True), recorded)
    by_git = change_of(moved, recorded)
    overridden = change_of(
        replace(moved, base_shipped=True, overridden=frozenset({"former_origins"})), recorded
    )
    assert by_catalogue is not None
    assert by_git is not None
    assert overridden is not None
    assert [c.issuer_replaced for c in (by_catalogue, by_git, overridden)] == [False, True, True]


def test_what_was_discovered_is_not_a_difference():
    found = {"token": "https://as.example/t", "revocation": "https://as.example/r"}
    provider = replace(at_issuer("https://as.example"), digest="1" * 16)
    recorded = stored(status(issuer="https://as.example", endpoints=found))
    assert change_of(provider, recorded) is None


# -------------------------------------------------------------------------------------------- dynamic and removal


def dynamic(**other: object) -> DesiredProvider:
    return make_provider(registration=Registration.DYNAMIC, **other)  # type: ignore[arg-type]  # any field


def dynamic_status(**other: object) -> ProviderStatus:
    return status(registration="dynamic", secret_path="", secret_version=0, **other)


@pytest.mark.parametrize(("newest", "interrupted"), [(3, False), (4, True), (5, False)])
def test_an_announced_registration_is_open_only_while_the_record_is_the_announcement(
    newest: int, interrupted: bool
):
    announced = dynamic_status(intent_op="op", intent_since=NOW, intent_version=4, client_id="")
    change = change_of(dynamic(), stored(announced, version=newest))
    assert change is not None
    assert change.action is ProviderAction.REGISTER
    assert (change.interrupted_since is not None) is interrupted


def test_a_registration_that_was_refused_is_seen_first_again():
    change = change_of(dynamic(), stored(dynamic_status(client_id="", manifest_digest="")))
    assert change is not None
    assert change.reason is ProviderReason.FIRST_SEEN


def test_a_dying_client_secret_asks_for_a_new_one_once_a_day():
    dying = dynamic_status(client_secret_expires_at=NOW + RENEW_BEFORE - timedelta(hours=1), applied_at=NOW)
    assert change_of(dynamic(), stored(dying)) is None
    later = change_of(dynamic(), stored(dying), now=NOW + timedelta(days=1))
    assert later is not None
    assert later.reason is ProviderReason.CLIENT_SECRET_EXPIRING


def test_what_is_no_longer_declared_is_deregistered_as_its_record_says():
    for policy, words in (("Revoke", "deleted at the provider"), ("Orphan", "set aside")):
        change = change_of(None, stored(dynamic_status(deletion_policy=policy, protect=True)))
        assert change is not None
        assert (change.action, change.protected) == (ProviderAction.DEREGISTER, True)
        assert words in change.message


def test_what_was_set_aside_is_not_deregistered_twice_and_comes_back_when_declared():
    aside = stored(dynamic_status(removed_at=NOW))
    assert change_of(None, aside) is None
    change = change_of(dynamic(), aside)
    assert change is not None
    assert change.reason is ProviderReason.DECLARED_AGAIN


def test_nothing_is_nothing():
    assert change_of(None, ObservedProvider(provider_address("team", "other"))) is None
