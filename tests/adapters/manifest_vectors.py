"""The vectors of tests/vectors/manifests: manifests, and everything that is to be said of them.

`python -m tests.adapters.manifest_vectors` prints what is said now; with `--write` it keeps it.
"""

import sys
from pathlib import Path

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.manifests import load_text
from reconciler.decide.desired import resolve
from reconciler.model.desired import Desired

FOLDER = Path(__file__).parents[1] / "vectors" / "manifests"
VECTORS = sorted(FOLDER.glob("*.yaml"))


def read_vector(path: Path) -> Desired:
    return resolve(load_text(path.read_bytes(), file=path.name), load_catalogue(), root=path.name)


def said_of(desired: Desired) -> list[str]:
    lines = []
    for problem in desired.problems:
        subject = f"{problem.address}: " if problem.address else ""
        lines.append(f"{problem.location.line}:{problem.location.column}: {subject}{problem.message}")
        lines += [f"    {problem.hint}"] if problem.hint else []
    return lines


def expected(path: Path) -> list[str]:
    return path.with_suffix(".expect").read_text().splitlines()


if __name__ == "__main__":
    for vector in VECTORS:
        said = said_of(read_vector(vector))
        print(f"== {vector.name}", *said, sep="\n")
        if "--write" in sys.argv:
            vector.with_suffix(".expect").write_text("".join(f"{line}\n" for line in said))
