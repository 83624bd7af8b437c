"""Taking over a refresh token: stored before it is presented, proved by the ordinary refresh, published when it is proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.decide.import_document import ImportedToken
from reconciler.decide.results import Outcome, Result
from reconciler.engine.importing import import_grant
from reconciler.engine.run import Run
from reconciler.errors import GuardRefused, HeldByAnother, ObjectFailed, ProviderFailed
from reconciler.model.behaviour import IdentityRules, IdentitySource, LifetimeKind, RefreshLifetime, Rotation
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import GrantRecord
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, Reason
from tests.engine.refresh_world import HOST, LAYOUT, MINUTE, Killed, RefreshWorld, trusted
from tests.simulators.token_endpoint import Fault, answer

ROTATIONS = [Rotation.SINGLE_USE, Rotation.REUSABLE, Rotation.OLD_STAYS_VALID]


class ImportWorld(RefreshWorld):
    """A refresh world whose tokens somebody brings from elsewhere."""

    @property
    def provider(self) -> ReadyProvider:
        provider = super().provider
        return replace(provider, endpoints=replace(provider.endpoints, userinfo=trusted("/userinfo")))

    def elsewhere(self, subject: str = "ana", scope: tuple[str, ...] = ("read",)) -> Secret:
        """A refresh token that another tool got for this client."""
        return self.server.consent(subject=subject, scope=scope)

    def brings(
        self,
        account: DesiredAccount,
        token: Secret | None = None,
        *,
        run: Run | None = None,
        replaces: bool = False,
        **known: Any,
    ) -> Result:
        imported = ImportedToken(token or self.elsewhere(), **known)
        return import_grant(
            run or self.run, account, self.provider, token=imported, by="ana@laptop", replaces=replaces
        )

    def has_published(self, account: DesiredAccount) -> bool:
        return self.store.read(LAYOUT.token(account.address)).document is not None


def world(rotation: Rotation = Rotation.SINGLE_USE, **more: Any) -> ImportWorld:
    more.setdefault("behaves", {})
    return ImportWorld(rotation=rotation, **more)


def with_identity(**more: Any) -> ImportWorld:
    return world(behaves={"identity": IdentityRules(source=IdentitySource.USERINFO)}, **more)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_token_is_taken_over_proved_and_published(rotation: Rotation):
    w = world(rotation)
    account = w.declared()
    result = w.brings(account)
    assert (result.outcome, result.action, result.code) == (Outcome.DONE, "import", 0), result
    assert result.message.startswith("taken over and proved by a refresh, good until")
    assert w.is_intact(account)
    assert w.is_served(account)
    status = w.account_status(account)
    assert (status.state, status.reason, status.unsettled) == (AccountState.READY, Reason.FRESH, False)


def test_where_it_came_from_stands_in_the_grant_and_in_the_status():
    w = world()
    w.run = w.make_run(commit="c0ffee1")
    account = w.declared()
    w.brings(account)
    came = w.grant(account).imported
    assert came is not None
    assert (came.at, came.by, came.commit, came.proved) == (w.clock.now(), "ana@laptop", "c0ffee1", True)
    status = w.account_status(account)
    assert (status.imported_at, status.imported_by) == (w.clock.now(), "ana@laptop (commit c0ffee1)")


def test_a_later_refresh_keeps_where_it_came_from_and_a_consent_ends_it():
    w = world()
    account = w.declared()
    w.brings(account)
    w.clock.advance(55 * MINUTE)
    assert w.refresh_one().outcome is Outcome.DONE
    assert w.grant(account).imported is not None
    w.consented()
    assert w.grant(account).imported is None
    assert w.account_status(account).imported_at is None


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_it_is_in_the_store_before_it_is_presented(rotation: Rotation):
    w = world(rotation)
    account = w.declared()
    token = w.elsewhere()
    stored: list[GrantRecord] = []
    w.server.on_request = lambda form: stored.append(w.grant(account))
    w.brings(account, token)
    assert stored[0].refresh_token == token
    assert stored[0].is_unproved
    assert (stored[0].intent is not None) is rotation.needs_intent


@pytest.mark.parametrize(
    "name", ["import.stored", "refresh.intent-written", "refresh.committed", "import.proved"]
)
def test_one_that_was_cut_off_is_ended_by_the_next_run(name: str):
    w = world()
    account = w.declared()

    def dies(reached: str) -> None:
        if reached == name:
            raise Killed

    dying = w.make_run(store=w.store.another_client(), failpoint=dies)
    with pytest.raises(Killed):
        w.brings(account, run=dying)
    w.clock.advance(timedelta(hours=1))
    result = w.refresh_one()
    assert result.outcome is Outcome.DONE, result
    assert w.is_intact(account)
    assert w.is_served(account)
    assert not w.grant(account).is_unproved


def test_until_it_is_proved_nothing_is_published():
    w = world()
    account = w.declared()
    w.server.faults.append(Fault.LOST_BEFORE)
    result = w.brings(account)
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert result.message.startswith("stored, and not proved yet")
    assert not w.has_published(account)
    w.clock.advance(2 * MINUTE)
    assert w.refresh_one().outcome is Outcome.DONE
    assert w.is_served(account)


def test_a_token_that_the_provider_refuses_is_told_at_once_and_another_may_follow():
    w = world()
    account = w.declared()
    result = w.brings(account, Secret("nobody-knows-it"))
    assert (result.outcome, result.code) == (Outcome.REFUSED, 4)
    assert "refused by the provider" in result.message
    assert w.account_status(account).state is AccountState.NEEDS_CONSENT
    assert w.brings(account).outcome is Outcome.DONE


# ------------------------------------------------------------------------------------------- what stands there already


def test_a_grant_that_stands_there_is_not_replaced_unless_that_was_asked_for():
    w = world()
    account = w.consented()
    before = w.token_of(account)
    with pytest.raises(GuardRefused, match="a grant stands there already") as caught:
        w.brings(account)
    assert "--replace" in (caught.value.hint or "")
    assert w.token_of(account) == before


def test_the_grant_that_was_replaced_stays_as_an_older_version():
    w = world()
    account = w.consented()
    before, version = w.token_of(account), w.store.read(LAYOUT.grant(account.address)).version
    assert w.brings(account, replaces=True).outcome is Outcome.DONE
    older = w.store.read(LAYOUT.grant(account.address), version=version).document
    assert older is not None
    assert GrantRecord.from_document(older).refresh_token == before
    assert w.token_of(account) != before


def test_a_grant_comes_back_where_its_replacement_is_refused():
    w = world()
    account = w.consented()
    before, published = w.token_of(account), w.published(account)
    w.clock.advance(timedelta(minutes=61))
    result = w.brings(account, Secret("nobody-knows-it"), replaces=True)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 4)
    assert "the grant that stood there before is back" in result.message
    assert w.token_of(account) == before
    assert w.published(account) == published
    assert w.refresh_one().outcome is Outcome.DONE


def test_a_refresh_that_is_under_way_is_waited_for():
    """What it brings would be dropped, and the grant that is to come back, if the import is refused, would be a spent one."""
    w = world()
    account = w.consented()
    w.clock.advance(55 * MINUTE)
    held: list[HeldByAnother] = []

    def brings(form: Any) -> None:
        w.server.on_request = lambda form: None
        other = w.make_run(store=w.store.another_client(), holder=replace(HOST, pid=7))
        with pytest.raises(HeldByAnother, match="a refresh is under way") as caught:
            w.brings(account, Secret("nobody's"), run=other, replaces=True)
        held.append(caught.value)

    w.server.on_request = brings
    assert w.refresh_one().outcome is Outcome.DONE
    assert held
    assert w.is_intact(account)
    w.brings(account, Secret("nobody's"), replaces=True)
    w.clock.advance(11 * MINUTE)
    w.refresh_one()
    assert w.is_intact(account), "refused twice: the one before is back"


def test_a_consent_that_lands_in_between_is_not_replaced():
    w = world()
    account = w.declared()

    def somebody_consents(reached: str) -> None:
        if reached == "import.announced":
            w.consented()

    run = w.make_run(store=w.store.another_client(), failpoint=somebody_consents)
    with pytest.raises(HeldByAnother, match="somebody else stored a grant"):
        w.brings(account, run=run)
    assert w.grant(account).imported is None


def test_what_another_owner_wrote_is_left_alone():
    w = world()
    account = w.declared()
    w.store.write_metadata(LAYOUT.token(account.address), {"managed-by": "reconciler/other"})
    with pytest.raises(ObjectFailed, match="belongs to reconciler/other"):
        w.brings(account)
    assert w.server.seen == []


# --------------------------------------------------------------------------------------------------------- whose it is


def test_whose_it_is_is_recorded():
    w = with_identity()
    account = w.declared()
    assert w.brings(account, w.elsewhere("ana")).outcome is Outcome.DONE
    assert w.grant(account).subject == "ana"


@pytest.mark.parametrize("known", [{"subject": "ana"}, {}])
def test_the_token_of_another_person_is_set_aside_and_reaches_no_workload(known: dict[str, Any]):
    w = with_identity()
    account = w.declared(identity=None if known else "ana")
    result = w.brings(account, w.elsewhere("ben"), **known)
    assert (result.outcome, result.code, result.reason) == (Outcome.REFUSED, 5, "IdentityChanged")
    assert "the token is ben's" in result.message
    assert not w.has_published(account)
    record = w.grant(account)
    assert record.forgotten
    assert w.server.is_current(record.refresh_token), "what was brought is not lost"
    assert w.account_status(account).state is AccountState.PENDING_CONSENT


def test_the_token_of_another_person_gives_the_place_back_to_the_grant_before():
    w = with_identity()
    account = w.declared()
    w.brings(account, w.elsewhere("ana"))
    before, published = w.token_of(account), w.published(account)
    result = w.brings(account, w.elsewhere("ben"), replaces=True)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert w.token_of(account) == before
    assert w.published(account) == published
    assert w.account_status(account).state is AccountState.READY
    w.clock.advance(55 * MINUTE)
    assert w.refresh_one().outcome is Outcome.DONE


def test_one_that_is_said_to_be_another_persons_is_refused_before_anything_is_sent():
    w = with_identity()
    account = w.declared()
    w.brings(account, w.elsewhere("ana"))
    sent = len(w.server.seen)
    result = w.brings(account, replaces=True, subject="ben")
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert len(w.server.seen) == sent
    assert not w.grant(account).is_unproved


def test_an_identity_that_cannot_be_asked_just_now_is_asked_by_the_next_run():
    w = with_identity()
    account = w.declared(identity="ana")
    w.server.get_faults.extend([answer(503, {})] * 3)
    result = w.brings(account, w.elsewhere("ana"))
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert not w.has_published(account)
    assert w.refresh_one().outcome is Outcome.DONE
    assert w.is_served(account)


def test_an_identity_that_nobody_can_tell_is_refused_before_anything_is_stored():
    w = world()
    account = w.declared(identity="ana")
    with pytest.raises(ProviderFailed, match="cannot be checked"):
        w.brings(account)
    assert w.store.read(LAYOUT.grant(account.address)).version == 0


def test_a_subject_that_nobody_can_check_is_said_to_be_unchecked():
    w = world()
    result = w.brings(w.declared(), subject="ana")
    assert "whose token it is cannot be checked: its provider does not tell" in result.warnings


def test_a_token_of_another_client_is_not_sent():
    w = world()
    account = w.declared()
    with pytest.raises(GuardRefused, match="another client"):
        w.brings(account, client_id="another")
    assert w.server.seen == []


def test_a_suspended_account_takes_no_grant():
    w = world()
    assert w.brings(w.declared(suspend=True)).outcome is Outcome.REFUSED
    assert w.server.seen == []


# -------------------------------------------------------------------------------------------------------- scopes, ends


def test_scopes_that_were_never_granted_are_named_and_asked_for():
    w = world()
    account = w.declared(scopes=("read", "write"))
    result = w.brings(account, w.elsewhere(scope=("read",)), scopes=("read",))
    assert result.outcome is Outcome.DONE
    assert result.warnings == ("not granted: write",)
    record = w.grant(account)
    assert (record.scopes, record.requested_scopes) == (("read",), ("read",))


def absolute(days: int = 90) -> dict[str, Any]:
    lifetime = RefreshLifetime(kind=LifetimeKind.ABSOLUTE, absolute=timedelta(days=days))
    return {"lifetime": lifetime}


def test_an_end_that_is_counted_from_the_consent_is_counted_from_its_date():
    w = world(rules=absolute())
    account = w.declared()
    consented_at = w.clock.now() - timedelta(days=30)
    result = w.brings(account, consented_at=consented_at)
    assert result.warnings == ()
    assert w.account_status(account).refresh_expires_at == consented_at + timedelta(days=90)


def test_without_that_date_it_is_counted_from_now_and_said_to_be():
    w = world(rules=absolute())
    account = w.declared()
    result = w.brings(account)
    assert any("give consented_at" in warning for warning in result.warnings)
    assert w.account_status(account).refresh_expires_at == w.clock.now() + timedelta(days=90)
