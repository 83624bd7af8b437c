"""VaultStore on a real server that is sealed, restarted, cut off, misnamed or tightly guarded."""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.adapters.system import SystemClock, SystemEntropy
from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.engine.initialise import check_format, init_store, open_store
from reconciler.errors import (
    PathDenied,
    SecretMissing,
    StoreNotInitialised,
    StoreSealed,
    StoreUnreachable,
    StoreUnsuitable,
    WriteUnclear,
)
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import Layout, own_path, reference_path
from reconciler.model.trust import TrustSettings
from tests.servers.fault_proxy import Act, Fault, FaultProxy
from tests.servers.places import VaultPlace
from tests.servers.vault_server import Storage, VaultServer

LAYOUT = Layout(own_path("reconciler"))
KEY = own_path("reconciler/grants/team/drive")
DOC = Document({"refresh_token": "r-1"})
PLAN = {
    "{mount}/metadata/{prefix}/*": ["read", "list"],
    "{mount}/data/{prefix}/trust/*": ["read"],
}


@pytest.fixture
def closing() -> Iterator[list[VaultStore]]:
    stores: list[VaultStore] = []
    yield stores
    for store in stores:
        store.close()


def opened(closing: list[VaultStore], server: VaultServer, *, mount: str, **more: object) -> VaultStore:
    login = TokenLogin(Secret(str(more.get("token", server.root_token))))
    seconds = timedelta(seconds=float(str(more.get("seconds", 30))))
    store = VaultStore(
        VaultSettings(str(more.get("address", server.address)), login, mount=mount, timeout=seconds)
    )
    closing.append(store)
    return store


def made(store: VaultStore) -> VaultStore:
    init_store(
        store,
        LAYOUT,
        settings=TrustSettings(),
        clock=SystemClock(threading.Event()),
        entropy=SystemEntropy(),
        by="reconciler",
    )
    return store


# ---------------------------------------------------------------------------------------------- life of a server


def test_a_server_sealed_in_mid_run_is_told_as_such_and_goes_on_when_it_is_unsealed(
    start_vault: Callable[..., VaultServer], closing: list[VaultStore]
):
    server = start_vault("inmem")
    server.mount_kv("kv")
    store = opened(closing, server, mount="kv")
    store.write(KEY, DOC, cas=0)
    server.seal()
    for act in (
        lambda: store.read(KEY),
        lambda: store.read_metadata(KEY),
        lambda: store.write(KEY, DOC, cas=1),
        store.server_time,
    ):
        with pytest.raises(StoreSealed) as refused:
            act()
        assert refused.value.exit_code == 8
    server.unseal()
    assert store.write(KEY, DOC, cas=1) == 2


def test_a_restarted_server_is_found_again(
    start_vault: Callable[[Storage], VaultServer], closing: list[VaultStore]
):
    server = start_vault("file")
    server.mount_kv("kv")
    store = opened(closing, server, mount="kv")
    store.write(KEY, DOC, cas=0)
    server.restart()
    assert store.write(KEY, DOC, cas=1) == 2


def test_a_frozen_server_costs_a_write_its_deadline_and_no_more(
    start_vault: Callable[..., VaultServer], closing: list[VaultStore]
):
    server = start_vault("inmem")
    server.mount_kv("kv")
    store = opened(closing, server, mount="kv", seconds=0.5)
    store.write(KEY, DOC, cas=0)
    with server.frozen(), pytest.raises(WriteUnclear):
        store.write(KEY, DOC, cas=1)
    assert store.read(KEY).version in (1, 2)


def test_its_clock_stamps_versions_and_tells_the_time(vault: VaultPlace, closing: list[VaultStore]):
    store = opened(closing, vault.server, mount=vault.mount)
    store.write(KEY, DOC, cas=0)
    created = store.read(KEY).created_time
    assert created is not None
    assert abs(store.server_time() - created) < timedelta(seconds=3)
    assert abs(store.server_time() - datetime.now(UTC)) < timedelta(seconds=3)


def test_a_forked_child_uses_connections_of_its_own(vault: VaultPlace, closing: list[VaultStore]):
    vault.put(str(KEY), {"a": 1})
    store = opened(closing, vault.server, mount=vault.mount)
    store.read(KEY)
    pid = os.fork()
    if pid == 0:
        try:
            versions = {store.read(KEY).version for _ in range(20)}
            os._exit(0 if versions == {1} else 1)
        except BaseException:
            os._exit(2)
    assert {store.read(KEY).version for _ in range(20)} == {1}
    assert os.waitpid(pid, 0)[1] == 0


# ------------------------------------------------------------------------------------------------- lost answers


def test_a_write_whose_answer_is_lost_happened_once(
    vault: VaultPlace, faults: Callable[[str], FaultProxy], closing: list[VaultStore]
):
    proxy = faults(vault.address)
    store = opened(closing, vault.server, mount=vault.mount, address=proxy.url)
    store.write(KEY, DOC, cas=0)
    proxy.script(Fault(when="POST /v1/", act=Act.DROP_ANSWER))
    with pytest.raises(WriteUnclear):
        store.write(KEY, DOC, cas=1)
    assert store.read(KEY).version == 2


def test_a_read_whose_answer_is_lost_is_read_again(
    vault: VaultPlace, faults: Callable[[str], FaultProxy], closing: list[VaultStore]
):
    proxy = faults(vault.address)
    vault.put(str(KEY), {"a": 1})
    store = opened(closing, vault.server, mount=vault.mount, address=proxy.url)
    proxy.script(
        Fault(when="GET /v1/", act=Act.DROP_ANSWER), Fault(when="GET /v1/", cut_after=40, reset=True)
    )
    assert store.read(KEY).version == 1


def test_a_connection_reset_while_it_lay_idle_costs_nothing(
    vault: VaultPlace, faults: Callable[[str], FaultProxy], closing: list[VaultStore]
):
    proxy = faults(vault.address)
    store = opened(closing, vault.server, mount=vault.mount, address=proxy.url)
    store.write(KEY, DOC, cas=0)
    proxy.cut_idle(reset=True)
    assert store.write(KEY, DOC, cas=1) == 2


def test_a_server_that_went_away_is_unreachable(
    vault: VaultPlace, faults: Callable[[str], FaultProxy], closing: list[VaultStore]
):
    proxy = faults(vault.address)
    store = opened(closing, vault.server, mount=vault.mount, address=proxy.url)
    store.write(KEY, DOC, cas=0)
    proxy.down()
    for act in (lambda: store.read(KEY), lambda: store.write(KEY, DOC, cas=1), store.server_time):
        with pytest.raises(StoreUnreachable):
            act()


# ------------------------------------------------------------------------------------------- mounts and prefixes


def test_kv_version_1_is_refused_before_anything_is_written(vault: VaultPlace, closing: list[VaultStore]):
    mount = f"{vault.mount}-v1"
    vault.server.mount_kv(mount, version=1)
    store = opened(closing, vault.server, mount=mount)
    for act in (
        lambda: store.write(KEY, DOC, cas=0),
        lambda: store.write_metadata(KEY, {"a": "b"}),
        lambda: store.read(KEY),
        lambda: store.read_metadata(KEY),
        lambda: store.list_keys(LAYOUT.tokens),
        lambda: check_format(store, LAYOUT),
        lambda: made(store),
    ):
        with pytest.raises(StoreUnsuitable) as refused:
            act()
        assert "is not KV version 2" in refused.value.message
    with pytest.raises(AssertionError):
        vault.server.call("LIST", mount)


def test_a_mount_that_is_not_there_is_not_an_empty_store(vault: VaultPlace, closing: list[VaultStore]):
    store = opened(closing, vault.server, mount="nowhere")
    for act in (lambda: check_format(store, LAYOUT), lambda: store.write(KEY, DOC, cas=0)):
        with pytest.raises(StoreUnsuitable) as refused:
            act()
        assert refused.value.exit_code == 8


def test_with_a_lesser_login_a_mistyped_mount_is_refused_too(vault: VaultPlace, closing: list[VaultStore]):
    token = vault.limited("plan", PLAN)
    store = opened(closing, vault.server, mount="nowhere", token=token)
    with pytest.raises(StoreUnsuitable) as refused:
        check_format(store, LAYOUT)
    assert refused.value.exit_code == 8


def test_an_empty_prefix_is_refused_with_its_likelier_cause(vault: VaultPlace, closing: list[VaultStore]):
    store = opened(closing, vault.server, mount=vault.mount)
    with pytest.raises(StoreNotInitialised) as refused:
        open_store(store, LAYOUT)
    assert vault.mount in refused.value.message


def test_a_mount_that_was_just_made_takes_its_first_write(vault: VaultPlace, closing: list[VaultStore]):
    mount = f"{vault.mount}-new"
    vault.server.call("POST", f"sys/mounts/{mount}", json={"type": "kv", "options": {"version": "2"}})
    assert opened(closing, vault.server, mount=mount).write(KEY, DOC, cas=0) == 1
    vault.server.unmount(mount)


def test_a_reference_into_another_mount_is_read_there(vault: VaultPlace, closing: list[VaultStore]):
    other = f"{vault.mount}-other"
    vault.server.mount_kv(other)
    vault.server.call("POST", f"{other}/data/clients/google", json={"data": {"client_secret": "s"}})
    store = opened(closing, vault.server, mount=vault.mount)
    assert store.read(reference_path("clients/google", mount=other)).version == 1
    assert store.read_metadata(reference_path("clients/slack", mount=other)) is None
    vault.server.unmount(other)


def test_a_reference_into_no_mount_is_a_missing_secret(vault: VaultPlace, closing: list[VaultStore]):
    with pytest.raises(SecretMissing):
        opened(closing, vault.server, mount=vault.mount).read(
            reference_path("clients/google", mount="nowhere")
        )


# ------------------------------------------------------------------------------------------------------ policies


def test_a_plan_needs_metadata_only(vault: VaultPlace, closing: list[VaultStore]):
    owner = made(opened(closing, vault.server, mount=vault.mount))
    owner.write(KEY, DOC, cas=0)
    store = opened(closing, vault.server, mount=vault.mount, token=vault.limited("plan", PLAN))
    with vault.server.audited(vault.mount) as audit:
        assert check_format(store, LAYOUT) == 1
        assert store.list_keys(LAYOUT.grants) == ["team/"]
        assert store.read_metadata(KEY) is not None
        store.scan_metadata(LAYOUT.grants)
        assert store.read(LAYOUT.trust_settings).version == 1
        assert [path for _, path in audit.calls(under=f"{vault.mount}/data/")] == [
            f"{vault.mount}/data/reconciler/trust/settings"
        ]
    for act in (
        lambda: store.read(KEY),
        lambda: store.write(KEY, DOC, cas=1),
        lambda: store.write_metadata(KEY, {"a": "b"}),
        lambda: store.delete_newest(KEY),
        lambda: store.purge(KEY),
    ):
        with pytest.raises(PathDenied):
            act()
    assert store.capabilities([KEY])[KEY] == frozenset()


def test_trust_is_written_once_and_never_again_under_its_policy(vault: VaultPlace, closing: list[VaultStore]):
    token = vault.limited("trust", {"{mount}/data/{prefix}/trust/*": ["create", "read"]})
    store = opened(closing, vault.server, mount=vault.mount, token=token)
    path = own_path("reconciler/trust/origins/team")
    assert store.write(path, Document({"origins": []}), cas=0) == 1
    for act in (
        lambda: store.write(path, Document({"origins": ["https://evil.example"]}), cas=1),
        lambda: store.write(path, Document({"origins": ["https://evil.example"]}), cas=0),
        lambda: store.delete_newest(path),
        lambda: store.purge(path),
        lambda: store.write_metadata(path, {"a": "b"}),
    ):
        with pytest.raises(PathDenied):
            act()
    assert store.read(path).version == 1


def test_a_settings_of_the_operators_survives_our_metadata_writes(
    vault: VaultPlace, closing: list[VaultStore]
):
    vault.server.call(
        "POST", f"{vault.mount}/metadata/{KEY}", json={"delete_version_after": "3h", "cas_required": True}
    )
    store = opened(closing, vault.server, mount=vault.mount)
    store.write_metadata(KEY, {"a": "b"}, max_versions=3)
    store.write(KEY, DOC, cas=0)
    said = vault.metadata(str(KEY))
    assert (said["delete_version_after"], said["cas_required"], said["max_versions"]) == ("3h0m0s", True, 3)
    metadata = store.read_metadata(KEY)
    assert metadata is not None
    assert metadata.newest is not None
    assert metadata.newest.alive


def test_a_destroyed_version_reads_as_deleted(vault: VaultPlace, closing: list[VaultStore]):
    vault.put(str(KEY), {"a": 1})
    vault.server.call("PUT", f"{vault.mount}/destroy/{KEY}", json={"versions": [1]})
    store = opened(closing, vault.server, mount=vault.mount)
    stored = store.read(KEY)
    assert (stored.version, stored.document, stored.deleted) == (1, None, True)
    metadata = store.read_metadata(KEY)
    assert metadata is not None
    assert metadata.newest is not None
    assert not metadata.newest.alive


def test_vault_cannot_scan_and_is_asked_once(vault: VaultPlace, closing: list[VaultStore]):
    if vault.server.binary.name == "bao":
        pytest.skip("OpenBao can")
    store = opened(closing, vault.server, mount=vault.mount)
    with vault.server.audited(vault.mount):
        assert store.scan_metadata(LAYOUT.tokens) is None
        assert store.scan_metadata(LAYOUT.grants) is None
