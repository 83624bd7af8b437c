"""A `SecretStore` in memory, for every test that needs a store and no server. It passes the stores' contract suite.

    store = MemoryStore()                               # a server of its own; `bulk=True`: it can scan metadata (OpenBao)
    store.world.advance(timedelta(hours=1))             # the server's clock; MemoryStore(clock=…) takes a test's own
    other = store.another_client()                      # same server; its own log, faults and denials

    store.count("write"); store.count("read", under=layout.grants); store.requests; store.forget_requests()
    store.writes()                                      # the paths of all writes, deletes and metadata writes, in order

    store.fail_next("write", Fault.UNCLEAR_AFTER)       # it happened, the answer was lost: WriteUnclear
    store.fail_next("write", Fault.UNCLEAR_BEFORE, path=p, times=3)   # it did not happen, nobody knows: WriteUnclear
    store.fail_next("read", Fault.UNREACHABLE); Fault.CONFLICT; Fault.SEALED; Fault.DENIED; Fault.LOGIN_REFUSED
    store.down = Fault.SEALED                           # from now on everything fails so; None ends it
    store.deny(layout.grants, "write", "read")          # PathDenied for the folder and all below; no names: everything
    store.create_only(layout.trust)                     # as the policy of trust/: one first write, never a second
    store.before("write", lambda: other.write(…), path=p)   # somebody acts in between: runs once, just before ours

A request is logged before its fault strikes. Reads meet UNCLEAR_* as StoreUnreachable, as a real client would after
its retries. Everything may be called from many threads.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never

from reconciler.errors import (
    CasConflict,
    LoginRefused,
    PathDenied,
    ReconcilerError,
    StoreSealed,
    StoreUnreachable,
    WriteUnclear,
)
from reconciler.model.secret import Document
from reconciler.model.store_path import StorePath
from reconciler.model.stored import ALL_CAPABILITIES, KeyMetadata, Stored, check_custom, encode_record
from tests.simulators.kv_world import KvWorld

Operation = Literal[
    "read",
    "read_metadata",
    "list_keys",
    "scan_metadata",
    "write",
    "write_metadata",
    "delete_newest",
    "delete_versions",
    "purge",
    "capabilities",
    "ensure_login",
    "server_time",
]
CHANGING: frozenset[str] = frozenset({"write", "write_metadata", "delete_newest", "delete_versions", "purge"})


class Fault(StrEnum):
    UNCLEAR_AFTER = "it happened, the answer was lost"
    UNCLEAR_BEFORE = "it did not happen, the answer was lost"
    CONFLICT = "somebody else wrote a newer version"
    SEALED = "sealed"
    DENIED = "this path is denied"
    UNREACHABLE = "no answer, and nothing was sent"
    LOGIN_REFUSED = "the login is refused"


@dataclass(frozen=True)
class Request:
    """One call as the store saw it. `path` None: the operation has none, or several."""

    operation: Operation
    path: StorePath | None = None
    cas: int | None = None


@dataclass
class _Arm:
    """Something that waits for the next calls of one operation (at one path, where `path` is given)."""

    operation: Operation
    path: StorePath | None
    times: int
    act: Fault | Callable[[], object]

    def meets(self, request: Request) -> bool:
        same = self.operation == request.operation and self.path in (None, request.path)
        return self.times > 0 and same


def _below(folder: StorePath, path: StorePath | None) -> bool:
    if path is None or path.mount != folder.mount:
        return False
    return path.segments[: len(folder.segments)] == folder.segments


@dataclass
class MemoryStore:
    clock: Callable[[], datetime] | None = None
    bulk: bool = False
    world: KvWorld = field(default_factory=KvWorld)
    requests: list[Request] = field(default_factory=list)
    down: Fault | None = None
    _faults: list[_Arm] = field(default_factory=list)
    _hooks: list[_Arm] = field(default_factory=list)
    _denied: list[tuple[StorePath, frozenset[str]]] = field(default_factory=list)
    _create_only: list[StorePath] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.clock is not None:
            self.world.clock = self.clock

    # --------------------------------------------------------------------------------- what a test sees and does

    def another_client(self) -> "MemoryStore":
        return MemoryStore(world=self.world, bulk=self.bulk)

    def count(self, operation: Operation, *, under: StorePath | None = None) -> int:
        return sum(
            1
            for seen in self.requests
            if seen.operation == operation and (under is None or _below(under, seen.path))
        )

    def writes(self) -> list[str]:
        """`<operation> <path>` of everything that changes something, in order."""
        return [f"{seen.operation} {seen.path}" for seen in self.requests if seen.operation in CHANGING]

    def forget_requests(self) -> None:
        self.requests.clear()

    def fail_next(
        self, operation: Operation, fault: Fault, *, path: StorePath | None = None, times: int = 1
    ) -> None:
        self._faults.append(_Arm(operation, path, times, fault))

    def before(
        self,
        operation: Operation,
        act: Callable[[], object],
        *,
        path: StorePath | None = None,
        times: int = 1,
    ) -> None:
        self._hooks.append(_Arm(operation, path, times, act))

    def deny(self, folder: StorePath, *operations: Operation) -> None:
        self._denied.append((folder, frozenset(operations)))

    def create_only(self, folder: StorePath) -> None:
        self._create_only.append(folder)

    # ------------------------------------------------------------------------------------------------- the port

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        self._arrive(Request("read", path))
        return self.world.read(path, version=version)

    def read_metadata(self, path: StorePath) -> KeyMetadata | None:
        self._arrive(Request("read_metadata", path))
        return self.world.metadata(path)

    def list_keys(self, folder: StorePath) -> list[str]:
        self._arrive(Request("list_keys", folder))
        return self.world.names(folder)

    def scan_metadata(self, folder: StorePath) -> Mapping[StorePath, KeyMetadata] | None:
        if not self.bulk:
            return None
        self._arrive(Request("scan_metadata", folder))
        return self.world.below(folder)

    def server_time(self) -> datetime:
        self._arrive(Request("server_time"))
        return self.world.now()

    def describe(self) -> str:
        return "memory"

    def write(self, path: StorePath, document: Document, *, cas: int) -> int:
        raw = encode_record(path, document)
        lost = self._arrive(Request("write", path, cas))
        number = self.world.write(path, raw, cas=cas)
        self._leave(path, lost)
        return number

    def write_metadata(
        self,
        path: StorePath,
        custom: Mapping[str, str],
        *,
        max_versions: int | None = None,
        delete_after: timedelta | None = None,
    ) -> None:
        check_custom(path, custom)
        lost = self._arrive(Request("write_metadata", path))
        self.world.set_metadata(path, custom, max_versions=max_versions, delete_after=delete_after)
        self._leave(path, lost)

    def delete_newest(self, path: StorePath) -> None:
        lost = self._arrive(Request("delete_newest", path))
        self.world.delete_newest(path)
        self._leave(path, lost)

    def delete_versions(self, path: StorePath, versions: Sequence[int]) -> None:
        lost = self._arrive(Request("delete_versions", path))
        self.world.delete_versions(path, versions)
        self._leave(path, lost)

    def purge(self, path: StorePath) -> None:
        lost = self._arrive(Request("purge", path))
        self.world.purge(path)
        self._leave(path, lost)

    def capabilities(self, paths: Sequence[StorePath]) -> Mapping[StorePath, frozenset[str]]:
        self._arrive(Request("capabilities"))
        return {path: self._capabilities(path) for path in paths}

    def ensure_login(self, lasts: timedelta) -> None:
        self._arrive(Request("ensure_login"))

    # --------------------------------------------------------------------------------------------------- inside

    def _capabilities(self, path: StorePath) -> frozenset[str]:
        words = {"read": {"read"}, "write": {"create", "update"}, "delete_newest": {"delete"}}
        allowed = set(ALL_CAPABILITIES)
        for folder, operations in self._denied:
            if _below(folder, path):
                gone = [words.get(name, set()) for name in operations] or [set(ALL_CAPABILITIES)]
                allowed -= set().union(*gone)
        if any(_below(folder, path) for folder in self._create_only):
            allowed &= {"create", "read"}
        return frozenset(allowed)

    def _arrive(self, request: Request) -> bool:
        """Logs, runs hooks, raises the fault that is due; True where the answer will be lost."""
        with self._guard:
            self.requests.append(request)
            hook = self._take(self._hooks, request)
        if hook is not None and not isinstance(hook, Fault):
            hook()
        with self._guard:
            armed = self.down or self._take(self._faults, request)
        if self._is_denied(request):
            armed = Fault.DENIED
        if not isinstance(armed, Fault):
            return False
        if armed is Fault.UNCLEAR_AFTER and request.operation in CHANGING:
            return True
        raise _error(armed, request)

    @staticmethod
    def _take(arms: list[_Arm], request: Request) -> Fault | Callable[[], object] | None:
        for arm in arms:
            if arm.meets(request):
                arm.times -= 1
                return arm.act
        return None

    def _is_denied(self, request: Request) -> bool:
        if any(
            _below(folder, request.path) and (not operations or request.operation in operations)
            for folder, operations in self._denied
        ):
            return True
        if not any(_below(folder, request.path) for folder in self._create_only):
            return False
        if request.operation == "write" and request.path is not None:
            return self.world.metadata(request.path) is not None
        return request.operation in CHANGING

    @staticmethod
    def _leave(path: StorePath, lost: bool) -> None:
        if lost:
            raise WriteUnclear(f"{path}: no answer")


def _error(fault: Fault, request: Request) -> ReconcilerError:
    where = str(request.path or "memory")
    match fault:
        case Fault.UNCLEAR_AFTER | Fault.UNCLEAR_BEFORE:
            if request.operation in CHANGING:
                return WriteUnclear(f"{where}: no answer")
            return StoreUnreachable(f"{where}: no answer")
        case Fault.CONFLICT:
            return CasConflict(f"{where}: version {request.cas} is not the newest")
        case Fault.SEALED:
            return StoreSealed("the store is sealed")
        case Fault.DENIED:
            return PathDenied(f"{where}: denied")
        case Fault.UNREACHABLE:
            return StoreUnreachable(f"{where}: connection refused")
        case Fault.LOGIN_REFUSED:
            return LoginRefused("the store does not accept this login")
        case _:
            assert_never(fault)
