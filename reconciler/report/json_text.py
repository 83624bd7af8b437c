"""A JSON document of ours as text: the one way in which verbs write them.

Rules: every text in it is cleaned once more, whoever made it; ASCII alone, so that no terminal and no log reads anything into
it. Left out on purpose: an access token (`token_forms`), what Vault is to take as it is (`policy`), and a base's own data
(`base`), which may have several lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.errors import clean

_TEXT_CAP = 4096


def json_text(document: Mapping[str, object]) -> str:
    """Two blanks deep, one line feed at the end."""
    return json.dumps(harmless(document), indent=2) + "\n"


def harmless(value: object) -> object:
    """`value` with every text cleaned: whoever shows it later need not know where it came from."""
    if isinstance(value, str):
        return clean(value, cap=_TEXT_CAP)
    if isinstance(value, Mapping):
        return {key: harmless(part) for key, part in value.items()}
    return [harmless(part) for part in value] if isinstance(value, list | tuple) else value
