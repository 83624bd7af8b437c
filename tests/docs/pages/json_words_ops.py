"""What the keys mean in the documents of the verbs that look after a store."""

from collections.abc import Mapping

OPS_TITLES: Mapping[str, str] = {
    "RuleDocument": "rule",
    "JwtRole": "JWT role",
    "FindingDocument": "finding",
    "DifferenceDocument": "difference",
    "NotSeenDocument": "not seen",
}
OPS_HEADINGS: Mapping[str, str] = {"policy": "policy", "doctor": "doctor", "drift": "drift"}
OPS_WORDS: Mapping[str, str] = {
    "policy.kind": "kind of this document",
    "doctor.kind": "kind of this document",
    "doctor.exit_code": "of the process",
    "findings": "what each check found",
    "check": "which check",
    "level": "how bad it is; `skipped`: it could not be looked at",
    "drift.kind": "kind of this document",
    "drift.exit_code": "of the process",
    "looked_at": "how many objects were compared",
    "differences": "what another hand changed",
    "ignored": "the same, where `--ignore` covers it",
    "not_seen": "what could not be looked at",
    "registration_tokens_kept": "providers whose server replaced our registration token while it was read",
    "DifferenceDocument.reason": "what differs, a name that `--ignore` takes",
    "DifferenceDocument.before": "what was applied",
    "DifferenceDocument.after": "what is there",
    "DifferenceDocument.address": "`provider/…`, `account/…`, or null for the store",
    "NotSeenDocument.address": "`provider/…`, `account/…`, or null for the store",
    "role": "whose policy it is",
    "policy.name": "what the policy is called in Vault, as we write it",
    "namespaces": "the teams whose part it is; empty: all",
    "policy": "the policy in HCL",
    "rules": "the same, path by path",
    "jwtRole": "with `--jwt`: the body of `vault write auth/jwt/role/<name> -`",
    "RuleDocument.path": "path in Vault's API, with `*` and `+` as Vault reads them",
    "capabilities": "what is allowed there, in Vault's words",
    "why": "what it is needed for",
    "role_type": "always `jwt`",
    "user_claim": "the claim that names the job",
    "bound_audiences": "what the ID token must be made for",
    "bound_claims": "claims that it must carry",
    "token_policies": "policies of the login",
    "token_no_default_policy": "nothing but these policies",
    "token_ttl": "life of the login in seconds",
    "token_max_ttl": "… and with renewals",
}
