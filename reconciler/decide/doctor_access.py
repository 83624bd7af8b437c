"""Does the login have what its role needs, and nothing beyond? Judged on sample paths, which Vault is asked about.

Rules:
- for each plane and folder one path inside the role's reach and, where it is narrowed, one of another team;
- too little stops the role's verbs (exit 4); too much is a failure too (exit 1), because it is what a thief gets;
- a JWT role is judged by what it would let in: any service's token, any repository, any branch, any event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.decide.access import Reach, Role, allowed_at, policy_name, rules_for
from reconciler.decide.doctor import Check, Finding, failed, skipped, warned, well
from reconciler.decide.job_login import TTL_SECONDS
from reconciler.decide.references import CLIENTS
from reconciler.errors import clean
from reconciler.model.names import DEFAULT_NAMESPACE

PROBE = "doctor-probe"
ELSEWHERE = "doctor-elsewhere"
_OPENBAO = frozenset({"scan"})
"""Asked for by `policy --scan` alone; nothing fails without it."""


def sample_paths(role: Role, reach: Reach) -> tuple[str, ...]:
    """Paths in Vault's API, each of which stands for all like it."""
    narrowed = reach.narrowed(role)
    namespaces = (narrowed[0], ELSEWHERE) if narrowed else (DEFAULT_NAMESPACE,)
    layout, found = reach.layout, []
    own = [
        folder.child(namespace).child(PROBE)
        for folder in (layout.providers, layout.grants, layout.tokens)
        for namespace in namespaces
    ]
    own += [
        layout.trust_settings,
        layout.folder("trust", "bindings", PROBE),
        layout.format,
        layout.fingerprint_key,
        layout.web_key,
        layout.used_marks.child(PROBE),
    ]
    for plane in ("data", "metadata"):
        found += [f"{reach.mount}/{plane}/{path.text}" for path in own]
        found += [f"{reach.mount}/{plane}/{CLIENTS}/{namespace}/{PROBE}" for namespace in namespaces]
        found += [f"{path.mount or reach.mount}/{plane}/{path.text}/{PROBE}" for path in reach.secrets]
    for plane in ("delete", "undelete", "destroy"):
        found += [f"{reach.mount}/{plane}/{path.text}" for path in own if path.segments[-1] == PROBE]
    return (
        *found,
        f"sys/policies/acl/{policy_name(role, reach)}",
        "auth/token/create",
        f"sys/mounts/{PROBE}",
    )


def judge_access(role: Role, reach: Reach, *, said: Mapping[str, frozenset[str]]) -> tuple[Finding, ...]:
    """`said`: what Vault says that the login may do at each of `sample_paths`."""
    command = policy_command(role, reach)
    if any("root" in words for words in said.values()):
        message = f"the login may do everything; the role '{role.value}' needs little of it"
        return (failed(Check.ACCESS, message, hint="use a login with the role's policy", run=command),)
    rules, findings = rules_for(role, reach), []
    for path in sample_paths(role, reach):
        wanted, has = allowed_at(rules, path), said.get(path, frozenset()) - {"deny"}
        shown = path.replace(PROBE, "…").replace(ELSEWHERE, "<another team>")
        if missing := _words(wanted - has - _OPENBAO):
            findings.append(
                failed(
                    Check.ACCESS,
                    f"the login may not {missing} at {shown}",
                    hint="give it the role's policy",
                    run=command,
                    code=4,
                )
            )
        if more := _words(has - wanted - _OPENBAO):
            message = f"the login may also {more} at {shown}, which the role '{role.value}' does not need"
            findings.append(
                failed(Check.ACCESS, message, hint="take away what its other policies give", run=command)
            )
    if findings:
        return tuple(findings)
    count = len(said)
    return (
        well(
            Check.ACCESS,
            f"the login may do what the role '{role.value}' needs, and nothing else ({count} paths)",
        ),
    )


def _words(capabilities: frozenset[str]) -> str:
    return ", ".join(clean(word, cap=20) for word in sorted(capabilities))


def policy_command(role: Role, reach: Reach) -> str:
    narrowed = "".join(f" --namespace {namespace}" for namespace in reach.namespaces)
    name = policy_name(role, reach)
    return f"reconciler policy {role.value}{narrowed} | vault policy write {name} -"


def judge_jwt_role(name: str, facts: Mapping[str, object], *, role: Role | None) -> tuple[Finding, ...]:
    """`facts`: the role as Vault tells it. `role`: whose it is, where that is known."""
    shown = f"JWT role '{clean(name, cap=100)}'"
    problems = list(_loose(facts, role))
    printed = f"reconciler policy {role.value if role else 'ROLE'} --jwt github --repository OWNER/NAME"
    again = f"{printed} --audience URL --ref main | vault write auth/jwt/role/{clean(name, cap=100)} -"
    if problems:
        return tuple(failed(Check.JWT_ROLE, f"{shown} {problem}", run=again) for problem in problems)
    seconds = _seconds(facts)
    if seconds is None or seconds > TTL_SECONDS:
        lives = "has no life of its own" if seconds is None else f"gives logins of {seconds} s"
        return (
            warned(
                Check.JWT_ROLE, f"{shown} {lives}", hint=f"token_max_ttl={TTL_SECONDS} is enough", run=again
            ),
        )
    return (well(Check.JWT_ROLE, f"{shown} is bound to its audience, repository and place"),)


_REPOSITORY = frozenset({"repository", "repository_id", "project_path", "project_id"})
_PLACE = frozenset({"ref", "environment", "job_workflow_ref", "ref_path", "workflow_ref"})
_EVENT = frozenset({"event_name", "pipeline_source", "ref_protected"})


def _loose(facts: Mapping[str, object], role: Role | None) -> Iterator[str]:
    if not facts.get("bound_audiences"):
        yield "is bound to no audience: a token made for another service would do"
    claims = facts.get("bound_claims")
    bound = frozenset(claims) if isinstance(claims, dict) else frozenset()
    subject = bool(facts.get("bound_subject")) or "sub" in bound
    if not bound & _REPOSITORY and not subject:
        yield "is bound to no repository: any job of that issuer would do"
    if role is not Role.PLAN and not bound & _PLACE and not subject:
        yield "is bound to no ref and no environment: every branch may use it"
    if role is not Role.PLAN and not bound & _EVENT and not subject and "environment" not in bound:
        yield "is bound to no event: pull_request_target would run a stranger's code with it"
    patterns = claims.values() if isinstance(claims, dict) else ()
    if facts.get("bound_claims_type") == "glob" and any(
        text == "*" for value in patterns for text in (value if isinstance(value, list) else [value])
    ):
        yield "has a claim bound to '*', which binds nothing"


def _seconds(facts: Mapping[str, object]) -> int | None:
    found = [facts.get("token_max_ttl"), facts.get("token_ttl")]
    known = [value for value in found if isinstance(value, int) and value > 0]
    return min(known) if known else None


def jwt_role_unreadable(name: str) -> Finding:
    return skipped(
        Check.JWT_ROLE,
        f"JWT role '{clean(name, cap=100)}' may not be read by this login",
        hint=f"look at it with a login that may read auth/jwt/role/{clean(name, cap=100)}",
    )
