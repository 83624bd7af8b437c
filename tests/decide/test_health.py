"""The account state table: what the store and the manifest show, and what that makes of the account."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.digests import account_digests
from reconciler.decide.health import ANSWERED, RULES, judge_account
from reconciler.model.behaviour import Rotation, ScopeRules
from reconciler.model.state import AccountState, ErrorClass, GrantType, Reason
from tests.decide.health_world import (
    CONSENTED,
    DAY,
    HOUR,
    MACHINE,
    MINUTE,
    NEVER,
    NOW,
    circuit,
    key,
    registered,
    view,
)
from tests.simulators.manifests import make_account, make_behaviour, make_provider

S, R = AccountState, Reason
REFUSED = replace(
    CONSENTED,
    state=S.NEEDS_CONSENT,
    reason=R.GRANT_REVOKED,
    since=NOW - 2 * DAY,
    not_before=NOW + HOUR,
    code="invalid_grant",
)

TABLE = {
    "the store would not tell": (view(unreadable="denied"), S.UNKNOWN, R.STORE_UNREADABLE, False),
    "another owner wrote it": (
        view(status=replace(CONSENTED, managed_by="reconciler/other")), S.MISCONFIGURED, R.FOREIGN_OWNER, False,
    ),
    "nobody's mark is on it": (view(status=None, tokens=key(HOUR)), S.MISCONFIGURED, R.FOREIGN_OWNER, False),
    "its manifest is invalid": (view(account=None, broken=True), S.MISCONFIGURED, R.MANIFEST_INVALID, False),
    "it is not declared": (view(account=None), S.ORPHANED, R.NOT_DECLARED, False),
    "it is suspended": (view(account=make_account(suspend=True), token_age=DAY), S.SUSPENDED, R.SUSPENDED, False),
    "a grant is newer than all else, just now": (
        view(grants=key(DAY, DAY, DAY, MINUTE / 2)), S.IN_DOUBT, R.REFRESH_RUNNING, True,
    ),
    "a grant is newer than all else, for a while": (
        view(token_age=HOUR, grants=key(DAY, DAY, DAY, 20 * MINUTE)), S.IN_DOUBT, R.REFRESH_UNCLEAR, True,
    ),
    "a consent was being stored": (
        view(status=replace(NEVER, unsettled=True), token_age=None), S.IN_DOUBT, R.REFRESH_UNCLEAR, True,
    ),
    "a grant is newer, but its token was published": (
        view(grants=key(DAY, DAY, DAY, 20 * MINUTE), token_age=19 * MINUTE), S.READY, R.FRESH, False,
    ),
    "its provider is invalid": (view(provider=None), S.HELD, R.PROVIDER_NOT_READY, False),
    "its provider is blocked": (
        view(not_ready="not trusted", status=NEVER, token_age=None), S.HELD, R.PROVIDER_NOT_READY, False,
    ),
    "its provider refuses our client": (
        view(provider_observed=registered(circuit=circuit(ErrorClass.CLIENT, R.CLIENT_REFUSED))),
        S.HELD, R.CLIENT_REFUSED, False,
    ),
    "its provider may be probed by what is due": (
        view(
            token_age=55 * MINUTE,
            provider_observed=registered(circuit=circuit(ErrorClass.CLIENT, R.CLIENT_REFUSED, probe_in=-MINUTE)),
        ),
        S.HELD, R.CLIENT_REFUSED, True,
    ),
    "its provider is not probed by what is fresh": (
        view(provider_observed=registered(circuit=circuit(ErrorClass.CLIENT, R.CLIENT_REFUSED, probe_in=-MINUTE))),
        S.HELD, R.CLIENT_REFUSED, False,
    ),
    "its provider's incident outranks its own refusal": (
        view(
            status=REFUSED,
            provider_observed=registered(circuit=circuit(ErrorClass.NEEDS_CONSENT, R.PROVIDER_INCIDENT)),
        ),
        S.HELD, R.PROVIDER_INCIDENT, False,
    ),
    "an incident of two days ago says nothing any more": (
        view(
            provider_observed=registered(
                circuit=circuit(ErrorClass.NEEDS_CONSENT, R.PROVIDER_INCIDENT, since=3 * DAY)
            )
        ),
        S.READY, R.FRESH, False,
    ),
    "the manifest names another provider": (
        view(status=replace(CONSENTED, provider="provider/team/old"), token_age=2 * HOUR),
        S.NEEDS_CONSENT, R.PROVIDER_CHANGED, False,
    ),
    "the client is another": (
        view(status=replace(CONSENTED, client_id="client-0"), token_age=2 * HOUR),
        S.NEEDS_CONSENT, R.CLIENT_REPLACED, False,
    ),
    "the provider refused the grant": (view(status=REFUSED), S.NEEDS_CONSENT, R.GRANT_REVOKED, False),
    "a refused grant is tried again in its time": (
        view(status=replace(REFUSED, not_before=NOW - MINUTE)), S.NEEDS_CONSENT, R.GRANT_REVOKED, True,
    ),
    "a refusal outranks a retry that did not end": (
        view(status=REFUSED, grants=key(DAY, DAY, DAY, 5 * MINUTE)), S.NEEDS_CONSENT, R.GRANT_REVOKED, False,
    ),
    "it was refused once": (
        view(status=replace(REFUSED, state=S.IN_DOUBT, reason=R.GRANT_SUSPECTED)),
        S.IN_DOUBT, R.GRANT_SUSPECTED, False,
    ),
    "an administrator must act": (
        view(status=replace(REFUSED, state=S.NEEDS_ADMIN, reason=R.ADMIN_ACTION_REQUIRED)),
        S.NEEDS_ADMIN, R.ADMIN_ACTION_REQUIRED, False,
    ),
    "nobody ever consented": (view(status=NEVER, token_age=None), S.PENDING_CONSENT, R.NEVER_CONSENTED, False),
    "the store does not know it": (view(status=None), S.PENDING_CONSENT, R.NEVER_CONSENTED, False),
    "another identity is wanted": (
        view(account=make_account(consent_digest="4444444444444444")), S.NEEDS_CONSENT, R.IDENTITY_CHANGED, False,
    ),
    "more scopes are wanted": (
        view(account=make_account(scopes=("read", "write"))), S.NEEDS_CONSENT, R.SCOPES_WIDENED, False,
    ),
    "a wider wish does not stop the narrower grant": (
        view(account=make_account(scopes=("read", "write")), token_age=55 * MINUTE),
        S.NEEDS_CONSENT, R.SCOPES_WIDENED, True,
    ),
    "fewer scopes are wanted": (
        view(
            account=make_account(scopes=("read",), consent_digest="5555555555555555"),
            status=replace(CONSENTED, requested_scopes=("read", "write"), granted_scopes=("read", "write")),
        ),
        S.READY, R.FRESH, False,
    ),
    "a scope was left out at the consent": (
        view(
            account=make_account(scopes=("read", "write")),
            status=replace(CONSENTED, requested_scopes=("read", "write")),
        ),
        S.NEEDS_CONSENT, R.SCOPES_NOT_GRANTED, False,
    ),
    "the manifest's date has passed": (
        view(account=make_account(expires=NOW - DAY)), S.EXPIRED, R.MANUAL_EXPIRY, False,
    ),
    "the manifest's date is near": (
        view(account=make_account(expires=NOW + DAY)), S.EXPIRING, R.MANUAL_EXPIRY, False,
    ),
    "the manifest's date is far": (view(account=make_account(expires=NOW + 90 * DAY)), S.READY, R.FRESH, False),
    "the access token is dead": (view(token_age=2 * HOUR), S.EXPIRED, R.ACCESS_TOKEN_EXPIRED, True),
    "the published token was taken away": (
        view(tokens=key(MINUTE, custom=CONSENTED.to_metadata(), deleted=True)),
        S.EXPIRED, R.ACCESS_TOKEN_EXPIRED, True,
    ),
    "the grant ends on a date that is near": (
        view(status=replace(CONSENTED, refresh_expires_at=NOW + 3 * DAY)),
        S.EXPIRING, R.REFRESH_TOKEN_EXPIRES_SOON, False,
    ),
    "the grant ends on a date that is far": (
        view(status=replace(CONSENTED, refresh_expires_at=NOW + 60 * DAY)), S.READY, R.FRESH, False,
    ),
    "a grant that lives a day alone is not expiring from birth": (
        view(
            status=replace(
                CONSENTED, consented_at=NOW - HOUR, refresh_expires_at=NOW + 23 * HOUR, since=NOW - HOUR
            )
        ),
        S.READY, R.FRESH, False,
    ),
    "the token is due": (view(token_age=55 * MINUTE), S.REFRESH_DUE, R.REFRESH_DUE, True),
    "the provider asked to be left alone": (
        view(
            status=replace(CONSENTED, state=S.HELD, reason=R.RATE_LIMITED, not_before=NOW + MINUTE),
            token_age=2 * HOUR,
        ),
        S.HELD, R.RATE_LIMITED, False,
    ),
    "all is well": (view(), S.READY, R.FRESH, False),
    "it works again": (
        view(status=replace(CONSENTED, reason=R.RECOVERED)), S.READY, R.RECOVERED, False,
    ),
    "a machine has no token yet": (
        view(account=MACHINE, status=replace(NEVER, state=S.READY, reason=R.REFRESH_DUE), token_age=None),
        S.REFRESH_DUE, R.REFRESH_DUE, True,
    ),
    "a machine's scopes changed": (
        view(account=replace(MACHINE, scopes=("read", "write")), status=replace(CONSENTED, consented_at=None)),
        S.READY, R.FRESH, True,
    ),
    "a machine's client changed": (
        view(account=MACHINE, status=replace(CONSENTED, client_id="client-0", consented_at=None)),
        S.READY, R.FRESH, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_the_state_table(case):
    seen, state, reason, due = TABLE[case]
    health = judge_account(seen)
    assert (health.state, health.reason, health.due) == (state, reason, due)
    assert health.message
    assert "\n" not in health.message


def test_every_rule_of_the_table_is_reached_by_a_case():
    first = {next(i for i, rule in enumerate(RULES) if rule.when(seen)) for seen, *_ in TABLE.values()}
    assert first == set(range(len(RULES)))


def test_scopes_that_the_provider_never_echoes_are_not_missing():
    rules = ScopeRules(not_echoed=("offline_access",), aliases={"mail": "https://api/mail"})
    provider = make_provider(behaviour=make_behaviour(scopes=rules))
    account = make_account(scopes=("mail", "offline_access", "read"))
    status = replace(CONSENTED, requested_scopes=account.scopes, granted_scopes=("https://api/mail", "read"))
    health = judge_account(view(account=account, status=status, provider=provider))
    assert (health.state, health.missing_scopes) == (S.READY, ())


def test_a_dead_grant_says_since_when_and_until_when_workloads_live():
    health = judge_account(view(status=REFUSED, token_age=10 * MINUTE))
    assert health.since == NOW - 2 * DAY
    assert health.by == NOW + 50 * MINUTE
    assert "(invalid_grant)" in health.message


def test_an_orphan_says_when_its_grant_dies():
    status = replace(CONSENTED, refresh_idle=90 * DAY)
    health = judge_account(view(account=None, status=status, token_age=10 * DAY))
    assert health.by == NOW + 80 * DAY
    assert "in 80 days" in health.message


def test_due_within_makes_a_token_due_earlier():
    assert not judge_account(view(rotation=Rotation.REUSABLE, token_age=31 * MINUTE)).due
    assert judge_account(view(rotation=Rotation.REUSABLE, token_age=31 * MINUTE, due_within=HOUR)).due


def test_a_foreign_code_is_shown_harmless():
    status = replace(REFUSED, code="bad\u202e\x1b[31m")
    assert judge_account(view(status=status)).message.isprintable()


@given(
    state=st.sampled_from(AccountState),
    reason=st.sampled_from(Reason),
    age=st.one_of(st.none(), st.timedeltas(min_value=-HOUR, max_value=400 * DAY)),
    grant=st.sampled_from(GrantType),
    scopes=st.sets(st.sampled_from(["read", "write", "admin"])),
    suspend=st.booleans(),
    not_before=st.one_of(st.none(), st.datetimes(timezones=st.just(NOW.tzinfo))),
)
def test_any_record_has_a_state_and_only_answers_ask_for_consent_on_record(
    state, reason, age, grant, scopes, suspend, not_before
):
    account = make_account(scopes=sorted(scopes), grant=grant, suspend=suspend)
    status = replace(CONSENTED, state=state, reason=reason, not_before=not_before)
    health = judge_account(view(account=account, status=status, token_age=age))
    assert health.message.isprintable()
    if health.state is S.NEEDS_CONSENT and health.reason is reason:
        assert reason in ANSWERED or reason in (R.SCOPES_WIDENED, R.SCOPES_NOT_GRANTED, R.IDENTITY_CHANGED)
    if suspend:
        assert not health.due


def _with_digest(account):
    return replace(account, consent_digest=account_digests(account)[1])


def test_fewer_scopes_need_no_consent_but_another_identity_beside_them_does():
    wide = _with_digest(make_account(scopes=("read", "write"), identity="ana"))
    status = replace(
        CONSENTED,
        requested_scopes=wide.scopes,
        granted_scopes=wide.scopes,
        consent_digest=wide.consent_digest,
    )
    narrow = _with_digest(replace(wide, scopes=("read",)))
    assert judge_account(view(account=narrow, status=status)).state is S.READY
    other = _with_digest(replace(narrow, identity="eve"))
    assert judge_account(view(account=other, status=status)).reason is R.IDENTITY_CHANGED


def test_a_narrower_manifest_asks_nobody_and_the_wider_grant_is_no_secret():
    wide = replace(CONSENTED, granted_scopes=("extra", "read", "write"), requested_scopes=("read", "write"))
    health = judge_account(view(account=make_account(scopes=("read",)), status=wide))
    assert (health.state, health.reason) == (S.READY, R.FRESH)
    assert health.message.endswith("; also granted, no longer asked for: write")
    assert (
        "also granted"
        not in judge_account(view(account=make_account(scopes=("read", "write")), status=wide)).message
    )


def test_a_life_of_less_than_a_second_is_recorded_as_none_and_is_not_an_unknown_one():
    """`expires_in: 1`, less the time that the answer took: whole seconds are recorded."""
    short = view(status=replace(CONSENTED, lifetime=timedelta(0)), token_age=MINUTE)
    assert short.access_expires_at == NOW - MINUTE
    assert judge_account(short).reason is R.ACCESS_TOKEN_EXPIRED
    unknown = view(status=replace(CONSENTED, lifetime=None), token_age=MINUTE)
    assert unknown.access_expires_at == NOW - MINUTE + HOUR
