"""How a CI job logs in to Vault by its ID token: the JWT role, bound to one audience, one repository and one place in it.

Rules:
- bound to the repository alone, a role could be used by every branch: the roles that read secrets need a ref or an environment;
- bound to the events too: `pull_request_target` runs a stranger's code at the base branch's ref, and is not among them;
- ten minutes at most, since the tool logs in again when it needs to;
- people (`consent`, `trust`, `secrets`, `init`) log in as people, not as jobs.

Sources: GitHub, "About security hardening with OpenID Connect"; GitLab, "OpenID Connect (OIDC) authentication using ID
tokens"; HashiCorp Vault, "JWT/OIDC auth method (API)".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypedDict, assert_never

from reconciler.decide.access import Role
from reconciler.errors import UsageError

TTL_SECONDS = 600
JOB_ROLES = (Role.PLAN, Role.RECONCILE, Role.PRUNE, Role.WORKLOAD)
Claims = dict[str, str | list[str]]


class Forge(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"


class JwtRole(TypedDict):
    """The body of `vault write auth/jwt/role/<name> -`, in Vault's own keys; lives in seconds."""

    role_type: Literal["jwt"]
    user_claim: str
    bound_audiences: list[str]
    bound_claims: Claims
    token_policies: list[str]
    token_no_default_policy: bool
    token_ttl: int
    token_max_ttl: int


@dataclass(frozen=True, slots=True)
class Job:
    """Which jobs: `repository` is `owner/name`, or GitLab's project path; `ref` a branch, as `main` or `refs/heads/main`."""

    forge: Forge
    repository: str
    audience: str
    ref: str | None = None
    environment: str | None = None

    @property
    def branch(self) -> str | None:
        return None if self.ref is None else self.ref.removeprefix("refs/heads/")


def jwt_role(role: Role, job: Job, *, policy: str) -> JwtRole:
    """The body of `vault write auth/jwt/role/<name> -`. UsageError where it would let in more than the job."""
    if role not in JOB_ROLES:
        raise UsageError(
            f"'{role.value}' is a person's role, not a job's",
            hint=f"a JWT role is for {', '.join(known.value for known in JOB_ROLES)}",
        )
    if role is not Role.PLAN and job.ref is None and job.environment is None:
        raise UsageError(
            "bound to the repository alone, the role could be used by every branch",
            hint="add --ref main, or --environment NAME with a protection rule",
        )
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [job.audience],
        "bound_claims": bound_claims(role, job),
        "token_policies": [policy],
        "token_no_default_policy": True,
        "token_ttl": TTL_SECONDS,
        "token_max_ttl": TTL_SECONDS,
    }


def bound_claims(role: Role, job: Job) -> Claims:
    """Which claims an ID token must carry, and with which values."""
    match job.forge:
        case Forge.GITHUB:
            return _github(role, job)
        case Forge.GITLAB:
            return _gitlab(role, job)
        case _:
            assert_never(job.forge)


def _github(role: Role, job: Job) -> Claims:
    claims: Claims = {"repository": job.repository}
    if role is Role.PLAN:
        claims["event_name"] = ["pull_request", "merge_group", "push", "schedule", "workflow_dispatch"]
    else:
        claims["event_name"] = ["push", "schedule", "workflow_dispatch"]
    if job.branch is not None:
        claims["ref"] = f"refs/heads/{job.branch}"
    if job.environment is not None:
        claims["environment"] = job.environment
    return claims


def _gitlab(role: Role, job: Job) -> Claims:
    claims: Claims = {"project_path": job.repository}
    if role is not Role.PLAN:
        claims["ref_protected"] = "true"
        claims["pipeline_source"] = ["push", "schedule", "web"]
    if job.branch is not None:
        claims["ref_type"], claims["ref"] = "branch", job.branch
    if job.environment is not None:
        claims["environment"] = job.environment
    return claims
