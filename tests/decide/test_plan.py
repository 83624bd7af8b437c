"""What a plan says: changes for what Git asks, maintenance for what time asks, and nothing for what is as it should be."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.changes import Action, Risk
from reconciler.decide.selection import make_selection
from reconciler.errors import UsageError
from reconciler.model.desired import DesiredClient, Registration
from reconciler.model.location import Location, Problem
from reconciler.model.observed import ObservedAccount, ObservedProvider, ObservedSecret
from reconciler.model.state import AccountState, ErrorClass, Reason
from reconciler.model.trust import Binding, TrustMode, TrustSettings, TrustView
from tests.decide.health_world import DAY, HOUR, MINUTE, NOW, circuit, key
from tests.decide.plan_world import (
    actions,
    all_applied,
    applied_account,
    applied_provider,
    gone,
    plan,
    secret,
    stored,
)
from tests.simulators.manifests import (
    ACCOUNT,
    PROVIDER,
    make_account,
    make_behaviour,
    make_desired,
    make_provider,
    secret_ref,
)


def test_a_new_repository_registers_and_tracks_everything_once():
    desired = make_desired()
    made = plan(desired, stored(desired=desired))
    assert actions(made) == [("register", str(PROVIDER)), ("track", str(ACCOUNT))]
    assert made.counts()["register"] == 1
    assert made.exit_code() == 0
    assert made.exit_code(detailed=True) == 2


def test_what_was_applied_gives_an_empty_plan():
    desired = make_desired()
    made = plan(desired, all_applied(desired))
    assert (made.changes, made.maintenance, made.blocked, made.attention) == ((), (), (), ())
    assert made.unchanged == 2
    assert made.exit_code(detailed=True) == 0


def test_a_due_refresh_is_maintenance_outside_of_digest_and_exit_code():
    desired = make_desired()
    observed = all_applied(desired)
    late = replace(observed, now=NOW + 45 * MINUTE)
    made = plan(desired, late)
    assert [change.action for change in made.maintenance] == [Action.REFRESH]
    assert made.digest == plan(desired, observed).digest
    assert made.exit_code(detailed=True) == 0


def test_a_rotated_client_secret_is_an_update_by_its_version():
    desired = make_desired()
    observed = all_applied(desired)
    path = secret_ref().path
    made = plan(desired, replace(observed, secrets={path: secret(path, versions=2)}))
    (change,) = made.changes
    assert (change.action, change.reason) == (Action.UPDATE, "SecretRotated")
    assert [(f.before, f.after) for f in change.fields] == [("1", "2")]


def test_a_secret_that_is_not_there_blocks_its_provider_and_nothing_is_invented():
    desired = make_desired()
    path = secret_ref().path
    made = plan(desired, replace(stored(desired=desired), secrets={path: ObservedSecret(path)}))
    (blocked,) = made.blocked
    assert (blocked.address, blocked.reason, blocked.code) == (PROVIDER, "SecretMissing", 4)
    assert blocked.location == desired.providers[PROVIDER].location
    assert actions(made) == [("track", str(ACCOUNT))]
    assert made.exit_code() == 4


def test_nobody_is_asked_to_consent_while_the_provider_is_blocked():
    desired = make_desired()
    path = secret_ref().path
    made = plan(desired, replace(stored(desired=desired), secrets={path: ObservedSecret(path)}))
    assert made.attention == ()
    assert made.healths[ACCOUNT].reason is Reason.PROVIDER_NOT_READY


def test_a_widened_scope_is_attention_and_a_tracked_change_never_a_silent_grant():
    before = make_desired()
    widened = make_account(scopes=("read", "write"), digest="9" * 16, consent_digest="8" * 16)
    desired = make_desired(make_provider(), widened)
    made = plan(desired, all_applied(before))
    assert actions(made) == [("track", str(ACCOUNT))]
    (line,) = made.attention
    assert (line.reason, line.command) == (Reason.SCOPES_WIDENED, "reconciler consent team/drive")
    assert [f.name for f in made.changes[0].fields] == ["scopes"]


def test_scopes_that_the_base_adds_are_said():
    account = make_account(scopes=("read",), added_scopes=("offline_access",))
    desired = make_desired(make_provider(base="microsoft"), account)
    made = plan(desired, stored(desired=desired))
    assert made.changes[1].notes == ("scope added: offline_access (microsoft needs it)",)


def test_a_static_provider_says_which_redirect_uri_its_console_must_allow():
    desired = make_desired()
    made = plan(desired, stored(desired=desired))
    assert "redirect URI to allow at its console: http://127.0.0.1/callback" in made.changes[0].notes


@pytest.mark.parametrize(
    ("field", "behaviour", "words"),
    [
        ("pkce", {"pkce": "unsupported"}, "switches PKCE off"),
        ("issuer_in_response", {"issuer_in_response": False}, "does without `iss`"),
        ("identity.source", {"identity": {"source": "none"}}, "anybody may"),
    ],
)
def test_a_protection_that_a_manifest_switches_off_is_told_to_whoever_reviews_it(field, behaviour, words):
    before = make_desired()
    for overridden in ((field,), ()):
        lowered = make_provider(behaviour=make_behaviour(**behaviour), overridden=overridden, digest="9" * 16)
        made = plan(make_desired(lowered, make_account()), all_applied(before))
        (change,) = [one for one in made.changes if one.address == PROVIDER]
        assert sum(words in note for note in change.notes) == len(overridden)


def test_an_account_that_is_gone_from_git_is_listed_and_removed_only_with_prune():
    desired = make_desired(make_provider(), make_account(), make_account("team/old"))
    observed = all_applied(desired)
    smaller = gone(desired, [make_account("team/old").address])
    made = plan(smaller, observed)
    assert made.changes == ()
    assert [c.action for c in made.removable] == [Action.FORGET]
    pruned = plan(smaller, observed, prune=True)
    assert actions(pruned) == [("forget", "account/team/old")]
    assert pruned.changes[0].risk is Risk.HIGH
    assert pruned.changes[0].location == Location("manifests/team/old.yaml", 10)


def test_deletion_policy_revoke_is_revoked():
    desired = make_desired(make_provider(), make_account())
    observed = stored(
        applied_provider(make_provider()),
        applied_account(make_account()),
        applied_account(make_account("team/old"), deletion_policy="Revoke"),
        desired=desired,
    )
    assert actions(plan(desired, observed, prune=True)) == [("revoke", "account/team/old")]


def test_what_another_owner_wrote_is_not_ours_to_remove():
    desired = make_desired()
    theirs = applied_account(make_account("team/theirs"), mark="reconciler/other")
    observed = replace(
        all_applied(desired), accounts={**all_applied(desired).accounts, theirs.address: theirs}
    )
    made = plan(desired, observed, prune=True)
    assert (made.changes, made.removable, made.guards) == ((), (), ())


def test_an_invalid_manifest_is_neither_changed_nor_taken_for_removed():
    whole = make_desired(make_provider(), make_account(), make_account("team/other"))
    broken = make_account("team/other").address
    problem = Problem(Location("manifests/team/other.yaml", 3, 7), "unknown key 'secretref'")
    desired = replace(gone(whole, [broken]), broken=frozenset({broken}), problems=(problem,))
    made = plan(desired, all_applied(whole), prune=True)
    assert (made.changes, made.removable, made.attention) == ((), (), ())
    assert made.exit_code() == 65
    assert made.frozen


def test_a_file_that_cannot_be_read_proves_no_absence():
    whole = make_desired(make_provider(), make_account(), make_account("team/other"))
    desired = replace(gone(whole, [make_account("team/other").address]), unreadable=True)
    made = plan(desired, all_applied(whole), prune=True)
    assert (made.changes, made.removable) == ((), ())


def test_what_the_store_would_not_tell_is_unknown_and_never_created_or_deleted():
    desired = make_desired()
    observed = stored(
        ObservedProvider(PROVIDER, unreadable="denied"),
        ObservedAccount(ACCOUNT, unreadable="denied"),
        desired=desired,
    )
    made = plan(desired, observed, prune=True)
    assert (made.changes, made.maintenance) == ((), ())
    assert [b.reason for b in made.blocked] == ["StoreUnreadable", "StoreUnreadable"]
    assert made.exit_code() == 4


def test_a_changed_token_endpoint_is_a_trust_change_and_refused():
    provider = make_provider(behaviour=make_behaviour(server="https://as.example"), digest="a" * 16)
    desired = make_desired(provider, make_account())
    view = TrustView(
        TrustSettings(mode=TrustMode.CATALOGUE, loopback=True),
        {"clients/team/sandbox": Binding("clients/team/sandbox", frozenset(), version=1)},
    )
    made = plan(desired, stored(desired=desired, trust=view))
    (blocked,) = made.blocked
    assert blocked.trust_change
    assert blocked.code == 3
    assert "TRUST CHANGE" in blocked.message
    assert "https://as.example" in blocked.origins
    assert made.exit_code() == 3


def test_without_the_settings_of_trust_no_provider_is_touched():
    desired = make_desired()
    observed = replace(stored(desired=desired, trust=None), trust_unreadable="denied")
    made = plan(desired, observed)
    assert [(b.reason, b.message) for b in made.blocked] == [("NotTrusted", "denied")]


def test_an_interrupted_registration_blocks_until_somebody_says_so():
    provider = make_provider(
        registration=Registration.DYNAMIC, behaviour=make_behaviour(issuer="https://as.example")
    )
    desired = make_desired(provider)
    seen = applied_provider(provider, intent_op="op-1", intent_since=NOW - HOUR)
    made = plan(desired, stored(seen, desired=desired))
    (blocked,) = made.blocked
    assert (blocked.reason, blocked.code) == ("InterruptedRegistration", 3)
    assert "2030-06-01T11:00:00Z" in blocked.message
    assert "https://as.example" in blocked.message
    assert "--register-again provider/team/sandbox" in blocked.hint
    again = plan(desired, stored(seen, desired=desired), register_again=frozenset({"team/sandbox"}))
    assert actions(again) == [("register", str(PROVIDER))]


def test_a_suspended_account_with_a_published_token_is_withdrawn():
    account = make_account(suspend=True, digest="9" * 16)
    desired = make_desired(make_provider(), account)
    made = plan(desired, all_applied(make_desired()))
    assert [c.action for c in made.maintenance] == [Action.WITHDRAW]
    assert made.changes[0].consequence == "suspended: the published token is withdrawn"


def test_an_unfinished_refresh_is_said_and_settled_by_the_next_run():
    desired = make_desired()
    seen = replace(applied_account(make_account()), grants=key(DAY, DAY, DAY, MINUTE * 5))
    made = plan(desired, stored(applied_provider(make_provider()), seen, desired=desired))
    (kept,) = made.maintenance
    assert (kept.action, kept.reason) == (Action.REPUBLISH, "RefreshUnclear")


def test_a_provider_that_refuses_our_client_is_one_line_however_many_accounts_wait():
    accounts = [make_account(f"team/a{n}") for n in range(20)]
    desired = make_desired(make_provider(), *accounts)
    incident = applied_provider(make_provider(), circuit=circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED))
    made = plan(desired, stored(incident, *(applied_account(a) for a in accounts), desired=desired))
    (line,) = made.attention
    assert line.address == PROVIDER
    assert line.message.endswith("(invalid_client); 20 accounts wait")


def test_a_client_secret_that_ends_soon_is_somebodys_homework():
    desired = make_desired()
    provider = applied_provider(make_provider(), client_secret_expires_at=NOW + 3 * DAY)
    made = plan(desired, stored(provider, applied_account(make_account()), desired=desired))
    (line,) = made.attention
    assert (line.reason, line.by) == (Reason.CLIENT_SECRET_EXPIRES_SOON, NOW + 3 * DAY)


def test_the_most_urgent_person_is_asked_first():
    accounts = [make_account(f"team/{name}") for name in ("never", "soon", "dead")]
    desired = make_desired(make_provider(), *accounts)
    made = plan(
        desired,
        stored(
            applied_provider(make_provider()),
            applied_account(accounts[1], refresh_expires_at=NOW + 2 * DAY),
            applied_account(
                accounts[2], state=AccountState.NEEDS_CONSENT, reason=Reason.GRANT_REVOKED, lifetime=MINUTE
            ),
            desired=desired,
        ),
    )
    assert [line.address.name for line in made.attention] == ["dead", "soon", "never"]


def test_only_exclude_and_labels_narrow_what_is_listed():
    accounts = [make_account("team/a", labels={"tier": "one"}), make_account("team/b")]
    desired = make_desired(make_provider(), *accounts)
    observed = stored(desired=desired)
    only = make_selection(only=["team/a"])
    assert actions(plan(desired, observed, selection=only)) == [("track", "account/team/a")]
    exclude = make_selection(exclude=["team/a", "provider/team/sandbox"])
    assert actions(plan(desired, observed, selection=exclude)) == [("track", "account/team/b")]
    labelled = make_selection(labels=["tier=one"])
    assert actions(plan(desired, observed, selection=labelled)) == [("track", "account/team/a")]


def test_an_address_that_matches_nothing_is_a_usage_error():
    desired = make_desired()
    with pytest.raises(UsageError, match="no object 'team/nobody'"):
        make_selection(only=["team/nobody"]).check(desired, stored(desired=desired))
    make_selection(only=["drive"]).check(desired, stored(desired=desired))
    with pytest.raises(UsageError, match="no label"):
        make_selection(labels=["tier"])


def test_the_order_of_files_and_answers_never_matters():
    desired, observed = _many()
    first = plan(desired, observed, prune=True)

    @given(st.randoms(use_true_random=False))
    def shuffled_alike(chance: random.Random):
        def shuffle(mapping):
            items = list(mapping.items())
            chance.shuffle(items)
            return dict(items)

        other = replace(desired, providers=shuffle(desired.providers), accounts=shuffle(desired.accounts))
        seen = replace(observed, providers=shuffle(observed.providers), accounts=shuffle(observed.accounts))
        made = plan(other, seen, prune=True)
        assert made.digest == first.digest
        assert (made.changes, made.maintenance, made.attention) == (
            first.changes,
            first.maintenance,
            first.attention,
        )

    shuffled_alike()


def test_the_digest_is_of_what_would_be_changed():
    desired, observed = _many()
    assert plan(desired, observed).digest != plan(desired, observed, prune=True).digest
    moved = replace(desired.accounts[ACCOUNT], location=Location("manifests/moved.yaml", 1), digest="7" * 16)
    with_move = replace(desired, accounts={**desired.accounts, ACCOUNT: moved})
    only_moved = replace(moved, digest=desired.accounts[ACCOUNT].digest)
    same = replace(desired, accounts={**desired.accounts, ACCOUNT: only_moved})
    assert plan(same, observed).digest == plan(desired, observed).digest
    assert plan(with_move, observed).digest != plan(desired, observed).digest


def test_a_plan_has_no_word_of_any_secret():
    desired, observed = _many()
    assert "client_secret" not in repr(plan(desired, observed).changes)


def _many():
    providers = [make_provider(), make_provider("sales/ml", client=DesiredClient(id="c2"), line=4)]
    accounts = [
        make_account(),
        make_account("team/b", scopes=("read", "write")),
        make_account("sales/c", provider="sales/ml"),
        make_account("sales/d", provider="sales/ml"),
    ]
    desired = make_desired(*providers, *accounts)
    observed = stored(
        applied_provider(providers[0]),
        applied_account(accounts[0]),
        applied_account(accounts[1], granted_scopes=("read",), requested_scopes=("read",)),
        applied_account(accounts[2], lifetime=MINUTE),
        applied_account(make_account("sales/gone")),
        desired=desired,
    )
    return desired, observed
