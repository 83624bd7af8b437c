"""Each judge of the doctor: what it calls well, what it warns of, and what it fails with which exit code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.decide.access import Reach, Role, allowed_at, rules_for
from reconciler.decide.doctor import (
    Check,
    Examination,
    Finding,
    Level,
    judge_clock,
    judge_file,
    judge_login,
    judge_mount,
    judge_tls,
)
from reconciler.decide.doctor_access import judge_access, judge_jwt_role, sample_paths
from reconciler.decide.doctor_objects import judge_interval, judge_metadata, judge_origin, judge_unreadable
from reconciler.decide.job_login import Forge, Job, jwt_role
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.endpoint import parse_origin
from reconciler.model.inspection import FileFacts, LoginFacts, MountFacts
from reconciler.model.names import account_address, provider_address
from reconciler.model.observed import Observed, ObservedAccount
from reconciler.model.secret import SecretBytes
from reconciler.model.store_path import Layout, own_path
from reconciler.model.stored import KeyMetadata

NOW = datetime(2030, 1, 1, tzinfo=UTC)
REACH = Reach("kv", Layout(own_path("reconciler")))
MINUTE = timedelta(minutes=1)


def verdict(finding: Finding) -> tuple[str, int]:
    return finding.level.value, finding.code


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, ("ok", 0)), (-4, ("ok", 0)), (30, ("warning", 0)), (-30, ("warning", 0)), (300, ("failed", 1)), (-300, ("failed", 1))],
)  # fmt: skip
def test_a_clock_that_is_off(seconds: int, expected: tuple[str, int]):
    assert verdict(judge_clock(store=NOW, local=NOW + timedelta(seconds=seconds))) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (MountFacts("kv", "2"), ("ok", 0)),
        (MountFacts("kv", "1"), ("failed", 8)),
        (MountFacts("kv"), ("failed", 8)),
        (MountFacts("pki"), ("failed", 8)),
        (None, ("skipped", 0)),
    ],
)
def test_a_mount_is_kv_version_2_or_no_store(facts: MountFacts | None, expected: tuple[str, int]):
    assert verdict(judge_mount("kv", facts)) == expected


@pytest.mark.parametrize(
    ("facts", "repeatable", "expected"),
    [
        (LoginFacts(("reconciler-plan",), 10 * MINUTE), False, ("ok", 0)),
        (LoginFacts(("reconciler-plan",), MINUTE / 2), False, ("failed", 8)),
        (LoginFacts(("reconciler-plan",), MINUTE / 2, renewable=True), False, ("ok", 0)),
        (LoginFacts(("reconciler-plan",), MINUTE / 2), True, ("ok", 0)),
        (LoginFacts(("reconciler-plan",), None), False, ("warning", 0)),
        (LoginFacts(("root",), None), False, ("warning", 0)),
        (None, False, ("skipped", 0)),
    ],
)
def test_a_login_that_ends_too_soon_never_or_may_everything(
    facts: LoginFacts | None, repeatable: bool, expected: tuple[str, int]
):
    assert verdict(judge_login(facts, needed=MINUTE, repeatable=repeatable)) == expected


@pytest.mark.parametrize(
    ("scheme", "host", "skips", "expected"),
    [
        ("https", "vault.example.com", False, ("ok", 0)),
        ("https", "vault.example.com", True, ("failed", 1)),
        ("http", "127.0.0.1", False, ("ok", 0)),
        ("http", "vault.example.com", False, ("failed", 1)),
    ],
)
def test_the_way_to_the_server(scheme: str, host: str, skips: bool, expected: tuple[str, int]):
    assert verdict(judge_tls(scheme, host, skips=skips)) == expected


@pytest.mark.parametrize(
    ("facts", "private", "expected"),
    [
        (FileFacts("/k", "the key file", exists=True, mode=0o600), True, ("ok", 0)),
        (FileFacts("/k", "the key file", exists=True, mode=0o640), True, ("failed", 8)),
        (FileFacts("/k", "the key file", exists=True, mode=0o600, ours=False), True, ("failed", 8)),
        (FileFacts("/k", "the key file"), True, ("failed", 64)),
        (FileFacts("/ca", "the authority", exists=True, mode=0o644), False, ("ok", 0)),
        (FileFacts("/ca", "the authority", exists=True, ends=NOW + timedelta(days=400)), False, ("ok", 0)),
        (FileFacts("/ca", "the authority", exists=True, ends=NOW + timedelta(days=3)), False, ("warning", 0)),
        (FileFacts("/ca", "the authority", exists=True, ends=NOW), False, ("failed", 8)),
    ],
)
def test_a_file_that_is_open_missing_or_ended(facts: FileFacts, private: bool, expected: tuple[str, int]):
    assert verdict(judge_file(facts, now=NOW, private=private)) == expected


def said(role: Role, reach: Reach = REACH) -> dict[str, frozenset[str]]:
    """What a Vault says to a login with just the role's policy."""
    rules = rules_for(role, reach)
    return {path: allowed_at(rules, path) or frozenset({"deny"}) for path in sample_paths(role, reach)}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("namespaces", [(), ("sales",)])
def test_the_role_s_own_policy_is_neither_too_little_nor_too_much(role: Role, namespaces: tuple[str, ...]):
    reach = Reach("kv", REACH.layout, namespaces)
    (finding,) = judge_access(role, reach, said=said(role, reach))
    assert finding.level is Level.OK


@pytest.mark.parametrize("role", Role)
def test_one_capability_less_or_more_anywhere_is_noticed(role: Role):
    whole = said(role)
    for path, words in whole.items():
        has = words - {"deny"}
        for word in has:
            (less,) = judge_access(role, REACH, said={**whole, path: has - {word}})
            assert verdict(less) == ("failed", 4)
            assert (
                less.run == f"reconciler policy {role.value} | vault policy write reconciler-{role.value} -"
            )
        (more,) = judge_access(role, REACH, said={**whole, path: has | {"sudo"}})
        assert verdict(more) == ("failed", 1)


def test_a_wide_policy_given_to_a_narrow_role_is_noticed_at_another_team_s_paths():
    wide = said(Role.RECONCILE)
    narrow = Reach("kv", REACH.layout, ("sales",))
    rules = rules_for(Role.RECONCILE, REACH)
    everywhere = {path: allowed_at(rules, path) for path in sample_paths(Role.RECONCILE, narrow)}
    assert wide
    findings = judge_access(Role.RECONCILE, narrow, said=everywhere)
    assert any("<another team>" in finding.message for finding in findings)


PRINTED = dict(
    jwt_role(Role.RECONCILE, Job(Forge.GITHUB, "a/b", "https://v.example", ref="main"), policy="p")
)


@pytest.mark.parametrize("forge", Forge)
@pytest.mark.parametrize("role", [Role.PLAN, Role.RECONCILE])
def test_a_jwt_role_as_we_print_it_is_well(forge: Forge, role: Role):
    printed = jwt_role(role, Job(forge, "a/b", "https://v.example", ref="main"), policy="p")
    assert [f.level for f in judge_jwt_role("ci", dict(printed), role=role)] == [Level.OK]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bound_audiences": None}, "no audience"),
        ({"bound_claims": {"ref": "refs/heads/main", "event_name": "push"}}, "no repository"),
        ({"bound_claims": {"repository": "a/b", "event_name": "push"}}, "every branch"),
        ({"bound_claims": {"repository": "a/b", "ref": "refs/heads/main"}}, "pull_request_target"),
        ({"bound_claims": None}, "no repository"),
        ({"bound_claims_type": "glob", "bound_claims": {"repository": "*", "ref": "x", "event_name": "push"}}, "'*'"),
    ],
)  # fmt: skip
def test_a_jwt_role_that_lets_in_too_much(change: dict[str, object], words: str):
    findings = judge_jwt_role("ci", {**PRINTED, **change}, role=Role.RECONCILE)
    assert any(words in finding.message for finding in findings)
    assert all(verdict(finding) == ("failed", 1) for finding in findings)


@pytest.mark.parametrize(
    "change", [{"token_ttl": 3600, "token_max_ttl": 0}, {"token_ttl": 0, "token_max_ttl": 0}]
)
def test_a_jwt_role_with_a_long_life_is_a_warning(change: dict[str, object]):
    (finding,) = judge_jwt_role("ci", {**PRINTED, **change}, role=Role.RECONCILE)
    assert verdict(finding) == ("warning", 0)


ORIGIN = parse_origin("https://idp.example")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (HttpAnswer(200, {}, SecretBytes(b"")), ("ok", 0)),
        (HttpAnswer(404, {}, SecretBytes(b"")), ("ok", 0)),
        (HttpAnswer(503, {}, SecretBytes(b"")), ("warning", 0)),
        (NoAnswer(Loss.NOT_SENT, "the name does not resolve"), ("failed", 4)),
    ],
)
def test_a_host_that_answers_or_does_not(outcome: object, expected: tuple[str, int]):
    finding = judge_origin(ORIGIN, outcome, users=[provider_address("sales", "idp")])  # type: ignore[arg-type]  # both kinds
    assert verdict(finding) == expected
    assert "provider/sales/idp" in finding.message


CRM = account_address("sales", "crm")


@pytest.mark.parametrize(
    ("life", "every", "level"),
    [(60, 10, "ok"), (60, 15, "ok"), (60, 16, "warning"), (5, 30, "warning"), (60, None, "skipped")],
)
def test_tokens_that_do_not_outlive_the_schedule(life: int, every: int | None, level: str):
    interval = None if every is None else every * MINUTE
    finding = judge_interval(
        {CRM: life * MINUTE}, every=interval, due_within=None if interval is None else 2 * interval
    )
    assert finding.level.value == level


@pytest.mark.parametrize(("keys", "level"), [(20, "ok"), (54, "ok"), (55, "warning"), (64, "warning")])
def test_metadata_that_has_no_room_left(keys: int, level: str):
    seen = KeyMetadata(1, custom={f"k{number}": "x" for number in range(keys)})
    observed = Observed("store", NOW, accounts={CRM: ObservedAccount(CRM, tokens=seen)})
    assert judge_metadata(observed).level.value == level


def test_what_the_store_does_not_tell_is_named():
    observed = Observed("store", NOW, accounts={CRM: ObservedAccount(CRM, unreadable="denied")})
    (finding,) = judge_unreadable(observed)
    assert verdict(finding) == ("failed", 4)
    assert str(CRM) in finding.message
    assert judge_unreadable(Observed("store", NOW)) == ()


def test_the_exit_code_is_that_of_the_worst_failure_and_warnings_have_none():
    def one(level: Level, code: int) -> Finding:
        return Finding(Check.REACH, level, "x", code=code)

    assert Examination("s", NOW, (one(Level.WARNING, 8), one(Level.OK, 0))).exit_code() == 0
    assert Examination("s", NOW, (one(Level.FAILED, 4), one(Level.FAILED, 8))).exit_code() == 8
