"""What a refresh asks of a real Vault, read from the server's own audit log: the budgets of DESIGN §5."""

from dataclasses import replace

import pytest

from reconciler.model.behaviour import Rotation
from reconciler.sandbox import RemoteSandbox
from tests.crash.kills import Scene
from tests.crash.wire_world import Place, account_named, observe, refresh_once

WRITES = {Rotation.REUSABLE: 1, Rotation.OLD_STAYS_VALID: 2, Rotation.SINGLE_USE: 3}


@pytest.fixture(params=list(WRITES))
def rotating(request, vault, zygote):
    rotation: Rotation = request.param
    with RemoteSandbox.spawn("--rotation", rotation.value) as sandbox:
        client = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
        store = {"vault": vault.address, "token": vault.token, "mount": vault.mount}
        place = Place(
            store, sandbox.url, client["client_id"], client["client_secret"], rotation=rotation.value
        )
        with Scene.at(place, sandbox=sandbox, zygote=zygote) as scene:
            yield vault, scene, rotation


def test_a_refresh_costs_one_read_and_its_writes_and_nothing_else_of_the_data(rotating):
    vault, scene, rotation = rotating
    name = scene.consented()
    # The first refresh has a new lifetime to record; after it the metadata has nothing new to say.
    assert refresh_once(scene.place, scene.run, name, force=True).outcome == "done"
    before = scene.sandbox.counters()["exchanges_total"]
    with vault.server.audited(vault.mount) as audit:
        assert refresh_once(scene.place, scene.run, name, force=True).outcome == "done"
        data = audit.calls(under=f"{vault.mount}/data/")
        metadata = audit.calls(under=f"{vault.mount}/metadata/")
        system = audit.calls(under="sys/")
    assert scene.sandbox.counters()["exchanges_total"] == before + 1
    assert [operation for operation, _ in data].count("read") == 1
    assert sum(operation in ("create", "update") for operation, _ in data) == WRITES[rotation]
    # Two reads of metadata are the observation that comes before any refresh.
    assert [operation for operation, _ in metadata] == ["read", "read"]
    assert len([path for _, path in system if path.startswith("sys/capabilities-self")]) == 1


def test_an_account_that_is_not_due_costs_nothing_but_its_observation(
    vault_place, zygote, strict_sandbox, vault
):
    place = replace(vault_place, rotation=Rotation.SINGLE_USE.value)
    with Scene.at(place, sandbox=strict_sandbox, zygote=zygote) as scene:
        name = scene.consented()
        refresh_once(scene.place, scene.run, name)
        with vault.server.audited(vault.mount) as audit:
            observed = observe(scene.run, account_named(name))
            assert observed.status is not None
            assert {operation for operation, _ in audit.calls(under=vault.mount)} == {"read"}
            assert audit.calls(under=f"{vault.mount}/data/") == []
