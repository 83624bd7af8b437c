"""A town whose `crm` has a token for an API that a test scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town
from tests.simulators.api_server import Api, api_server


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as running:
        yield running


@pytest.fixture
def town(sandbox: Sandbox, tmp_path: Path, api: Api) -> Town:
    """Reconciled, `crm` consented; trust has bound the API that the provider lists."""
    sandbox.clear_faults()
    sandbox.reset_counters()
    town = Town(sandbox, Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"}))
    town.found()
    path = town.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(f"{path.read_text()}    apiOrigins: ['{api.origin}']\n")
    town.settle("crm")
    return town
