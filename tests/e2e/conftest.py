"""A sandbox for the module, for end-to-end tests that need no certified server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(policy=TokenPolicy(access_token_seconds=3600))) as running:
        yield running
