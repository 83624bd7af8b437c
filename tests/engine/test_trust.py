"""What is bound, and by whom: first use once, everything later by a person (DESIGN §8). On a store in memory."""

from dataclasses import replace

import pytest

from reconciler.engine.trust import (
    bind_first_use,
    list_bindings,
    read_binding,
    read_settings,
    read_trust,
    revoke_trust,
    trust,
    write_settings,
)
from reconciler.errors import HeldByAnother, PathDenied, RecordInvalid, StoreUnreachable, TrustRefused
from reconciler.model.endpoint import Origin, parse_origin
from reconciler.model.secret import Document
from reconciler.model.trust import Binding, TrustMode, TrustSettings
from reconciler.model.trust_codec import binding_path, encode_binding
from tests.engine.registering_world import RegisteringWorld
from tests.simulators.memory_store import Fault

SECRET = "clients/team/sandbox"


def origins(*texts: str) -> frozenset[Origin]:
    return frozenset(parse_origin(text) for text in texts)


A, B = origins("https://a.example"), origins("https://b.example")


@pytest.fixture
def world() -> RegisteringWorld:
    return RegisteringWorld()


def bound(world: RegisteringWorld) -> Binding:
    return read_binding(world.store, world.layout, credential=SECRET)


# ---------------------------------------------------------------------------------------------------- first use


def test_a_first_use_binds_with_one_write(world: RegisteringWorld):
    world.store.forget_requests()
    assert bind_first_use(world.run(), credential=SECRET, origins=A) == Binding(SECRET, A, version=1)
    assert len(world.store.requests) == 1
    assert bound(world).origins == A


@pytest.mark.parametrize("create_only", [True, False])
def test_a_second_first_use_reads_and_compares(world: RegisteringWorld, create_only: bool):
    """Under the create-only policy it meets a 403, under a wide one a conflict: the same to us."""
    if create_only:
        world.store.create_only(world.layout.trust)
    bind_first_use(world.run(), credential=SECRET, origins=A | B)
    assert bind_first_use(world.run(), credential=SECRET, origins=A).origins == A | B
    with pytest.raises(TrustRefused, match="TRUST CHANGE"):
        bind_first_use(world.run(), credential=SECRET, origins=origins("https://evil.example"))
    assert bound(world).version == 1


def test_two_first_uses_at_once_agree_on_the_winner(world: RegisteringWorld):
    other = world.run(store=world.store.another_client())
    world.store.before("write", lambda: bind_first_use(other, credential=SECRET, origins=B))
    with pytest.raises(TrustRefused):
        bind_first_use(world.run(), credential=SECRET, origins=A)
    assert bound(world).origins == B


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE])
def test_an_unclear_first_use_is_settled_by_reading(world: RegisteringWorld, fault: Fault):
    world.store.fail_next("write", fault)
    assert bind_first_use(world.run(), credential=SECRET, origins=A).origins == A
    assert bound(world).version == 1


def test_a_first_use_that_never_gets_an_answer_ends_the_run(world: RegisteringWorld):
    world.store.fail_next("write", Fault.UNCLEAR_BEFORE, times=9)
    with pytest.raises(StoreUnreachable):
        bind_first_use(world.run(), credential=SECRET, origins=A)


def test_a_login_that_may_not_bind_is_told_what_its_policy_lacks(world: RegisteringWorld):
    world.store.deny(world.layout.trust, "write")
    with pytest.raises(TrustRefused, match="may not bind") as refused:
        bind_first_use(world.run(), credential=SECRET, origins=A)
    assert "`create`" in (refused.value.hint or "")


def test_nothing_is_never_bound(world: RegisteringWorld):
    with pytest.raises(ValueError, match="nothing"):
        bind_first_use(world.run(), credential=SECRET, origins=frozenset())


# --------------------------------------------------------------------------------------------- a person's word


def test_a_person_adds_origins_to_what_is_bound(world: RegisteringWorld):
    trust(world.run(), credential=SECRET, origins=A)
    assert trust(world.run(), credential=SECRET, origins=B).origins == A | B
    assert bound(world) == Binding(SECRET, A | B, version=2)


def test_trusting_what_is_trusted_writes_nothing(world: RegisteringWorld):
    trust(world.run(), credential=SECRET, origins=A)
    world.store.forget_requests()
    trust(world.run(), credential=SECRET, origins=A)
    assert world.store.writes() == []


def test_revoking_writes_a_version_that_says_so_and_a_first_use_cannot_undo_it(world: RegisteringWorld):
    trust(world.run(), credential=SECRET, origins=A)
    revoke_trust(world.run(), credential=SECRET)
    assert bound(world) == Binding(SECRET, revoked=True, version=2)
    with pytest.raises(TrustRefused):
        bind_first_use(world.run(), credential=SECRET, origins=A)


def test_trust_after_a_revocation_starts_anew(world: RegisteringWorld):
    trust(world.run(), credential=SECRET, origins=A)
    revoke_trust(world.run(), credential=SECRET)
    assert trust(world.run(), credential=SECRET, origins=B).origins == B


def test_what_was_never_bound_can_be_revoked_beforehand(world: RegisteringWorld):
    assert revoke_trust(world.run(), credential=SECRET).revoked
    assert revoke_trust(world.run(), credential=SECRET).version == 1


def test_a_person_who_is_overtaken_adds_to_what_stands_there_then(world: RegisteringWorld):
    other = world.run(store=world.store.another_client())
    world.store.before("write", lambda: trust(other, credential=SECRET, origins=B))
    assert trust(world.run(), credential=SECRET, origins=A).origins == A | B


def test_a_revocation_meanwhile_is_not_undone_in_part(world: RegisteringWorld):
    trust(world.run(), credential=SECRET, origins=A)
    other = world.run(store=world.store.another_client())
    world.store.before("write", lambda: revoke_trust(other, credential=SECRET))
    assert trust(world.run(), credential=SECRET, origins=B).origins == B


def test_somebody_who_keeps_writing_holds_a_person_up(world: RegisteringWorld):
    world.store.fail_next("write", Fault.CONFLICT, times=9)
    with pytest.raises(HeldByAnother):
        trust(world.run(), credential=SECRET, origins=A)


def test_the_reconcilers_own_login_may_not_change_trust(world: RegisteringWorld):
    bind_first_use(world.run(), credential=SECRET, origins=A)
    world.store.create_only(world.layout.trust)
    for act in (
        lambda: trust(world.run(), credential=SECRET, origins=B),
        lambda: revoke_trust(world.run(), credential=SECRET),
        lambda: write_settings(world.run(), TrustSettings(TrustMode.TOFU)),
    ):
        with pytest.raises(PathDenied) as denied:
            act()
        assert "`update`" in (denied.value.hint or "")


# ----------------------------------------------------------------------------------------------------- reading


def test_trust_is_one_read_a_key(world: RegisteringWorld):
    bind_first_use(world.run(), credential=SECRET, origins=A)
    world.store.forget_requests()
    view = read_trust(world.store, world.layout, credentials=[SECRET, SECRET, "clients/team/x"])
    assert [r.operation for r in world.store.requests] == ["read"] * 3
    assert view.bindings[SECRET].origins == A
    assert view.bindings["clients/team/x"].version == 0


def test_a_deleted_binding_is_not_an_unbound_one(world: RegisteringWorld):
    bind_first_use(world.run(), credential=SECRET, origins=A)
    world.store.delete_newest(binding_path(world.layout, SECRET))
    assert bound(world).revoked


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"format": 2, "credential": SECRET, "origins": [], "revoked": False},
        {"format": 1, "credential": "clients/other/x", "origins": ["https://a.example"], "revoked": False},
        {"format": 1, "credential": SECRET, "origins": ["https://a.example/path"], "revoked": False},
        {"format": 1, "credential": SECRET, "origins": "https://a.example", "revoked": False},
        {"format": 1, "credential": SECRET, "origins": [7], "revoked": False},
        {"format": 1, "credential": SECRET, "origins": []},
        {"format": 1, "credential": SECRET, "origins": [], "revoked": "no"},
    ],
)
def test_a_binding_that_cannot_be_read_is_named_and_trusts_nothing(
    world: RegisteringWorld, document: dict[str, object]
):
    world.store.write(binding_path(world.layout, SECRET), Document(document), cas=0)
    view = read_trust(world.store, world.layout, credentials=[SECRET])
    assert SECRET in view.unreadable
    assert SECRET not in view.bindings


def test_a_denied_binding_concerns_that_credential_alone(world: RegisteringWorld):
    world.store.deny(binding_path(world.layout, SECRET), "read")
    view = read_trust(world.store, world.layout, credentials=[SECRET, "clients/team/x"])
    assert list(view.unreadable) == [SECRET]


def test_settings_that_were_never_written_are_the_defaults():
    world = RegisteringWorld()
    world.store.purge(world.layout.trust_settings)
    assert read_settings(world.store, world.layout) == TrustSettings(TrustMode.CATALOGUE)


def test_settings_are_written_whole_and_read_back(world: RegisteringWorld):
    wanted = TrustSettings(
        TrustMode.STRICT, ("10.0.0.1", "as.internal"), {"team": ("shared/team",)}, loopback=True
    )
    write_settings(world.run(), wanted)
    assert read_settings(world.store, world.layout) == wanted


@pytest.mark.parametrize("host", ["", "A.example", "a.example:8443", "https://a.example", "a b", "010.0.0.1"])
def test_a_host_that_is_none_is_not_stored(world: RegisteringWorld, host: str):
    with pytest.raises(ValueError):
        write_settings(world.run(), TrustSettings(allowed_hosts=(host,)))


@pytest.mark.parametrize("broken", [{"format": 1}, {"format": 1, "mode": "any"}, {"mode": "tofu"}])
def test_settings_that_cannot_be_read_are_an_error_and_never_the_defaults(
    world: RegisteringWorld, broken: dict[str, object]
):
    world.store.write(world.layout.trust_settings, Document(broken), cas=1)
    with pytest.raises(RecordInvalid):
        read_trust(world.store, world.layout, credentials=[])
    write_settings(world.run(), TrustSettings(TrustMode.STRICT))
    assert read_settings(world.store, world.layout).mode is TrustMode.STRICT


def test_deleted_settings_are_an_error_too(world: RegisteringWorld):
    world.store.delete_newest(world.layout.trust_settings)
    with pytest.raises(RecordInvalid):
        read_settings(world.store, world.layout)


def test_all_bindings_are_listed_and_misplaced_ones_named(world: RegisteringWorld):
    trust(world.run(), credential="clients/b/x", origins=B)
    trust(world.run(), credential="clients/a/x", origins=A)
    folder = world.layout.folder("trust", "bindings")
    stray = encode_binding(Binding("clients/a/x", B), at=world.clock.now(), by="x")
    world.store.write(folder.child("0" * 40), stray, cas=0)
    found, problems = list_bindings(world.store, world.layout)
    assert [one.credential for one in found] == ["clients/a/x", "clients/b/x"]
    assert len(problems) == 1


def test_a_credentials_path_may_hold_what_our_own_paths_may_not(world: RegisteringWorld):
    odd = "Other-Mount:clients/Team_A/Google"
    trust(world.run(), credential=odd, origins=A)
    assert read_binding(world.store, world.layout, credential=odd) == replace(
        Binding(odd), origins=A, version=1
    )
