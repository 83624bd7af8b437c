"""What a plan may not do unattended: each guard, what hits it, and the exact flag that passes it."""

from dataclasses import replace

import pytest

from reconciler.decide.changes import GuardName
from reconciler.decide.guard import FLAGS, WORDS
from reconciler.decide.selection import make_selection
from reconciler.model.desired import Desired, DesiredClient
from reconciler.model.location import Location
from reconciler.model.state import GrantType
from tests.decide.plan_world import (
    actions,
    all_applied,
    applied_account,
    applied_provider,
    gone,
    guards,
    plan,
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


def _allowing(*names):
    return frozenset(names)


def many(count):
    return make_desired(make_provider(), *(make_account(f"team/a{n}") for n in range(count)))


def test_every_guard_has_a_flag_and_words():
    assert set(FLAGS) == set(WORDS) == set(GuardName)
    assert len(set(FLAGS.values())) == len(FLAGS)


def test_an_empty_declaration_over_a_full_store_is_a_mistyped_path():
    desired = make_desired()
    empty = gone(desired, [PROVIDER, ACCOUNT])
    made = plan(empty, all_applied(desired))
    assert guards(made) == ["EmptyDesired"]
    assert made.guards[0].flag == "--allow-empty"
    assert made.exit_code() == 3
    assert made.frozen
    assert guards(plan(empty, all_applied(desired), allowed=_allowing(GuardName.EMPTY_DESIRED))) == []


def test_an_empty_declaration_over_an_empty_store_is_fine():
    empty = gone(make_desired(), [PROVIDER, ACCOUNT])
    made = plan(empty, stored(desired=empty))
    assert (guards(made), made.exit_code(detailed=True)) == ([], 0)


@pytest.mark.parametrize(
    ("owned", "removed", "hit"),
    [(2, 1, False), (4, 2, True), (8, 2, False), (8, 3, True), (40, 10, False), (40, 11, True)],
)
def test_more_than_one_and_a_quarter_of_what_we_own_is_not_removed_unattended(owned, removed, hit):
    whole = many(owned - 1)
    addresses = [make_account(f"team/a{n}").address for n in range(removed)]
    made = plan(gone(whole, addresses), all_applied(whole), prune=True)
    assert guards(made) == (["BulkRemoval"] if hit else [])
    if hit:
        assert f"{removed} of {owned}" in made.guards[0].message


def test_without_prune_nothing_is_removed_and_nothing_guarded():
    whole = many(8)
    smaller = gone(whole, list(whole.accounts)[:6])
    made = plan(smaller, all_applied(whole))
    assert (guards(made), len(made.removable)) == ([], 6)


def test_a_protected_object_stays_protected_when_its_manifest_is_gone():
    whole = many(8)
    observed = all_applied(whole)
    kept = make_account("team/a0")
    accounts = {**observed.accounts, kept.address: applied_account(kept, protect=True)}
    made = plan(gone(whole, [kept.address]), replace(observed, accounts=accounts), prune=True)
    assert guards(made) == ["Protected"]
    assert made.guards[0].addresses == (kept.address,)
    passed = plan(
        gone(whole, [kept.address]),
        replace(observed, accounts=accounts),
        prune=True,
        allowed=_allowing(GuardName.PROTECTED),
    )
    assert guards(passed) == []


def test_a_declared_account_on_another_owners_path_is_passed_by_leaving_it_out():
    desired = make_desired()
    observed = stored(
        applied_provider(make_provider()),
        applied_account(make_account(), mark="reconciler/other"),
        desired=desired,
    )
    made = plan(desired, observed)
    assert guards(made) == ["ForeignOwner"]
    assert made.guards[0].flag == "--exclude account/team/drive"
    assert made.changes == ()
    assert guards(plan(desired, observed, selection=make_selection(exclude=["account/team/drive"]))) == []


def test_a_declared_provider_on_another_owners_path_may_be_adopted_by_a_person():
    desired = make_desired()
    observed = stored(
        applied_provider(make_provider(), mark="reconciler/other"),
        applied_account(make_account()),
        desired=desired,
    )
    made = plan(desired, observed)
    assert guards(made) == ["ForeignOwner"]
    assert made.guards[0].flag == "--allow-adopt"
    assert actions(made) == [("adopt", str(PROVIDER))]
    assert guards(plan(desired, observed, allowed=_allowing(GuardName.FOREIGN_OWNER))) == []


def _with_other_client():
    client = DesiredClient(id="client-2", secret_ref=secret_ref())
    return make_provider(client=client, digest="c" * 16)


def test_a_client_is_not_replaced_under_grants_and_the_plan_names_them():
    accounts = [make_account("team/a"), make_account("team/b")]
    before = make_desired(make_provider(), *accounts)
    after = make_desired(_with_other_client(), *accounts)
    made = plan(after, all_applied(before))
    assert guards(made) == ["ClientReplaced"]
    assert made.guards[0].addresses == tuple(a.address for a in accounts)
    assert "account/team/a, account/team/b" in made.guards[0].message
    passed = plan(after, all_applied(before), allowed=_allowing(GuardName.CLIENT_REPLACED))
    assert guards(passed) == []


def test_a_client_that_no_grant_depends_on_is_replaced_freely():
    machine = make_account(grant=GrantType.CLIENT_CREDENTIALS)
    before, after = make_desired(make_provider(), machine), make_desired(_with_other_client(), machine)
    assert guards(plan(after, all_applied(before))) == []


def test_an_issuer_is_not_replaced_under_grants():
    before = make_desired()
    moved = make_provider(behaviour=make_behaviour(server="http://127.0.0.1:9999"), digest="d" * 16)
    made = plan(make_desired(moved, make_account()), all_applied(before))
    assert guards(made) == ["IssuerReplaced"]
    assert made.guards[0].flag == "--allow-issuer-replacement"


@pytest.mark.parametrize(
    "narrow", [{"only": ["team/a1"]}, {"exclude": ["team/a1"]}, {"labels": ["a=b"]}], ids=str
)
def test_prune_needs_the_whole_selection(narrow):
    whole = many(8)
    made = plan(
        gone(whole, [make_account("team/a0").address]),
        all_applied(whole),
        prune=True,
        selection=make_selection(**narrow),
    )
    assert "NarrowPrune" in guards(made)


def test_prune_is_refused_where_the_path_is_narrower_than_what_was_applied():
    whole = many(8)
    here = replace(gone(whole, [make_account("team/a0").address]), root="manifests/sales")
    made = plan(here, all_applied(whole), prune=True)
    assert guards(made) == ["NarrowPrune"]
    assert "manifests/sales" in made.guards[0].message
    assert guards(plan(replace(here, root="./manifests"), all_applied(whole), prune=True)) == []


def typed(desired: Desired, root: str, prefix: str) -> Desired:
    """The same files, typed from another folder: `prefix` of their recorded names is left out, or put before them."""

    def place(location: Location) -> Location:
        file = location.file
        return replace(
            location, file=file.removeprefix(prefix) if file.startswith(prefix) else f"{prefix}{file}"
        )

    return replace(
        desired,
        root=root,
        providers={a: replace(p, location=place(p.location)) for a, p in desired.providers.items()},
        accounts={a: replace(o, location=place(o.location)) for a, o in desired.accounts.items()},
    )


@pytest.mark.parametrize(
    ("root", "prefix", "narrower"),
    [
        ("manifests", "", False),
        (".", "manifests/", False),
        (".", "manifests/team/", True),
        ("team", "manifests/", True),
        ("/srv/repo/manifests", "/srv/repo/", False),
        ("/srv/repo/manifests/team", "/srv/repo/", True),
        (".", "", False),
    ],
)
def test_from_another_folder_prune_still_knows_how_wide_the_declaration_was(
    root: str, prefix: str, narrower: bool
):
    whole = many(9)
    elsewhere = Location("manifests/other/gone.yaml", 1)
    gone_one = replace(make_account("team/a0"), location=elsewhere)
    observed = all_applied(replace(whole, accounts={**whole.accounts, gone_one.address: gone_one}))
    here = typed(gone(whole, [gone_one.address]), root, prefix)
    assert guards(plan(here, observed, prune=True)) == (["NarrowPrune"] if narrower else [])


def test_a_file_that_moved_within_the_declaration_tells_nothing_of_its_width():
    whole = many(9)
    here = gone(whole, [make_account("team/a0").address])
    moved = {a: replace(o, location=Location("manifests/new/x.yaml", 1)) for a, o in here.accounts.items()}
    assert guards(plan(replace(here, accounts=moved), all_applied(whole), prune=True)) == []


def test_several_guards_are_all_named_at_once():
    whole = many(8)
    observed = all_applied(whole)
    accounts = {a: applied_account(account, protect=True) for a, account in whole.accounts.items()}
    smaller = gone(whole, list(whole.accounts)[:6])
    made = plan(smaller, replace(observed, accounts=accounts), prune=True)
    assert guards(made) == ["BulkRemoval", "Protected"]


def _with_redirect(uri):
    return make_provider(redirect_uris=(uri,), digest="e" * 16)


def test_people_who_consent_are_not_sent_back_elsewhere_unattended():
    before = make_desired()
    after = make_desired(_with_redirect("https://elsewhere.example/cb"), make_account())
    made = plan(after, all_applied(before))
    assert guards(made) == ["RedirectChanged"]
    assert made.guards[0].flag == "--allow-redirect-change"
    assert "https://elsewhere.example/cb instead of http://127.0.0.1/callback" in made.guards[0].message
    assert guards(plan(after, all_applied(before), allowed=_allowing(GuardName.REDIRECT_CHANGED))) == []


def _with_redirects(*uris, digest="e" * 16):
    return make_desired(make_provider(redirect_uris=uris, digest=digest), make_account())


def test_one_more_place_to_be_sent_back_to_is_guarded_like_another_one():
    """A consent takes the URI that fits where it is made: a pasted one would go to the second."""
    here, page, evil = "http://127.0.0.1/callback", "https://page.example/callback", "https://evil.example/cb"
    before = all_applied(_with_redirects(here, page, digest="d" * 16))
    made = plan(_with_redirects(here, evil, page), before)
    assert guards(made) == ["RedirectChanged"]
    assert f"back to {evil} besides {here}, {page}" in made.guards[0].message
    assert guards(plan(_with_redirects(here, evil), before)) == ["RedirectChanged"]
    for fewer in ((here,), (page,), (page, here)):
        made = plan(_with_redirects(*fewer), before)
        assert (guards(made), actions(made)) == ([], [("update", str(PROVIDER))])
    alone = all_applied(make_desired())
    assert guards(plan(_with_redirects(here, evil), alone)) == ["RedirectChanged"]


def test_a_record_of_an_earlier_version_that_knows_the_first_alone_is_no_change():
    desired = _with_redirects("http://127.0.0.1/callback", "https://page.example/callback")
    old = all_applied(desired)
    seen = old.providers[PROVIDER]
    assert seen.status is not None
    earlier = replace(seen, status=replace(seen.status, more_redirect_uris=()))
    made = plan(desired, replace(old, providers={PROVIDER: earlier}))
    assert (guards(made), actions(made)) == ([], [])


def test_a_redirect_that_nobody_has_consented_through_is_changed_freely():
    before = make_desired(make_provider())
    made = plan(make_desired(_with_redirect("http://127.0.0.1/other")), all_applied(before))
    assert (guards(made), actions(made)) == ([], [("update", str(PROVIDER))])


def _machine(*scopes):
    return make_account(grant=GrantType.CLIENT_CREDENTIALS, scopes=scopes, digest="f" * 16)


def test_a_machine_gets_no_wider_scopes_without_a_person():
    before = make_desired(make_provider(), make_account(grant=GrantType.CLIENT_CREDENTIALS, scopes=("read",)))
    after = make_desired(make_provider(), _machine("admin", "read"))
    made = plan(after, all_applied(before))
    assert guards(made) == ["ScopesWidened"]
    assert (made.guards[0].flag, made.guards[0].addresses) == ("--allow-wider-scopes", (ACCOUNT,))
    assert made.guards[0].message.endswith(": admin")
    assert guards(plan(after, all_applied(before), allowed=_allowing(GuardName.SCOPES_WIDENED))) == []


def _signing(subject=None, **more):
    return make_account(grant=GrantType.JWT_BEARER, owner=None, scopes=("read",), subject=subject, **more)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("robot@x.example", "boss@x.example", "boss@x.example instead of robot@x.example"),
        (None, "boss@x.example", "boss@x.example instead of client-of-ours"),
        ("robot@x.example", None, "client-of-ours instead of robot@x.example"),
    ],
)
def test_a_machine_does_not_speak_for_somebody_else_without_a_person(before, after, words):
    declared = make_desired(make_provider(), _signing(before))
    observed = all_applied(declared)
    status = {"on_behalf_of": before or "client-of-ours", "client_id": "client-of-ours"}
    seen = {ACCOUNT: applied_account(declared.accounts[ACCOUNT], **status)}
    observed = replace(observed, accounts=seen)
    changed = make_desired(make_provider(), _signing(after, digest="f" * 16))
    made = plan(changed, observed)
    assert guards(made) == ["SubjectChanged"]
    assert made.guards[0].message.endswith(words)
    assert guards(plan(changed, observed, allowed=_allowing(GuardName.SUBJECT_CHANGED))) == []
    assert guards(plan(make_desired(make_provider(), _signing(before, digest="f" * 16)), observed)) == []


def test_a_machine_of_which_nobody_recorded_whom_it_spoke_for_is_compared_from_its_next_token_on():
    declared = make_desired(make_provider(), _signing("robot@x.example"))
    changed = make_desired(make_provider(), _signing("boss@x.example", digest="f" * 16))
    assert guards(plan(changed, all_applied(declared))) == []


@pytest.mark.parametrize("scopes", [("read",), ()], ids=["the same", "fewer"])
def test_a_machine_with_no_more_than_before_is_no_matter(scopes):
    before = make_desired(make_provider(), make_account(grant=GrantType.CLIENT_CREDENTIALS, scopes=("read",)))
    assert guards(plan(make_desired(make_provider(), _machine(*scopes)), all_applied(before))) == []


def test_where_a_person_consents_that_person_is_the_guard():
    before = make_desired(make_provider(), make_account(scopes=("read",)))
    wider = make_account(scopes=("admin", "read"), digest="f" * 16, consent_digest="f" * 16)
    made = plan(make_desired(make_provider(), wider), all_applied(before))
    assert guards(made) == []
    assert [(a.state.value, a.reason.value) for a in made.attention] == [("needs-consent", "ScopesWidened")]
