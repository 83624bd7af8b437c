"""A missing server is a skip on a laptop and a failure in CI, in words that say how to get it."""

from pathlib import Path

import pytest

from tests.servers.found import require


def test_a_server_that_is_here_is_used():
    assert require("vault", Path("there")) == Path("there")


def test_a_missing_server_skips_and_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("RECONCILER_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make servers"):
        require("vault", None)


@pytest.mark.parametrize("server", ["vault", "oidc-provider", "chromium"])
def test_a_missing_server_fails_where_servers_are_required(monkeypatch, server):
    monkeypatch.setenv("RECONCILER_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="make servers"):
        require(server, None)


def test_openbao_is_never_required_because_nothing_installs_it(monkeypatch):
    monkeypatch.setenv("RECONCILER_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.skip.Exception):
        require("openbao", None)
