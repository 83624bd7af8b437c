"""The few shapes of Markdown that the reference pages are made of. Pure text; nothing here knows what it shows."""

import re
from collections.abc import Iterable, Sequence


def cell(text: object) -> str:
    """One table cell: one line, with pipes kept from ending it and `<name>` from being taken for HTML."""
    line = re.sub(r"\s*\n\s*", " ", str(text)).replace("|", "\\|").strip()
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", line)
    )


def code(text: object) -> str:
    """Inline code; nothing for the empty text."""
    shown = str(text)
    if not shown:
        return ""
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(part) for part in row) + " |" for row in rows]
    return "\n".join(lines)


def block(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


def page(title: str, *parts: str) -> str:
    """A whole generated page. The first line says that nobody edits it."""
    note = "<!-- made by `make docs` from the code; edits are overwritten, and a test tells -->"
    return "\n\n".join([note, f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"
