"""The policies of trust/ on a real Vault: the reconciler creates once and never changes; a person's login changes."""

import pytest

from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.decide.access import Role
from reconciler.engine.trust import bind_first_use, read_binding, revoke_trust, trust, write_settings
from reconciler.errors import PathDenied, TrustRefused
from reconciler.model.endpoint import parse_origin
from reconciler.model.secret import Secret
from reconciler.model.trust import TrustSettings
from reconciler.model.trust_codec import binding_path
from tests.e2e.roles import RoleLogins
from tests.engine.registering_world import LAYOUT, RegisteringWorld
from tests.servers.places import VaultPlace

SECRET = "clients/team/sandbox"
A = frozenset({parse_origin("https://a.example")})
B = frozenset({parse_origin("https://b.example")})


def store_of(vault: VaultPlace, token: str) -> VaultStore:
    return VaultStore(VaultSettings(vault.address, TokenLogin(Secret(token)), mount=vault.mount))


@pytest.fixture
def worlds(vault: VaultPlace):
    """(the reconciler's, a person's), each with a login of its own."""
    root = store_of(vault, vault.token)
    logins = RoleLogins(vault)
    reconciler = store_of(vault, logins.token(Role.RECONCILE))
    person = store_of(vault, logins.token(Role.TRUST))
    RegisteringWorld(store=root)  # writes the settings
    yield RegisteringWorld(store=reconciler), RegisteringWorld(store=person)
    for store in (root, reconciler, person):
        store.close()


def test_a_first_use_binds_and_a_second_one_is_read_and_compared(worlds):
    reconciler, _ = worlds
    assert bind_first_use(reconciler.run(), credential=SECRET, origins=A).version == 1
    assert bind_first_use(reconciler.run(), credential=SECRET, origins=A).origins == A
    with pytest.raises(TrustRefused, match="TRUST CHANGE"):
        bind_first_use(reconciler.run(), credential=SECRET, origins=B)


def test_the_reconciler_can_neither_change_nor_delete_nor_rearm_a_binding(worlds):
    reconciler, _ = worlds
    bind_first_use(reconciler.run(), credential=SECRET, origins=A)
    path = binding_path(LAYOUT, SECRET)
    for act in (
        lambda: trust(reconciler.run(), credential=SECRET, origins=B),
        lambda: revoke_trust(reconciler.run(), credential=SECRET),
        lambda: write_settings(reconciler.run(), TrustSettings()),
        lambda: reconciler.store.delete_newest(path),
        lambda: reconciler.store.purge(path),
        lambda: reconciler.store.write_metadata(path, {"x": "y"}),
    ):
        with pytest.raises(PathDenied):
            act()
    assert read_binding(reconciler.store, LAYOUT, credential=SECRET).origins == A


def test_a_person_changes_and_revokes_and_the_reconciler_obeys(worlds):
    reconciler, person = worlds
    bind_first_use(reconciler.run(), credential=SECRET, origins=A)
    trust(person.run(), credential=SECRET, origins=B)
    assert bind_first_use(reconciler.run(), credential=SECRET, origins=A | B).origins == A | B
    revoke_trust(person.run(), credential=SECRET)
    with pytest.raises(TrustRefused):
        bind_first_use(reconciler.run(), credential=SECRET, origins=A)


def test_an_operator_who_deletes_a_binding_does_not_rearm_the_first_use(worlds, vault: VaultPlace):
    reconciler, _ = worlds
    bind_first_use(reconciler.run(), credential=SECRET, origins=A)
    root = store_of(vault, vault.token)
    root.delete_newest(binding_path(LAYOUT, SECRET))
    root.close()
    with pytest.raises(TrustRefused):
        bind_first_use(reconciler.run(), credential=SECRET, origins=B)
