"""The store that other tests rely on: its faults, denials, hooks and counts do what its docstring says."""

from datetime import timedelta

import pytest

from reconciler.errors import (
    CasConflict,
    LoginRefused,
    PathDenied,
    ReconcilerError,
    StoreSealed,
    StoreUnreachable,
    WriteUnclear,
)
from reconciler.model.secret import Document
from reconciler.model.store_path import own_path
from tests.simulators.memory_store import Fault, MemoryStore

GRANTS = own_path("reconciler/grants")
KEY = own_path("reconciler/grants/team/drive")
OTHER = own_path("reconciler/tokens/team/drive")
DOC = Document({"a": "one"})


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize(("fault", "version"), [(Fault.UNCLEAR_AFTER, 1), (Fault.UNCLEAR_BEFORE, 0)])
def test_an_unclear_write_happened_or_did_not(store: MemoryStore, fault: Fault, version: int):
    store.fail_next("write", fault)
    with pytest.raises(WriteUnclear):
        store.write(KEY, DOC, cas=0)
    assert store.read(KEY).version == version


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.CONFLICT, CasConflict),
        (Fault.SEALED, StoreSealed),
        (Fault.DENIED, PathDenied),
        (Fault.UNREACHABLE, StoreUnreachable),
        (Fault.LOGIN_REFUSED, LoginRefused),
    ],
)
def test_a_fault_strikes_as_often_as_it_was_set(
    store: MemoryStore, fault: Fault, kind: type[ReconcilerError]
):
    store.fail_next("write", fault, path=KEY, times=2)
    store.write(OTHER, DOC, cas=0)
    for _ in range(2):
        with pytest.raises(kind):
            store.write(KEY, DOC, cas=0)
    store.write(KEY, DOC, cas=0)


def test_a_read_whose_answer_is_lost_is_unreachable(store: MemoryStore):
    store.fail_next("read", Fault.UNCLEAR_AFTER)
    with pytest.raises(StoreUnreachable):
        store.read(KEY)


def test_a_store_that_is_down_fails_until_it_is_up(store: MemoryStore):
    store.down = Fault.SEALED
    for act in (store.server_time, lambda: store.read(KEY), lambda: store.ensure_login(timedelta(minutes=1))):
        with pytest.raises(StoreSealed):
            act()
    store.down = None
    store.write(KEY, DOC, cas=0)


def test_a_denied_folder_denies_what_is_named(store: MemoryStore):
    store.deny(GRANTS, "write")
    store.read(KEY)
    store.write(OTHER, DOC, cas=0)
    with pytest.raises(PathDenied):
        store.write(KEY, DOC, cas=0)
    assert store.capabilities([KEY])[KEY] == {"read", "delete", "list"}


def test_create_only_allows_one_first_write(store: MemoryStore):
    store.create_only(GRANTS)
    store.write(KEY, DOC, cas=0)
    for act in (
        lambda: store.write(KEY, DOC, cas=1),
        lambda: store.delete_newest(KEY),
        lambda: store.purge(KEY),
        lambda: store.write_metadata(KEY, {"a": "b"}),
    ):
        with pytest.raises(PathDenied):
            act()
    assert store.capabilities([KEY])[KEY] == {"create", "read"}


def test_somebody_may_write_in_between(store: MemoryStore):
    other = store.another_client()
    store.before("write", lambda: other.write(KEY, DOC, cas=0), path=KEY)
    with pytest.raises(CasConflict):
        store.write(KEY, DOC, cas=0)
    assert store.count("write") == 1
    assert other.count("write") == 1


def test_requests_are_counted_by_operation_and_folder(store: MemoryStore):
    store.write(KEY, DOC, cas=0)
    store.write_metadata(KEY, {"a": "b"})
    store.read(OTHER)
    assert store.count("write", under=GRANTS) == 1
    assert store.count("read", under=GRANTS) == 0
    assert store.writes() == [f"write {KEY}", f"write_metadata {KEY}"]
    store.forget_requests()
    assert store.requests == []


def test_its_clock_moves_by_hand_and_no_two_writes_share_a_moment(store: MemoryStore):
    store.write(KEY, DOC, cas=0)
    store.write(KEY, DOC, cas=1)
    first, second = store.read(KEY, version=1).created_time, store.read(KEY).created_time
    assert first is not None
    assert second is not None
    assert first < second
    before = store.server_time()
    store.world.advance(timedelta(hours=1))
    assert store.server_time() - before == timedelta(hours=1)
