"""The JSON Schemas: as the models have them now, legal, and of one mind with the loader."""

import json

import jsonschema
import pytest

from reconciler.model.schema import manifest_schemas, schema_file_name, schema_text
from tests.decide.declaring import declare
from tests.model.schema_checking import SCHEMAS, faults, read_schema

NAMES = sorted(manifest_schemas())
HEAD = "apiVersion: oauth2.reconciler/v1\n"
SOUND = "client: {id: abc, secretRef: {path: clients/p, key: k}}"
ACCOUNT = """
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {name: a, labels: {tier: gold}}
spec: {provider: p, identity: 123, expires: 2027-01-31}
"""
PROVIDER = f"{HEAD}kind: Provider\nmetadata: {{name: p}}\nspec: {{base: google, {SOUND}}}\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_schema_is_what_the_models_say(name: str):
    """`reconciler schema` writes them again."""
    assert (SCHEMAS / schema_file_name(name)).read_text() == schema_text(manifest_schemas()[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema(name: str):
    jsonschema.Draft202012Validator.check_schema(read_schema(name))


def test_making_them_twice_gives_the_same_bytes():
    assert json.dumps(manifest_schemas()) == json.dumps(manifest_schemas())


@pytest.mark.parametrize("name", NAMES)
def test_no_value_may_be_null(name: str):
    assert '"null"' not in (SCHEMAS / schema_file_name(name)).read_text()


@pytest.mark.parametrize(
    "source",
    [
        PROVIDER,
        ACCOUNT,
        f"{HEAD}kind: BaseProvider\nmetadata: {{name: b}}\nspec: {{authorizationParameters: {{max_age: 3600, x: true}}}}\n",
    ],
)
def test_what_is_sound_passes_both(source: str):
    assert faults(source) == []
    assert [
        p
        for p in declare(source, PROVIDER).problems
        if "twice" not in p.message and "second" not in p.message
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "- a list\n",
        "kind: Account\n",
        f"{HEAD}kind: Nothing\nmetadata: {{name: a}}\nspec: {{}}\n",
        PROVIDER.replace("v1", "v2", 1),
        PROVIDER.replace("spec:", "status: {}\nspec:"),
        PROVIDER.replace("secretRef", "secretref"),
        PROVIDER.replace("{path: clients/p, key: k}", "the-secret-itself"),
        PROVIDER.replace("key: k", "key: ~"),
        PROVIDER.replace("name: p", "name: Not A Name"),
        PROVIDER.replace("base: google", "base: google, protect: 'true'"),
        PROVIDER.replace("base: google", "base: google, registration: statik"),
        PROVIDER.replace("base: google", "base: google, redirectUris: []"),
        PROVIDER.replace("base: google", "base: google, server: {redirect: {port: 70000}}"),
        PROVIDER.replace("base: google", "base: google, server: {clientAuth: tls_client_auth}"),
        PROVIDER.replace("base: google", "base: google, server: {errors: {table: [{class: transient}]}}"),
        PROVIDER.replace("base: google", "base: google, server: {refreshToken: {grace: 30}}"),
        PROVIDER.replace("base: google", "base: google, server: {parameters: {}}"),
        PROVIDER.replace("name: p", "name: p, labels: {a b: c}"),
        f"{HEAD}kind: Account\nmetadata: {{name: a}}\nspec: {{}}\n",
        f"{HEAD}kind: Account\nmetadata: {{name: a}}\nspec: {{provider: p, scopes: a b}}\n",
        f"{HEAD}kind: Account\nmetadata: {{name: a}}\nspec: {{provider: p, grant: password}}\n",
        f"{HEAD}kind: Account\nmetadata: {{name: a}}\nspec: {{provider: p, expires: someday}}\n",
        f"{HEAD}kind: BaseProvider\nmetadata: {{name: b}}\nspec: {{parameters: {{x: {{description: y}}}}}}\n",
    ],
)
def test_what_is_wrong_in_its_shape_passes_neither(source: str):
    assert faults(source) != []
    assert declare(source).problems


@pytest.mark.parametrize(
    ("kind", "name"), [("Provider", "provider"), ("Account", "account"), ("BaseProvider", "base-provider")]
)
def test_a_schema_of_one_kind_takes_that_kind_alone(kind: str, name: str):
    spec = "{provider: p}" if kind == "Account" else "{}"
    source = f"{HEAD}kind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n"
    assert faults(source, schema=name) == []
    other = "account" if name != "account" else "provider"
    assert faults(source, schema=other) != []


def test_there_is_one_for_any_file_and_one_for_each_kind():
    assert set(manifest_schemas()) == {"manifest", "account", "base-provider", "provider"}
