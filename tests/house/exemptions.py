"""Counts the exemptions from our own rules, and refuses one that does not say why.

`python -m tests.house.exemptions` prints how many there are of each kind and exits 1 where one has no reason on its
own line, or where the package has more of a kind than LIMITS lets it have. To raise a limit is a decision for a review.
"""

import re
import sys
import tokenize
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT, tracked

KINDS = {
    "type: ignore": re.compile(r"#\s*type:\s*ignore(\[[^\]]*\])?(?P<rest>.*)"),
    "noqa": re.compile(r"#\s*(ruff:\s*)?noqa(:\s*[A-Z]+[0-9]+([,\s]+[A-Z]+[0-9]+)*)?(?P<rest>.*)"),
    "no cover": re.compile(r"#\s*pragma:\s*no (cover|branch)(?P<rest>.*)"),
    "nosec": re.compile(r"#\s*nosec\b(?P<rest>.*)"),
}
LIMITS = {"type: ignore": 25, "noqa": 60, "no cover": 15, "nosec": 0}
_REASON = re.compile(r"[^\W\d_]+(\W+[^\W\d_]+){1,}")  # two words are a reason; a code is not


@dataclass(frozen=True)
class Exemption:
    """One comment that switches a rule off."""

    file: Path
    line: int
    kind: str
    reason: str


def exemptions_in(file: Path, *, root: Path = ROOT) -> list[Exemption]:
    """The exemptions of one Python file; only comments count, a string that looks like one does not."""
    found = []
    with (root / file).open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type != tokenize.COMMENT:
                continue
            for kind, pattern in KINDS.items():
                if match := pattern.search(token.string):
                    reason = _REASON.search(match["rest"])
                    found.append(Exemption(file, token.start[0], kind, reason.group() if reason else ""))
                    break
    return found


def all_exemptions() -> list[Exemption]:
    """Those of every tracked Python file."""
    return [one for file in tracked() if file.suffix == ".py" for one in exemptions_in(file)]


def main() -> int:
    found = all_exemptions()
    for one in found:
        if not one.reason:
            print(f"{one.file}:{one.line}: {one.kind} without a reason on its line", file=sys.stderr)
    ours = Counter(one.kind for one in found if one.file.parts[0] == "reconciler")
    for kind, limit in LIMITS.items():
        if ours[kind] > limit:
            print(f"reconciler/ has {ours[kind]} × {kind}, more than the {limit} agreed on", file=sys.stderr)
    counted = ", ".join(f"{kind} {ours[kind]}" for kind in LIMITS)
    print(f"exemptions in reconciler/: {counted}; in tests/: {len(found) - ours.total()}")
    return int(any(not one.reason for one in found) or any(ours[kind] > LIMITS[kind] for kind in LIMITS))


if __name__ == "__main__":
    sys.exit(main())
