"""A role's policy as HCL, the JSON of a job's JWT role, and both as one document.

Rules: what is printed is what Vault takes on stdin (`vault policy write NAME -`, `vault write auth/jwt/role/NAME -`);
paths come from the checked grammar of `model/store_path`, so nothing in them needs escaping.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconciler.decide.access import SUMMARIES, Reach, Role, Rule, policy_name
from reconciler.decide.job_login import JwtRole
from reconciler.report.contract_ops import PolicyDocument


def render_hcl(rules: Sequence[Rule], *, role: Role, reach: Reach) -> str:
    """The policy, one path a line; why stands above the path that it is about."""
    width = max(len(rule.path) for rule in rules) + 2
    lines = [f"# {policy_name(role, reach)}", f"# {SUMMARIES[role]}"]
    said = ""
    for rule in rules:
        if rule.why and rule.why != said:
            lines.append(f"# {rule.why}")
        said = rule.why
        quoted = f'"{rule.path}"'
        allowed = ", ".join(f'"{word}"' for word in rule.capabilities)
        lines.append(f"path {quoted:<{width}} {{ capabilities = [{allowed}] }}")
    return "\n".join(lines) + "\n"


def render_jwt_role(body: JwtRole) -> str:
    return json.dumps(body, indent=2) + "\n"


def policy_document(
    rules: Sequence[Rule], *, role: Role, reach: Reach, jwt_role: JwtRole | None, tool: str
) -> str:
    document: PolicyDocument = {
        "format_version": 1,
        "kind": "policy",
        "tool": tool,
        "role": role,
        "name": policy_name(role, reach),
        "namespaces": list(reach.narrowed(role)),
        "policy": render_hcl(rules, role=role, reach=reach),
        "rules": [
            {"path": rule.path, "capabilities": list(rule.capabilities), "why": rule.why or None}
            for rule in rules
        ],
        "jwtRole": jwt_role,
    }
    return json.dumps(document, indent=2) + "\n"
