"""Every entry of the catalogue, played by the sandbox from its data: consent, three refreshes, expiry, revocation, refusal.

What an entry says is what the sandbox does, and the tool lives with it: nothing here knows any provider by name.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.decide.results import Outcome
from reconciler.model.behaviour import Behaviour, ClientAuth, Renewal
from reconciler.model.state import AccountState, ErrorClass, GrantType
from tests.hostile.world import BASES, HostileWorld, unlimited

QUICK = ("xero", "slack-user", "facebook", "tiktok")
"""The odd ones, on every run; all of them in the slow tier."""
ENTRIES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name, base in sorted(BASES.items())
    if GrantType.AUTHORIZATION_CODE in base.grants
]


def step(base: Behaviour) -> timedelta:
    """A little longer than an access token lives."""
    return (base.access_token.lifetime or timedelta(hours=1)) + timedelta(minutes=1)


def nearly(base: Behaviour) -> float:
    """Seconds: so late that even a provider that refuses early refreshes takes one."""
    return (base.access_token.lifetime or timedelta(hours=1)).total_seconds() * 0.999


def dies(base: Behaviour) -> timedelta | None:
    life = base.refresh_token.lifetime
    ends = [span for span in (life.idle, life.absolute) if span is not None]
    return min(ends) + timedelta(days=1) if ends else None


@pytest.mark.parametrize("name", ENTRIES)
def test_a_consent_and_three_refreshes(name: str):
    base = BASES[name]
    with HostileWorld.of(name, **unlimited(base)) as world:
        drive = world.consents()
        for _ in range(3):
            world.passes(seconds=nearly(base))
            result = world.refresh_one(force=True)
            assert result.outcome is Outcome.DONE, result
            assert result.code == 0, result
        grant = world.grant(drive)
        assert world.knows(grant.refresh_token) == "current"
        assert world.account_status(drive).state is AccountState.READY
        (family,) = world.grants()
        assert family["reuses"] == 0
        assert world.sandbox.counters()["too_early"] == 0


@pytest.mark.parametrize("name", ENTRIES)
def test_a_grant_that_was_taken_back_asks_a_person_after_a_second_answer(name: str):
    base = BASES[name]
    with HostileWorld.of(name, **unlimited(base)) as world:
        drive = world.consents()
        kept = world.token_of(drive)
        world.sandbox.revoke_person("ana@example.com")
        for _ in range(2):
            world.passes(seconds=step(base).total_seconds())
            world.refresh_one(force=True)
        if base.refresh_token.renewal is Renewal.PROBE and base.endpoints.probe is None:
            return  # nobody can be asked whether it still works
        assert world.account_status(drive).state is AccountState.NEEDS_CONSENT, world.account_status(drive)
        assert world.token_of(drive) == kept
        world.consents()
        assert world.account_status(drive).state is AccountState.READY


@pytest.mark.parametrize("name", ENTRIES)
def test_a_grant_that_nobody_used_in_time_is_dead_and_told_so(name: str):
    base = BASES[name]
    ends = dies(base)
    if ends is None:
        return
    with HostileWorld.of(name, **unlimited(base)) as world:
        drive = world.consents()
        world.passes(seconds=ends.total_seconds())
        world.refresh_one(force=True)
        world.passes(hours=1)
        world.refresh_one(force=True)
        assert world.account_status(drive).state is AccountState.NEEDS_CONSENT


@pytest.mark.parametrize("name", ENTRIES)
def test_a_wrong_client_secret_is_the_providers_incident_and_asks_nobody(name: str):
    base = BASES[name]
    if (
        base.client_auth is ClientAuth.NONE
        or base.refresh_token.renewal is Renewal.PROBE
        or (base.refresh_request is not None and "client_secret" in base.refresh_request.omit)
    ):
        return  # no client authenticates there
    with HostileWorld.of(name, **unlimited(base)) as world:
        drive = world.consents()
        kept = world.token_of(drive)
        world.sandbox.rotate_client_secret(world.client.client_id)
        world.passes(seconds=nearly(base))
        result = world.refresh_one(force=True)
        assert result.outcome is not Outcome.DONE
        assert world.account_status(drive).state is not AccountState.NEEDS_CONSENT
        circuit = world.provider_status().circuit
        if circuit is None:
            # Some bases know that an administrator must act.
            assert world.account_status(drive).state is AccountState.NEEDS_ADMIN
        else:
            assert circuit.judge in (ErrorClass.CLIENT, ErrorClass.CONFIG)
        assert world.token_of(drive) == kept
        assert world.knows(kept) == "current"
