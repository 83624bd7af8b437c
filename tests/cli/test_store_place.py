"""Where an embedded store may be, and what is said where it may not: the remedy never harms what is not ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.adapters.sqlite_sealing import is_shared
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town


@pytest.mark.parametrize(
    ("store", "words", "hint"),
    [
        ("sqlite:///", "an embedded store is a file, and none is named", "write sqlite:///<path>"),
        ("sqlite://", "needs an absolute path", "write sqlite:///<path>"),
        ("vault://oauth/", "names no legal prefix", "vault://oauth/reconciler"),
    ],
)
def test_a_place_that_is_none_is_a_usage_error(desk: Keyboard, store: str, words: str, hint: str):
    said = desk.run("trust", "--show", expect=64, RECONCILER_STORE=store)
    assert words in said.err
    assert hint in said.err


def test_a_relative_place_is_answered_with_the_absolute_one(desk: Keyboard):
    said = desk.run("trust", "--show", expect=64, RECONCILER_STORE="sqlite://own/store.db")
    assert f"hint: write sqlite://{desk.folder}/own/store.db" in said.err


def test_four_slashes_as_other_tools_write_them_name_the_same_file(town: Town):
    said = town.desk.run("status", "-o", "json", expect=0, RECONCILER_STORE=f"sqlite:///{town.store_file}")
    assert said.json["store"] == f"sqlite {town.store_file}"


def test_a_folder_is_no_store_and_the_hint_names_a_file_in_it(desk: Keyboard):
    place = desk.folder / "own" / "folder"
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o700)
    said = desk.run("trust", "--show", expect=8, RECONCILER_STORE=f"sqlite://{place}")
    assert f"the embedded store is a file, and {place} is a folder" in said.err
    assert f"RECONCILER_STORE=sqlite://{place}/store.db" in said.err


def test_nobody_is_told_to_close_a_folder_that_others_use(desk: Keyboard):
    place = desk.folder / "home"
    (place / "somebody").mkdir(parents=True)
    place.chmod(0o755)
    said = desk.run("trust", "--show", expect=8, RECONCILER_STORE=f"sqlite://{place}/store.db")
    assert "is open to others" in said.err
    assert "chmod" not in said.err
    assert f"RECONCILER_STORE=sqlite://{place}/reconciler/store.db" in said.err
    (place / "store.db").touch(mode=0o600)
    examined = desk.run("doctor", RECONCILER_STORE=f"sqlite://{place}/store.db").out
    assert "give the store a folder of its own" in examined
    assert f"chmod 700 {place}\n" not in examined


def test_a_folder_of_the_stores_own_is_closed_by_the_command_that_is_shown(desk: Keyboard):
    place = desk.folder / "own"
    place.mkdir()
    place.chmod(0o755)
    said = desk.run("trust", "--show", expect=8, RECONCILER_STORE=f"sqlite://{place}/store.db")
    assert f"hint: chmod 700 {place}\n" in said.err
    place.chmod(0o700)
    desk.run(
        "plan", "--allow-empty", "-f", str(place), expect=0, RECONCILER_STORE=f"sqlite://{place}/store.db"
    )


@pytest.mark.parametrize("folder", ["/", "/tmp", "/dev"])
def test_the_machines_own_folders_are_everybodys(folder: str):
    assert is_shared(Path(folder), os.stat(folder).st_mode)


def test_a_broken_key_of_a_store_is_to_be_restored_not_made_anew(town: Town):
    key = town.store_file.with_suffix(".key")
    key.write_text("x\n")
    said = town.desk.run("status", expect=8)
    assert "hint: restore the one that was made with the store: another opens nothing in it" in said.err
    key.unlink()
    key.mkdir(mode=0o700)
    assert "the key file is no file" in town.desk.run("status", expect=8).err


@pytest.mark.parametrize("address", ["127.0.0.1:8200", "vault.example", "ftp://vault.example"])
def test_an_address_of_vault_that_is_none_is_shown_as_it_was_written(desk: Keyboard, address: str):
    said = desk.run(
        "trust",
        "--show",
        expect=64,
        VAULT_ADDR=address,
        VAULT_TOKEN="t",
        RECONCILER_STORE="vault://oauth/reconciler",
    )
    assert f"'{address}' is no address of a Vault server" in said.err


def test_an_address_of_vault_with_credentials_is_not_repeated(desk: Keyboard):
    said = desk.run(
        "trust",
        "--show",
        expect=64,
        VAULT_ADDR="https://ana:hunter2@vault.example",
        VAULT_TOKEN="t",
        RECONCILER_STORE="vault://oauth/reconciler",
    )
    assert "hunter2" not in said.err
