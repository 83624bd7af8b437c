"""What is said of a trial that cannot be: flags that contradict each other, a base that needs more, a server that is silent.

The provider of a trial is made up. Its address is never shown, since it means nothing to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from reconciler.errors import ProviderFailed, ProviderUnreachable, UsageError, clean
from reconciler.model.location import Problem

_TRIED = "provider/default/tried: "
_MISSING = re.compile(r"missing parameter '([\w.-]+)'")
_OF_A_CLIENT = {"--public": "public", "--redirect-uri": "redirect_uri", "--trust-origin": "origins"}


def not_like_that(name: str, problems: Sequence[Problem]) -> UsageError:
    """The documents are ours: what is wrong with them is what the command line leaves out, or gives too much."""
    text = f"the base {clean(name)} cannot be tried like that"
    if not problems:
        return UsageError(text)
    first = problems[0]
    words = first.message.removeprefix(_TRIED).removeprefix("the provider has ")
    if words.startswith("no token endpoint"):
        return UsageError(
            f"{text}: it has {words}", hint="name a server of its kind with --server, or add --sandbox"
        )
    missing = _MISSING.fullmatch(words)
    hint = f"--parameter {missing[1]}=…, {first.hint}" if missing else first.hint
    return UsageError(f"{text}: {words}", hint=hint or None)


def refuse_contradictions(options: Mapping[str, Any]) -> None:
    given = [flag for flag, name in _OF_A_CLIENT.items() if options[name]]
    own = [flag for flag, name in (("--server", "server"), ("--client-id", "client_id")) if options[name]]
    if options["sandbox"] and (own or given):
        raise UsageError(
            "--sandbox brings a server and a client of its own", hint=f"leave out {', '.join([*own, *given])}"
        )
    if not options["sandbox"] and options["client_id"] is None:
        given += ["--burn"] if options["burn"] else []
        if given:
            raise UsageError(
                f"{given[0]} is about a client, and none is named", hint="add --client-id, or --sandbox"
            )


@contextmanager
def said_of_the_server() -> Iterator[None]:
    """There is no next run that could ask again, as the hint of a reconcile says."""
    try:
        yield
    except (ProviderFailed, ProviderUnreachable) as error:
        error.message = error.message.removeprefix(_TRIED)
        error.hint = "is that its address, and does it answer from here?"
        raise
