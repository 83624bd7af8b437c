"""The embedded store as a file: who may open it, what stands in it, what happens when it is damaged or shared."""

import base64
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.adapters.sqlite import SqliteStore
from reconciler.errors import (
    CasConflict,
    LoginRefused,
    RecordInvalid,
    StoreError,
    StoreTooNew,
    StoreUnreachable,
)
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import own_path, reference_path

KEY = own_path("reconciler/grants/team/drive")
CANARY = "canary-refresh-token"
DOC = Document({"refresh_token": CANARY})
Open = Callable[..., SqliteStore]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "reconciler" / "store.db"


@pytest.fixture
def open_store(file: Path) -> Iterator[Open]:
    opened: list[SqliteStore] = []

    def make(**more: object) -> SqliteStore:
        opened.append(SqliteStore(file, **more))  # type: ignore[arg-type]  # passed on as given
        return opened[-1]

    yield make
    for store in opened:
        store.close()


# ---------------------------------------------------------------------------------------------------- at rest


def test_files_and_their_folder_are_for_their_owner_alone(open_store: Open, file: Path):
    old = os.umask(0)
    try:
        open_store().write(KEY, DOC, cas=0)
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600, "store.key": 0o600}
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_no_value_stands_in_clear_in_any_file(open_store: Open, file: Path):
    store = open_store()
    store.write(KEY, DOC, cas=0)
    for path in file.parent.iterdir():
        assert CANARY.encode() not in path.read_bytes()
    store.close()
    assert CANARY.encode() not in file.read_bytes()


def test_a_purged_value_is_not_even_there_sealed(open_store: Open, file: Path):
    store = open_store()
    store.write(KEY, DOC, cas=0)
    sealed = sqlite3.connect(file).execute("SELECT value FROM sealed").fetchone()[0]
    store.purge(KEY)
    for path in file.parent.iterdir():
        assert sealed not in path.read_bytes()


@pytest.mark.parametrize("name", ["store.db", "store.key"])
def test_a_file_open_to_others_is_refused(open_store: Open, file: Path, name: str):
    open_store().close()
    file.with_name(name).chmod(0o644)
    with pytest.raises(StoreError) as refused:
        open_store()
    assert "open to others" in refused.value.message
    assert refused.value.exit_code == 8


def test_a_folder_open_to_others_is_refused(open_store: Open, file: Path):
    file.parent.mkdir(parents=True, mode=0o755)
    file.parent.chmod(0o755)
    with pytest.raises(StoreError) as refused:
        open_store()
    assert refused.value.hint == f"chmod 700 {file.parent}"
    assert not file.exists()


def test_a_link_in_the_place_of_the_file_is_refused(open_store: Open, file: Path, tmp_path: Path):
    file.parent.mkdir(parents=True, mode=0o700)
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        open_store()
    assert not (tmp_path / "elsewhere").exists()


# ------------------------------------------------------------------------------------------------------- keys


def test_a_store_opens_again_with_its_key(open_store: Open):
    open_store().write(KEY, DOC, cas=0)
    assert open_store().read(KEY).version == 1


def test_a_wrong_key_is_refused_at_once(open_store: Open, file: Path):
    open_store().close()
    file.with_suffix(".key").write_bytes(base64.b64encode(bytes(32)))
    with pytest.raises(LoginRefused) as refused:
        open_store()
    assert "this is not the key" in refused.value.message
    assert refused.value.exit_code == 8


def test_a_lost_key_is_not_replaced_by_a_new_one(open_store: Open, file: Path):
    open_store().close()
    file.with_suffix(".key").unlink()
    with pytest.raises(LoginRefused) as refused:
        open_store()
    assert "missing" in refused.value.message
    assert not file.with_suffix(".key").exists()


def test_a_given_key_leaves_no_key_file(open_store: Open, file: Path):
    key = Secret(base64.b64encode(bytes(range(32))).decode())
    open_store(key=key).write(KEY, DOC, cas=0)
    assert open_store(key=key).read(KEY).version == 1
    assert not file.with_suffix(".key").exists()
    with pytest.raises(LoginRefused):
        open_store(key=Secret(base64.b64encode(bytes(32)).decode()))


def test_a_key_may_live_elsewhere(open_store: Open, file: Path, tmp_path: Path):
    open_store(key_file=tmp_path / "keys" / "k").write(KEY, DOC, cas=0)
    assert (tmp_path / "keys" / "k").exists()
    assert not file.with_suffix(".key").exists()


# ----------------------------------------------------------------------------------------------------- damage


def test_a_file_that_is_no_database_is_refused(open_store: Open, file: Path):
    file.parent.mkdir(parents=True, mode=0o700)
    file.touch(mode=0o600)
    file.write_bytes(b"canary, not a database" * 100)
    with pytest.raises(StoreError) as refused:
        open_store()
    assert "is damaged" in refused.value.message
    assert "canary" not in str(refused.value)


def test_a_database_of_somebody_else_is_refused_untouched(open_store: Open, file: Path):
    file.parent.mkdir(parents=True, mode=0o700)
    file.touch(mode=0o600)
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    with pytest.raises(StoreError) as refused:
        open_store()
    assert "no store of reconciler" in refused.value.message
    assert not file.with_suffix(".key").exists()


def test_a_newer_schema_is_refused(open_store: Open, file: Path):
    open_store().close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(StoreTooNew):
        open_store()


def test_damage_inside_is_told_as_such(open_store: Open, file: Path):
    store = open_store()
    for number in range(50):
        store.write(own_path(f"reconciler/tokens/team/a{number}"), Document({"a": "x" * 5000}), cas=0)
    store.close()
    raw = bytearray(file.read_bytes())
    raw[4096 * 2 :] = b"\xa5" * (len(raw) - 4096 * 2)
    file.write_bytes(raw)
    with pytest.raises(StoreError) as refused:
        open_store().read(own_path("reconciler/tokens/team/a7"))
    assert "is damaged" in refused.value.message


@pytest.mark.parametrize("change", ["path", "version", "bytes"])
def test_a_value_moved_or_changed_from_outside_does_not_open(open_store: Open, file: Path, change: str):
    store = open_store()
    other = own_path("reconciler/grants/evil/drive")
    store.write(KEY, DOC, cas=0)
    store.write(KEY, Document({"refresh_token": "second"}), cas=1)
    store.write(other, Document({"refresh_token": "evil"}), cas=0)
    with sqlite3.connect(file) as outside:
        statement = {
            "path": "UPDATE sealed SET value = (SELECT value FROM sealed WHERE path LIKE '%evil%') WHERE version = 2",
            "version": "UPDATE sealed SET value = (SELECT value FROM sealed WHERE path NOT LIKE '%evil%' AND version = 1)"
            " WHERE version = 2",
            "bytes": "UPDATE sealed SET value = zeroblob(40) WHERE version = 2",
        }[change]
        outside.execute(statement)
    outside.close()
    with pytest.raises(RecordInvalid) as refused:
        store.read(KEY)
    assert "version 2 was changed outside" in refused.value.message
    assert store.read(other).version == 1


def test_a_folder_that_cannot_be_made_is_told_as_such(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        SqliteStore(tmp_path / "file" / "x" / "store.db")


# ----------------------------------------------------------------------------------------------------- shared


def _count_up(file: Path, times: int) -> None:
    """Read, add one, write with cas; again where somebody else was quicker."""
    store = SqliteStore(file)
    done = 0
    while done < times:
        stored = store.read(KEY)
        count = 0 if stored.document is None else stored.document["count"]
        try:
            store.write(KEY, Document({"count": count + 1}), cas=stored.version)
        except CasConflict:
            continue
        done += 1
    store.close()


def test_processes_that_start_together_share_one_store(file: Path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count_up, args=(file, 10)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 6
    store = SqliteStore(file)
    stored = store.read(KEY)
    assert stored.version == 60
    assert stored.document is not None
    assert stored.document["count"] == 60
    store.close()


def test_a_forked_child_uses_a_connection_of_its_own(open_store: Open):
    store = open_store()
    store.write(KEY, DOC, cas=0)
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if store.write(KEY, DOC, cas=1) == 2 else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert store.write(KEY, DOC, cas=2) == 3


def test_what_a_killed_process_reported_is_there(file: Path, tmp_path: Path):
    def work(reported: int) -> None:
        store = SqliteStore(file)
        version = 0
        while True:
            version = store.write(KEY, Document({"n": version}), cas=version)
            os.write(reported, b".")

    context = multiprocessing.get_context("fork")
    reading, writing = os.pipe()
    worker = context.Process(target=work, args=(writing,))
    worker.start()
    os.close(writing)
    time.sleep(0.3)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    reported = 0
    while chunk := os.read(reading, 65536):
        reported += len(chunk)
    os.close(reading)
    store = SqliteStore(file)
    assert reported <= store.read(KEY).version <= reported + 1
    assert reported > 0
    store.close()


def test_a_store_that_another_process_holds_too_long_is_busy(
    open_store: Open, file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reconciler.adapters.sqlite_schema._BUSY_SECONDS", 0.1)
    store = open_store()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnreachable) as refused:
        store.write(KEY, DOC, cas=0)
    assert "is busy" in refused.value.message
    assert store.read(KEY).version == 0
    holder.execute("ROLLBACK")
    holder.close()
    assert store.write(KEY, DOC, cas=0) == 1


# ------------------------------------------------------------------------------------------------------- rest


def test_the_clock_is_given(open_store: Open):
    moment = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    store = open_store(now=lambda: moment)
    store.write(KEY, DOC, cas=0)
    assert store.read(KEY).created_time == moment
    assert store.server_time() == moment


def test_a_reference_may_name_a_mount_which_is_a_place_of_its_own(open_store: Open):
    store = open_store()
    there = reference_path("clients/google", mount="other")
    store.write(there, DOC, cas=0)
    assert store.read(reference_path("clients/google")).version == 0
    assert store.read(there).version == 1
    assert store.list_keys(reference_path("clients", mount="other")) == ["google"]
    scanned = store.scan_metadata(reference_path("clients", mount="other"))
    assert scanned is not None
    assert list(scanned) == [there]


def test_metadata_of_ten_thousand_keys_is_read_by_a_few_statements(open_store: Open, file: Path):
    store = open_store()
    store.close()
    with sqlite3.connect(file) as quick:
        quick.executemany(
            "INSERT INTO keys VALUES (?, 1, ?, 3)",
            (
                (f"reconciler/tokens/team/a{n:05d}", '{"state":"ready","provider":"google"}')
                for n in range(10_000)
            ),
        )
        quick.executemany(
            "INSERT INTO versions VALUES (?, 1, 1893456000000000, NULL)",
            ((f"reconciler/tokens/team/a{n:05d}",) for n in range(10_000)),
        )
    quick.close()
    store = open_store()
    asked: list[str] = []
    store._connection().set_trace_callback(asked.append)
    found = store.scan_metadata(own_path("reconciler/tokens"))
    store._connection().set_trace_callback(None)
    assert found is not None
    assert len(found) == 10_000
    assert len(asked) < 10
