"""A running sandbox, and applications that use it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from reconciler.sandbox import Sandbox, SandboxConfig
from tests.sandbox.application import CALLBACK, Application


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with the settings named; they stop with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Sandbox(SandboxConfig(**settings)))


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    """A strict sandbox: single use, PKCE."""
    return start()


@pytest.fixture
def register() -> Iterator[Callable[..., Application]]:
    """Applications registered by hand at a sandbox."""
    with ExitStack() as stack:

        def make(sandbox: Sandbox, **wanted: Any) -> Application:
            wanted.setdefault("redirect_uris", [CALLBACK])
            method = wanted.setdefault("auth_method", "client_secret_basic")
            application = Application(sandbox, sandbox.add_client(**wanted), auth_method=method)
            stack.enter_context(application.http)
            return application

        yield make


@pytest.fixture
def app(sandbox: Sandbox, register: Callable[..., Application]) -> Application:
    """One application at the strict sandbox."""
    return register(sandbox)
