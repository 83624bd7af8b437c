"""An exported manifest as text: the document, and above it what the store could not tell.

A remark is one line of cleaned text, so that nothing that stands in the store becomes YAML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.errors import clean
from reconciler.report.base import document_text


def export_text(document: Mapping[str, Any], *, notes: Sequence[str]) -> str:
    return "".join(f"# {clean(note, cap=300)}\n" for note in notes) + document_text(document)


def with_remark(text: str, remark: str) -> str:
    return f"# {clean(remark, cap=300)}\n{text}"
