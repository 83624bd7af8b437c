"""Every refusal that the facts name, judged by its provider's base alone: who must act, why, and what to do.

The rows are data (`tests/vectors/refusals/`), their expectations come from `facts.yaml` and the RFCs, and the judge knows
no provider's name.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.decide.remedy import remedy_for
from reconciler.decide.token_response import TokenError, judge_answer, judge_probe
from reconciler.model.answer import HttpAnswer
from reconciler.model.grant import TokenSet
from reconciler.model.secret import Secret, SecretBytes
from reconciler.model.state import ErrorClass, Reason
from tests.simulators.manifests import ACCOUNT, PROVIDER

VECTORS = Path(__file__).parent.parent / "vectors"
BASES = load_catalogue().bases
NAMES = sorted(BASES)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS = ("reconsent_errors", "admin_action_errors", "transient_errors", "config_errors")
WORDS = {
    "consent": "consents again",
    "administrator": "An administrator of the provider's side",
    "wait": "Wait",
    "settle": "The next reconcile settles it",
    "client": "Check client id and secret",
    "scopes": "allows these scopes",
    "manifest": "Compare the provider's manifest",
}
"""What `remedy` in a row means: words of the sentence that says what to do."""


@cache
def rows(file: Path) -> list[dict[str, Any]]:
    return yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)


OWN = [
    pytest.param(file.stem, row, id=f"{file.stem}: {row['name']}")
    for file in sorted((VECTORS / "refusals").glob("*.yaml"))
    for row in rows(file)
]
ANYWHERE = rows(VECTORS / "refusals-anywhere.yaml")


def judged(base: str, row: dict[str, Any]) -> TokenSet | TokenError:
    when, behaviour = row["when"], BASES[base]
    body = when["body"] if isinstance(when["body"], str) else json.dumps(when["body"])
    outcome = HttpAnswer(when["status"], when.get("headers", {}), SecretBytes(body.encode()))
    if row.get("probe"):
        return judge_probe(outcome, token=Secret("at"), behaviour=behaviour, now=NOW)
    return judge_answer(outcome, behaviour=behaviour, now=NOW)


def holds(base: str, row: dict[str, Any]) -> None:
    said, expected = judged(base, row), row["expect"]
    assert isinstance(said, TokenError)
    assert said.judge.value == expected["class"], said
    assert said.reason.value == expected.get("reason", said.reason.value)
    assert said.definite == expected.get("definite", said.definite)
    remedy = remedy_for(said.reason, ACCOUNT, provider=PROVIDER, behaviour=BASES[base])
    assert WORDS[expected["remedy"]] in remedy.do
    if "wait" in expected:
        assert said.retry_after == (None if expected["wait"] is None else timedelta(seconds=expected["wait"]))
    assert said.refresh_token is None


@pytest.mark.parametrize(("base", "row"), OWN)
def test_a_refusal_means_what_the_facts_say(base: str, row: dict[str, Any]):
    holds(base, row)


@pytest.mark.parametrize("base", NAMES)
def test_a_refusal_that_every_server_may_give_means_the_same_everywhere(base: str):
    for row in ANYWHERE:
        if base not in row.get("except", {}):
            holds(base, row)


@pytest.mark.parametrize("row", ANYWHERE, ids=[row["name"] for row in ANYWHERE])
def test_an_exception_is_one(row: dict[str, Any]):
    """A base that is excepted means something else indeed."""
    for base in row.get("except", {}):
        said = judged(base, row)
        assert isinstance(said, TokenError)
        assert said.judge.value != row["expect"]["class"]


def test_there_are_vectors_enough_and_no_two_are_one():
    """Rows of the files, each counted once, however many bases judge it."""
    assert len(OWN) >= 360
    assert len(OWN) + len(ANYWHERE) >= 400
    assert len({param.id for param in OWN}) == len(OWN)
    asked = [json.dumps(row["when"], sort_keys=True) for row in ANYWHERE]
    assert len(set(asked)) == len(asked) == len({row["name"] for row in ANYWHERE})


def test_every_error_of_the_facts_has_its_row():
    facts: Any = rows(Path(__file__).parent / "facts.yaml")
    missing = []
    for name, fact in facts.items():
        file = VECTORS / "refusals" / f"{name}.yaml"
        told = {row["fact"] for row in rows(file)} if file.exists() else set()
        for kind in ERRORS:
            missing += [
                f"{name}: {kind}[{n}]" for n in range(len(fact.get(kind, []))) if f"{kind}[{n}]" not in told
            ]
    # The same answer stands under both heads there: a consent helps now, the administrator for good.
    assert missing == ["google: admin_action_errors[1]"]


NASTY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
TOKEN_FIELDS = (
    "access_token",
    "refresh_token",
    "expires_in",
    "expires_at",
    "scope",
    "token_type",
    "authed_user",
)
ERROR_FIELDS = (
    "error",
    "errors",
    "error_codes",
    "error_description",
    "status",
    "code",
    "message",
    "reason",
    "ok",
)
FIELDS = st.sampled_from((*TOKEN_FIELDS, *ERROR_FIELDS))


@given(
    base=st.sampled_from(NAMES), status=st.integers(100, 599), body=st.dictionaries(FIELDS, NASTY, max_size=6)
)
def test_any_answer_gives_tokens_or_a_judgement_by_every_base(base: str, status: int, body: dict[str, Any]):
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    said = judge_answer(HttpAnswer(status, {}, SecretBytes(raw)), behaviour=BASES[base], now=NOW)
    if isinstance(said, TokenSet):
        assert 200 <= status < 300
        assert said.expires_at > NOW
    else:
        assert said.judge in ErrorClass
        assert said.reason in Reason
        assert said.judge is not ErrorClass.NEEDS_CONSENT or said.definite


@given(base=st.sampled_from(NAMES), status=st.integers(100, 599), raw=st.binary(max_size=200))
def test_bytes_that_are_no_answer_condemn_nobody(base: str, status: int, raw: bytes):
    table = [rule for rule in BASES[base].errors.table if rule.status == status and rule.match is None]
    said = judge_answer(HttpAnswer(status, {}, SecretBytes(b"<" + raw)), behaviour=BASES[base], now=NOW)
    assert isinstance(said, TokenError)
    if not any(rule.error is None and rule.code is None for rule in table):
        assert said.judge in (ErrorClass.TRANSIENT, ErrorClass.UNKNOWN)
        assert said.definite == (status == 429)
