"""Whatever is declared and whatever happened before: a second run right after the first has nothing to do."""

import hashlib
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.decide.changes import GuardName
from reconciler.model.behaviour import Rotation
from reconciler.model.state import DeletionPolicy, GrantType
from tests.engine.reconcile_world import ReconcileWorld, provider_of
from tests.simulators.manifests import make_account

NAMES = ("team/a", "team/b", "team/c")
EVERYTHING_ALLOWED = frozenset(GuardName)


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@st.composite
def _accounts(draw):
    """Some of three accounts, each said in its own way; the digest follows what is said."""
    found = []
    for name in draw(st.sets(st.sampled_from(NAMES))):
        # `jwt_bearer` needs a provider with a key: tests/engine/test_jwt_bearer.py has those.
        grant = draw(st.sampled_from([one for one in GrantType if one is not GrantType.JWT_BEARER]))
        scopes = draw(st.sampled_from([("read",), ("read", "write")]))
        suspend = draw(st.booleans())
        policy = draw(st.sampled_from(DeletionPolicy))
        protect = draw(st.booleans())
        said = repr((name, grant, scopes, suspend, policy, protect))
        found.append(
            make_account(
                name,
                grant=grant,
                scopes=scopes,
                suspend=suspend,
                deletion_policy=policy,
                protect=protect,
                digest=_digest(said),
                consent_digest=_digest(repr((name, grant, scopes))),
            )
        )
    return sorted(found, key=lambda account: account.address)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("declare"), _accounts()),
        st.tuples(st.just("advance"), st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=3))),
        st.tuples(st.just("consent"), st.sampled_from(NAMES)),
        st.tuples(st.just("reconcile"), st.booleans()),
        st.tuples(st.just("secret"), st.none()),
    ),
    max_size=8,
)


def _do(world, step, argument):
    match step:
        case "declare":
            world.declare(provider_of(world.rotation), *argument)
        case "advance":
            world.advance(argument)
        case "consent":
            known = {a.address.short: a for a in world.desired.accounts.values()}
            registered = world.observe().providers
            if registered and argument in known and known[argument].grant.needs_person:
                world.consents(argument)
        case "reconcile":
            world.reconcile(prune=argument, allowed=EVERYTHING_ALLOWED)
        case _:
            world.put_secret("client-secret")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(rotation=st.sampled_from(Rotation), steps=_STEPS, prune=st.booleans())
def test_a_second_run_has_nothing_to_do(rotation, steps, prune):
    world = ReconcileWorld(rotation=rotation)
    for step, argument in steps:
        _do(world, step, argument)
    world.reconcile(prune=prune, allowed=EVERYTHING_ALLOWED)
    world.store.forget_requests()
    calls = world.calls()
    plan = world.plan(prune=prune, allowed=EVERYTHING_ALLOWED)
    report = world.reconcile(prune=prune, allowed=EVERYTHING_ALLOWED)
    assert (plan.changes, plan.maintenance) == ((), ())
    assert report.results == ()
    assert world.store.writes() == []
    assert world.calls() == calls
    assert report.attention == plan.attention


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_STEPS)
def test_no_grant_is_ever_lost_without_prune(steps):
    world = ReconcileWorld()
    for step, argument in steps:
        if step != "reconcile":
            _do(world, step, argument)
        else:
            world.reconcile(allowed=EVERYTHING_ALLOWED)
    world.reconcile(allowed=EVERYTHING_ALLOWED)
    assert [family for family in world.server.families.values() if family.revoked] == []
