"""`docs/reference/exit-codes.md`: what each code means, in which order they win, and which errors ask for which."""

from collections.abc import Iterator

from reconciler import errors
from reconciler.decide.results import EXIT_ORDER
from tests.docs.pages.markdown import code, page, table

MEANINGS = {
    0: (
        "done; a valid plan; nothing to do; a transient failure whose published token still lives (a warning)",
        "go on",
    ),
    1: ("an error with no code of its own", "look at the message; where it says “a bug”, please report it"),
    2: (
        "`plan --detailed-exitcode`: changes are pending; `fmt --check`: a file would be laid out anew",
        "review the plan; run `reconciler fmt`",
    ),
    3: (
        "refused by a guard or by trust, or a plan that holds something refused",
        "read the guard's name and its flag, or run `reconciler trust`",
    ),
    4: (
        "some objects failed, are unknown, or are held by a provider's incident; the rest is done",
        "see the lines with `✗`; the next run tries again",
    ),
    5: (
        "accounts need a person: with `--fail-on-attention`, by `check` and `token`; or nobody is there to consent or to agree",
        "follow the commands of the report",
    ),
    6: ("another run holds the object, or the saved plan is stale", "wait for it; a stale plan is made anew"),
    7: (
        "`drift`: the world differs from what was last applied",
        "find out who changed it, and why",
    ),
    8: (
        "the store is out of reach, sealed, not initialised or newer than the tool, or the login is refused",
        "see the hint; nothing was spent",
    ),
    64: ("the command line or the environment is wrong", "see the hint"),
    65: ("manifests are invalid", "run `reconciler validate`"),
    130: ("interrupted by the keyboard before anything had to be finished", ""),
}


def exit_codes() -> str:
    missing = set(EXIT_ORDER) - MEANINGS.keys()
    if missing:
        raise ValueError(f"exit codes without a meaning: {sorted(missing)}")
    order = ", ".join(str(number) for number in EXIT_ORDER)
    return page(
        "Exit codes",
        table(
            ("code", "meaning", "what to do"),
            [(number, *words) for number, words in sorted(MEANINGS.items())],
        ),
        f"Where several apply, the first of {order} is given. A shell shows 128 and the number of the signal where a process "
        "was killed.",
        "## Errors\n\nA command ends on the first error that concerns the whole run. An error of one object is a line of the "
        "report and leaves the others alone. “Later” says whether the same command may succeed later without a change.",
        table(("error", "exit", "later", "means"), _rows()),
    )


def _rows() -> Iterator[tuple[str, int, str, str]]:
    for depth, kind in _tree(errors.ReconcilerError, 0):
        if kind in (errors.CasConflict, errors.WriteUnclear):
            continue  # settled by the engine, never shown
        words = (kind.__doc__ or "").split("\n")[0]
        shown = _WORDS.get(kind.__name__) or words
        if not shown:
            raise ValueError(f"{kind.__name__} has no words")
        yield (
            "&nbsp;" * 3 * depth + code(kind.__name__),
            kind.exit_code,
            "yes" if kind.retryable else "",
            shown,
        )


_WORDS = {
    "ReconcilerError": "An error with no code of its own.",
    "UsageError": "The command line or the environment is wrong.",
    "ManifestError": "Manifests are invalid; every problem of the run is shown.",
    "GuardRefused": "A guard stopped the plan; the message names the flag that passes it.",
    "TrustRefused": "A credential is not bound to the origin that it would go to.",
    "NeedsPerson": "Only a person can go on from here.",
    "HeldByAnother": "Another run works on the object.",
    "ObjectFailed": "One object failed; the others are done.",
    "StoreError": "The store as a whole cannot be used.",
    "StoreUnreachable": "No answer, or one that says “not now”.",
    "StoreSealed": "Sealed, or not initialised as a server.",
}


def _tree(
    kind: type[errors.ReconcilerError], depth: int
) -> Iterator[tuple[int, type[errors.ReconcilerError]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)
