"""Wires `export`: the store's metadata, the documents made of it, and a check that each of them is valid."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.cli.session import Session, open_for_reading
from reconciler.decide.export import Exported, exported
from reconciler.decide.export_proof import with_proof
from reconciler.errors import UsageError, clean
from reconciler.model.desired import Desired
from reconciler.model.location import Problem
from reconciler.model.names import Address, is_name
from reconciler.model.suggestion import suggest


@dataclass(frozen=True, slots=True)
class Written:
    """`text` '' where the object is not written. `why`: what keeps it from being a valid manifest; '' for nothing."""

    address: Address
    file: str
    text: str
    why: str = ""

    @property
    def written(self) -> bool:
        return bool(self.text)

    @property
    def sound(self) -> bool:
        return not self.why


def export_manifests(session: Session, *, namespace: str | None, jobs: int) -> tuple[Written, ...]:
    """Every object, as text; checked as `validate` would."""
    from reconciler.adapters.manifest_catalogue import load_catalogue
    from reconciler.engine.observe import observe

    nothing = Desired(root="", providers={}, accounts={})
    with open_for_reading(session) as (store, layout), session.events.showing_progress():
        observed = observe(store, layout, nothing, jobs=jobs, events=session.events)
    everything = with_proof(exported(observed), observed, catalogue=load_catalogue())
    found = [one for one in everything if namespace in (None, one.address.namespace)]
    if namespace is not None and not found:
        meant = suggest(namespace, sorted({str(one.address.namespace) for one in everything}))
        if meant or not is_name(namespace):
            raise UsageError(
                f"there is no namespace '{clean(namespace, cap=80)}'", hint=meant or "write it like marketing"
            )
    made = [_written(one) for one in found]
    problems = _problems(made)
    return tuple(_marked(one, problems.get(one.file)) for one in made)


def _written(one: Exported) -> Written:
    from reconciler.report.export import export_text

    if one.document is None:
        return Written(one.address, one.file, "", "; ".join(one.notes))
    return Written(one.address, one.file, export_text(one.document, notes=one.notes))


def _problems(made: Sequence[Written]) -> dict[str, Problem]:
    """The first problem of each file, by its name."""
    from reconciler.adapters.manifest_catalogue import load_catalogue
    from reconciler.adapters.manifests import load
    from reconciler.decide.desired import resolve

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "manifests"
        root.mkdir()
        for one in made:
            if one.written:
                (root / one.file).parent.mkdir(exist_ok=True)
                (root / one.file).write_text(one.text, encoding="utf-8")
        found = resolve(load(root), load_catalogue(), root=str(root)).problems
        return {problem.location.file.removeprefix(f"{root}/"): problem for problem in reversed(found)}


def _marked(one: Written, problem: Problem | None) -> Written:
    from reconciler.report.export import with_remark

    if problem is None:
        return one
    why = f"not valid: {problem.message}"
    return replace(one, text=with_remark(one.text, why), why=why)
