"""`docs/reference/plan.md`: actions, risks and guards of a plan, from the values that make them."""

from reconciler.decide.changes import MAINTENANCE, REMOVALS, Action, GuardName, Risk
from reconciler.decide.guard import BULK_SHARE, FLAGS, WORDS
from tests.docs.pages.markdown import code, page, table

ACTIONS = {
    Action.REGISTER: "a provider is applied for the first time; a dynamic one is registered at its server",
    Action.UPDATE: "a provider's manifest, client secret or registration has changed",
    Action.ADOPT: "a provider that another owner manages is taken over",
    Action.TRACK: "an account is seen for the first time",
    Action.REVOKE: "an account is removed, and its grant taken back at the provider",
    Action.FORGET: "an account is removed; its grant stays as a tombstone until `--purge`",
    Action.DEREGISTER: "a provider is removed; a dynamic client is deleted at its server where `deletionPolicy` is `Revoke`",
    Action.WITHDRAW: "the published token of a suspended account is taken away",
    Action.REFRESH: "a grant is refreshed because it is due",
    Action.REPUBLISH: "a token that was committed is published, after an interruption",
}
GUARDS = {
    GuardName.EMPTY_DESIRED: "nothing is declared, and the store holds objects of ours: a mistyped path is likelier",
    GuardName.BULK_REMOVAL: f"more than {BULK_SHARE:.0%} of our objects, and more than one, would be removed",
    GuardName.PROTECTED: "an object would be removed that is protected, by its manifest or by its stored record",
    GuardName.FOREIGN_OWNER: "another owner manages it. A provider can be adopted; a foreign account can only be left out",
    GuardName.CLIENT_REPLACED: "another client id while grants of the old one exist: they would be worth nothing",
    GuardName.ISSUER_REPLACED: "another issuer while grants of the old one exist",
    GuardName.NARROW_PRUNE: "`--prune` with less than what was declared before: `-f`, `--only`, `--exclude` or `-l`",
    GuardName.REDIRECT_CHANGED: "another redirect URI while grants exist: owners would be sent back elsewhere",
    GuardName.SCOPES_WIDENED: "wider scopes for an account that no person consents for (a person decides alone)",
    GuardName.SUBJECT_CHANGED: "another `subject` for such an account: it would speak for somebody else",
}
RISKS = {
    Risk.LOW: "nothing ends",
    Risk.MEDIUM: "something changes that people may notice",
    Risk.HIGH: "something that people rely on ends, or a credential goes somewhere new",
}


def plan() -> str:
    for words, all_of in ((ACTIONS, Action), (GUARDS, GuardName), (RISKS, Risk)):
        if words.keys() != set(all_of):
            raise ValueError(f"{all_of.__name__} and its words differ")
    return page(
        "Plan: actions and guards",
        "Changes are what Git asks for: they are in the digest and in `--detailed-exitcode`. Maintenance keeps tokens alive: it "
        "is listed and never asked about. Removals are always listed, and done only with `--prune`.",
        table(
            ("action", "kind", "meaning"), [(code(a.value), _kind(a), words) for a, words in ACTIONS.items()]
        ),
        "## Guards\n\nA guard that is hit stops every change and every removal of the run, and the exit code is 3. Refreshes "
        "that are due go on. The plan is always printed, with the guard's name and the flag that passes it.",
        table(
            ("guard", "stops", "flag", "the flag says"),
            [(code(g.value), words, code(FLAGS[g]), WORDS[g]) for g, words in GUARDS.items()],
        ),
        "## Risk\n\n" + table(("risk", "meaning"), [(code(r.value), words) for r, words in RISKS.items()]),
    )


def _kind(action: Action) -> str:
    return "maintenance" if action in MAINTENANCE else "removal" if action in REMOVALS else "change"
