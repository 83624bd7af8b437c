"""Reading metadata in bulk, as OpenBao offers it, played by a script; the contract suite asks a real one where it is."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.errors import StoreSealed
from reconciler.model.secret import Secret
from reconciler.model.store_path import own_path
from tests.simulators.scripted_vault import ABSENT, DENIED, SEALED, Reply, ScriptedVault, Seen

TOKENS = own_path("reconciler/tokens")
SCAN = "SCAN /v1/secret/detailed-metadata/reconciler/tokens"
LIST = "LIST /v1/secret/detailed-metadata/reconciler/tokens"


def info(version: int) -> dict[str, Any]:
    times = {"created_time": "2030-01-01T00:00:00Z", "deletion_time": "", "destroyed": False}
    return {
        "current_version": version,
        "versions": {str(version): times},
        "custom_metadata": {"state": "ready"},
        "max_versions": 3,
    }


def page(seen: Seen, names: list[str]) -> Reply:
    """The page that was asked for, as OpenBao cuts it."""
    query = parse_qs(urlsplit(seen.path).query)
    after, limit = query.get("after", [""])[0], int(query["limit"][0])
    keys = [name for name in sorted(names) if name > after][:limit]
    if not keys:
        return Reply(status=404, json=ABSENT)
    infos = {name: info(1) for name in keys if not name.endswith("/")}
    return Reply(json={"data": {"keys": keys, "key_info": infos}})


@pytest.fixture
def script() -> Iterator[ScriptedVault]:
    with ScriptedVault() as vault:
        vault.reply("GET /v1/auth/token/lookup-self", Reply(json={"data": {}}))
        yield vault


@pytest.fixture
def store(script: ScriptedVault) -> Iterator[VaultStore]:
    opened = VaultStore(VaultSettings(script.address, TokenLogin(Secret("t"))))
    yield opened
    opened.close()


@pytest.mark.parametrize(("count", "pages"), [(3, 1), (200, 2), (450, 3)])
def test_all_keys_come_in_pages(script: ScriptedVault, store: VaultStore, count: int, pages: int):
    names = [f"team/a{number:04d}" for number in range(count)]
    script.reply(SCAN, lambda seen: page(seen, names))
    found = store.scan_metadata(TOKENS)
    assert found is not None
    assert [str(path) for path in found] == [f"reconciler/tokens/{name}" for name in names]
    assert {metadata.custom["state"] for metadata in found.values()} == {"ready"}
    assert script.count("SCAN ") == pages
    assert script.count("GET ") == 0


def test_keys_that_are_no_legal_paths_are_left_out(script: ScriptedVault, store: VaultStore):
    script.reply(SCAN, lambda seen: page(seen, ["team/a", "team/../x", "team/b c", "é"]))
    found = store.scan_metadata(TOKENS)
    assert found is not None
    assert [str(path) for path in found] == ["reconciler/tokens/team/a"]


def test_without_the_scan_capability_level_by_level_is_listed(script: ScriptedVault, store: VaultStore):
    script.reply(SCAN, Reply(status=403, json=DENIED))
    script.reply(LIST, lambda seen: page(seen, ["x", "team/"]))
    script.reply(f"{LIST}/team", lambda seen: page(seen, ["a", "b"]))
    for _ in range(2):
        found = store.scan_metadata(TOKENS)
        assert found is not None
        assert sorted(str(path) for path in found) == [
            "reconciler/tokens/team/a",
            "reconciler/tokens/team/b",
            "reconciler/tokens/x",
        ]
    assert script.count("SCAN ") == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=405, json=ABSENT),
        Reply(status=404, json={"errors": ["unsupported path"]}),
        Reply(
            status=404, json={"data": None, "warnings": ["Invalid path for a versioned K/V secrets engine."]}
        ),
        Reply(status=404, json=ABSENT),
        Reply(json={"data": {"keys": ["team/a"]}}),
        Reply(json={"data": {"keys": ["team/a"], "key_info": {"team/a": {"current_version": 1}}}}),
        Reply(json={"data": {"keys": "team/a", "key_info": {}}}),
    ],
    ids=["405", "unsupported", "vault", "empty", "no-info", "no-versions", "no-list"],
)
def test_where_it_is_missing_or_unknown_it_is_tried_once_a_run(
    script: ScriptedVault, store: VaultStore, reply: Reply
):
    script.reply(SCAN, reply)
    assert store.scan_metadata(TOKENS) is None
    assert store.scan_metadata(own_path("reconciler/grants")) is None
    assert script.count("SCAN ") + script.count("LIST ") == 1


def test_where_scan_and_list_are_forbidden_it_is_tried_once_a_run(script: ScriptedVault, store: VaultStore):
    script.reply("SCAN ", Reply(status=403, json=DENIED))
    script.reply("LIST ", Reply(status=403, json=DENIED))
    assert store.scan_metadata(TOKENS) is None
    assert store.scan_metadata(TOKENS) is None
    assert script.count("SCAN ") + script.count("LIST ") == 2


def test_a_folder_that_is_empty_later_on_is_just_empty(script: ScriptedVault, store: VaultStore):
    script.reply(SCAN, lambda seen: page(seen, ["team/a"]))
    assert store.scan_metadata(TOKENS)
    script.reply("SCAN ", Reply(status=404, json=ABSENT))
    assert store.scan_metadata(own_path("reconciler/grants")) == {}


def test_a_sealed_server_is_not_a_server_that_cannot_scan(script: ScriptedVault, store: VaultStore):
    script.reply(SCAN, Reply(status=503, json=SEALED))
    with pytest.raises(StoreSealed):
        store.scan_metadata(TOKENS)
