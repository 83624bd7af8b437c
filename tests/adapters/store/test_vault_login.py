"""Logging in to a real Vault: one login a run, renewed, repeated, or refused with its reason."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import (
    AppRoleLogin,
    JwtLogin,
    KubernetesLogin,
    Login,
    TokenFileLogin,
    TokenLogin,
    VaultSettings,
)
from reconciler.errors import LoginRefused, PathDenied
from reconciler.model.secret import Secret
from reconciler.model.store_path import own_path
from tests.servers.places import VaultPlace
from tests.servers.signing import TokenIssuer
from tests.simulators.scripted_vault import Reply, ScriptedVault, Seen

KEY = own_path("reconciler/tokens/team/drive")
EVERYTHING = {"{mount}/*": ["create", "read", "update", "delete", "list"]}

Open = Callable[[Login], VaultStore]


@pytest.fixture
def open_store(vault: VaultPlace) -> Iterator[Open]:
    opened: list[VaultStore] = []

    def make(login: Login) -> VaultStore:
        opened.append(VaultStore(VaultSettings(vault.address, login, mount=vault.mount)))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def policy(vault: VaultPlace) -> str:
    rules = {path.format(mount=vault.mount): allowed for path, allowed in EVERYTHING.items()}
    vault.server.write_policy(f"{vault.mount}-all", rules)
    return f"{vault.mount}-all"


@pytest.fixture
def approle(vault: VaultPlace, policy: str) -> AppRoleLogin:
    role_id, secret_id = vault.server.make_approle(f"{vault.mount}-role", policies=[policy])
    return AppRoleLogin(role_id, Secret(secret_id))


def read_by_eight(store: VaultStore) -> list[int]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: store.read(KEY).version, range(32)))


def revoke_all(vault: VaultPlace, mount: str = "approle") -> None:
    vault.server.call("PUT", f"sys/leases/revoke-prefix/auth/{mount}")


# -------------------------------------------------------------------------------------------------------- AppRole


def test_eight_threads_share_one_approle_login(vault: VaultPlace, open_store: Open, approle: AppRoleLogin):
    vault.put(str(KEY), {"a": 1})
    with vault.server.audited(vault.mount) as audit:
        assert read_by_eight(open_store(approle)) == [1] * 32
        assert len(audit.calls(under="auth/")) == 1


def test_a_login_is_not_made_before_it_is_needed(vault: VaultPlace, open_store: Open, approle: AppRoleLogin):
    with vault.server.audited(vault.mount) as audit:
        open_store(approle).server_time()
        assert audit.calls(under="auth/") == []


def test_the_secret_id_may_stand_in_a_file(
    vault: VaultPlace, open_store: Open, approle: AppRoleLogin, tmp_path: Path
):
    assert approle.secret_id is not None
    (tmp_path / "id").write_text(approle.secret_id.reveal() + "\n")
    store = open_store(AppRoleLogin(approle.role_id, secret_id_file=tmp_path / "id"))
    assert store.read(KEY).version == 0


def test_a_refused_login_is_not_tried_again_by_every_thread(
    vault: VaultPlace, open_store: Open, approle: AppRoleLogin
):
    store = open_store(AppRoleLogin(approle.role_id, Secret("canary-secret-id")))
    with vault.server.audited(vault.mount) as audit:
        with pytest.raises(LoginRefused) as refused:
            store.read(KEY)
        for _ in range(5):
            with pytest.raises(LoginRefused):
                store.read(KEY)
        assert len(audit.calls(under="auth/")) == 1
    assert refused.value.exit_code == 8
    assert "AppRole at auth/approle: the login is refused (status 400)" in refused.value.message
    assert "canary" not in f"{refused.value} {refused.value.hint}"


def test_a_login_at_a_mount_that_is_not_there_is_refused(open_store: Open, approle: AppRoleLogin):
    store = open_store(AppRoleLogin(approle.role_id, approle.secret_id, mount="nowhere"))
    with pytest.raises(LoginRefused) as refused:
        store.read(KEY)
    assert "auth/nowhere" in refused.value.message


def test_a_login_revoked_in_mid_run_is_replaced_once_for_all_threads(
    vault: VaultPlace, open_store: Open, approle: AppRoleLogin
):
    vault.put(str(KEY), {"a": 1})
    store = open_store(approle)
    store.read(KEY)
    revoke_all(vault)
    with vault.server.audited(vault.mount) as audit:
        assert read_by_eight(store) == [1] * 32
        assert audit.calls(under="auth/") == [("update", "auth/approle/login")]


def test_logins_that_keep_dying_are_not_made_again_and_again(
    vault: VaultPlace, open_store: Open, approle: AppRoleLogin
):
    store = open_store(approle)
    store.read(KEY)
    revoke_all(vault)
    store.read(KEY)
    revoke_all(vault)
    with pytest.raises(LoginRefused):
        store.read(KEY)


def test_a_login_that_cannot_be_repeated_any_more_is_refused(
    vault: VaultPlace, open_store: Open, approle: AppRoleLogin
):
    store = open_store(approle)
    store.read(KEY)
    revoke_all(vault)
    vault.server.call("DELETE", f"auth/approle/role/{vault.mount}-role")
    with pytest.raises(LoginRefused):
        store.read(KEY)


def test_a_short_login_is_renewed_before_it_ends(vault: VaultPlace, open_store: Open, policy: str):
    role_id, secret_id = vault.server.make_approle(f"{vault.mount}-short", policies=[policy], ttl="1s")
    store = open_store(AppRoleLogin(role_id, Secret(secret_id)))
    with vault.server.audited(vault.mount) as audit:
        for _ in range(6):
            store.read(KEY)
            time.sleep(0.3)
        calls = audit.calls(under="auth/")
    assert calls.count(("update", "auth/approle/login")) == 1
    assert calls.count(("update", "auth/token/renew-self")) in (1, 2, 3)


def test_a_login_is_renewed_where_more_of_it_is_needed(vault: VaultPlace, open_store: Open, policy: str):
    role_id, secret_id = vault.server.make_approle(f"{vault.mount}-mid", policies=[policy], ttl="4s")
    store = open_store(AppRoleLogin(role_id, Secret(secret_id)))
    store.read(KEY)
    time.sleep(1.1)
    with vault.server.audited(vault.mount) as audit:
        store.ensure_login(timedelta(seconds=2))
        assert audit.calls(under="auth/") == []
        store.ensure_login(timedelta(seconds=3.5))
        assert audit.calls(under="auth/") == [("update", "auth/token/renew-self")]


# ------------------------------------------------------------------------------------------------------------ JWT


@pytest.fixture
def jwt_role(vault: VaultPlace, policy: str, token_issuer: TokenIssuer) -> str:
    role = f"{vault.mount}-ci"
    vault.server.make_jwt_role(
        role,
        policies=[policy],
        public_key=token_issuer.public_key,
        audience="reconciler",
        claims={"repository": "acme/accounts"},
    )
    return role


def ci_token(issuer: TokenIssuer, *, repository: str = "acme/accounts", seconds: int = 300) -> Secret:
    return Secret(
        issuer.sign(audience="reconciler", subject="ci", claims={"repository": repository}, seconds=seconds)
    )


def test_a_ci_token_logs_in(open_store: Open, jwt_role: str, token_issuer: TokenIssuer):
    assert open_store(JwtLogin(jwt_role, jwt=ci_token(token_issuer))).read(KEY).version == 0


def test_a_ci_token_may_stand_in_a_file(
    open_store: Open, jwt_role: str, token_issuer: TokenIssuer, tmp_path: Path
):
    (tmp_path / "jwt").write_text(ci_token(token_issuer).reveal())
    assert open_store(JwtLogin(jwt_role, jwt_file=tmp_path / "jwt")).read(KEY).version == 0


def test_a_ci_token_is_fetched_anew_for_each_login(
    vault: VaultPlace, open_store: Open, jwt_role: str, token_issuer: TokenIssuer
):
    fetched: list[Secret] = []

    def fetch() -> Secret:
        fetched.append(ci_token(token_issuer))
        return fetched[-1]

    store = open_store(JwtLogin(jwt_role, fetch=fetch))
    store.read(KEY)
    assert len(fetched) == 1
    revoke_all(vault, "jwt")
    store.read(KEY)
    assert len(fetched) == 2


@pytest.mark.parametrize("wrong", ["repository", "expired", "role"])
def test_a_ci_token_that_does_not_fit_is_refused(
    open_store: Open, jwt_role: str, token_issuer: TokenIssuer, wrong: str
):
    token = ci_token(
        token_issuer,
        repository="evil/fork" if wrong == "repository" else "acme/accounts",
        seconds=-300 if wrong == "expired" else 300,
    )
    store = open_store(JwtLogin("another" if wrong == "role" else jwt_role, jwt=token))
    with pytest.raises(LoginRefused) as refused:
        store.read(KEY)
    assert "JWT at auth/jwt" in refused.value.message
    assert token.reveal() not in f"{refused.value} {refused.value.hint}"


def test_without_a_token_to_log_in_with_it_is_said(open_store: Open, jwt_role: str):
    with pytest.raises(LoginRefused) as refused:
        open_store(JwtLogin(jwt_role)).read(KEY)
    assert refused.value.hint == "set VAULT_JWT or VAULT_JWT_FILE"


# ----------------------------------------------------------------------------------------------------- Kubernetes


@pytest.fixture
def cluster() -> Iterator[ScriptedVault]:
    """Kubernetes' API as Vault asks it: whose token is this?"""

    def review(seen: Seen) -> Reply:
        known = (
            "kubelet-made-this" in seen.json["spec"]["token"] or seen.json["spec"]["token"].count(".") == 2
        )
        user = {
            "username": "system:serviceaccount:ci:reconciler",
            "uid": "u-1",
            "groups": ["system:serviceaccounts"],
        }
        yes = {"authenticated": True, "user": user, "audiences": ["vault"]}
        status = yes if known else {"authenticated": False}
        return Reply(
            status=201,
            json={"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status},
        )

    with ScriptedVault() as api:
        api.reply("POST /apis/authentication.k8s.io/v1/tokenreviews", review)
        yield api


def test_a_pod_logs_in_with_its_service_account(
    vault: VaultPlace,
    open_store: Open,
    policy: str,
    token_issuer: TokenIssuer,
    cluster: ScriptedVault,
    tmp_path: Path,
):
    mount = f"{vault.mount}-k8s"
    vault.server.enable_auth("kubernetes", path=mount)
    reviewer = token_issuer.sign(audience="k8s", subject="vault")
    vault.server.call(
        "POST",
        f"auth/{mount}/config",
        json={
            "kubernetes_host": cluster.address,
            "token_reviewer_jwt": reviewer,
            "disable_local_ca_jwt": True,
        },
    )
    vault.server.call(
        "POST",
        f"auth/{mount}/role/reconciler",
        json={
            "bound_service_account_names": ["reconciler"],
            "bound_service_account_namespaces": ["ci"],
            "token_policies": [policy],
            "audience": "vault",
        },
    )
    pod = {
        "aud": ["vault"],
        "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "reconciler", "uid": "u-1"}},
    }
    file = tmp_path / "token"
    file.write_text(
        token_issuer.sign(audience="vault", subject="system:serviceaccount:ci:reconciler", claims=pod)
    )
    store = open_store(KubernetesLogin("reconciler", token_file=file, mount=mount))
    assert store.read(KEY).version == 0
    assert cluster.count("POST /apis/authentication.k8s.io/v1/tokenreviews") == 1


def test_outside_of_a_pod_there_is_no_service_account(open_store: Open, tmp_path: Path):
    with pytest.raises(LoginRefused) as refused:
        open_store(KubernetesLogin("reconciler", token_file=tmp_path / "none")).read(KEY)
    assert refused.value.hint is not None
    assert "is this a pod" in refused.value.hint


# --------------------------------------------------------------------------------------------------------- tokens


def test_a_token_needs_no_login_at_all(vault: VaultPlace, open_store: Open):
    token = vault.limited("all", EVERYTHING)
    with vault.server.audited(vault.mount) as audit:
        open_store(TokenLogin(Secret(token))).read(KEY)
        assert audit.calls(under="auth/") == []


def test_a_revoked_token_is_refused(vault: VaultPlace, open_store: Open):
    token = vault.limited("all", EVERYTHING)
    store = open_store(TokenLogin(Secret(token)))
    store.read(KEY)
    vault.server.revoke_token(token)
    with pytest.raises(LoginRefused) as refused:
        store.read(KEY)
    assert refused.value.exit_code == 8
    assert token not in str(refused.value)


def test_a_token_that_is_none_is_refused_before_it_breaks_a_header(vault: VaultPlace, open_store: Open):
    with pytest.raises(LoginRefused) as refused:
        open_store(TokenLogin(Secret("hvs.x\r\nX-Evil: 1"))).read(KEY)
    assert "X-Evil" not in str(refused.value)


def test_a_living_token_on_a_denied_path_is_that_paths_denial(vault: VaultPlace, open_store: Open):
    token = vault.limited("narrow", {"{mount}/data/{prefix}/tokens/*": ["read"]})
    store = open_store(TokenLogin(Secret(token)))
    assert store.read(KEY).version == 0
    with pytest.raises(PathDenied):
        store.read(own_path("reconciler/grants/team/drive"))


def test_a_token_that_may_not_ask_about_itself_is_still_alive(vault: VaultPlace, open_store: Open):
    vault.limited("narrow", {"{mount}/data/{prefix}/tokens/*": ["read"]})
    made = vault.server.call(
        "POST",
        "auth/token/create",
        json={"policies": [f"{vault.mount}-narrow"], "no_default_policy": True, "ttl": "1h"},
    )
    store = open_store(TokenLogin(Secret(made["auth"]["client_token"])))
    store.ensure_login(timedelta(minutes=1))
    with pytest.raises(PathDenied):
        store.read(own_path("reconciler/grants/team/drive"))
    with pytest.raises(PathDenied):
        store.capabilities([KEY])


def test_a_token_is_renewed_where_that_is_possible(vault: VaultPlace, open_store: Open, policy: str):
    token = vault.server.create_token(policies=[policy], ttl="4s")
    store = open_store(TokenLogin(Secret(token)))
    time.sleep(1.1)
    store.ensure_login(timedelta(seconds=3.5))


def test_a_token_that_ends_too_soon_is_refused_beforehand(vault: VaultPlace, open_store: Open, policy: str):
    token = vault.server.create_token(policies=[policy], ttl="20s", renewable=False)
    store = open_store(TokenLogin(Secret(token)))
    store.ensure_login(timedelta(seconds=10))
    with pytest.raises(LoginRefused) as refused:
        store.ensure_login(timedelta(seconds=60))
    assert "cannot be renewed for 60 s" in refused.value.message


def test_a_token_without_end_lasts(vault: VaultPlace, open_store: Open):
    open_store(TokenLogin(Secret(vault.token))).ensure_login(timedelta(days=300))


def test_a_dead_token_in_a_file_is_read_again(vault: VaultPlace, open_store: Open, tmp_path: Path):
    first, second = vault.limited("all", EVERYTHING), vault.limited("all", EVERYTHING)
    file = tmp_path / "token"
    file.write_text(first)
    store = open_store(TokenFileLogin(file))
    store.read(KEY)
    file.write_text(f"{second}\n")
    vault.server.revoke_token(first)
    assert store.read(KEY).version == 0


def test_a_dead_token_that_still_stands_in_its_file_is_refused(
    vault: VaultPlace, open_store: Open, tmp_path: Path
):
    token = vault.limited("all", EVERYTHING)
    file = tmp_path / "token"
    file.write_text(token)
    store = open_store(TokenFileLogin(file))
    vault.server.revoke_token(token)
    with pytest.raises(LoginRefused) as refused:
        store.read(KEY)
    assert refused.value.hint is not None
    assert "vault login" in refused.value.hint


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe", b"x" * 70_000])
def test_a_token_file_that_holds_none_is_refused(
    vault: VaultPlace, open_store: Open, tmp_path: Path, content: bytes | None
):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(LoginRefused):
        open_store(TokenFileLogin(file)).read(KEY)
