"""`reconciler policy`: what it prints is what Vault takes, and lets in whom it should and nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.decide.access import Role
from reconciler.report.contract import schema_of
from tests.cli.keyboard import Keyboard
from tests.servers.places import VaultPlace
from tests.servers.signing import TokenIssuer
from tests.servers.vault_server import VaultRefused

AUDIENCE = "https://vault.example.com"
JWT = ("--jwt", "github", "--repository", "acme/oauth", "--audience", AUDIENCE)


@pytest.fixture
def desk(tmp_path: Path) -> Keyboard:
    return Keyboard(tmp_path, {"RECONCILER_STORE": "vault://oauth/reconciler"})


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_the_document_has_the_published_shape_and_the_same_policy(desk: Keyboard, role: str):
    document = desk.run("policy", role, "-o", "json", expect=0).json
    Draft202012Validator(schema_of("policy")).validate(document)
    assert document["policy"] == desk.run("policy", role, expect=0).out
    for rule in document["rules"]:
        assert f'path "{rule["path"]}"' in document["policy"]


def test_the_document_of_a_job_holds_its_jwt_role(desk: Keyboard):
    document = desk.run("policy", "plan", *JWT, "-o", "json", expect=0).json
    Draft202012Validator(schema_of("policy")).validate(document)
    assert document["jwtRole"] == json.loads(desk.run("policy", "plan", *JWT, expect=0).out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan", "--namespace", "sales"), "cannot be narrowed"),
        (("trust", "--namespace", "sales"), "cannot be narrowed"),
        (("workload", "--namespace", "../sys"), "no namespace"),
        (("reconcile", "--secrets", "../../sys"), "'..'"),
        (("reconcile", "--jwt", "github"), "--repository"),
        (("reconcile", "--jwt", "github", "--repository", "acme/oauth"), "--audience"),
        (("reconcile", *JWT), "every branch"),
        (("consent", *JWT, "--ref", "main"), "a person's role"),
        (("plan", "--repository", "acme/oauth"), "--jwt"),
        (("admin",), "admin"),
    ],
)
def test_what_would_let_in_too_much_is_refused(desk: Keyboard, arguments: tuple[str, ...], words: str):
    said = desk.run("policy", *arguments, expect=64)
    assert words in said.err
    assert said.out == ""


def test_an_embedded_store_has_no_policies(desk: Keyboard):
    said = desk.run("policy", "plan", expect=64, RECONCILER_STORE="sqlite:///nowhere/store.db")
    assert "no policies" in said.err


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_vault_takes_every_policy(desk: Keyboard, vault: VaultPlace, role: str):
    vault.server.write_policy_text(f"{vault.mount}-{role}", desk.run("policy", role, expect=0).out)


CLAIMS = {"repository": "acme/oauth", "ref": "refs/heads/main", "event_name": "push", "environment": "oauth"}


def test_vault_lets_in_the_job_that_a_role_is_for_and_no_other(
    desk: Keyboard, vault: VaultPlace, token_issuer: TokenIssuer
):
    name = f"{vault.mount}-main"
    printed = desk.run("policy", "reconcile", *JWT, "--ref", "main", "--environment", "oauth", expect=0).out
    mount = f"{vault.mount}-jwt"
    vault.server.enable_auth("jwt", path=mount)
    vault.server.call(
        "POST", f"auth/{mount}/config", json={"jwt_validation_pubkeys": [token_issuer.public_key]}
    )
    vault.server.call("POST", f"auth/{mount}/role/{name}", json=json.loads(printed))

    def log_in(audience: str = AUDIENCE, **claims: str) -> dict[str, object]:
        jwt = token_issuer.sign(audience=audience, subject="job", claims={**CLAIMS, **claims})
        answer = vault.server.call("POST", f"auth/{mount}/login", json={"role": name, "jwt": jwt}, token="")
        auth: dict[str, object] = answer["auth"]
        return auth

    auth = log_in()
    assert auth["token_policies"] == ["reconciler-reconcile"]
    assert auth["lease_duration"] == 600
    for others in (
        {"audience": "https://elsewhere.example"},
        {"repository": "mallory/oauth"},
        {"ref": "refs/heads/topic"},
        {"ref": "refs/pull/1/merge"},
        {"event_name": "pull_request_target"},
        {"environment": "another"},
    ):
        with pytest.raises(VaultRefused):
            log_in(**others)
