"""Everything of an embedded store moved to another one: what arrives, what is refused, and what an interruption leaves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.sqlite import SqliteStore
from reconciler.adapters.sqlite_movable import MovableSqliteStore
from reconciler.adapters.system import SystemEntropy
from reconciler.engine.copied_keys import RECORD_VERSIONS
from reconciler.engine.failpoints import COPY_FAILPOINTS
from reconciler.engine.initialise import check_format, init_store, open_store
from reconciler.engine.store_copy import Copied, copy_store
from reconciler.errors import (
    HeldByAnother,
    ObjectFailed,
    PathDenied,
    StoreMoved,
    StoreNotInitialised,
    StoreUnreachable,
    StoreUnsuitable,
)
from reconciler.model.duration import format_instant
from reconciler.model.grant import GrantRecord, Holder, Intent, Phase
from reconciler.model.secret import Document, Secret
from reconciler.model.state import AccountState, GrantType, Reason
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import Layout, StorePath, own_path
from reconciler.model.trust import TrustSettings
from tests.simulators.memory_store import Fault, MemoryStore

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OURS = Layout(own_path("reconciler"))
THEIRS = Layout(own_path("teams/oauth"))
TO = "vault://kv/teams/oauth"
GRANT, TOKEN = own_path("reconciler/grants/sales/crm"), own_path("reconciler/tokens/sales/crm")
PROVIDER, CLIENT = own_path("reconciler/providers/sales/idp"), own_path("clients/sales/idp")


class Stopped(Exception):
    """The process was killed here."""


class Quiet:
    def info(self, event: str, /, **fields: Any) -> None: ...

    def warning(self, event: str, /, **fields: Any) -> None: ...

    def progress(self, stage: str, /, *, done: int, total: int) -> None: ...


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def grant(text: str = "refresh-3", *, intent: Intent | None = None) -> Document:
    record = GrantRecord(
        grant=GrantType.AUTHORIZATION_CODE,
        refresh_token=Secret(text),
        origin="https://idp.example",
        client_id="team",
        intent=intent,
    )
    return record.to_document()


def intent(deadline: timedelta) -> Intent:
    holder = Holder(host="h", boot="b", pid_namespace="n", pid=1, started="1")
    return Intent(
        op_id="op", phase=Phase.SENT, refresh_fingerprint="f", holder=holder, deadline=deadline, tool="t"
    )


@pytest.fixture
def source(tmp_path: Path) -> Iterator[MovableSqliteStore]:
    """A store in use: versions that are gone, deleted ones, metadata that tells versions."""
    store = MovableSqliteStore(tmp_path / "s" / "store.db", now=lambda: NOW)
    init_store(store, OURS, settings=TrustSettings(), clock=FixedClock(), entropy=SystemEntropy())
    for version in range(14):
        store.write(GRANT, grant(f"refresh-{version}"), cas=version)
        store.write(TOKEN, Document({"access_token": f"access-{version}"}), cas=version)
    store.write_metadata(
        TOKEN, {"state": "ready", "grant-version": "14", "delete-after": "3600"}, max_versions=3
    )
    store.write(PROVIDER, Document({"client_secret": "dynamic"}), cas=0)
    store.write_metadata(PROVIDER, {"record-version": "1", "secret-version": "12"})
    for version in range(12):
        store.write(CLIENT, Document({"client_secret": f"secret-{version + 1}"}), cas=version)
    store.delete_versions(CLIENT, [11])
    yield store
    store.close()


@pytest.fixture
def target() -> MemoryStore:
    return MemoryStore()


def copy(source: MovableSqliteStore, target: MemoryStore, *, stop_at: str = "", times: int = 1) -> Copied:
    passed = [0]

    def failpoint(name: str) -> None:
        passed[0] += name == stop_at
        if stop_at and passed[0] == times:
            raise Stopped(name)

    return copy_store(source, target, ours=OURS, theirs=THEIRS, to=TO, events=Quiet(), failpoint=failpoint)


def text(
    store: SqliteStore | MemoryStore, path: StorePath, *, version: int | None = None
) -> dict[str, Any] | None:
    document = store.read(path, version=version).document
    return None if document is None else document.plain()


def test_everything_arrives_and_the_source_is_frozen(source: MovableSqliteStore, target: MemoryStore):
    copied = copy(source, target)
    assert copied == Copied(keys=6, secrets=1)
    assert open_store(target, THEIRS).fingerprint_key == open_store(source, OURS).fingerprint_key
    assert text(target, THEIRS.folder("grants", "sales", "crm")) == grant("refresh-13").plain()
    assert text(target, THEIRS.trust_settings) == text(source, OURS.trust_settings)
    with pytest.raises(StoreMoved) as refused:
        source.write(GRANT, grant("later"), cas=14)
    assert refused.value.exit_code == 8
    assert refused.value.hint == f"set RECONCILER_STORE={TO}"


def test_metadata_tells_the_versions_that_the_copies_have(source: MovableSqliteStore, target: MemoryStore):
    copy(source, target)
    token = target.read_metadata(THEIRS.folder("tokens", "sales", "crm"))
    assert token is not None
    assert (token.custom["grant-version"], token.custom["state"], token.max_versions) == ("1", "ready", 3)
    provider = target.read_metadata(THEIRS.folder("providers", "sales", "idp"))
    assert provider is not None
    assert dict(provider.custom) == {"record-version": "1", "secret-version": "12"}


def test_a_token_that_was_published_for_an_older_grant_still_differs(
    source: MovableSqliteStore, target: MemoryStore
):
    source.write_metadata(TOKEN, {"grant-version": "13"})
    copy(source, target)
    token = target.read_metadata(THEIRS.folder("tokens", "sales", "crm"))
    assert token is not None
    assert token.custom["grant-version"] == "0"


def test_client_secrets_keep_their_version_numbers(source: MovableSqliteStore, target: MemoryStore):
    copy(source, target)
    for version in range(1, 13):
        assert text(target, CLIENT, version=version) == text(source, CLIENT, version=version)
    assert text(target, CLIENT) == {"client_secret": "secret-12"}
    assert text(target, CLIENT, version=11) is None


def test_a_withdrawn_token_stays_withdrawn(source: MovableSqliteStore, target: MemoryStore):
    source.delete_newest(TOKEN)
    copy(source, target)
    metadata = target.read_metadata(THEIRS.folder("tokens", "sales", "crm"))
    assert metadata is not None
    assert metadata.newest is not None
    assert not metadata.newest.alive


@pytest.mark.parametrize("place", COPY_FAILPOINTS)
@pytest.mark.parametrize("times", [1, 4])
def test_a_kill_at_any_step_leaves_one_store_to_use_and_the_next_run_ends_it(
    source: MovableSqliteStore, target: MemoryStore, place: str, times: int
):
    stopped = False
    try:
        copy(source, target, stop_at=place, times=times)
    except Stopped:
        stopped = True
    assert stopped or times > 1
    frozen = source.moved() is not None
    try:
        check_format(target, THEIRS)
        made = True
    except StoreNotInitialised:
        made = False
    assert frozen or not made, "two stores could be used"
    if place not in ("copy.frozen", "copy.marked") and stopped:
        number = source.write(GRANT, grant("moved-on"), cas=14)
        source.write_metadata(TOKEN, {"grant-version": str(number)})
    expected = text(source, GRANT)
    copy(source, target)
    assert text(target, THEIRS.folder("grants", "sales", "crm")) == expected
    check_format(target, THEIRS)
    found = source.moved()
    assert found is not None
    assert found.finished


def test_what_is_changed_while_it_is_copied_arrives_too(
    source: MovableSqliteStore, target: MemoryStore, tmp_path: Path
):
    other = SqliteStore(tmp_path / "s" / "store.db", now=lambda: NOW)
    target.before("write", lambda: other.write(GRANT, grant("newest"), cas=14), path=THEIRS.token(_crm()))
    copy(source, target)
    assert text(target, THEIRS.folder("grants", "sales", "crm")) == grant("newest").plain()
    with pytest.raises(StoreMoved):
        other.write(GRANT, grant("too late"), cas=15)
    other.close()


def _crm() -> Any:
    address = OURS.account_at(GRANT)
    assert address is not None
    return address


def test_a_moved_store_does_not_open(source: MovableSqliteStore, target: MemoryStore, tmp_path: Path):
    copy(source, target)
    with pytest.raises(StoreMoved, match="everything was moved to"):
        SqliteStore(tmp_path / "s" / "store.db")


def test_a_second_run_does_nothing(source: MovableSqliteStore, target: MemoryStore):
    copy(source, target)
    target.write(THEIRS.folder("grants", "sales", "crm"), grant("rotated"), cas=1)
    target.forget_requests()
    assert copy(source, target).already
    assert target.writes() == []
    with pytest.raises(StoreMoved):
        copy_store(source, target, ours=OURS, theirs=THEIRS, to="vault://other/x", events=Quiet())


def test_a_target_that_holds_anything_else_is_refused_and_left_alone(
    source: MovableSqliteStore, target: MemoryStore
):
    init_store(target, THEIRS, settings=None, clock=FixedClock(), entropy=SystemEntropy())
    target.forget_requests()
    with pytest.raises(StoreUnsuitable, match="a store under 'teams/oauth' already"):
        copy(source, target)
    assert target.writes() == []
    remains = MemoryStore()
    remains.write(THEIRS.folder("grants", "x", "y"), grant(), cas=0)
    remains.forget_requests()
    with pytest.raises(StoreUnsuitable, match="not this store's"):
        copy(source, remains)
    assert remains.writes() == []
    assert source.moved() is None


def test_another_secret_at_a_clients_path_is_never_overwritten(
    source: MovableSqliteStore, target: MemoryStore
):
    target.write(CLIENT, Document({"client_secret": "somebody else's"}), cas=0)
    with pytest.raises(ObjectFailed, match="another secret is there") as refused:
        copy(source, target)
    assert "somebody" not in str(refused.value)
    assert text(target, CLIENT, version=1) == {"client_secret": "somebody else's"}
    assert source.moved() is None


def test_a_refresh_under_way_is_waited_for(source: MovableSqliteStore, target: MemoryStore):
    source.write(GRANT, grant(intent=intent(timedelta(minutes=15))), cas=14)
    with pytest.raises(HeldByAnother, match="a refresh is under way"):
        copy(source, target)
    assert source.moved() is None


def test_an_intent_that_a_dead_holder_left_is_copied(source: MovableSqliteStore, target: MemoryStore):
    source.write(GRANT, grant(intent=intent(timedelta(minutes=-15))), cas=14)
    copy(source, target)
    assert text(target, THEIRS.folder("grants", "sales", "crm")) == text(source, GRANT)


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE])
@pytest.mark.parametrize("path", ["grants/sales/crm", "meta/format"])
def test_a_write_whose_end_is_unknown_is_settled_by_the_next_run(
    source: MovableSqliteStore, target: MemoryStore, fault: Fault, path: str
):
    target.fail_next("write", fault, path=THEIRS.folder(*path.split("/")))
    with pytest.raises(StoreUnreachable, match="not made to its end"):
        copy(source, target)
    copy(source, target)
    check_format(target, THEIRS)
    assert text(target, THEIRS.folder("grants", "sales", "crm")) == grant("refresh-13").plain()


def test_where_the_last_step_is_denied_the_source_is_thawed(source: MovableSqliteStore, target: MemoryStore):
    target.fail_next("write", Fault.DENIED, path=THEIRS.format)
    with pytest.raises(PathDenied):
        copy(source, target)
    assert source.moved() is None
    source.write(GRANT, grant("goes on"), cas=14)
    with pytest.raises(StoreNotInitialised):
        check_format(target, THEIRS)


def test_what_the_source_has_no_more_is_not_left_in_an_unfinished_copy(
    source: MovableSqliteStore, target: MemoryStore
):
    with pytest.raises(Stopped):
        copy(source, target, stop_at="copy.verified")
    source.purge(PROVIDER)
    copy(source, target)
    assert target.read_metadata(THEIRS.folder("providers", "sales", "idp")) is None


def test_every_version_that_metadata_tells_is_known_to_the_copy():
    """A new one must be told here, and translated or kept by `engine/copied_keys`."""
    account = AccountStatus("m", "p", AccountState.READY, Reason.FRESH, NOW, "d").to_metadata()
    provider = ProviderStatus("m", "d", "static", NOW, intent_version=1).to_metadata()
    told = {key for key in (*account, *provider) if "version" in key}
    assert told == {*RECORD_VERSIONS, "grant-version", "secret-version", "good-secret-version"}


def test_an_open_registration_stays_open_and_a_fresh_one_is_waited_for(
    source: MovableSqliteStore, target: MemoryStore
):
    source.write(PROVIDER, Document({"client_secret": "next"}), cas=1)
    for moment, version in ((NOW, "2"), (NOW - timedelta(days=1), "1")):
        source.write_metadata(
            PROVIDER, {"intent-op": "op", "intent-since": format_instant(moment), "intent-version": version}
        )
        with pytest.raises(HeldByAnother, match="a registration is under way"):
            copy(source, target)
    since = format_instant(NOW - timedelta(days=1))
    source.write_metadata(PROVIDER, {"intent-op": "op", "intent-since": since, "intent-version": "2"})
    copy(source, target)
    provider = target.read_metadata(THEIRS.folder("providers", "sales", "idp"))
    assert provider is not None
    assert (provider.custom["intent-version"], provider.current_version) == ("1", 1)
