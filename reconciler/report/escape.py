"""Foreign text made harmless for the place that it is shown in: Markdown comments and CI annotation lines.

Rules:
- nothing that came from outside may become markup, a link, a mention, HTML, a table's border or a second command;
- text has passed `errors.clean` first: one line, no control or bidi characters;
- what looks like an address or a URL is shown as code, where no renderer makes a link or a mention of it.
"""

from __future__ import annotations

import re

from reconciler.errors import clean

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#|~$:])")
_LINKED = re.compile(r"@|://|www\.|\b[0-9a-f]{7,}\b|#\d|GH-\d")
_CAP = 600


def code(text: str) -> str:
    """`text` as inline code, safe inside a table cell too."""
    shown = clean(text, cap=_CAP).replace("`", "'").replace("|", "\\|").strip()
    return f"`{shown}`" if shown else ""


def prose(text: str) -> str:
    """`text` as running words, markup and all shown as it is; as code where a renderer would link something in it."""
    shown = clean(text, cap=_CAP)
    if _LINKED.search(shown):
        return code(shown)
    plain = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PUNCTUATION.sub(r"\\\1", plain)


def annotation_text(text: str) -> str:
    """The message of a GitHub workflow command (toolkit's `escapeData`)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def annotation_property(text: str) -> str:
    """A property's value (toolkit's `escapeProperty`)."""
    return annotation_text(text).replace(":", "%3A").replace(",", "%2C")
