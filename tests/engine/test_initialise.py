"""Making a store, and refusing one that only looks empty."""

from datetime import UTC, datetime

import pytest

from reconciler.adapters.system import SystemEntropy
from reconciler.engine.initialise import FORMAT, StoreFormat, check_format, init_store, open_store
from reconciler.errors import (
    PathDenied,
    RecordInvalid,
    StoreNotInitialised,
    StoreSealed,
    StoreTooNew,
    StoreUnreachable,
    StoreUnsuitable,
)
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, own_path
from reconciler.model.trust import TrustMode, TrustSettings
from reconciler.model.trust_codec import decode_settings
from reconciler.ports import SecretStore
from tests.simulators.memory_store import Fault, MemoryStore

LAYOUT = Layout(own_path("reconciler"))
SETTINGS = TrustSettings(mode=TrustMode.STRICT)


class FixedClock:
    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def make(store: SecretStore, *, settings: TrustSettings | None = SETTINGS) -> StoreFormat:
    return init_store(
        store, LAYOUT, settings=settings, clock=FixedClock(), entropy=SystemEntropy(), by="reconciler 0.1.0"
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_a_new_store_gets_a_format_a_key_and_the_settings_of_trust(store: MemoryStore):
    made = make(store)
    assert made.format == FORMAT
    assert len(made.fingerprint_key) == 32
    settings = store.read(LAYOUT.trust_settings).document
    assert settings is not None
    assert decode_settings(settings) == SETTINGS
    document = store.read(LAYOUT.format).document
    assert document is not None
    assert document.plain() == {"format": 1, "created": "2030-01-01T00:00:00Z", "tool": "reconciler 0.1.0"}


def test_two_stores_have_different_keys(store: MemoryStore):
    assert make(store).fingerprint_key != make(MemoryStore()).fingerprint_key


def test_the_key_is_shown_by_no_repr(store: MemoryStore):
    made = make(store)
    assert made.fingerprint_key.hex() not in repr(made)
    assert repr(made.fingerprint_key) not in repr(made)


def test_making_it_again_changes_nothing(store: MemoryStore):
    first = make(store)
    store.forget_requests()
    assert make(store, settings=TrustSettings(mode=TrustMode.TOFU)) == first
    assert store.writes() == []


def test_the_format_is_known_from_one_metadata_read(store: MemoryStore):
    make(store)
    store.forget_requests()
    assert check_format(store, LAYOUT) == 1
    assert [seen.operation for seen in store.requests] == ["read_metadata"]


def test_opening_reads_the_format_and_the_key(store: MemoryStore):
    made = make(store)
    store.forget_requests()
    assert open_store(store, LAYOUT) == made
    assert [seen.operation for seen in store.requests] == ["read_metadata", "read"]


def test_an_empty_place_is_refused_with_the_likelier_cause(store: MemoryStore):
    with pytest.raises(StoreNotInitialised) as refused:
        open_store(store, LAYOUT)
    assert "no store under 'reconciler'" in refused.value.message
    assert refused.value.hint is not None
    assert "mistyped mount, prefix or namespace" in refused.value.hint
    assert refused.value.exit_code == 8


def test_a_newer_format_is_refused(store: MemoryStore):
    make(store)
    store.write_metadata(LAYOUT.format, {"format": "2"})
    with pytest.raises(StoreTooNew) as refused:
        open_store(store, LAYOUT)
    assert "format 2, this version knows 1" in refused.value.message
    with pytest.raises(StoreTooNew):
        make(store)


@pytest.mark.parametrize("text", ["one", "-1", "0", "1.0", "999999", "١"])
def test_a_format_that_is_none_is_refused(store: MemoryStore, text: str):
    make(store)
    store.write_metadata(LAYOUT.format, {"format": text})
    with pytest.raises(StoreUnsuitable):
        check_format(store, LAYOUT)


def test_a_place_with_keys_of_ours_but_no_format_is_not_made_anew(store: MemoryStore):
    store.write(own_path("reconciler/grants/team/drive"), Document({"refresh_token": "r"}), cas=0)
    with pytest.raises(StoreUnsuitable) as refused:
        make(store)
    assert "grants/" in refused.value.message
    assert store.read_metadata(LAYOUT.format) is None


def test_a_deleted_format_is_not_made_anew(store: MemoryStore):
    make(store)
    store.delete_newest(LAYOUT.format)
    for act in (open_store, lambda s, _: make(s)):
        with pytest.raises(StoreNotInitialised) as refused:
            act(store, LAYOUT)
        assert "was deleted" in refused.value.message


def test_a_missing_fingerprint_key_is_named(store: MemoryStore):
    make(store)
    store.delete_newest(LAYOUT.fingerprint_key)
    with pytest.raises(StoreNotInitialised) as refused:
        open_store(store, LAYOUT)
    assert "meta/fingerprint-key" in refused.value.message


def test_a_fingerprint_key_that_is_none_is_refused(store: MemoryStore):
    make(store)
    store.write(LAYOUT.fingerprint_key, Document({"key": "zz"}), cas=1)
    with pytest.raises(RecordInvalid):
        open_store(store, LAYOUT)


def test_a_login_that_may_not_look_is_told_what_to_check(store: MemoryStore):
    make(store)
    store.deny(LAYOUT.prefix)
    with pytest.raises(StoreUnsuitable) as refused:
        check_format(store, LAYOUT)
    assert "may not read reconciler/meta/format" in refused.value.message


@pytest.mark.parametrize("name", ["meta/fingerprint-key", "trust/settings", "meta/format"])
@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE, Fault.SEALED])
def test_a_making_that_was_interrupted_goes_on_where_it_stopped(store: MemoryStore, name: str, fault: Fault):
    store.fail_next("write", fault, path=own_path(f"reconciler/{name}"))
    try:
        made = make(store)
    except (StoreUnreachable, StoreSealed):
        made = make(store)
    assert open_store(store, LAYOUT) == made
    assert store.read(LAYOUT.fingerprint_key).version == 1


def test_without_its_mark_a_half_made_store_is_not_used(store: MemoryStore):
    store.fail_next("write_metadata", Fault.UNCLEAR_BEFORE)
    with pytest.raises(StoreUnreachable):
        make(store)
    with pytest.raises(StoreNotInitialised) as refused:
        open_store(store, LAYOUT)
    assert refused.value.hint == "run: reconciler init-store"
    make(store)
    open_store(store, LAYOUT)


def test_of_two_that_make_it_at_once_both_end_with_the_same_key(store: MemoryStore):
    other = store.another_client()
    theirs: list[StoreFormat] = []
    store.before("write", lambda: theirs.append(make(other)), path=LAYOUT.fingerprint_key)
    assert make(store) == theirs[0]


def test_settings_of_trust_that_are_there_are_kept(store: MemoryStore):
    store.create_only(LAYOUT.trust)
    store.fail_next("write", Fault.SEALED, path=LAYOUT.format)
    with pytest.raises(StoreSealed):
        make(store)
    make(store, settings=TrustSettings(mode=TrustMode.TOFU))
    settings = store.read(LAYOUT.trust_settings).document
    assert settings is not None
    assert decode_settings(settings).mode is TrustMode.STRICT


def test_a_login_that_may_not_make_trust_settings_is_refused(store: MemoryStore):
    store.deny(LAYOUT.trust, "write")
    with pytest.raises(PathDenied):
        make(store)
