"""A job's JWT role: bound to one audience, one repository and one place in it, for ten minutes."""

import pytest

from reconciler.decide.access import Role
from reconciler.decide.job_login import JOB_ROLES, Forge, Job, jwt_role
from reconciler.errors import UsageError

GITHUB = Job(Forge.GITHUB, "acme/oauth", "https://vault.example.com", ref="main")
GITLAB = Job(Forge.GITLAB, "acme/oauth", "https://vault.example.com", ref="main")


@pytest.mark.parametrize("job", [GITHUB, GITLAB], ids=["github", "gitlab"])
@pytest.mark.parametrize("role", JOB_ROLES)
def test_every_role_is_bound_and_short(role: Role, job: Job):
    body = jwt_role(role, job, policy="reconciler-x")
    assert body["bound_audiences"] == ["https://vault.example.com"]
    assert "acme/oauth" in body["bound_claims"].values()
    assert body["token_policies"] == ["reconciler-x"]
    assert body["token_no_default_policy"]
    assert body["token_ttl"] <= 600
    assert body["token_max_ttl"] <= 600


@pytest.mark.parametrize("role", JOB_ROLES)
def test_a_stranger_s_code_at_the_base_branch_s_ref_logs_in_to_nothing(role: Role):
    events = jwt_role(role, GITHUB, policy="p")["bound_claims"]["event_name"]
    assert not {"pull_request_target", "issue_comment", "workflow_run"} & set(events)


@pytest.mark.parametrize("role", [role for role in JOB_ROLES if role is not Role.PLAN])
@pytest.mark.parametrize("forge", Forge)
def test_a_role_that_reads_secrets_is_bound_to_more_than_the_repository(role: Role, forge: Forge):
    with pytest.raises(UsageError, match="every branch"):
        jwt_role(role, Job(forge, "acme/oauth", "https://vault.example.com"), policy="p")


@pytest.mark.parametrize("role", [role for role in Role if role not in JOB_ROLES])
def test_people_do_not_log_in_as_jobs(role: Role):
    with pytest.raises(UsageError, match="person"):
        jwt_role(role, GITHUB, policy="p")


def test_a_branch_is_written_with_or_without_refs_heads():
    for ref in ("main", "refs/heads/main"):
        job = Job(Forge.GITHUB, "acme/oauth", "a", ref=ref)
        assert jwt_role(Role.RECONCILE, job, policy="p")["bound_claims"]["ref"] == "refs/heads/main"


def test_a_gitlab_job_runs_on_a_protected_branch():
    claims = jwt_role(Role.RECONCILE, GITLAB, policy="p")["bound_claims"]
    assert (claims["ref"], claims["ref_type"], claims["ref_protected"]) == ("main", "branch", "true")
