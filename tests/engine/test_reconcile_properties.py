"""Whatever is declared and whatever happened before: a second run right after the first has nothing to do."""

import hashlib
import json
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.decide.changes import GuardName
from reconciler.decide.results import exit_code
from reconciler.model.behaviour import Rotation
from reconciler.model.state import DeletionPolicy, GrantType
from reconciler.report.json_document import plan_document, run_document
from reconciler.report.style import Style
from reconciler.report.text import render_plan
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


def _shown_code(document, *, detailed=False):
    """The exit code that follows from what a plan's or a run's document shows, and from nothing else."""
    codes = [part["code"] for part in document.get("blocked", ())]
    codes += [65] if document["problems"] else []
    codes += [3] if document["guards"] else []
    codes += [2] if detailed and document["changes"] else []
    return exit_code(codes)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_STEPS, prune=st.booleans(), detailed=st.booleans())
def test_the_exit_code_is_what_is_rendered(steps, prune, detailed):
    """In each format, and without anything kept beside it: a plan's from its lists, a run's from its results."""
    world = ReconcileWorld()
    for step, argument in steps:
        _do(world, step, argument)
    plan = world.plan(prune=prune)
    shown = json.loads(plan_document(plan, tool="reconciler"))
    assert plan.exit_code(detailed=detailed) == _shown_code(shown, detailed=detailed)
    words = render_plan(plan, Style(width=110))
    assert all(hit.flag in words for hit in plan.guards)
    addresses = [b.address for b in plan.blocked] + [a.address for a in plan.attention]
    assert all(str(address) in words for address in addresses)
    report = world.reconcile(prune=prune)
    told = json.loads(run_document(report, tool="reconciler"))
    assert told["exit_code"] == report.exit_code()
    bad = [r for r in told["results"] if r["outcome"] in ("failed", "refused", "held")]
    assert report.exit_code() == 0 or bad or told["guards"] or told["problems"]
    asked = report.exit_code(fail_on_attention=True)
    assert asked == exit_code([report.exit_code(), *([5] if told["attention"] else [])])
