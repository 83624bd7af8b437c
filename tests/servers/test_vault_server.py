"""The real Vault answers as the adapter expects it to, and the test's handle on it does what it says."""

import pytest

from tests.conftest import StartVault
from tests.servers.places import VaultPlace
from tests.servers.signing import TokenIssuer
from tests.servers.vault_server import VaultRefused, VaultServer


def test_a_write_on_a_version_that_moved_on_is_refused_in_the_words_that_the_adapter_looks_for(
    vault: VaultPlace,
):
    assert vault.put("a", {"n": 1}, cas=0) == 1

    with pytest.raises(
        VaultRefused, match="check-and-set parameter did not match the current version"
    ) as refused:
        vault.put("a", {"n": 2}, cas=0)

    assert refused.value.status == 400
    assert vault.get("a") == {"n": 1}


def test_each_test_gets_a_mount_of_its_own(vault: VaultPlace):
    with pytest.raises(VaultRefused) as refused:
        vault.get("a")
    assert refused.value.status == 404
    assert refused.value.errors == []


def test_a_kv_v1_mount_can_be_made_for_those_who_must_refuse_it(vault_server: VaultServer):
    vault_server.mount_kv("old", version=1)
    told = vault_server.call("GET", "sys/internal/ui/mounts/old")["data"]
    assert told["options"] == {"version": "1"}
    vault_server.unmount("old")


def test_a_wrong_mount_is_told_apart_from_an_empty_one(vault_server: VaultServer):
    with pytest.raises(VaultRefused, match="no handler for route"):
        vault_server.call("GET", "nowhere/data/a")


def test_a_token_with_metadata_alone_cannot_read_data_and_the_audit_log_shows_who_asked(vault: VaultPlace):
    vault.put("reconciler/tokens/a/b", {"access_token": "x"})
    token = vault.limited("plan", {"{mount}/metadata/{prefix}/*": ["read", "list"]})
    server = vault.server

    with server.audited("plan") as log:
        server.call("GET", f"{vault.mount}/metadata/reconciler/tokens/a/b", token=token)
        with pytest.raises(VaultRefused) as refused:
            server.call("GET", f"{vault.mount}/data/reconciler/tokens/a/b", token=token)

        assert refused.value.status == 403
        assert log.calls(under=vault.mount) == [
            ("read", f"{vault.mount}/metadata/reconciler/tokens/a/b"),
            ("read", f"{vault.mount}/data/reconciler/tokens/a/b"),
        ]
        assert [bool(entry.error) for entry in log.entries(under=vault.mount)] == [False, True]
        log.forget()
        assert log.entries() == []


def test_create_alone_lets_a_key_be_written_once(vault: VaultPlace):
    token = vault.limited("trust", {"{mount}/data/{prefix}/trust/*": ["create"]})
    path = f"{vault.mount}/data/reconciler/trust/x"

    vault.server.call("POST", path, json={"data": {"origin": "a"}, "options": {"cas": 0}}, token=token)

    with pytest.raises(VaultRefused) as refused:
        vault.server.call("POST", path, json={"data": {"origin": "b"}}, token=token)
    assert refused.value.status == 403


def test_an_approle_logs_in_and_gets_its_policies(vault: VaultPlace):
    server = vault.server
    server.write_policy("reader", {f"{vault.mount}/data/*": ["read"]})
    role_id, secret_id = server.make_approle("ci", policies=["reader"], ttl="2m")

    login = server.call(
        "POST", "auth/approle/login", json={"role_id": role_id, "secret_id": secret_id}, token=""
    )["auth"]

    assert "reader" in login["token_policies"]
    assert login["lease_duration"] == 120


def test_a_signed_token_logs_in_where_audience_and_claims_fit(vault: VaultPlace, token_issuer: TokenIssuer):
    server = vault.server
    server.make_jwt_role(
        "main",
        policies=["default"],
        public_key=token_issuer.public_key,
        audience="vault.example",
        claims={"ref": "refs/heads/main"},
    )

    def login(ref: str) -> int:
        signed = token_issuer.sign(audience="vault.example", subject="repo", claims={"ref": ref})
        answer = server.call("POST", "auth/jwt/login", json={"role": "main", "jwt": signed}, token="")
        seconds: int = answer["auth"]["lease_duration"]
        return seconds

    assert login("refs/heads/main") == 600
    with pytest.raises(VaultRefused, match="claim"):
        login("refs/heads/other")


def test_a_token_is_dead_once_it_is_revoked(vault: VaultPlace):
    token = vault.limited("any", {"{mount}/*": ["read"]})
    vault.server.revoke_token(token)
    with pytest.raises(VaultRefused) as refused:
        vault.server.call("GET", "auth/token/lookup-self", token=token)
    assert refused.value.status == 403


def test_a_sealed_server_says_so_and_serves_again_once_it_is_unsealed(start_vault: StartVault):
    server = start_vault("inmem")
    server.mount_kv("kv")
    server.call("POST", "kv/data/a", json={"data": {"n": 1}})

    server.seal()
    assert server.health() == 503
    with pytest.raises(VaultRefused) as refused:
        server.call("GET", "kv/data/a")
    assert refused.value.status == 503

    server.unseal()
    assert server.call("GET", "kv/data/a")["data"]["data"] == {"n": 1}


@pytest.mark.parametrize("storage", ["file", "raft"])
def test_what_was_written_survives_a_kill_and_a_restart(start_vault: StartVault, storage):
    server = start_vault(storage)
    server.mount_kv("kv")
    server.call("POST", "kv/data/a", json={"data": {"n": 1}})

    server.kill()
    assert server.health() is None
    server.boot()
    assert server.health() == 503
    server.unseal()

    assert server.call("GET", "kv/data/a")["data"]["data"] == {"n": 1}


@pytest.mark.slow
def test_a_frozen_server_keeps_its_sockets_and_answers_when_it_wakes(start_vault: StartVault):
    server = start_vault("inmem")
    with server.frozen():
        assert server.health() is None
    assert server.health() == 200
