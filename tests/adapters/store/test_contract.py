"""The stores' contract, kept by the simulator, by SQLite and by real servers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.adapters.sqlite import SqliteStore
from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.model.secret import Secret
from reconciler.ports import SecretStore
from tests.adapters.store.contract import Another, StoreContract
from tests.servers.places import VaultPlace
from tests.simulators.memory_store import MemoryStore


class TestMemory(StoreContract):
    @pytest.fixture(params=[False, True], ids=["key-by-key", "bulk"])
    def store(self, request: pytest.FixtureRequest) -> MemoryStore:
        return MemoryStore(bulk=request.param)

    @pytest.fixture
    def another(self, store: MemoryStore) -> Another:
        return store.another_client

    def let_pass(self, store: SecretStore, seconds: float) -> None:
        assert isinstance(store, MemoryStore)
        store.world.advance(timedelta(seconds=seconds))


class TestSqlite(StoreContract):
    @pytest.fixture
    def opened(self) -> Iterator[list[SqliteStore]]:
        stores: list[SqliteStore] = []
        yield stores
        for store in stores:
            store.close()

    @pytest.fixture
    def another(self, opened: list[SqliteStore], tmp_path: Path) -> Another:
        def open_store() -> SecretStore:
            store = SqliteStore(tmp_path / "s" / "store.db")
            opened.append(store)
            return store

        return open_store

    @pytest.fixture
    def store(self, another: Another) -> SecretStore:
        return another()


class TestVault(StoreContract):
    @pytest.fixture
    def opened(self) -> Iterator[list[VaultStore]]:
        stores: list[VaultStore] = []
        yield stores
        for store in stores:
            store.close()

    @pytest.fixture
    def another(self, opened: list[VaultStore], vault: VaultPlace) -> Another:
        def open_store() -> SecretStore:
            login = TokenLogin(Secret(vault.token))
            store = VaultStore(VaultSettings(vault.address, login, mount=vault.mount))
            opened.append(store)
            return store

        return open_store

    @pytest.fixture
    def store(self, another: Another) -> SecretStore:
        return another()
