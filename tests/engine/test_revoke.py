"""Giving a grant back on purpose: the provider first, then the store, and a status that says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import judge_account
from reconciler.decide.results import Outcome, Result
from reconciler.decide.revoke_words import foretell
from reconciler.engine.revoke import refuse_protected, revoke_account
from reconciler.engine.run import Run
from reconciler.errors import GuardRefused, HeldByAnother, ObjectFailed, ProviderFailed, ProviderUnreachable
from reconciler.model.behaviour import AccessRemoval, IdentityRules, IdentitySource, RevocationRules, Rotation
from reconciler.model.desired import DesiredAccount
from reconciler.model.names import account_address
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import AccountState, GrantType, Reason
from reconciler.model.status import AccountStatus
from tests.engine.refresh_world import LAYOUT, SOON, Killed, RefreshWorld, take_over, trusted
from tests.simulators.manifests import make_behaviour
from tests.simulators.token_endpoint import Fault, answer

PAGE = AccessRemoval(url="https://as.example/apps", steps="the app > Remove")


class RevokeWorld(RefreshWorld):
    can_revoke = True

    @property
    def provider(self) -> ReadyProvider:
        provider = super().provider
        endpoints = replace(provider.endpoints, userinfo=trusted("/userinfo"))
        return replace(
            provider, endpoints=replace(endpoints, revocation=trusted("/revoke") if self.can_revoke else None)
        )

    def revokes(self, account: DesiredAccount, *, run: Run | None = None) -> Result:
        return revoke_account(run or self.run, account, self.provider)

    def living(self, account: DesiredAccount) -> bool:
        """Whether workloads can read a token."""
        return self.store.read(LAYOUT.token(account.address)).document is not None

    def health(self, account: DesiredAccount) -> Any:
        (work,) = self.work(account.address.short)
        return judge_account(
            AccountView(
                address=account.address,
                account=account,
                observed=work.observed,
                provider=work.provider.desired,
                provider_observed=work.provider_observed,
                now=self.clock.now(),
                owner="default",
            )
        )

    def asked(self) -> list[tuple[str, str]]:
        """Every token that was to be revoked, with its hint."""
        return [(s.form["token"], s.form["token_type_hint"]) for s in self.server.seen if s.path == "/revoke"]


ROTATIONS = [Rotation.SINGLE_USE, Rotation.REUSABLE]


def consented(rotation: Rotation = Rotation.SINGLE_USE, **more: Any) -> tuple[RevokeWorld, DesiredAccount]:
    world = RevokeWorld(rotation=rotation, **more)
    return world, world.consented()


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_the_refresh_token_goes_first_and_the_access_token_after_it(rotation: Rotation):
    world, drive = consented(rotation)
    refresh, access = world.token_of(drive), world.published(drive)
    result = world.revokes(drive)
    assert (result.outcome, result.action, result.code) == (Outcome.DONE, "revoke", 0), result
    assert world.asked() == [(refresh.reveal(), "refresh_token"), (access, "access_token")]
    assert not world.server.is_current(refresh)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_nothing_is_published_any_more_and_the_status_says_why(rotation: Rotation):
    world, drive = consented(rotation)
    world.revokes(drive)
    assert not world.living(drive)
    health = world.health(drive)
    assert (health.state, health.reason) == (AccountState.NEEDS_CONSENT, Reason.REVOKED_HERE)
    assert health.message == "revoked on purpose with 'reconciler revoke'"
    assert not health.due


def test_no_older_version_of_what_was_published_can_be_read():
    world, drive = consented(Rotation.REUSABLE)
    world.clock.advance(SOON)
    world.refresh()
    world.revokes(drive)
    path = LAYOUT.token(drive.address)
    assert [world.store.read(path, version=version).document for version in (1, 2)] == [None, None]


def test_the_tombstone_still_carries_the_refresh_token():
    world, drive = consented()
    token = world.token_of(drive)
    world.revokes(drive)
    record = world.grant(drive)
    assert record.forgotten
    assert record.refresh_token == token


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("force", [False, True])
def test_it_is_not_refreshed_any_more_and_a_consent_begins_anew(rotation: Rotation, force: bool):
    world, drive = consented(rotation)
    world.revokes(drive)
    before = len(world.server.seen)
    world.clock.advance(SOON)
    assert world.refresh_one(force=force).outcome is Outcome.SKIPPED
    assert len(world.server.seen) == before
    world.consented()
    assert world.health(drive).state is AccountState.READY


def test_what_is_left_to_do_by_hand_is_told():
    world, drive = consented(behaves={"access_removal": PAGE})
    assert world.revokes(drive).warnings == (
        (
            "left to do by hand, where the provider goes on listing the app: "
            "remove the app at https://as.example/apps (the app > Remove)"
        ),
    )


def test_without_an_endpoint_the_rest_is_done_and_a_person_is_needed():
    world, drive = consented(behaves={"access_removal": PAGE})
    world.can_revoke = False
    result = world.revokes(drive)
    assert (result.outcome, result.code, result.reason) == (Outcome.DONE, 5, "LeftByHand")
    assert result.message.endswith("at the provider it still stands")
    assert result.warnings == (
        "left to do by hand: remove the app at https://as.example/apps (the app > Remove)",
    )
    assert not world.living(drive)
    assert world.grant(drive).forgotten


# ------------------------------------------------------------------------------------------------------- what fails


@pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.LOST_BEFORE, Fault.LOST_AFTER, answer(503, {})])
def test_where_the_provider_does_not_take_it_back_everything_is_as_before(fault: Any):
    world, drive = consented()
    world.server.faults.append(fault)
    with pytest.raises(ProviderFailed):
        world.revokes(drive)
    assert not world.grant(drive).forgotten
    assert world.living(drive)
    assert world.health(drive).state is AccountState.READY


def test_an_answer_that_never_came_is_told_as_unclear_and_the_same_command_ends_it():
    world, drive = consented()
    world.server.faults.append(Fault.LOST_AFTER)
    with pytest.raises(ProviderUnreachable, match="whether it was taken back is not known"):
        world.revokes(drive)
    assert world.revokes(drive).outcome is Outcome.DONE
    assert world.grant(drive).forgotten


@pytest.mark.parametrize("error", ["invalid_token", "invalid_grant"])
def test_a_token_that_is_no_good_there_is_gone_already(error: str):
    world, drive = consented()
    world.server.faults.append(answer(400, {"error": error}))
    assert world.revokes(drive).outcome is Outcome.DONE


def test_an_access_token_that_cannot_be_taken_back_is_told_and_fails_nothing():
    world, drive = consented()
    world.server.on_request = lambda form: (
        world.server.faults.append(answer(400, {"error": "unsupported_token_type"}))
        if form.get("token_type_hint") == "access_token"
        else None
    )
    result = world.revokes(drive)
    assert (result.outcome, result.code) == (Outcome.DONE, 0)
    assert any("may work until it expires" in warning for warning in result.warnings)


@pytest.mark.parametrize("name", ["revoke.taken-back", "revoke.set-aside"])
def test_one_that_was_cut_off_is_ended_by_the_same_command(name: str):
    world, drive = consented()

    def dies(reached: str) -> None:
        if reached == name:
            raise Killed

    with pytest.raises(Killed):
        world.revokes(drive, run=world.make_run(store=world.store.another_client(), failpoint=dies))
    assert world.revokes(drive).outcome in (Outcome.DONE, Outcome.SKIPPED)
    assert not world.living(drive)
    assert world.health(drive).reason is Reason.REVOKED_HERE


def test_a_refresh_that_came_in_between_loses_its_newer_token_too():
    world, drive = consented()
    world.clock.advance(SOON)
    refreshed: list[str] = []

    def meanwhile(reached: str) -> None:
        if reached == "revoke.taken-back" and not refreshed:
            stands = world.store.read(LAYOUT.grant(drive.address))
            newer = world.server.consent(subject="ana", scope=drive.scopes)
            refreshed.append(newer.reveal())
            record = replace(world.grant(drive), refresh_token=newer)
            world.store.another_client().write(
                LAYOUT.grant(drive.address), record.to_document(), cas=stands.version
            )

    run = world.make_run(store=world.store.another_client(), failpoint=meanwhile)
    assert world.revokes(drive, run=run).outcome is Outcome.DONE
    assert world.server.families[refreshed[0]].revoked
    assert world.grant(drive).forgotten


def test_a_run_that_publishes_after_it_leaves_no_status_that_says_all_is_well():
    world, drive = consented(Rotation.REUSABLE)
    before = world.account_status(drive)
    world.revokes(drive)
    world.store.write_metadata(LAYOUT.token(drive.address), before.to_metadata())
    world.clock.advance(SOON)
    world.refresh()
    assert world.health(drive).reason is Reason.REVOKED_HERE


def test_a_refresh_under_way_is_not_cut_off():
    world, drive = consented()
    take_over(world, drive)
    with pytest.raises(HeldByAnother):
        world.revokes(drive)
    assert world.asked() == []


# ------------------------------------------------------------------------------------------------------ what may not


def test_a_protected_account_is_refused_by_its_manifest():
    world, _ = consented()
    with pytest.raises(GuardRefused, match="it is protected"):
        world.revokes(world.moves("team/drive", protect=True))
    assert world.asked() == []


def test_and_by_what_was_last_applied():
    world = RevokeWorld()
    world.consented(protect=True)
    with pytest.raises(GuardRefused, match="by what was last applied"):
        world.revokes(world.moves("team/drive", protect=False))
    assert world.asked() == []


def test_a_protected_account_that_would_end_with_it_stops_it():
    _, drive = consented()
    with pytest.raises(GuardRefused, match="and account/team/other is protected"):
        refuse_protected(drive, others=[(account_address("team", "other"), True)])


def test_what_belongs_to_another_owner_is_left_alone():
    world, drive = consented()
    stands = world.store.read(LAYOUT.grant(drive.address))
    foreign = replace(world.grant(drive), owner="reconciler/other")
    world.store.write(LAYOUT.grant(drive.address), foreign.to_document(), cas=stands.version)
    with pytest.raises(ObjectFailed, match="belongs to reconciler/other"):
        world.revokes(drive)
    assert world.asked() == []


def test_a_grant_of_another_client_is_not_sent():
    world, drive = consented()
    stands = world.store.read(LAYOUT.grant(drive.address))
    world.store.write(
        LAYOUT.grant(drive.address),
        replace(world.grant(drive), client_id="another").to_document(),
        cas=stands.version,
    )
    with pytest.raises(ProviderFailed, match="another client or by another server"):
        world.revokes(drive)
    assert world.asked() == []


def test_there_is_nothing_to_revoke_where_nobody_consented():
    world = RevokeWorld()
    assert world.revokes(world.declared()).message == "there is no grant to revoke"
    service = world.declared("team/robot", grant=GrantType.CLIENT_CREDENTIALS)
    assert world.revokes(service).outcome is Outcome.SKIPPED


# ----------------------------------------------------------------------------------------- the base's own endpoint

OWN = RevocationRules.model_validate(
    {"method": "delete", "token": "access", "path": "{subject}/apps/{clientId}", "reach": "app"}
)


def own(**more: Any) -> tuple[RevokeWorld, DesiredAccount]:
    identity = IdentityRules(source=IdentitySource.USERINFO)
    world = RevokeWorld(behaves={"revocation": OWN, "identity": identity}, **more)
    drive = world.consented()
    world.clock.advance(SOON)
    world.refresh()
    stands = world.store.read(LAYOUT.grant(drive.address))
    named = replace(world.grant(drive), subject="ana/1")
    world.store.write(LAYOUT.grant(drive.address), named.to_document(), cas=stands.version)
    return world, drive


def test_an_endpoint_of_the_bases_own_is_called_as_the_base_says():
    world, drive = own()
    assert world.revokes(drive).outcome is Outcome.DONE
    assert world.server.seen[-1].path == "/revoke/ana%2F1/apps/client"
    assert not world.is_intact(drive)


def test_it_needs_a_living_access_token_and_says_so():
    world, drive = own()
    world.server.get_faults.append(answer(401, {}))
    with pytest.raises(ProviderFailed, match="HTTP 401") as caught:
        world.revokes(drive)
    assert "refresh team/drive --force" in (caught.value.hint or "")
    assert not world.grant(drive).forgotten


def test_a_subject_cannot_lead_the_call_elsewhere():
    world, drive = own()
    stands = world.store.read(LAYOUT.grant(drive.address))
    wrong = replace(world.grant(drive), subject="..")
    world.store.write(LAYOUT.grant(drive.address), wrong.to_document(), cas=stands.version)
    sent = len(world.server.seen)
    with pytest.raises(ProviderFailed, match="makes no URL"):
        world.revokes(drive)
    assert len(world.server.seen) == sent


@pytest.mark.parametrize(
    "wrong", [{"path": "{provider}/x"}, {"path": "a/../b"}, {"path": "x?y=1"}, {"method": "delete"}]
)
def test_a_base_that_says_it_wrongly_is_refused(wrong: dict[str, str]):
    with pytest.raises(ValueError, match=r"a path holds|a DELETE carries"):
        RevocationRules.model_validate(wrong)


# ------------------------------------------------------------------------------------------------- what is said before


def observed(world: RevokeWorld) -> Any:
    return {work.account.address: work.observed for work in world.work()}


def fingerprinted(world: RevokeWorld, account: DesiredAccount, subject: str) -> None:
    metadata = world.store.read_metadata(LAYOUT.token(account.address))
    status = AccountStatus.from_metadata(metadata.custom)
    assert status is not None
    world.store.write_metadata(LAYOUT.token(account.address), replace(status, subject=subject).to_metadata())


def test_the_grants_that_end_with_it_are_named_before():
    world, drive = consented()
    mail, chat, other = (world.consented(f"team/{name}") for name in ("mail", "chat", "other"))
    for account, subject in ((drive, "ana"), (mail, "ana"), (chat, ""), (other, "ben")):
        fingerprinted(world, account, subject)
    behaviour = make_behaviour(revocation=OWN)
    said = foretell(drive.address, behaviour=behaviour, can_revoke=True, observed=observed(world))
    assert said.others == (chat.address, mail.address)
    assert said.lines == (
        "account/team/drive loses its grant: its workloads fail until its owner consents again",
        "its provider takes back all that this person granted to the app, not this grant alone",
        "by the same person and app, and ended too: account/team/chat, account/team/mail",
    )


def test_where_one_grant_ends_alone_no_other_is_named():
    world, drive = consented()
    world.consented("team/mail")
    said = foretell(drive.address, behaviour=make_behaviour(), can_revoke=False, observed=observed(world))
    assert said.others == ()
    assert said.lines[1] == "its provider has no way to revoke by machine: that part is left to do by hand"
