"""What users of such tools suffer from before anything reaches a provider: plans that crash, hide, or are no preview at all.

`pains.yaml` names for each pain the tests that hold it; these are the ones that no other suite is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.changes import MAINTENANCE, Action, GuardName
from reconciler.decide.plan import PlanOptions, make_plan
from reconciler.decide.remedy import REMEDIES
from reconciler.decide.results import Outcome
from reconciler.engine.secret_reader import SecretReader
from reconciler.model.answer import HttpAnswer, NoAnswer
from reconciler.model.behaviour import ClientAuth
from reconciler.model.endpoint import Url
from reconciler.model.names import Kind
from reconciler.model.secret import Document
from reconciler.model.state import Reason
from reconciler.model.store_path import reference_path
from tests.decide.declaring import declare, document
from tests.decide.plan_world import stored
from tests.engine.reconcile_world import ReconcileWorld, machine, provider_of
from tests.hostile.test_pains import due
from tests.hostile.world import BASES, HostileWorld
from tests.simulators.manifests import make_account, secret_ref
from tests.simulators.memory_store import MemoryStore

CHANGES = {action.value for action in set(Action) - MAINTENANCE}
CLIENT = "client: {id: abc, secretRef: {path: clients/p, key: k}}"
KINDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.BASE_PROVIDER: (
        document("BaseProvider", "ours", "endpoints: {token: https://idp.example/token}"),
        document("BaseProvider", "theirs", "base: google"),
    ),
    Kind.PROVIDER: (
        document("Provider", "static", f"base: google\n{CLIENT}"),
        document("Provider", "issuer", f"base: custom\nserver: {{issuer: https://idp.example}}\n{CLIENT}"),
        document(
            "Provider",
            "dynamic",
            "base: custom\nserver: {issuer: https://idp.example}\nregistration: dynamic",
        ),
    ),
    Kind.ACCOUNT: (
        document("Account", "person", "provider: static\nscopes: [email]"),
        document("Account", "robot", "provider: issuer\ngrant: client_credentials"),
        document("Account", "device", "provider: static\ngrant: device_code\nscopes: [email]"),
        document("Account", "asleep", "provider: static\nsuspend: true\nscopes: [email]"),
        document("Account", "lost", "provider: nowhere\nscopes: [email]"),
    ),
}
"""Every kind of document in every shape that plans tell apart."""


def test_what_a_run_changes_is_what_its_plan_said_and_nothing_else():
    """There is no way to reconcile but by a plan: each change of the run was in it, and afterwards none is left."""
    world = ReconcileWorld()
    world.declare(provider_of(), make_account(), machine())
    for step in ("at first", "one is gone", "again"):
        if step == "one is gone":
            world.consents("team/drive")
            world.declare(provider_of(), make_account())
        planned = world.plan(prune=True, allowed=frozenset({GuardName.BULK_REMOVAL}))
        done = world.reconcile(prune=True, allowed=frozenset({GuardName.BULK_REMOVAL}))
        changed = [(str(one.address), one.action) for one in done.results if one.action in CHANGES]
        assert sorted(changed) == sorted((str(one.address), one.action.value) for one in planned.changes), (
            step
        )
    assert world.plan(prune=True).changes == ()


def test_every_kind_of_document_can_be_planned_alone_and_with_every_other():
    assert set(KINDS) == set(Kind)
    texts = [text for found in KINDS.values() for text in found]
    for some in ([text] for text in texts), combinations(texts, 2), [texts]:
        for chosen in some:
            desired = declare(*chosen)
            made = make_plan(desired, stored(desired=desired), PlanOptions())
            told = len(made.changes) + len(made.blocked) + len(made.problems)
            assert told >= len(desired.accounts) + len(desired.providers), chosen


def test_two_references_that_differ_in_anything_never_share_a_secret():
    """The key of what was read holds all that tells two secrets apart; the store (address, namespace) is the run's one."""
    store = MemoryStore()
    expected = {}
    for path in ("clients/team/a", "clients/team/b", "clients/other/a"):
        for version in (1, 2):
            keys = {key: f"{path} {version} {key}" for key in ("client_secret", "client_id")}
            store.write(reference_path(path), Document(keys), cas=version - 1)
            expected.update({(path, version, key): text for key, text in keys.items()})
    reader = SecretReader(store)
    for _ in range(2):
        for (path, version, key), text in expected.items():
            found = reader.read(secret_ref(path, key), version=version)
            assert (found.secret.reveal(), found.version) == (text, version)
            newest = reader.read(secret_ref(path, key))
            assert (newest.secret.reveal(), newest.version) == (expected[path, 2, key], 2)


@pytest.mark.parametrize("reason", Reason)
def test_no_remedy_is_an_rfcs_sentence(reason: Reason):
    """What is shown are words for people and a command; codes stand beside them, never instead."""
    row = REMEDIES[reason]
    said = f"{row.what} {row.do}".casefold()
    for word in (
        "invalid_",
        "_client",
        "_grant",
        "rfc",
        "http ",
        "resource owner",
        "authorization grant",
        "malformed",
    ):
        assert word not in said
    assert row.command.startswith("reconciler ")


class Wire(HttpClient):
    """Notes every request: the headers and the body that left."""

    sent: list[tuple[dict[str, str], str]]

    def request(self, method: str, url: Url, **more: Any) -> HttpAnswer | NoAnswer:
        self.sent.append((dict(more["headers"]), (more.get("body") or b"").decode()))
        return super().request(method, url, **more)


@pytest.mark.parametrize("fault", ["revoked", "wrong-client", "forbidden", "error-200", "server-error"])
@pytest.mark.parametrize("base", ["mercadolivre", "xero"])
def test_a_refusal_is_never_a_reason_to_try_another_way_to_authenticate(base: str, fault: str):
    """One request, in the configured way, whatever comes back: a second one might burn the token."""
    configured = BASES[base].client_auth
    with HostileWorld.of(base, f"{fault}=0") as world:
        drive = due(world)
        kept = world.token_of(drive)
        with Wire(HttpPolicy(loopback=True, deadline=timedelta(seconds=5))) as wire:
            wire.sent = []
            world.run = replace(world.run, endpoint=HttpTokenEndpoint(wire))
            before = world.sandbox.counters()["requests"]["token"]
            assert world.refresh_one(force=True).outcome is not Outcome.DONE
        ((headers, body),) = wire.sent
        assert world.sandbox.counters()["requests"]["token"] == before + 1
        assert ("authorization" in headers) == (configured is ClientAuth.BASIC)
        assert ("client_secret=" in body) == (configured is ClientAuth.POST)
        assert world.token_of(drive) == kept
        assert world.knows(kept) == "current"
