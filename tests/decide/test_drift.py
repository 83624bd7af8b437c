"""Judges of drift: what counts as another hand's change, what is our own unfinished work, and what is ignored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.decide.drift import (
    Drift,
    DriftKind,
    DriftReport,
    NotSeen,
    account_drift,
    discovery_drift,
    parse_ignore,
    split_ignored,
)
from reconciler.decide.drift_deep import token_drift
from reconciler.errors import UsageError
from reconciler.model.names import account_address, provider_address
from reconciler.model.observed import ObservedAccount
from reconciler.model.secret import Document
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import AccountStatus
from reconciler.model.stored import KeyMetadata, Stored, VersionInfo

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
CRM, IDP = account_address("sales", "crm"), provider_address("sales", "idp")
STATUS = AccountStatus(
    managed_by="reconciler/default",
    provider=str(IDP),
    state=AccountState.READY,
    reason=Reason.FRESH,
    since=NOW,
    manifest_digest="d" * 16,
    lifetime=timedelta(hours=1),
    granted_scopes=("files.read", "profile"),
    tool="test",
)
TOKEN = {
    "access_token": "at", "token_type": "Bearer", "expires_at": "2030-01-01T13:00:00Z", "scope": "profile files.read",
}  # fmt: skip


def seen(status: AccountStatus | None = STATUS, *, alive: bool = True, **custom: str) -> ObservedAccount:
    texts = {} if status is None else status.to_metadata()
    version = VersionInfo(1, NOW, deletion_time=None if alive else NOW)
    metadata = KeyMetadata(1, {1: version}, {**texts, **custom})
    return ObservedAccount(CRM, tokens=metadata, status=AccountStatus.from_metadata(metadata.custom))


def kinds(account: ObservedAccount, *, declared: bool = True, suspended: bool = False) -> list[str]:
    found = account_drift(account, declared=declared, suspended=suspended, owner="default", tool="test")
    return [drift.kind.value for drift in found]


def test_what_stands_as_it_was_written_is_no_drift():
    assert kinds(seen()) == []


def test_a_key_that_we_never_write_is_another_hand_s():
    assert kinds(seen(note="by hand")) == ["MetadataEdited"]
    assert kinds(seen(replace(STATUS, tool="a later version"), note="x")) == [], (
        "a later version knows more keys"
    )


def test_a_status_that_is_none_any_more():
    assert kinds(seen(None, note="x")) == ["MetadataEdited"]


def test_a_deleted_token_counts_only_where_one_should_be():
    assert kinds(seen(alive=False)) == ["TokenRemoved"]
    assert kinds(seen(alive=False), suspended=True) == []
    assert kinds(seen(alive=False), declared=False) == []
    assert kinds(seen(replace(STATUS, state=AccountState.NEEDS_CONSENT), alive=False)) == []


def test_a_token_that_the_store_deleted_at_its_end_is_no_drift():
    kept = replace(STATUS, delete_after=timedelta(hours=1))
    for gone, kinds_then in ((NOW + timedelta(hours=1), []), (NOW + timedelta(minutes=5), ["TokenRemoved"])):
        version = VersionInfo(1, NOW, deletion_time=gone)
        metadata = KeyMetadata(1, {1: version}, kept.to_metadata())
        status = AccountStatus.from_metadata(metadata.custom)
        assert kinds(ObservedAccount(CRM, tokens=metadata, status=status)) == kinds_then


def test_another_owner_s_object_is_drift_only_where_we_declare_it():
    other = replace(STATUS, managed_by="reconciler/other")
    assert kinds(seen(other)) == ["OwnerChanged"]
    assert kinds(seen(other), declared=False) == []


def published(**changes: object) -> Stored:
    return Stored(1, Document({**TOKEN, **changes}), NOW)


def edited(stored: Stored, status: AccountStatus = STATUS) -> list[str]:
    return [drift.message for drift in token_drift(CRM, status=status, stored=stored, grant=None)]


def test_a_token_as_it_was_published_is_no_drift():
    assert edited(published()) == []
    assert edited(published(values={"instance": "x"})) == []
    assert edited(published(expires_at="2030-01-01T13:10:00Z")) == [], (
        "up to a fifth longer is not written anew"
    )
    assert edited(published(expires_at="2030-01-01T12:10:00Z")) == [], "a republished one is older"


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": "2099-01-01T00:00:00Z"},
        {"expires_at": "soon"},
        {"expires_at": None},
        {"scope": "admin"},
        {"note": "by hand"},
        {"access_token": ["at"]},
    ],
)
def test_a_token_that_does_not_fit_what_was_given(changes: dict[str, object]):
    (message,) = edited(published(**changes))
    assert message.startswith("its published token was written by another hand: ")


def test_each_endpoint_that_moved_is_one_difference():
    recorded = {"token": "https://a.example/token", "jwks": "https://a.example/jwks"}
    found = {"token": "https://b.example/token", "userinfo": "https://a.example/me"}
    said = [(drift.before, drift.after) for drift in discovery_drift(IDP, recorded=recorded, found=found)]
    assert said == [
        ("https://a.example/jwks", "none"),
        ("https://a.example/token", "https://b.example/token"),
        ("none", "https://a.example/me"),
    ]
    assert list(discovery_drift(IDP, recorded=recorded, found=recorded)) == []


MOVED = Drift(DriftKind.SECRET_MOVED, IDP, "moved")
REMOVED = Drift(DriftKind.TOKEN_REMOVED, CRM, "removed")
POLICY = Drift(DriftKind.POLICY_DIFFERS, None, "more")


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        ([], [POLICY, REMOVED, MOVED]),
        (["SecretMoved"], [POLICY, REMOVED]),
        (["provider/sales/idp"], [POLICY, REMOVED]),
        (["sales/crm"], [POLICY, MOVED]),
        (["TokenRemoved:sales/crm", "PolicyDiffers"], [MOVED]),
        (["TokenRemoved:sales/mail"], [POLICY, REMOVED, MOVED]),
    ],
)
def test_what_is_ignored_does_not_count(texts: list[str], left: list[Drift]):
    counted, ignored = split_ignored([MOVED, REMOVED, POLICY], map(parse_ignore, texts))
    assert list(counted) == left
    assert {*counted, *ignored} == {MOVED, REMOVED, POLICY}


@pytest.mark.parametrize("text", ["SecretMovd", "Nothing:sales/crm", "SecretMoved:a/b/c/d", "no address!"])
def test_an_ignore_that_is_none_is_a_usage_error(text: str):
    with pytest.raises(UsageError):
        parse_ignore(text)


def test_exit_7_for_a_difference_and_4_before_it_for_what_was_not_seen():
    def code(**parts: object) -> int:
        return DriftReport("s", NOW, **{"drifts": (), **parts}).exit_code()  # type: ignore[arg-type]  # by name

    assert code() == 0
    assert code(ignored=(MOVED,)) == 0
    assert code(drifts=(MOVED,)) == 7
    assert code(drifts=(MOVED,), not_seen=(NotSeen(IDP, "no answer"),)) == 4
