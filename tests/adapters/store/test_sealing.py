"""Sealing: a value opens with its key at its place only, and keys are kept from others."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.adapters.sqlite_sealing import GivenKey, KeyFile, Sealer, Unsealable, check_private, load_key
from reconciler.errors import LoginRefused, StoreError
from reconciler.model.secret import Secret

KEY = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    return private


def test_a_sealed_value_opens_at_its_place():
    sealed = Sealer(KEY).seal(b"canary", place="a/1")
    assert b"canary" not in sealed
    assert Sealer(KEY).open(sealed, place="a/1") == b"canary"


def test_the_same_value_never_looks_the_same():
    assert Sealer(KEY).seal(b"x", place="a") != Sealer(KEY).seal(b"x", place="a")


@pytest.mark.parametrize("wrong", ["key", "place", "byte", "cut", "empty"])
def test_anything_else_does_not_open_it(wrong: str):
    sealed = Sealer(KEY).seal(b"canary", place="a/1")
    changed = {
        "byte": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "cut": sealed[:-1],
        "empty": b"",
    }.get(wrong, sealed)
    with pytest.raises(Unsealable):
        Sealer(bytes(32) if wrong == "key" else KEY).open(changed, place="a/2" if wrong == "place" else "a/1")


@pytest.mark.parametrize(
    "text", [base64.b64encode(KEY), base64.urlsafe_b64encode(KEY), base64.b64encode(KEY).rstrip(b"=")]
)
def test_a_given_key_is_base64_of_any_common_kind(text: bytes):
    assert load_key(GivenKey(Secret(f" {text.decode()}\n")), may_create=False) == KEY


@pytest.mark.parametrize(
    "text", ["canary", "é" * 44, base64.b64encode(KEY[:31]).decode(), base64.b64encode(KEY + b"x").decode()]
)
def test_a_given_key_that_is_none_is_refused_without_showing_it(text: str):
    with pytest.raises(LoginRefused) as refused:
        load_key(GivenKey(Secret(text)), may_create=True)
    assert "RECONCILER_KEY is no key" in refused.value.message
    assert text not in str(refused.value)
    assert text not in repr(GivenKey(Secret(text)))


def test_a_key_file_is_made_for_its_owner_alone_and_kept(folder: Path):
    source = KeyFile(folder / "deep" / "store.key")
    key = load_key(source, may_create=True)
    assert len(key) == 32
    assert load_key(source, may_create=True) == key
    assert source.path.stat().st_mode & 0o777 == 0o600
    assert source.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in source.path.parent.iterdir()] == ["store.key"]


def test_of_many_that_make_it_at_once_all_get_the_same_key(folder: Path):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_key(KeyFile(folder / "k"), may_create=True), range(16)))
    assert len(set(keys)) == 1


def test_a_missing_key_is_not_replaced(folder: Path):
    with pytest.raises(LoginRefused) as refused:
        load_key(KeyFile(folder / "k"), may_create=False)
    assert "missing" in refused.value.message
    assert not (folder / "k").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_file_open_to_others_is_refused(folder: Path, mode: int):
    load_key(KeyFile(folder / "k"), may_create=True)
    (folder / "k").chmod(mode)
    with pytest.raises(StoreError) as refused:
        load_key(KeyFile(folder / "k"), may_create=False)
    assert "open to others" in refused.value.message
    assert refused.value.hint == f"chmod 600 {folder / 'k'}"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not a key"])
def test_a_key_file_that_holds_none_is_refused(folder: Path, content: bytes):
    (folder / "k").touch(mode=0o600)
    (folder / "k").write_bytes(content)
    with pytest.raises(LoginRefused):
        load_key(KeyFile(folder / "k"), may_create=True)


def test_a_folder_in_the_place_of_a_file_is_refused(folder: Path):
    with pytest.raises(StoreError):
        check_private(folder, what="the key file", folder=False)


def test_a_file_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    load_key(KeyFile(folder / "k"), may_create=True)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(StoreError) as refused:
        load_key(KeyFile(folder / "k"), may_create=False)
    assert "another user" in refused.value.message
