"""What VaultStore does when the other side is not a well-behaved Vault: a script answers in its place."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.adapters.vault_transport import Pacing
from reconciler.errors import (
    CasConflict,
    ObjectFailed,
    PathDenied,
    ReconcilerError,
    SecretMissing,
    StoreError,
    StoreSealed,
    StoreUnreachable,
    StoreUnsuitable,
    UsageError,
    WriteUnclear,
)
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import own_path, reference_path
from tests.simulators.scripted_vault import ABSENT, DENIED, SEALED, Reply, ScriptedVault

TOKEN = "hvs.canary-token"
KEY = own_path("reconciler/grants/team/drive")
READ = "GET /v1/secret/data/reconciler/grants/team/drive"
WRITE = "POST /v1/secret/data/reconciler/grants/team/drive"
META = "GET /v1/secret/metadata/reconciler/grants/team/drive"
DOC = Document({"refresh_token": "canary-refresh"})
VERSION = {
    "version": 1,
    "created_time": "2030-01-01T00:00:00.123456789Z",
    "deletion_time": "",
    "destroyed": False,
}
FOUND = Reply(json={"data": {"data": {"a": "canary-value"}, "metadata": VERSION}})
WRITTEN = Reply(json={"data": VERSION})
HTML = b"<html><body>canary-html: please sign in</body></html>"

Open = Callable[..., VaultStore]


class Waits:
    """Time that passes by sleeping only, so that no test waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0

    def pacing(self) -> Pacing:
        return Pacing(monotonic=lambda: self._now, sleep=self._sleep, fraction=lambda: 0.5)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds


@pytest.fixture
def script() -> Iterator[ScriptedVault]:
    with ScriptedVault() as vault:
        yield vault


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def open_store(script: ScriptedVault, waits: Waits) -> Iterator[Open]:
    opened: list[VaultStore] = []

    def make(address: str | None = None, **more: object) -> VaultStore:
        settings = VaultSettings(address or script.address, TokenLogin(Secret(TOKEN)), **more)  # type: ignore[arg-type]  # passed on as given
        opened.append(VaultStore(settings, pacing=waits.pacing()))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def refuses(kind: type[ReconcilerError], act: Callable[[], object]) -> ReconcilerError:
    """The error, after it was seen that nothing secret or foreign stands in it."""
    with pytest.raises(kind) as refused:
        act()
    assert type(refused.value) is kind
    for text in (str(refused.value), repr(refused.value), refused.value.hint or ""):
        assert "canary" not in text
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return refused.value


# ------------------------------------------------------------------------------------------------------- requests


def test_a_request_carries_the_token_the_namespace_and_vaults_own_header(
    script: ScriptedVault, open_store: Open
):
    script.reply(READ, FOUND)
    open_store(namespace="team/a").read(KEY)
    headers = script.seen[0].headers
    assert headers["x-vault-token"] == TOKEN
    assert headers["x-vault-namespace"] == "team/a"
    assert headers["x-vault-request"] == "true"


def test_asking_for_the_time_carries_neither_token_nor_namespace(script: ScriptedVault, open_store: Open):
    script.reply(
        "GET /v1/sys/health",
        Reply(json={"server_time_utc": 1893456000, "sealed": False, "initialized": True}),
    )
    assert open_store(namespace="team/a").server_time().isoformat() == "2030-01-01T00:00:00+00:00"
    assert not {"x-vault-token", "x-vault-namespace"} & set(script.seen[0].headers)


def test_an_address_with_a_path_keeps_it(script: ScriptedVault, open_store: Open):
    script.reply("GET /behind/v1/secret/data/", FOUND)
    assert open_store(f"{script.address}/behind/").read(KEY).version == 1


def test_a_read_of_a_key_that_is_there_is_one_request(script: ScriptedVault, open_store: Open):
    script.reply(READ, FOUND)
    open_store().read(KEY)
    assert [seen.line for seen in script.seen] == [READ]


def test_an_absent_key_is_believed_once_the_mount_is_known(script: ScriptedVault, open_store: Open):
    store = open_store()
    assert store.read_metadata(KEY) is None
    assert store.read_metadata(KEY) is None
    assert [seen.line for seen in script.seen] == [META, "GET /v1/sys/internal/ui/mounts/secret", META]


def test_a_write_carries_cas_and_the_document(script: ScriptedVault, open_store: Open):
    script.reply(WRITE, WRITTEN)
    assert open_store().write(KEY, DOC, cas=0) == 1
    assert script.seen[-1].json == {"data": {"refresh_token": "canary-refresh"}, "options": {"cas": 0}}


def test_a_metadata_write_names_only_what_it_means(script: ScriptedVault, open_store: Open):
    script.reply("POST /v1/secret/metadata/", Reply(status=204))
    open_store().write_metadata(KEY, {"a": "b"})
    assert script.seen[-1].json == {"custom_metadata": {"a": "b"}}


@pytest.mark.parametrize(
    "address", ["", "vault:8200", "unix:///run/vault.sock", "https://u:p@host", "https://h:x", "https://h?q"]
)
def test_an_address_that_is_none_is_a_usage_error(open_store: Open, address: str):
    with pytest.raises(UsageError):
        VaultStore(VaultSettings(address, TokenLogin(Secret(TOKEN))))


def test_a_namespace_that_could_break_a_header_is_a_usage_error(open_store: Open):
    with pytest.raises(UsageError):
        open_store(namespace="a\r\nX-Evil: 1")


# ------------------------------------------------------------------------------------------------------ redirects


def test_a_redirect_elsewhere_is_not_followed_and_the_token_stays_here(
    script: ScriptedVault, open_store: Open
):
    with ScriptedVault() as thief:
        script.reply(READ, Reply(status=307, headers={"Location": f"{thief.address}/v1/secret/data/x"}))
        error = refuses(StoreUnsuitable, lambda: open_store().read(KEY))
        assert thief.seen == []
    assert "not configured" in error.message


@pytest.mark.parametrize(
    "location",
    ["", "/v1/other", "//host/v1", "https://127.0.0.1/", "javascript:1", "http://[::1", "http://u@h/"],
)
def test_a_redirect_that_leads_nowhere_known_is_refused(
    script: ScriptedVault, open_store: Open, location: str
):
    script.reply(READ, Reply(status=307, headers={"Location": location}))
    refuses(StoreUnsuitable, lambda: open_store().read(KEY))
    assert script.count() == 1


def test_a_redirect_to_a_configured_address_is_followed_once_with_our_own_path(
    script: ScriptedVault, open_store: Open
):
    with ScriptedVault() as active:
        active.reply(READ, FOUND)
        script.reply(READ, Reply(status=307, headers={"Location": f"{active.address}/v1/sys/seal"}))
        assert open_store(other_addresses=(active.address,)).read(KEY).version == 1
        assert [seen.line for seen in active.seen] == [READ]


def test_a_write_is_redirected_with_its_body(script: ScriptedVault, open_store: Open):
    with ScriptedVault() as active:
        active.reply(WRITE, WRITTEN)
        script.reply(WRITE, Reply(status=307, headers={"Location": active.address}))
        assert open_store(other_addresses=(active.address,)).write(KEY, DOC, cas=0) == 1


def test_two_redirects_are_one_too_many(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(status=307, headers={"Location": script.address}))
    refuses(StoreUnsuitable, lambda: open_store().read(KEY))
    assert script.count() == 2


# -------------------------------------------------------------------------------------------------- tried again


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_is_tried_again_when_the_server_fails(
    script: ScriptedVault, open_store: Open, waits: Waits, status: int
):
    script.reply(READ, FOUND)
    script.once(READ, Reply(status=status, json=ABSENT), Reply(status=status, raw=HTML))
    assert open_store().read(KEY).version == 1
    assert len(waits.slept) == 2


def test_a_read_is_tried_three_times_and_then_given_up(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(status=500, json=ABSENT))
    error = refuses(StoreUnreachable, lambda: open_store().read(KEY))
    assert "answered 500" in error.message
    assert script.count(READ) == 3


@pytest.mark.parametrize("status", [412, 429])
def test_a_write_that_was_turned_away_is_sent_again(script: ScriptedVault, open_store: Open, status: int):
    script.reply(WRITE, WRITTEN)
    script.once(WRITE, Reply(status=status, json=ABSENT), Reply(status=status, json=ABSENT))
    assert open_store().write(KEY, DOC, cas=0) == 1


@pytest.mark.parametrize("status", [412, 429])
def test_being_turned_away_every_time_says_so(script: ScriptedVault, open_store: Open, status: int):
    script.reply(WRITE, Reply(status=status, json=ABSENT))
    refuses(StoreUnreachable, lambda: open_store().write(KEY, DOC, cas=0))
    assert script.count(WRITE) == 3


@pytest.mark.parametrize(
    ("said", "slept"), [("2", 2.0), ("99999", 5.0), ("soon", 0.1), ("-1", 0.1), ("١", 0.1)]
)
def test_retry_after_is_honoured_within_reason(
    script: ScriptedVault, open_store: Open, waits: Waits, said: str, slept: float
):
    script.reply(READ, FOUND)
    script.once(
        READ, Reply(status=429, json=ABSENT, headers={"Retry-After": said.encode().decode("latin-1")})
    )
    open_store().read(KEY)
    assert waits.slept == [slept]


def test_a_new_mount_is_waited_for(script: ScriptedVault, open_store: Open, waits: Waits):
    upgrading = Reply(status=400, json={"errors": ["Upgrading from non-versioned to versioned data. canary"]})
    script.reply(WRITE, WRITTEN)
    script.once(WRITE, *[upgrading] * 12)
    assert open_store().write(KEY, DOC, cas=0) == 1
    assert 5 < sum(waits.slept) < 30


def test_a_new_mount_that_is_never_ready_is_given_up_after_30_seconds(
    script: ScriptedVault, open_store: Open, waits: Waits
):
    script.reply(
        WRITE, Reply(status=400, json={"errors": ["Upgrading from non-versioned to versioned data."]})
    )
    refuses(StoreUnreachable, lambda: open_store(timeout=timedelta(seconds=5)).write(KEY, DOC, cas=0))
    assert 28 < sum(waits.slept) <= 30


def test_repetitions_end_with_the_calls_time(script: ScriptedVault, open_store: Open, waits: Waits):
    script.reply(READ, Reply(status=429, json=ABSENT, headers={"Retry-After": "4"}))
    refuses(StoreUnreachable, lambda: open_store(timeout=timedelta(seconds=5), attempts=99).read(KEY))
    assert sum(waits.slept) <= 5


# ------------------------------------------------------------------------------------------------ unclear writes


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500, json=ABSENT),
        Reply(status=502, raw=HTML),
        Reply(status=503, raw=HTML),
        Reply(status=504, json=ABSENT),
        Reply(status=200, raw=HTML),
        Reply(status=200, json=[1]),
        Reply(json={"data": VERSION}, claims=1000),
        Reply(claims=10 * 2**30, raw=b"x"),
    ],
    ids=["500", "502", "503-proxy", "504", "html", "no-object", "cut", "10-GB"],
)
def test_a_write_whose_fate_is_unknown_is_never_sent_again(
    script: ScriptedVault, open_store: Open, reply: Reply
):
    script.reply(WRITE, reply)
    refuses(WriteUnclear, lambda: open_store().write(KEY, DOC, cas=0))
    assert script.count(WRITE) == 1


def test_a_write_without_an_answer_is_unclear_at_its_deadline(script: ScriptedVault, open_store: Open):
    script.reply(WRITE, Reply(hang=True))
    store = open_store(timeout=timedelta(seconds=0.3))
    started = time.monotonic()
    refuses(WriteUnclear, lambda: store.write(KEY, DOC, cas=0))
    assert time.monotonic() - started < 3
    assert script.count(WRITE) == 1


@pytest.mark.parametrize("verb", ["metadata", "delete", "purge"])
def test_every_change_can_be_unclear(script: ScriptedVault, open_store: Open, verb: str):
    for line in ("POST", "DELETE"):
        script.reply(f"{line} /v1/secret/", Reply(status=500, json=ABSENT))
    store = open_store()
    acts: dict[str, Callable[[], None]] = {
        "metadata": lambda: store.write_metadata(KEY, {"a": "b"}),
        "delete": lambda: store.delete_newest(KEY),
        "purge": lambda: store.purge(KEY),
    }
    refuses(WriteUnclear, acts[verb])
    assert script.count("POST /v1/secret/") + script.count("DELETE ") == 1


def test_a_write_that_never_left_is_not_unclear(open_store: Open, waits: Waits):
    store = open_store("http://127.0.0.1:1")
    error = refuses(StoreUnreachable, lambda: store.write(KEY, DOC, cas=0))
    assert "connection was refused" in error.message
    assert len(waits.slept) == 2


def test_a_connection_that_died_idle_does_not_cost_a_write(script: ScriptedVault, open_store: Open):
    script.reply(WRITE, WRITTEN)
    script.once(READ, Reply(json=FOUND.json, cut=True))
    store = open_store()
    store.read(KEY)
    time.sleep(0.05)
    assert store.write(KEY, DOC, cas=0) == 1


# -------------------------------------------------------------------------------------------------- odd answers


def test_a_dripping_answer_is_cut_by_the_deadline(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(json=FOUND.json, drip=0.1))
    store = open_store(timeout=timedelta(seconds=0.4), attempts=1)
    started = time.monotonic()
    error = refuses(StoreUnreachable, lambda: store.read(KEY))
    assert time.monotonic() - started < 2
    assert "no whole answer in time" in error.message


@pytest.mark.parametrize(
    "reply", [Reply(claims=10 * 2**30, raw=b"x"), Reply(raw=b"[" * (8 * 2**20 + 1))], ids=["claimed", "sent"]
)
def test_an_answer_beyond_the_cap_is_given_up(script: ScriptedVault, open_store: Open, reply: Reply):
    script.reply(READ, reply)
    error = refuses(StoreUnreachable, lambda: open_store(attempts=1).read(KEY))
    assert "larger than 8192 KiB" in error.message


@pytest.mark.parametrize("status", [200, 302 + 98, 403, 404])
def test_a_proxys_page_is_not_taken_for_vault(script: ScriptedVault, open_store: Open, status: int):
    script.reply(READ, Reply(status=status, raw=HTML, headers={"Content-Type": "text/html"}))
    error = refuses(StoreUnreachable, lambda: open_store().read(KEY))
    assert "not Vault's JSON" in error.message
    assert error.hint is not None
    assert "proxy" in error.hint


def test_deep_nesting_is_not_taken_for_vault(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(raw=b'{"data":' * 100_000))
    refuses(StoreUnreachable, lambda: open_store(attempts=1).read(KEY))


def test_what_is_no_http_is_no_answer(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(headers={f"X-{n}": "x" for n in range(200)}))
    refuses(StoreUnreachable, lambda: open_store(attempts=1).read(KEY))


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"a": 1}},
        {"data": {}, "metadata": {"version": "1"}},
        {"data": "text", "metadata": VERSION},
        {"data": {}, "metadata": {**VERSION, "created_time": "yesterday"}},
    ],
)
def test_a_read_of_another_shape_is_not_kv_version_2(script: ScriptedVault, open_store: Open, data: object):
    script.reply(READ, Reply(json={"data": data}))
    refuses(StoreUnsuitable, lambda: open_store().read(KEY))


@pytest.mark.parametrize(
    "data",
    [
        {"ttl": "1h"},
        {"current_version": 1, "versions": {"one": {}}},
        {"current_version": 1, "versions": {"1": None}},
    ],
)
def test_metadata_of_another_shape_is_not_kv_version_2(script: ScriptedVault, open_store: Open, data: object):
    script.reply(META, Reply(json={"data": data}))
    refuses(StoreUnsuitable, lambda: open_store().read_metadata(KEY))


def test_a_deletion_that_lies_ahead_is_no_deletion(script: ScriptedVault, open_store: Open):
    later = {
        "created_time": VERSION["created_time"],
        "deletion_time": "2999-01-01T00:00:00Z",
        "destroyed": False,
    }
    script.reply(META, Reply(json={"data": {"current_version": 1, "versions": {"1": later}}}))
    metadata = open_store().read_metadata(KEY)
    assert metadata is not None
    assert metadata.newest is not None
    assert metadata.newest.alive


# ---------------------------------------------------------------------------------------- what an answer means


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (
            Reply(
                status=400,
                json={"errors": ["check-and-set parameter did not match the current version canary"]},
            ),
            CasConflict,
        ),
        (Reply(status=400, json={"errors": ["something else canary"]}), ObjectFailed),
        (Reply(status=413, json={"errors": ["canary"]}), ObjectFailed),
        (Reply(status=503, json=SEALED), StoreSealed),
        (Reply(status=501, json={"errors": ["canary"]}), StoreSealed),
        (Reply(status=404, json={"errors": ['no handler for route "canary"']}), StoreUnsuitable),
        (Reply(status=404, json={"errors": ["unsupported path canary"]}), StoreUnsuitable),
        (Reply(status=405, json=ABSENT), StoreUnsuitable),
        (Reply(status=472, json=ABSENT), StoreError),
        (Reply(status=418, json=ABSENT), StoreError),
    ],
    ids=["cas", "400", "413", "sealed", "501", "no-mount", "no-path", "405", "472", "418"],
)
def test_an_answer_to_a_write_becomes_its_error(
    script: ScriptedVault, open_store: Open, reply: Reply, kind: type[ReconcilerError]
):
    script.reply(WRITE, reply)
    refuses(kind, lambda: open_store().write(KEY, DOC, cas=3))
    assert script.count(WRITE) == 1


def test_sealed_while_reading_is_told_at_once(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(status=503, json=SEALED))
    refuses(StoreSealed, lambda: open_store().read(KEY))
    assert script.count(READ) == 1


@pytest.mark.parametrize(
    ("health", "kind"),
    [
        (Reply(json={"initialized": True, "sealed": True, "server_time_utc": 1}), StoreSealed),
        (Reply(json={"initialized": False, "sealed": True, "server_time_utc": 1}), StoreSealed),
        (Reply(status=503, json={"initialized": True, "sealed": True}), StoreSealed),
        (
            Reply(
                json={
                    "initialized": True,
                    "sealed": False,
                    "replication_dr_mode": "secondary",
                    "server_time_utc": 1,
                }
            ),
            StoreUnreachable,
        ),
        (Reply(json={"initialized": True, "sealed": False}), StoreUnreachable),
        (Reply(status=404, json=ABSENT), StoreUnreachable),
    ],
    ids=["sealed", "not-initialised", "sealed-503", "stand-by", "no-time", "404"],
)
def test_a_server_that_cannot_serve_does_not_tell_the_time(
    script: ScriptedVault, open_store: Open, health: Reply, kind: type[ReconcilerError]
):
    script.reply("GET /v1/sys/health", health)
    refuses(kind, lambda: open_store().server_time())


def test_a_denied_path_names_itself_and_its_policy(script: ScriptedVault, open_store: Open):
    script.reply(READ, Reply(status=403, json=DENIED))
    script.reply("GET /v1/auth/token/lookup-self", Reply(json={"data": {}}))
    error = refuses(PathDenied, lambda: open_store().read(KEY))
    assert "secret/reconciler/grants/team/drive" in error.message
    assert error.hint is not None
    assert "secret/data/" in error.hint


def test_many_denied_paths_ask_about_the_token_once(script: ScriptedVault, open_store: Open):
    script.reply("GET /v1/secret/", Reply(status=403, json=DENIED))
    script.reply("GET /v1/auth/token/lookup-self", Reply(json={"data": {}}))
    store = open_store()
    for _ in range(5):
        refuses(PathDenied, lambda: store.read(KEY))
    assert script.count("GET /v1/auth/token/lookup-self") == 1


def test_a_reference_into_a_mount_that_is_not_there_is_that_references_fault(
    script: ScriptedVault, open_store: Open
):
    script.reply("GET /v1/other/", Reply(status=404, json={"errors": ["no handler for route"]}))
    error = refuses(SecretMissing, lambda: open_store().read(reference_path("clients/google", mount="other")))
    assert "no mount 'other'" in error.message


def test_a_reference_into_a_mount_of_version_1_is_that_references_fault(
    script: ScriptedVault, open_store: Open
):
    script.reply(
        "GET /v1/sys/internal/ui/mounts/other",
        Reply(json={"data": {"type": "kv", "options": {"version": "1"}}}),
    )
    refuses(SecretMissing, lambda: open_store().read(reference_path("clients/google", mount="other")))


def test_where_the_mount_may_not_be_seen_an_absent_key_is_believed(script: ScriptedVault, open_store: Open):
    script.reply("GET /v1/sys/internal/ui/mounts/", Reply(status=403, json=DENIED))
    assert open_store().read(KEY).version == 0


def test_capabilities_are_vaults_words_for_data_paths(script: ScriptedVault, open_store: Open):
    other = own_path("reconciler/tokens/team/x")
    third = own_path("reconciler/trust/y")
    script.reply(
        "POST /v1/sys/capabilities-self",
        Reply(
            json={
                "data": {
                    f"secret/data/{KEY}": ["create", "read"],
                    f"secret/data/{other}": ["deny"],
                    f"secret/data/{third}": ["root"],
                }
            }
        ),
    )
    found = open_store().capabilities([KEY, other, third])
    assert found[KEY] == {"create", "read"}
    assert found[other] == frozenset()
    assert {"create", "update", "read"} <= found[third]
