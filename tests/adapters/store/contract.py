"""What every store must do, whatever it is made of: one suite for the simulator, SQLite, Vault and OpenBao.

A subclass gives `store` (a fresh, empty one) and `another` (a second client of the same store).
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from reconciler.errors import CasConflict, ObjectFailed
from reconciler.model.limits import ANSWER_LIMITS
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import own_path, reference_path
from reconciler.ports import SecretStore

KEY = own_path("reconciler/grants/team/drive")
TOKENS = own_path("reconciler/tokens")
Another = Callable[[], SecretStore]


def doc(**values: object) -> Document:
    return Document(values)


class StoreContract:
    @pytest.fixture
    def store(self) -> SecretStore:
        pytest.fail("each ring brings its own")

    @pytest.fixture
    def another(self) -> Another:
        pytest.fail("each ring brings its own")

    def let_pass(self, store: SecretStore, seconds: float) -> None:
        """Time goes by, by the store's clock."""
        until = store.server_time() + timedelta(seconds=seconds)
        while store.server_time() < until:
            time.sleep(0.05)

    # ---------------------------------------------------------------------------------------------- versions

    def test_a_key_that_was_never_written_reads_as_version_0(self, store: SecretStore):
        found = store.read(KEY)
        assert (found.version, found.document, found.deleted) == (0, None, False)
        assert store.read_metadata(KEY) is None

    def test_versions_count_from_1(self, store: SecretStore):
        assert store.write(KEY, doc(a="one"), cas=0) == 1
        assert store.write(KEY, doc(a="two"), cas=1) == 2

    def test_a_read_gives_the_newest_version_and_its_number(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.write(KEY, doc(a="two"), cas=1)
        found = store.read(KEY)
        assert found.version == 2
        assert found.document is not None
        assert found.document["a"] == "two"
        assert not found.deleted

    def test_an_older_version_can_be_read(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.write(KEY, doc(a="two"), cas=1)
        found = store.read(KEY, version=1)
        assert found.version == 1
        assert found.document is not None
        assert found.document["a"] == "one"

    def test_a_version_that_is_not_there_reads_as_absent(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        found = store.read(KEY, version=7)
        assert (found.version, found.document) == (0, None)

    def test_secrets_are_stored_as_their_text(self, store: SecretStore):
        store.write(KEY, doc(refresh_token=Secret("r-1"), nested={"token": Secret("n-1")}, n=3), cas=0)
        found = store.read(KEY).document
        assert found is not None
        assert found.plain() == {"refresh_token": "r-1", "nested": {"token": "n-1"}, "n": 3}

    def test_any_text_comes_back_as_it_was(self, store: SecretStore):
        text = 'é\u202e\x00\n"\\ 🔑 ' + "ｆ" * 100
        store.write(KEY, doc(text=text, empty="", nothing=None, yes=True, list=[1, "two"]), cas=0)
        found = store.read(KEY).document
        assert found is not None
        assert found.plain() == {"text": text, "empty": "", "nothing": None, "yes": True, "list": [1, "two"]}

    def test_a_version_is_stamped_by_the_stores_clock(self, store: SecretStore):
        before = store.server_time() - timedelta(seconds=2)
        store.write(KEY, doc(a="one"), cas=0)
        created = store.read(KEY).created_time
        assert created is not None
        assert before <= created <= store.server_time() + timedelta(seconds=2)
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.newest is not None
        assert metadata.newest.created_time == created
        assert created.utcoffset() == timedelta(0)

    def test_ten_versions_are_kept_unless_said_otherwise(self, store: SecretStore):
        for cas in range(12):
            store.write(KEY, doc(n=cas), cas=cas)
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.current_version == 12
        assert sorted(metadata.versions) == list(range(3, 13))
        assert store.read(KEY, version=2).document is None

    def test_max_versions_drops_older_ones_at_the_next_write(self, store: SecretStore):
        store.write_metadata(KEY, {"a": "b"}, max_versions=2)
        for cas in range(4):
            store.write(KEY, doc(n=cas), cas=cas)
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.max_versions == 2
        assert sorted(metadata.versions) == [3, 4]

    # ------------------------------------------------------------------------------------------ check-and-set

    @pytest.mark.parametrize("cas", [0, 2, 9])
    def test_a_write_with_another_version_than_the_newest_is_a_conflict(self, store: SecretStore, cas: int):
        store.write(KEY, doc(a="one"), cas=0)
        with pytest.raises(CasConflict):
            store.write(KEY, doc(a="two"), cas=cas)
        assert store.read(KEY).version == 1

    def test_a_first_write_with_a_version_is_a_conflict(self, store: SecretStore):
        with pytest.raises(CasConflict):
            store.write(KEY, doc(a="one"), cas=1)
        assert store.read_metadata(KEY) is None

    def test_of_eight_writers_at_once_one_wins(self, store: SecretStore, another: Another):
        store.write(KEY, doc(by="nobody"), cas=0)
        clients = [another() for _ in range(8)]
        start = Barrier(8)

        def write(number: int) -> bool:
            start.wait(10)
            try:
                clients[number].write(KEY, doc(by=number), cas=1)
            except CasConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        assert won.count(True) == 1
        found = store.read(KEY)
        assert found.version == 2
        assert found.document is not None
        assert found.document["by"] == won.index(True)

    # ------------------------------------------------------------------------------------------------ deletion

    def test_versions_are_deleted_by_number_and_keep_their_place(self, store: SecretStore):
        for cas in range(3):
            store.write(KEY, doc(n=cas), cas=cas)
        store.delete_versions(KEY, [1, 2, 7])
        store.delete_versions(KEY, [2])
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert {n: v.alive for n, v in metadata.versions.items()} == {1: False, 2: False, 3: True}
        assert store.read(KEY, version=2).document is None
        assert store.read(KEY).version == 3
        store.delete_versions(own_path("reconciler/grants/team/nobody"), [1])
        assert store.read_metadata(own_path("reconciler/grants/team/nobody")) is None

    def test_versions_that_are_to_be_deleted_later_live_until_then(self, store: SecretStore):
        store.write_metadata(KEY, {"a": "b"}, delete_after=timedelta(hours=1))
        store.write(KEY, doc(a="one"), cas=0)
        found = store.read(KEY)
        assert (found.version, found.deleted) == (1, False)
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.newest is not None
        assert metadata.newest.alive
        store.delete_newest(KEY)
        assert store.read(KEY).deleted

    def test_versions_count_as_deleted_once_their_time_is_over(self, store: SecretStore):
        store.write_metadata(KEY, {"a": "b"}, max_versions=2, delete_after=timedelta(seconds=1))
        store.write(KEY, doc(a="one"), cas=0)
        self.let_pass(store, 1.5)
        found = store.read(KEY)
        assert (found.version, found.document) == (1, None)
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.newest is not None
        assert not metadata.newest.alive
        # The setting stays with a metadata write that does not name it, and goes with one that names zero.
        store.write_metadata(KEY, {"a": "c"}, delete_after=timedelta(0))
        store.write(KEY, doc(a="two"), cas=1)
        assert store.read(KEY).version == 2
        self.let_pass(store, 1.5)
        assert not store.read(KEY).deleted

    def test_a_deleted_newest_version_keeps_its_number(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.delete_newest(KEY)
        found = store.read(KEY)
        assert (found.version, found.document, found.deleted) == (1, None, True)
        assert found.created_time is not None
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.newest is not None
        assert not metadata.newest.alive

    def test_after_a_deletion_the_next_write_carries_the_deleted_number(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.delete_newest(KEY)
        with pytest.raises(CasConflict):
            store.write(KEY, doc(a="two"), cas=0)
        assert store.write(KEY, doc(a="two"), cas=1) == 2

    def test_deleting_the_newest_leaves_the_older_ones(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.write(KEY, doc(a="two"), cas=1)
        store.delete_newest(KEY)
        older = store.read(KEY, version=1).document
        assert older is not None
        assert older["a"] == "one"

    def test_deleting_what_is_not_there_does_nothing(self, store: SecretStore):
        store.delete_newest(KEY)
        store.purge(KEY)
        assert store.read_metadata(KEY) is None

    def test_purging_leaves_nothing_and_starts_again_at_1(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.write(KEY, doc(a="two"), cas=1)
        store.purge(KEY)
        assert store.read_metadata(KEY) is None
        assert store.read(KEY, version=1).document is None
        assert store.list_keys(own_path("reconciler/grants")) == []
        assert store.write(KEY, doc(a="new"), cas=0) == 1

    # ------------------------------------------------------------------------------------------------ metadata

    def test_metadata_alone_makes_a_key_without_versions(self, store: SecretStore):
        store.write_metadata(KEY, {"state": "pending-consent"})
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert (metadata.current_version, dict(metadata.versions)) == (0, {})
        assert metadata.custom == {"state": "pending-consent"}
        found = store.read(KEY)
        assert (found.version, found.document, found.deleted) == (0, None, False)
        assert store.list_keys(own_path("reconciler/grants/team")) == ["drive"]

    def test_a_key_with_metadata_alone_takes_a_first_write(self, store: SecretStore):
        store.write_metadata(KEY, {"state": "pending-consent"})
        assert store.write(KEY, doc(a="one"), cas=0) == 1
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.custom == {"state": "pending-consent"}

    def test_metadata_is_replaced_whole(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.write_metadata(KEY, {"a": "1", "b": "2"})
        store.write_metadata(KEY, {"b": "é · ✓"})
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.custom == {"b": "é · ✓"}
        assert metadata.current_version == 1

    def test_a_metadata_write_makes_no_version_and_keeps_other_settings(self, store: SecretStore):
        store.write_metadata(KEY, {"a": "1"}, max_versions=3)
        store.write(KEY, doc(a="one"), cas=0)
        store.write_metadata(KEY, {"a": "2"})
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert (metadata.current_version, metadata.max_versions) == (1, 3)

    def test_metadata_can_be_emptied(self, store: SecretStore):
        store.write_metadata(KEY, {"a": "1"})
        store.write_metadata(KEY, {})
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.custom == {}

    def test_a_read_carries_the_custom_metadata(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.write_metadata(KEY, {"managed-by": "reconciler/default"})
        assert store.read(KEY).custom == {"managed-by": "reconciler/default"}

    def test_metadata_at_its_limits_is_kept(self, store: SecretStore):
        custom = {f"{n:02d}" + "k" * 126: "v" * 512 for n in range(64)}
        store.write_metadata(KEY, custom)
        metadata = store.read_metadata(KEY)
        assert metadata is not None
        assert metadata.custom == custom

    @pytest.mark.parametrize(
        "custom",
        [
            {"a": ""},
            {"a": "x" * 513},
            {"a": "é" * 257},
            {"a": "line\nbreak"},
            {"a": "\x1b[31m"},
            {"a": "\u202e"},
            {"": "x"},
            {"k" * 129: "x"},
            {"k\t": "x"},
            {f"k{n}": "x" for n in range(65)},
        ],
        ids=[
            "empty",
            "long",
            "long-utf8",
            "break",
            "escape",
            "bidi",
            "no-key",
            "long-key",
            "tab-key",
            "65-keys",
        ],
    )
    def test_metadata_beyond_its_limits_is_refused(self, store: SecretStore, custom: dict[str, str]):
        with pytest.raises(ObjectFailed):
            store.write_metadata(KEY, custom)
        assert store.read_metadata(KEY) is None

    # ------------------------------------------------------------------------------------------------- limits

    def test_a_record_of_256_kib_is_kept(self, store: SecretStore):
        size = ANSWER_LIMITS.record_bytes - len('{"a":""}')
        store.write(KEY, doc(a="x" * size), cas=0)
        found = store.read(KEY).document
        assert found is not None
        assert len(found["a"]) == size

    def test_a_larger_record_is_refused_before_it_is_sent(self, store: SecretStore):
        size = ANSWER_LIMITS.record_bytes - len('{"a":""}')
        with pytest.raises(ObjectFailed) as refused:
            store.write(KEY, doc(a="x" * (size + 1)), cas=0)
        assert "262144" in refused.value.message
        assert store.read_metadata(KEY) is None

    def test_what_json_cannot_carry_is_refused(self, store: SecretStore):
        for value in ("\ud800", float("nan"), object()):
            with pytest.raises(ObjectFailed):
                store.write(KEY, doc(a=value), cas=0)

    # ------------------------------------------------------------------------------------------------ listing

    def test_a_folder_that_holds_nothing_lists_as_empty(self, store: SecretStore):
        assert store.list_keys(TOKENS) == []

    def test_a_list_shows_keys_and_folders_right_below_sorted(self, store: SecretStore):
        for text in ("tokens/b/x", "tokens/b/y", "tokens/a", "tokens/b", "tokensx/no", "tokens/c.d/e/f"):
            store.write(own_path(f"reconciler/{text}"), doc(a="one"), cas=0)
        assert store.list_keys(TOKENS) == ["a", "b", "b/", "c.d/"]
        assert store.list_keys(own_path("reconciler/tokens/b")) == ["x", "y"]

    def test_a_list_shows_keys_whose_newest_version_is_deleted(self, store: SecretStore):
        store.write(KEY, doc(a="one"), cas=0)
        store.delete_newest(KEY)
        assert store.list_keys(own_path("reconciler/grants/team")) == ["drive"]

    def test_a_bulk_read_agrees_with_reading_key_by_key(self, store: SecretStore):
        for name in ("a", "b", "c"):
            path = own_path(f"reconciler/tokens/team/{name}")
            store.write(path, doc(a="one"), cas=0)
            store.write_metadata(path, {"name": name})
        store.write_metadata(own_path("reconciler/tokens/other/d"), {"name": "d"})
        store.write(own_path("reconciler/tokensx/e"), doc(a="one"), cas=0)
        store.delete_newest(own_path("reconciler/tokens/team/b"))
        found = store.scan_metadata(TOKENS)
        if found is None:
            assert store.scan_metadata(TOKENS) is None
            return
        assert {str(path) for path in found} == {
            "reconciler/tokens/team/a",
            "reconciler/tokens/team/b",
            "reconciler/tokens/team/c",
            "reconciler/tokens/other/d",
        }
        for path, metadata in found.items():
            assert metadata == store.read_metadata(path)

    # ---------------------------------------------------------------------------------------------- the rest

    def test_references_with_capitals_are_stored_too(self, store: SecretStore):
        path = reference_path("clients/Team_A/Google.com")
        store.write(path, doc(client_secret="s"), cas=0)
        assert store.list_keys(reference_path("clients/Team_A")) == ["Google.com"]
        assert store.read(path).version == 1

    def test_a_full_login_may_do_everything(self, store: SecretStore):
        other = own_path("reconciler/tokens/team/x")
        assert store.capabilities([]) == {}
        found = store.capabilities([KEY, other])
        assert set(found) == {KEY, other}
        assert all({"create", "read", "update", "delete"} <= allowed for allowed in found.values())

    def test_the_login_lasts(self, store: SecretStore):
        store.ensure_login(timedelta(minutes=2))

    def test_the_store_says_where_it_is_without_credentials(self, store: SecretStore):
        said = store.describe()
        assert said.isprintable()
        assert "hvs." not in said

    def test_what_one_client_writes_another_reads(self, store: SecretStore, another: Another):
        other = another()
        other.write(KEY, doc(a="one"), cas=0)
        assert store.read(KEY).version == 1
        store.write(KEY, doc(a="two"), cas=1)
        with pytest.raises(CasConflict):
            other.write(KEY, doc(a="three"), cas=1)
