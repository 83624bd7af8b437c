"""Everything that is said as text, behind one door (LOOKS: the most urgent first, words before symbols before colour)."""

from __future__ import annotations

from reconciler.report.text_plan import render_plan
from reconciler.report.text_problems import render_problems
from reconciler.report.text_run import render_run
from reconciler.report.text_status import render_status

__all__ = ["render_plan", "render_problems", "render_run", "render_status"]
