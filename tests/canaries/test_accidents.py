"""An error that nobody foresaw, wherever it happens and whatever its text holds, is told by its type and its place."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import pytest

from tests.canaries.cage import Cage
from tests.canaries.forms import canary

SECRET = canary("accident")
PLACES = {
    "the token endpoint": "reconciler.adapters.token_endpoint.HttpTokenEndpoint.post",
    "discovery": "reconciler.adapters.discovery.HttpMetadataEndpoint.fetch",
    "registration": "reconciler.adapters.registration.HttpRegistrationEndpoint.send",
    "the HTTP client": "reconciler.adapters.http.HttpClient.request",
    "reading the store": "reconciler.adapters.sqlite.SqliteStore.read",
    "writing the store": "reconciler.adapters.sqlite.SqliteStore.write",
    "reading metadata": "reconciler.adapters.sqlite.SqliteStore.read_metadata",
    "writing metadata": "reconciler.adapters.sqlite.SqliteStore.write_metadata",
    "opening the store": "reconciler.adapters.sqlite.SqliteStore.__init__",
    "reading manifests": "reconciler.adapters.manifests.load",
    "resolving": "reconciler.decide.desired.resolve",
    "planning": "reconciler.decide.plan.make_plan",
    "rendering": "reconciler.report.text.render_run",
    "judging an answer": "reconciler.engine.token_call.judge_answer",
    "asking a person": "reconciler.cli.person.TerminalPerson.open_link",
}
ERRORS: dict[str, Callable[[], BaseException]] = {
    "RuntimeError": lambda: RuntimeError(f"boom {SECRET}"),
    "KeyError": lambda: KeyError(SECRET),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    "a chain": lambda: _chained(),
    "a group": lambda: builtins.ExceptionGroup(SECRET, [ValueError(SECRET)]),
    "RecursionError": lambda: RecursionError(SECRET),
    "MemoryError": lambda: MemoryError(SECRET),
    "OSError": lambda: OSError(5, SECRET, SECRET),
}


def _chained() -> BaseException:
    error = RuntimeError("outer")
    error.__cause__ = ValueError(SECRET)
    error.add_note(SECRET)
    return error


_QUICK = ("RuntimeError", "OSError")


@pytest.mark.parametrize(
    "kind", [kind if kind in _QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in ERRORS]
)
@pytest.mark.parametrize("place", PLACES)
def test_an_accident_shows_no_text(cage: Cage, place: str, kind: str, monkeypatch: pytest.MonkeyPatch):
    cage.settle()
    cage.planted["accident"] = SECRET
    happened: list[str] = []

    def fails(*_: Any, **__: Any) -> Any:
        happened.append(place)
        error = ERRORS[kind]()
        raise error

    monkeypatch.setattr(PLACES[place], fails)
    for name in ("idp", "made"):
        path = cage.desk.folder / f"manifests/sales/{name}.yaml"
        path.write_text(
            path.read_text().replace("registration: dynamic", "registration: dynamic\n  scopes: [read]")
        )
        path.write_text(path.read_text().replace(f"name: {name}}}", f"name: {name}, labels: {{a: b}}}}"))
    for verb in (
        ("refresh", "--force", "-v"),
        ("reconcile", "-v", "--log-format", "json"),
        ("plan",),
        ("status",),
    ):
        said = cage.run(*verb)
        assert "Traceback" not in said.out + said.err
    if not happened:
        cage.consent("crm", expect=None)
    assert happened
    cage.assert_silent()
    cage.assert_no_file_holds_one()
