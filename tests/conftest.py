"""Fixtures that every test may use; the real servers live in `tests.servers.fixtures`."""
