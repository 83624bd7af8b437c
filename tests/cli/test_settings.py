"""What the environment may say, and what it may not."""

from pathlib import Path

import pytest

from reconciler.cli.settings import read_settings, store_location
from reconciler.errors import UsageError


@pytest.mark.parametrize(
    "environment",
    [
        {"RECONCILER_COMMIT_DEADLINE": "60s"},
        {"RECONCILER_HTTP_DEADLINE": "6m"},
        {"RECONCILER_HTTP_DEADLINE": "20s", "RECONCILER_COMMIT_DEADLINE": "59s"},
    ],
    ids=str,
)
def test_an_intent_lives_longer_than_the_calls_that_it_guards(environment: dict[str, str]):
    with pytest.raises(UsageError, match="RECONCILER_COMMIT_DEADLINE"):
        read_settings(environment, home=Path("/home/ana"))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RECONCILER_HTTP_DEADLINE": "1s"},
        {"RECONCILER_HTTP_DEADLINE": "1s", "RECONCILER_COMMIT_DEADLINE": "3s"},
    ],
    ids=str,
)
def test_other_deadlines_are_taken(environment: dict[str, str]):
    assert read_settings(environment, home=Path("/home/ana")).owner == "default"


def test_a_store_in_a_mount_knows_its_own_so_that_no_reference_names_it_by_a_second_name():
    settings = read_settings({"RECONCILER_STORE": "vault://oauth/reconciler"}, home=Path("/home/ana"))
    assert store_location(settings).layout.mount == "oauth"
