"""Which secrets a provider may name."""

import pytest

from reconciler.decide.references import check_references
from reconciler.model.desired import DesiredClient, SecretRef
from reconciler.model.store_path import Layout, own_path, reference_path
from reconciler.model.trust import TrustSettings
from tests.simulators.manifests import make_desired, make_provider

LAYOUT = Layout(own_path("reconciler"), mount="secret")


def refused(
    path: str, *, namespace: str = "team", mount: str | None = None, settings: TrustSettings | None = None
) -> list[str]:
    ref = SecretRef(reference_path(path, mount=mount), "client_secret")
    provider = make_provider(f"{namespace}/p", client=DesiredClient(id="x", secret_ref=ref))
    problems = check_references(make_desired(provider), layout=LAYOUT, settings=settings or TrustSettings())
    assert all(str(problem.location).startswith(f"manifests/{namespace}/p.yaml") for problem in problems)
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("path", "namespace"),
    [
        ("clients/team/p", "team"),
        ("clients/team/deep/er", "team"),
        ("clients/google", "default"),
        ("clients/default/x", "default"),
    ],
)
def test_a_namespace_may_name_its_own_secrets(path: str, namespace: str):
    assert refused(path, namespace=namespace) == []


@pytest.mark.parametrize(
    ("path", "namespace"),
    [
        ("clients/other/p", "team"),
        ("clients/p", "team"),
        ("clients/team", "team"),
        ("clients/team", "default-not"),
        ("clients/other/p", "default"),
        ("clients/teams/p", "team"),
        ("other/team/p", "team"),
        ("team/p", "team"),
    ],
)
def test_and_nobody_elses(path: str, namespace: str):
    assert len(refused(path, namespace=namespace)) == 1


@pytest.mark.parametrize("path", ["reconciler/trust/settings", "reconciler/grants/team/a", "reconciler"])
def test_what_is_the_tools_own_is_never_for_manifests(path: str):
    open_settings = TrustSettings(secret_prefixes={"team": ("reconciler", "kv2:reconciler")})
    for mount in (None, "kv2"):
        (message,) = refused(path, mount=mount, settings=open_settings)
        assert "the store's own prefix" in message


def test_trust_settings_may_allow_another_prefix_for_one_namespace():
    settings = TrustSettings(secret_prefixes={"team": ("shared/oauth", "kv2:team")})
    assert refused("shared/oauth/google", settings=settings) == []
    assert refused("x", mount="kv2", settings=settings) != []
    assert refused("team/google", mount="kv2", settings=settings) == []
    assert refused("shared/oauth2/google", settings=settings) != []
    assert refused("shared/oauth/google", settings=settings, namespace="other") != []


def test_another_mount_is_not_the_stores():
    assert len(refused("clients/team/p", mount="kv2")) == 1


def test_the_stores_own_mount_is_never_named():
    (message,) = refused("clients/team/p", mount="secret")
    assert "the store's own mount" in message


def test_every_reference_of_a_client_is_judged():
    def ref(path: str) -> SecretRef:
        return SecretRef(reference_path(path), "k")

    client = DesiredClient(id_ref=ref("a/b"), secret_ref=ref("c/d"), initial_access_token_ref=ref("e/f"))
    problems = check_references(
        make_desired(make_provider(client=client)), layout=LAYOUT, settings=TrustSettings()
    )
    assert [problem.message.split()[0] for problem in problems] == [
        "spec.client.secretRef",
        "spec.client.idRef",
        "spec.client.initialAccessTokenRef",
    ]
