"""What is said where a verb needs the sandbox, and its packages (the extra `sandbox`) are not installed."""

from __future__ import annotations

from reconciler.errors import UsageError


def sandbox_missing() -> UsageError:
    return UsageError(
        "the sandbox is not installed",
        hint="in a checkout: pip install --require-hashes -r requirements/sandbox.txt",
    )
