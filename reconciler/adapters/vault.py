"""A `SecretStore` in HashiCorp Vault or OpenBao: KV version 2, through hvac's API over our own transport.

Rules (DESIGN §5, facts/vault-kv.md):
- every data write carries `cas`; a write whose fate is unknown is `WriteUnclear` and is never sent twice;
- a mount is proven to be KV version 2 before the first write, and before an absent key is believed to be absent;
- a 404 with metadata is a deleted version, whose number the next write must carry;
- no exception of hvac's or of the network's leaves this module, and no text of Vault's;
- the calls that every account needs name their URL here: hvac's own would quote what the grammar of paths has proven to
  need no quoting, and encode a record a second time; together a seventh of a read's CPU.

Safe for many threads; a fork starts with connections of its own.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import hvac

from reconciler.adapters.vault_answer import Answer
from reconciler.adapters.vault_errors import Place, denied, error_for, not_version_2, sealed
from reconciler.adapters.vault_login import VaultLogin
from reconciler.adapters.vault_records import parse_metadata, parse_stored
from reconciler.adapters.vault_scan import MetadataScan
from reconciler.adapters.vault_settings import VaultSettings
from reconciler.adapters.vault_transport import LeanAdapter, Pacing, Unsettled
from reconciler.errors import StoreUnreachable, WriteUnclear
from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from reconciler.model.stored import ABSENT, ALL_CAPABILITIES, KeyMetadata, Stored, check_custom, encode_record


def _utc_now() -> datetime:
    return datetime.now(UTC)


class VaultStore:
    """Nothing is sent before the first call. UsageError where an address or a certificate file is wrong."""

    def __init__(self, settings: VaultSettings, *, pacing: Pacing | None = None) -> None:
        self._settings = settings
        self._adapter = LeanAdapter(settings, pacing=pacing)
        # The empty token and the given adapter keep hvac from looking into the environment and the home folder.
        client = hvac.Client(url=self._adapter.address, token="", adapter=lambda **_: self._adapter)
        self._kv = client.secrets.kv.v2
        self._sys = client.sys
        self._login = VaultLogin(settings, client=client, monotonic=(pacing or Pacing()).monotonic)
        self._adapter.token_source = self._login.token
        self._scan = MetadataScan(self._adapter, now=_utc_now)
        self._proven: set[str] = set()
        self._proving = threading.Lock()

    def close(self) -> None:
        """Closes idle connections; the login is left to end by itself."""
        self._adapter.close()

    # ------------------------------------------------------------------------------------------------- reading

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        place = self._place(path)
        answer = self._ask(
            place,
            lambda: self._adapter.get(
                url=_url("data", place), params=None if version is None else {"version": version}
            ),
        )
        if answer.status not in (200, 404):
            raise error_for(answer, place)
        stored = None if answer.data is None else parse_stored(answer.data)
        if stored is not None:
            self._proven.add(place.mount)
            return stored
        if answer.status == 200:
            raise not_version_2(place)
        self._believe_absent(answer, place)
        return ABSENT

    def read_metadata(self, path: StorePath) -> KeyMetadata | None:
        place = self._place(path)
        answer = self._ask(place, lambda: self._adapter.get(url=_url("metadata", place)))
        if answer.status == 200 and answer.data is not None:
            metadata = parse_metadata(answer.data, now=_utc_now)
            if metadata is None:
                raise not_version_2(place)
            self._proven.add(place.mount)
            return metadata
        if answer.status != 404:
            raise error_for(answer, place)
        self._believe_absent(answer, place)
        return None

    def list_keys(self, folder: StorePath) -> list[str]:
        place = self._place(folder)
        answer = self._ask(place, lambda: self._kv.list_secrets(folder.text, mount_point=place.mount))
        if answer.status == 404:
            self._believe_absent(answer, place)
            return []
        keys = answer.data.get("keys") if answer.data is not None else None
        if answer.status != 200 or not isinstance(keys, list):
            raise error_for(answer, place)
        return sorted(key for key in keys if isinstance(key, str))

    def scan_metadata(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        place = self._place(folder)
        return self._scan.below(folder, place=place, ask=lambda call: self._ask(place, call))

    def server_time(self) -> datetime:
        answer: Answer = self._sys.read_health_status(
            method="GET",
            standby_ok=True,
            standby_code=200,
            performance_standby_code=200,
            dr_secondary_code=200,
            sealed_code=200,
            uninit_code=200,
        )
        where = f"vault {self._adapter.address}"
        never_made = answer.body.get("initialized") is False
        if answer.sealed or answer.body.get("sealed") is True or never_made:
            raise sealed(where, 501 if never_made else 503)
        seconds = answer.body.get("server_time_utc")
        if answer.body.get("replication_dr_mode") == "secondary":
            raise StoreUnreachable(
                f"{where}: this is a stand-by for disasters", hint="set VAULT_ADDR to another node"
            )
        if answer.status != 200 or not isinstance(seconds, int):
            raise StoreUnreachable(f"{where}: does not tell its time (status {answer.status})")
        return datetime.fromtimestamp(seconds, UTC)

    def describe(self) -> str:
        namespace = f" namespace {self._settings.namespace}" if self._settings.namespace else ""
        return f"vault {self._adapter.address}{namespace} {self._settings.mount}"

    # ------------------------------------------------------------------------------------------------- writing

    def write(self, path: StorePath, document: Document, *, cas: int) -> int:
        place = self._place(path)
        body = b'{"options": {"cas": %d}, "data": %s}' % (cas, encode_record(place.shown, document))
        self._prove(place)
        answer = self._tell(place, lambda: self._adapter.post(url=_url("data", place), content=body))
        if answer.status not in (200, 204):
            raise error_for(answer, place, cas=cas)
        number = answer.data.get("version") if answer.data is not None else None
        return number if isinstance(number, int) else cas + 1

    def write_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None = None,
        delete_after: timedelta | None = None,
    ) -> None:
        place = self._place(path)
        check_custom(place.shown, custom)
        self._prove(place)
        settings: dict[str, Any] = {"custom_metadata": dict(custom)}
        if max_versions is not None:
            settings["max_versions"] = max_versions
        if delete_after is not None:
            settings["delete_version_after"] = f"{math.ceil(delete_after.total_seconds())}s"
        # hvac's own call would reset `delete_version_after`, which an operator may have set.
        answer = self._tell(place, lambda: self._adapter.post(url=_url("metadata", place), json=settings))
        if answer.status not in (200, 204):
            raise error_for(answer, place)

    def delete_newest(self, path: StorePath) -> None:
        place = self._place(path)
        self._prove(place)
        self._change(
            place, lambda: self._kv.delete_latest_version_of_secret(path.text, mount_point=place.mount)
        )

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        if not versions:
            return
        place = self._place(path)
        self._prove(place)
        self._change(
            place,
            lambda: self._kv.delete_secret_versions(path.text, list(versions), mount_point=place.mount),
        )

    def purge(self, path: StorePath) -> None:
        place = self._place(path)
        self._prove(place)
        self._change(
            place, lambda: self._kv.delete_metadata_and_all_versions(path.text, mount_point=place.mount)
        )

    def capabilities(self, paths: Sequence[StorePath]) -> Mapping[StorePath, frozenset[str]]:
        """PathDenied where the login may not even ask (a token without the policy `default`)."""
        if not paths:
            return {}
        asked = {path: f"{self._place(path).mount}/data/{path.text}" for path in paths}
        place = self._place(paths[0])
        answer = self._ask(place, lambda: self._sys.get_capabilities(sorted(asked.values())))
        if answer.status != 200 or answer.data is None:
            raise error_for(answer, place)
        return {path: _capabilities(answer.data.get(text)) for path, text in asked.items()}

    def ensure_login(self, lasts: timedelta) -> None:
        self._login.ensure(lasts)

    def ask(self, method: str, path: str, *, body: Mapping[str, Any] | None = None) -> Answer:
        """A question to Vault's API beside its mounts (`sys/…`, `auth/…`) with our login. PathDenied; nothing is changed
        by what is asked here."""
        head, _, rest = path.partition("/")
        place = Place(self._adapter.address, head, StorePath(tuple(rest.split("/"))), own=False)
        return self._ask(place, lambda: self._adapter.request(method, f"/v1/{path}", json=body))

    # -------------------------------------------------------------------------------------------------- inside

    def _place(self, path: StorePath) -> Place:
        mount = path.mount or self._settings.mount
        return Place(self._adapter.address, mount, path, own=mount == self._settings.mount)

    def _ask(self, place: Place, call: Callable[[], Answer]) -> Answer:
        """One call; after a 403 of a dead login, once more with a new one. PathDenied where the login lives."""
        for _ in range(2):
            serial = self._login.serial() or 1
            answer = call()
            if answer.status != 403:
                return answer
            if not self._login.recover(serial, answer):
                raise denied(place)
        raise denied(place)

    def _tell(self, place: Place, call: Callable[[], Answer]) -> Answer:
        """`_ask` for what changes something: an unknown fate is the caller's to settle."""
        try:
            return self._ask(place, call)
        except Unsettled as unsettled:
            raise WriteUnclear(
                f"{place.shown}: whether this write happened is unknown: {unsettled.why}"
            ) from None

    def _change(self, place: Place, call: Callable[[], Answer]) -> None:
        answer = self._tell(place, call)
        if answer.status not in (200, 204, 404):
            raise error_for(answer, place)

    def _believe_absent(self, answer: Answer, place: Place) -> None:
        """A 404 is believed only of a mount that is there and is KV version 2."""
        if answer.says("no handler for route"):
            raise error_for(answer, place)
        self._prove(place)

    def _prove(self, place: Place) -> None:
        """Asks once for each mount what it is. Where the login may not see it, every call will say so itself."""
        if place.mount in self._proven:
            return
        with self._proving:
            if place.mount in self._proven:
                return
            answer = self._ask_mount(place)
            if answer.status == 200 and answer.data is not None:
                options = answer.data.get("options")
                version = options.get("version") if isinstance(options, dict) else None
                if answer.data.get("type") != "kv" or version != "2":
                    raise not_version_2(place)
            elif answer.status != 403:
                raise error_for(answer, place)
            self._proven.add(place.mount)

    def _ask_mount(self, place: Place) -> Answer:
        serial = self._login.serial() or 1
        answer: Answer = self._adapter.get(url=f"/v1/sys/internal/ui/mounts/{place.mount}")
        if answer.status == 403 and answer.says("invalid token") and self._login.recover(serial, answer):
            answer = self._adapter.get(url=f"/v1/sys/internal/ui/mounts/{place.mount}")
        return answer


def _url(kind: str, place: Place) -> str:
    """Where a key's `data` or `metadata` is. Mount and path hold only what their grammars allow."""
    return f"/v1/{place.mount}/{kind}/{place.path.text}"


def _capabilities(said: object) -> frozenset[str]:
    words = {word for word in said if isinstance(word, str)} if isinstance(said, list) else set()
    if "root" in words:
        return ALL_CAPABILITIES
    return frozenset(words - {"deny"})
