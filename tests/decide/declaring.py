"""Desired from a few lines of YAML, for tests of what manifests mean."""

from textwrap import dedent
from typing import Any

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.manifests import load_text
from reconciler.decide.desired import resolve
from reconciler.model.desired import Desired, DesiredAccount, DesiredProvider
from reconciler.model.document import Loaded

_HEAD = "apiVersion: oauth2.reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n"


def document(kind: str, name: str, spec: str, *, namespace: str = "default") -> str:
    """One document; `spec` is indented as one likes."""
    body = dedent(spec).strip("\n")
    indented = "".join(f"  {line}\n" for line in body.splitlines())
    return _HEAD.format(kind=kind, name=name, namespace=namespace) + indented


def google(name: str = "google", more: str = "", *, namespace: str = "default") -> str:
    client = "client: {id: abc, secretRef: {path: clients/google, key: client_secret}}"
    return document("Provider", name, f"base: google\n{client}\n{dedent(more)}", namespace=namespace)


def loaded_from(*documents: str) -> Loaded:
    return load_text("---\n".join(documents).encode(), file="x.yaml")


def declare(*documents: str) -> Desired:
    return resolve(loaded_from(*documents), load_catalogue(), root="x.yaml")


def said(desired: Desired) -> list[str]:
    return [f"{problem.address}: {problem.message}" for problem in desired.problems]


def only_provider(*documents: str) -> DesiredProvider:
    desired = declare(*documents)
    assert not desired.problems
    (provider,) = desired.providers.values()
    return provider


def only_account(*documents: str) -> DesiredAccount:
    desired = declare(*documents)
    assert not desired.problems
    (account,) = desired.accounts.values()
    return account


def addresses(objects: Any) -> set[str]:
    return {str(address) for address in objects}
