"""What each role may do: its rules are made from the layout, and hold what the design says that nobody may."""

import pytest

from reconciler.decide.access import (
    NARROWABLE,
    Reach,
    Role,
    Rule,
    allowed_at,
    policy_name,
    role_of_policies,
    rules_for,
)
from reconciler.model.names import account_address, provider_address
from reconciler.model.store_path import Layout, own_path, reference_path

LAYOUT = Layout(own_path("team/store"))
WRITES = {"create", "update", "patch", "delete", "sudo"}


def reach(*namespaces: str, **more: object) -> Reach:
    return Reach("kv", LAYOUT, namespaces, **more)  # type: ignore[arg-type]  # passed on as given


def allowed(rules: tuple[Rule, ...], path: str) -> set[str]:
    return set(allowed_at(rules, path))


def data(path: object) -> str:
    return f"kv/data/{path}"


def metadata(path: object) -> str:
    return f"kv/metadata/{path}"


CRM, IDP = account_address("sales", "crm"), provider_address("sales", "idp")
GRANT, TOKEN, PROVIDER = LAYOUT.grant(CRM), LAYOUT.token(CRM), LAYOUT.provider(IDP)
BINDING = LAYOUT.folder("trust", "bindings", "abc")


def test_a_plan_writes_nothing_and_reads_no_data_but_trust():
    rules = [rule for rule in rules_for(Role.PLAN, reach()) if rule.path.startswith("kv/")]
    assert not any(set(rule.capabilities) & WRITES for rule in rules)
    assert [rule.path for rule in rules if "/data/" in rule.path] == ["kv/data/team/store/trust/*"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.TRUST])
def test_nobody_but_trust_changes_a_binding(role: Role):
    assert "update" not in allowed(rules_for(role, reach()), data(BINDING))


@pytest.mark.parametrize("role", Role)
def test_nobody_can_make_a_bound_origin_new_again(role: Role):
    rules = rules_for(role, reach())
    assert not allowed(rules, metadata(BINDING)) & WRITES
    assert "delete" not in allowed(rules, data(BINDING))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PRUNE])
def test_nobody_but_prune_destroys_a_grant(role: Role):
    assert "delete" not in allowed(rules_for(role, reach()), metadata(GRANT))
    assert "delete" not in allowed(rules_for(role, reach()), data(GRANT))


@pytest.mark.parametrize("role", [Role.PLAN, Role.TRUST, Role.WORKLOAD, Role.SECRETS, Role.INIT])
def test_a_grant_is_read_by_those_who_refresh_or_consent_alone(role: Role):
    assert allowed(rules_for(role, reach()), data(GRANT)) == set()


def test_a_workload_reads_its_own_tokens_and_nothing_else():
    rules = rules_for(Role.WORKLOAD, reach("sales"))
    assert rules == (Rule("kv/data/team/store/tokens/sales/*", ("read",), rules[0].why),)
    assert allowed(rules, data(LAYOUT.token(account_address("salesx", "crm")))) == set()
    assert [rule.path for rule in rules_for(Role.WORKLOAD, reach())] == [
        "kv/data/team/store/tokens/default/*"
    ]


@pytest.mark.parametrize("role", [Role.RECONCILE, Role.PRUNE, Role.CONSENT])
def test_a_namespace_narrows_data_and_writes_but_not_what_may_be_observed(role: Role):
    rules, other = rules_for(role, reach("sales")), account_address("hr", "crm")
    assert {"create", "read", "update"} <= allowed(rules, data(GRANT))
    assert allowed(rules, data(LAYOUT.grant(other))) == set()
    assert allowed(rules, metadata(LAYOUT.token(other))) == {"read", "list"}
    assert allowed(rules, data("clients/sales/idp")) == {"read"}
    assert allowed(rules, data("clients/hr/idp")) == set()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVE])
def test_nobody_but_the_page_reads_the_key_that_sessions_and_links_are_made_with(role: Role):
    """Whoever has it is everybody: it seals a session of any person's, and signs a link to any account."""
    for narrowed in ((), ("sales",)):
        rules = rules_for(role, reach(*narrowed) if role in NARROWABLE else reach())
        assert allowed(rules, data(LAYOUT.web_key)) == set()
        assert allowed(rules, data(LAYOUT.used_marks.child("20300101-ab"))) == set()
    assert {"create", "read"} <= allowed(rules_for(Role.SERVE, reach()), data(LAYOUT.web_key))


def test_secrets_that_stand_elsewhere_are_read_there():
    more = (reference_path("shared/oauth"), reference_path("oauth", mount="team-kv"))
    rules = rules_for(Role.RECONCILE, reach("default", secrets=more))
    assert allowed(rules, "kv/data/shared/oauth/x") == {"read"}
    assert allowed(rules, "team-kv/data/oauth/x") == {"read"}
    assert allowed(rules, "kv/data/clients/one") == {"read"}, "the namespace default also has clients/<name>"
    assert allowed(rules, "kv/data/clients/hr/one") == set()


def test_scan_is_named_where_it_was_asked_for_alone():
    def scans(rules: tuple[Rule, ...]) -> list[str]:
        return [rule.path for rule in rules if "scan" in rule.capabilities]

    assert scans(rules_for(Role.PLAN, reach(scan=True))) == ["kv/metadata/team/store/*"]
    assert not any(scans(rules_for(role, reach())) for role in Role)


@pytest.mark.parametrize("role", Role)
def test_a_policy_names_each_path_once(role: Role):
    paths = [rule.path for rule in rules_for(role, reach())]
    assert len(paths) == len(set(paths))


def test_a_narrowed_policy_has_a_name_of_its_own():
    assert policy_name(Role.PLAN, reach()) == "reconciler-plan"
    assert {policy_name(role, reach("sales")) for role in NARROWABLE} == {
        f"reconciler-{role.value}-sales" for role in NARROWABLE
    }


@pytest.mark.parametrize(
    ("policies", "found"),
    [
        (["default", "reconciler-plan"], (Role.PLAN, ())),
        (["reconciler-consent-sales"], (Role.CONSENT, ("sales",))),
        (["default", "somebody-elses"], None),
        (["reconciler-plan", "reconciler-reconcile"], None),
        (["reconciler-planner"], None),
    ],
)
def test_a_role_is_known_by_its_policy_s_name(policies: list[str], found: object):
    assert role_of_policies(policies) == found
