"""Races are run with the parts of the crash tests."""

from tests.crash.conftest import sqlite_place, strict_sandbox, vault_place, zygote

__all__ = ["sqlite_place", "strict_sandbox", "vault_place", "zygote"]
