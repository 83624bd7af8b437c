"""What the store holds is never shown: not where a record is broken, foreign, sealed with another key or half written."""

from __future__ import annotations

import base64
import os
import sqlite3

import pytest

from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from tests.canaries.cage import QUICK_VERBS, VERBS, Cage
from tests.canaries.forms import canary, leaks

SECRET = canary("stored")
BROKEN: dict[str, dict[str, object]] = {
    "another shape": {"secret": SECRET},
    "a list where a token was": {"refresh_token": [SECRET], "client_id": SECRET, "origin": SECRET},
    "an unknown format": {"format": SECRET, "refresh_token": SECRET},
    "a later format": {"format": 99, "refresh_token": SECRET},
    "names that are secrets": {SECRET: {SECRET: SECRET}},
    "dates that are secrets": {
        "format": 1, "refresh_token": SECRET, "consented_at": SECRET, "owner": SECRET, "grant": SECRET,
        "token_set": {"access_token": SECRET, "expires_at": SECRET, "lifetime": SECRET, "token_type": SECRET},
        "op": {"id": SECRET, "phase": SECRET}, "intent": {"op_id": SECRET, "phase": SECRET}, "scopes": [SECRET],
    },
    "an access token alone": {"access_token": SECRET, "expires_at": SECRET, "token_type": SECRET},
    "a client that is none": {"client": {"client_id": SECRET, "client_secret": [SECRET]}, "intent": SECRET},
}  # fmt: skip
PLACES = (
    "reconciler/grants/sales/crm", "reconciler/tokens/sales/crm", "reconciler/providers/sales/made",
    "reconciler/providers/sales/idp", "reconciler/meta/format", "reconciler/meta/fingerprint-key",
    "reconciler/trust/settings", "clients/sales/idp",
)  # fmt: skip


_QUICK = ("another shape", "dates that are secrets")


@pytest.mark.parametrize(
    "kind", [kind if kind in _QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in BROKEN]
)
@pytest.mark.parametrize("place", PLACES)
def test_a_broken_record_is_named_by_its_path_alone(cage: Cage, place: str, kind: str):
    cage.settle()
    cage.planted["stored"] = SECRET
    path = StorePath(tuple(place.split("/")))
    with cage.store() as store:
        newest = store.read(path)
        store.write(path, Document(BROKEN[kind]), cas=newest.version)
    for verb in (("reconcile", "-v"), *QUICK_VERBS, ("trust", "--show"), ("secret", "list")):
        if (
            kind == "names that are secrets"
            and place.startswith("clients/")
            and verb[0] in ("secret", "reconcile", "refresh")
        ):
            continue  # the names of a secret's keys are shown: that is what they are for
        cage.run(*verb)
    cage.assert_silent()


@pytest.mark.parametrize(
    "custom",
    [
        {"state": SECRET, "reason": SECRET},
        {"managed-by": f"reconciler/{SECRET}"},
        {"lifetime": SECRET, "since": SECRET, "grant-version": SECRET},
    ],
)
def test_metadata_of_strangers_breaks_nothing(cage: Cage, custom: dict[str, str]):
    """Metadata hold no secret by design; what another tool wrote there is at least no reason to fall over."""
    cage.settle()
    for place in ("reconciler/tokens/sales/crm", "reconciler/providers/sales/idp"):
        with cage.store() as store:
            store.write_metadata(StorePath(tuple(place.split("/"))), custom)
    for verb in VERBS:
        # Another hand's metadata is just what drift is to notice: it alone may say so, by 7.
        assert cage.run(*verb).code in ((0, 3, 4, 7) if verb[0] == "drift" else (0, 3, 4))


@pytest.mark.parametrize(
    "key",
    [
        base64.b64encode(os.urandom(32)).decode(), base64.urlsafe_b64encode(os.urandom(32)).decode(), os.urandom(32).hex(),
        "not a key at all but long enough to be seen", "=", "é" * 40,
    ],
    ids=["base64", "url-safe base64", "hex", "words", "padding alone", "not ASCII"],
)  # fmt: skip
def test_a_wrong_key_is_not_repeated(cage: Cage, key: str):
    for verb in VERBS[3:]:
        said = cage.run(*verb, RECONCILER_KEY=key)
        assert said.code in ((0,) if verb[0] == "base" else (8, 64)), "what opens no store needs no key"
        if len(key) > 12:
            assert leaks(said.out + said.err, [key]) == []
    cage.assert_silent()


def test_a_damaged_file_is_told_by_its_name(cage: Cage):
    cage.settle()
    file = cage.desk.folder / "store/store.db"
    connection = sqlite3.connect(file)
    connection.execute("UPDATE sealed SET value = zeroblob(64)")
    connection.commit()
    connection.close()
    for verb in VERBS:
        cage.run(*verb)
    cage.assert_silent()
    assert "refresh_token" not in "".join(said.out for _, said in cage.said)


def test_metadata_in_the_clear_hold_no_secret(cage: Cage):
    """The embedded store seals values and leaves metadata as they are."""
    cage.settle()
    cage.run("refresh", "--force", expect=0)
    connection = sqlite3.connect(cage.desk.folder / "store/store.db")
    clear = [
        row for table in ("keys", "versions", "lock") for row in connection.execute(f"SELECT * FROM {table}")
    ]
    connection.close()
    assert leaks(repr(clear), cage.secrets) == []
    cage.assert_no_file_holds_one()
