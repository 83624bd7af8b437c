"""Client secrets in the store: set, listed by name, removed; never shown."""

import pytest

from reconciler.engine.secrets import list_secrets, remove_secret, set_secret
from reconciler.errors import HeldByAnother, SecretMissing, UsageError
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import Layout, own_path, reference_path
from tests.simulators.memory_store import Fault, MemoryStore

LAYOUT = Layout(own_path("reconciler"))
GOOGLE = reference_path("clients/marketing/google")
CLIENTS = reference_path("clients")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def values(store: MemoryStore) -> dict[str, object] | None:
    document = store.read(GOOGLE).document
    return None if document is None else document.plain()


def test_setting_a_key_keeps_the_others(store: MemoryStore):
    store.write(GOOGLE, Document({"client_id": "id", "note": {"by": "ana"}}), cas=0)
    assert set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s")) == 2
    assert values(store) == {"client_id": "id", "note": {"by": "ana"}, "client_secret": "s"}


def test_the_same_value_makes_no_new_version(store: MemoryStore):
    set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s"))
    assert set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s")) == 1


def test_what_somebody_writes_in_between_is_kept(store: MemoryStore):
    other = store.another_client()
    store.before("write", lambda: other.write(GOOGLE, Document({"client_id": "id"}), cas=0))
    set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s"))
    assert values(store) == {"client_id": "id", "client_secret": "s"}


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE])
def test_a_write_whose_answer_was_lost_is_settled_by_reading(store: MemoryStore, fault: Fault):
    store.fail_next("write", fault)
    assert set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s")) == 1


def test_endless_conflicts_end(store: MemoryStore):
    store.fail_next("write", Fault.CONFLICT, times=99)
    with pytest.raises(HeldByAnother):
        set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s"))


def test_after_a_deletion_a_key_can_be_set_again(store: MemoryStore):
    set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("old"))
    remove_secret(store, LAYOUT, path=GOOGLE, key=None)
    assert set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("new")) == 2
    assert values(store) == {"client_secret": "new"}


@pytest.mark.parametrize("text", ["reconciler", "reconciler/grants/team/drive"])
def test_the_stores_own_prefix_is_out_of_bounds(store: MemoryStore, text: str):
    path = reference_path(text)
    with pytest.raises(UsageError):
        set_secret(store, LAYOUT, path=path, key="a", value=Secret("s"))
    with pytest.raises(UsageError):
        remove_secret(store, LAYOUT, path=path, key=None)
    with pytest.raises(UsageError):
        list_secrets(store, LAYOUT, folder=path)
    assert store.requests == []


@pytest.mark.parametrize("key", ["", "a\nb", "k" * 129])
def test_a_key_that_is_none_is_refused(store: MemoryStore, key: str):
    with pytest.raises(UsageError):
        set_secret(store, LAYOUT, path=GOOGLE, key=key, value=Secret("s"))


def test_a_list_shows_paths_and_keys_and_no_value(store: MemoryStore):
    set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("canary-1"))
    set_secret(store, LAYOUT, path=GOOGLE, key="client_id", value=Secret("canary-2"))
    set_secret(store, LAYOUT, path=reference_path("clients/slack"), key="token", value=Secret("canary-3"))
    remove_secret(store, LAYOUT, path=reference_path("clients/slack"), key=None)
    found = list_secrets(store, LAYOUT, folder=CLIENTS)
    assert [(str(e.path), e.version, e.keys, e.deleted) for e in found] == [
        ("clients/marketing/google", 2, ("client_id", "client_secret"), False),
        ("clients/slack", 1, (), True),
    ]
    assert "canary" not in repr(found)


def test_a_path_itself_is_listed(store: MemoryStore):
    set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s"))
    assert [entry.path for entry in list_secrets(store, LAYOUT, folder=GOOGLE)] == [GOOGLE]


def test_what_may_be_listed_and_not_read_is_shown_without_keys(store: MemoryStore):
    set_secret(store, LAYOUT, path=GOOGLE, key="client_secret", value=Secret("s"))
    store.deny(CLIENTS, "read")
    assert [(entry.version, entry.keys) for entry in list_secrets(store, LAYOUT, folder=CLIENTS)] == [
        (1, None)
    ]


def test_removing_one_key_keeps_the_others(store: MemoryStore):
    store.write(GOOGLE, Document({"a": "1", "b": "2"}), cas=0)
    remove_secret(store, LAYOUT, path=GOOGLE, key="a")
    assert values(store) == {"b": "2"}


def test_removing_the_last_key_deletes_the_version_and_can_be_undone(store: MemoryStore):
    store.write(GOOGLE, Document({"a": "1"}), cas=0)
    remove_secret(store, LAYOUT, path=GOOGLE, key="a")
    stored = store.read(GOOGLE)
    assert (stored.version, stored.deleted) == (1, True)


@pytest.mark.parametrize("key", [None, "b"])
def test_removing_what_is_not_there_says_so(store: MemoryStore, key: str | None):
    if key is not None:
        store.write(GOOGLE, Document({"a": "1"}), cas=0)
    with pytest.raises(SecretMissing):
        remove_secret(store, LAYOUT, path=GOOGLE, key=key)


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE])
@pytest.mark.parametrize("key", [None, "a", "b"])
def test_a_removal_whose_answer_was_lost_is_settled_by_reading(
    store: MemoryStore, fault: Fault, key: str | None
):
    store.write(GOOGLE, Document({"a": "1", "b": "2"} if key == "b" else {"a": "1"}), cas=0)
    store.fail_next("write", fault)
    store.fail_next("delete_newest", fault)
    remove_secret(store, LAYOUT, path=GOOGLE, key=key)
    assert values(store) == ({"a": "1"} if key == "b" else None)
