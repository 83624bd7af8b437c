"""A secret written into a manifest, wherever it was put, is refused or carried, and in no case repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canaries.forms import leaks
from tests.cli.keyboard import Keyboard

# Shapes that real secrets have; each is a canary of its own.
SECRETS = {
    "GitHub": "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
    "Google": "GOCSPX-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4",
    "Slack": "xoxb-" + "123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jK1x2Y3z4A5b6C7d8E9f0G",
    "Vault": "hvs." + "CAESIJ1k2L3m4N5o6P7q8R9s0T1u2V3w4X5y6Z7a8B9c0D1e2F",
    "random": "q7Xw2Zr9Lk4Vn8Tb3Ym6Pc1Hs5Jd0GfAa1Bb2Cc3Dd4",
}  # fmt: skip

_QUICK = ("random", "Vault")

PROVIDER = """\
apiVersion: oauth2.reconciler/v1
kind: Provider
metadata: {name: idp}
spec:
  base: custom
  client: {id: app, secretRef: {path: clients/sales/idp, key: client_secret}}
  server:
    issuer: https://idp.example
"""
ACCOUNT = """\
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {name: crm}
spec: {provider: idp, owner: ana@example.com, scopes: [read]}
"""
_CLIENT = "client: {id: app, secretRef: {path: clients/sales/idp, key: client_secret}}"
_REF = "{path: clients/sales/idp, key: client_secret}"
PLACES: dict[str, tuple[str, str, str]] = {
    # file, what is replaced, by what
    "a key of its own": ("idp", _CLIENT, "client: {id: app, secret: §}"),
    "clientSecret": ("idp", _CLIENT, "client: {id: app, clientSecret: §}"),
    "under spec": ("idp", "  base: custom", "  base: custom\n  client_secret: §"),
    "in the place of the reference": ("idp", _REF, "§"),
    "as the path": ("idp", "path: clients/sales/idp", "path: §"),
    "in the path": ("idp", "path: clients/sales/idp", "path: clients/sales/§"),
    "as the key": ("idp", "key: client_secret", "key: §"),
    "as an unknown key": ("idp", "key: client_secret", "key: client_secret, §: true"),
    "as the mount": ("idp", "{path:", "{mount: §, path:"),
    "as the version": ("idp", "key: client_secret", "key: client_secret, version: §"),
    "as the base": ("idp", "base: custom", "base: §"),
    "as the kind": ("idp", "kind: Provider", "kind: §"),
    "as the api": ("idp", "apiVersion: oauth2.reconciler/v1", "apiVersion: §"),
    "as the issuer": ("idp", "https://idp.example", "§"),
    "in the issuer's userinfo": ("idp", "https://idp.example", "https://app:§@idp.example"),
    "in the issuer's query": ("idp", "https://idp.example", "https://idp.example/?client_secret=§"),
    "in the issuer's fragment": ("idp", "https://idp.example", "https://idp.example/#§"),
    "in an endpoint": ("idp", "issuer: https://idp.example", "endpoints: {token: 'https://app:§@idp.example/t'}"),
    "as a parameter": ("idp", "issuer: https://idp.example", "issuer: https://i.example\n    tokenParameters: {x: §}"),
    "as a header that is not there": ("idp", "issuer:", "headers: {Authorization: §}\n    issuer:"),
    "as the redirect": ("idp", "  base: custom", "  base: custom\n  redirectUri: http://127.0.0.1/callback?x=§"),
    "as a client id": ("idp", "id: app", "id: §"),
    "as an anchor": ("idp", "base: custom", "base: &§ custom"),
    "as an alias": ("idp", "base: custom", "base: *§"),
    "as a tag": ("idp", "base: custom", "base: !§ custom"),
    "as broken YAML": ("idp", "base: custom", "base: {§"),
    "as a label": ("crm", "{name: crm}", "{name: crm, labels: {token: §}}"),
    "as a label's name": ("crm", "{name: crm}", "{name: crm, labels: {§: yes}}"),
    "as an annotation": ("crm", "{name: crm}", "{name: crm, annotations: {token: §}}"),
    "as a name": ("crm", "{name: crm}", "{name: §}"),
    "as a scope": ("crm", "[read]", "[§]"),
    "as a provider": ("crm", "provider: idp", "provider: §"),
    "as a token of the account": ("crm", "scopes: [read]", "scopes: [read], refresh_token: §"),
    "as an unknown grant": ("crm", "scopes: [read]", "scopes: [read], grant: §"),
    "as a window": ("crm", "scopes: [read]", "scopes: [read], refresh: {window: §}"),
    "as a date": ("crm", "scopes: [read]", "scopes: [read], expires: §"),
    "as a boolean": ("crm", "scopes: [read]", "scopes: [read], suspend: §"),
    "as a duplicate key": ("crm", "scopes: [read]", "scopes: [read], scopes: [§]"),
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Keyboard:
    return Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})


def put(desk: Keyboard, place: str, secret: str) -> None:
    texts = {"idp": PROVIDER, "crm": ACCOUNT}
    name, old, new = PLACES[place]
    assert old in texts[name], place
    texts[name] = texts[name].replace(old, new.replace("§", secret))
    for file, text in texts.items():
        desk.write(f"sales/{file}.yaml", text)


PUBLIC = {"as a client id"}
"""What stands there is random by nature, and shown: only the known shapes of secrets are refused."""


@pytest.mark.parametrize(
    "kind", [kind if kind in _QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in SECRETS]
)
@pytest.mark.parametrize("place", PLACES)
def test_no_command_repeats_a_secret_from_a_manifest(desk: Keyboard, place: str, kind: str):
    secret = SECRETS[kind]
    put(desk, place, secret)
    for verb in (
        ("validate",),
        ("validate", "-o", "json"),
        ("validate", "-o", "github"),
        ("plan", "-o", "markdown"),
    ):
        said = desk.run(*verb)
        if place in PUBLIC and kind == "random":
            assert said.code in (0, 4)
            continue
        assert said.code == 65, said
        assert leaks(said.out, [secret]) == [], said.out
        assert leaks(said.err, [secret]) == [], said.err
