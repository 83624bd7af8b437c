"""What the plan says of trust: refusals block and name the command, a first use is announced, nothing is sent or bound."""

from dataclasses import replace

import pytest

from reconciler.decide.plan import Plan, make_plan
from reconciler.decide.plan_options import PlanOptions
from reconciler.engine.observe import observe
from reconciler.engine.trust import revoke_trust, trust, write_settings
from reconciler.model.desired import DesiredClient, DesiredProvider
from reconciler.model.endpoint import parse_origin
from reconciler.model.trust import TrustMode
from tests.engine.registering_world import ISSUER, RegisteringWorld, server_behaviour, static_provider
from tests.simulators.manifests import make_desired, secret_ref

BOUND = "clients/team/sandbox"


def plan_of(world: RegisteringWorld, provider: DesiredProvider) -> Plan:
    desired = make_desired(provider)
    return make_plan(desired, observe(world.store, world.layout, desired, jobs=1), PlanOptions())


@pytest.fixture
def world() -> RegisteringWorld:
    world = RegisteringWorld(mode=TrustMode.CATALOGUE)
    world.put_secret(BOUND, client_secret="s1")
    world.put_secret("clients/other/theirs", client_secret="s2")
    return world


def test_what_a_person_must_trust_is_blocked_with_the_command(world: RegisteringWorld):
    plan = plan_of(world, static_provider())
    (blocked,) = plan.blocked
    assert (blocked.reason, blocked.code) == ("NotTrusted", 3)
    assert blocked.hint == "reconciler trust provider/team/sandbox"
    assert plan.changes == ()


def test_a_first_use_by_the_catalogue_is_announced_and_not_yet_bound(world: RegisteringWorld):
    shipped = static_provider(base="google", base_shipped=True)
    world.store.forget_requests()
    plan = plan_of(world, shipped)
    (change,) = plan.changes
    assert f"binds {BOUND} to {ISSUER} at first use" in change.notes
    assert world.store.writes() == []


def test_a_trust_change_comes_first_and_names_the_new_origin(world: RegisteringWorld):
    trust(world.run(), credential=BOUND, origins=frozenset({parse_origin(ISSUER)}))
    plan = plan_of(world, static_provider(behaviour=server_behaviour("https://evil.example")))
    (blocked,) = plan.blocked
    assert blocked.trust_change
    assert blocked.origins == ("https://evil.example",)
    assert plan.exit_code() == 3


def test_revoked_trust_blocks(world: RegisteringWorld):
    revoke_trust(world.run(), credential=BOUND)
    (blocked,) = plan_of(world, static_provider()).blocked
    assert "revoked" in blocked.message


@pytest.mark.parametrize("path", ["clients/other/theirs", "clients/other/none", "reconciler/grants/other/x"])
def test_a_secret_of_another_namespace_is_refused_whether_it_is_there_or_not(
    world: RegisteringWorld, path: str
):
    provider = static_provider(client=DesiredClient(id="a", secret_ref=secret_ref(path)))
    (blocked,) = plan_of(world, provider).blocked
    assert (blocked.reason, blocked.code) == ("NotTrusted", 3)
    assert f"may not name {path}" in blocked.message
    assert str(blocked.location) == "manifests/team/sandbox.yaml:1:1"


def test_settings_of_trust_let_a_namespace_name_more(world: RegisteringWorld):
    view = world.trust(static_provider()).settings
    write_settings(world.run(), replace(view, secret_prefixes={"team": ("clients/other",)}))
    trust(world.run(), credential="clients/other/theirs", origins=frozenset({parse_origin(ISSUER)}))
    provider = static_provider(client=DesiredClient(id="a", secret_ref=secret_ref("clients/other/theirs")))
    assert plan_of(world, provider).blocked == ()
    result, ready = world.apply(provider)
    assert ready is not None, result
