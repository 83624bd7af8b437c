"""Commands that can be pasted as they are: where the manifests are elsewhere than usual, a command says where.

Rules:
- only verbs that read manifests carry `-f`; one that names it already keeps its own;
- the path is quoted for a shell, whatever it holds; what a terminal must not be sent is replaced;
- a text may hold a command among words: what follows it stays where it is.
"""

from __future__ import annotations

import re
import shlex

from reconciler.errors import clean

USUAL_ROOT = "manifests"
"""What `-f` is where nobody says."""

_COMMAND = re.compile(
    r"\breconciler (?:plan|reconcile|refresh|consent|status|validate|token|request|check|trust(?! settings))\b(?: [^\s'()]+)*"
)
_CAP = 400


def at_root(text: str, *, root: str) -> str:
    """`text` with ` -f <root>` after each command in it that needs one to mean the same manifests."""
    if root == USUAL_ROOT or "reconciler " not in text:
        return text
    where = f" -f {shlex.quote(clean(root, cap=_CAP))}"
    return _COMMAND.sub(lambda found: found[0] if " -f" in found[0] else found[0] + where, text)
