"""What the environment says, read once. `os.environ` is read in `cli/` and nowhere else; none of it comes from a manifest.

Rules (DESIGN §5):
- `RECONCILER_STORE=vault://<mount>/<prefix>` or `sqlite:///<path>`; nothing set: SQLite under the XDG data folder;
- under CI an embedded store must be named, because a runner's disk dies with it;
- VAULT_ADDR or BAO_ADDR without RECONCILER_STORE is a mistake, and said so;
- an embedded store never lies in a Git work tree;
- trust can only be tightened from here, never widened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from reconciler.errors import UsageError, clean
from reconciler.model.duration import parse_duration
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.names import is_name
from reconciler.model.store_path import Layout, StorePath, own_path

_MOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
DEFAULT_PREFIX = "reconciler"


@dataclass(frozen=True, slots=True)
class VaultLocation:
    mount: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class SqliteLocation:
    path: Path
    layout: Layout


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything of the environment that is not a flag of one verb."""

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    owner: str = "default"
    commit: str = ""
    limits: RefreshLimits = REFRESH_LIMITS
    refresh_every: timedelta | None = None
    frozen: datetime | None = None
    """RECONCILER_FROZEN: when the store was restored from an older snapshot."""

    @property
    def in_ci(self) -> bool:
        return self.environment.get("CI", "") not in ("", "0", "false")

    def get(self, name: str) -> str | None:
        """An environment variable; empty counts as unset."""
        return self.environment.get(name) or None


def read_settings(environment: Mapping[str, str], *, home: Path) -> Settings:
    """UsageError names the variable that is wrong, never its value where that could be a secret."""
    owner = environment.get("RECONCILER_OWNER") or "default"
    if not is_name(owner):
        raise UsageError(
            "RECONCILER_OWNER is no name", hint="use lower-case letters, digits, '.', '_' and '-'"
        )
    deadline = _duration(environment, "RECONCILER_HTTP_DEADLINE") or REFRESH_LIMITS.http_deadline
    commit_deadline = _duration(environment, "RECONCILER_COMMIT_DEADLINE") or REFRESH_LIMITS.commit_deadline
    if commit_deadline < 3 * deadline:
        # An intent may be taken over after it, and by then nobody may still be about to present the token.
        raise UsageError(
            "RECONCILER_COMMIT_DEADLINE is shorter than three times RECONCILER_HTTP_DEADLINE",
            hint="make it longer, or the calls to providers shorter",
        )
    return Settings(
        environment=environment,
        home=home,
        owner=owner,
        commit=_commit(environment),
        limits=RefreshLimits(http_deadline=deadline, commit_deadline=commit_deadline),
        refresh_every=_duration(environment, "RECONCILER_REFRESH_EVERY"),
        frozen=_instant(environment, "RECONCILER_FROZEN"),
    )


def _duration(environment: Mapping[str, str], name: str) -> timedelta | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
    if not duration:
        raise UsageError(f"{name} must be longer than nothing")
    return duration


def _instant(environment: Mapping[str, str], name: str) -> datetime | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} is no time", hint="write it like 2030-01-31T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _commit(environment: Mapping[str, str]) -> str:
    """The commit that CI says it runs for; written beside what is applied."""
    for name in ("RECONCILER_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA"):
        text = environment.get(name, "")
        if re.fullmatch(r"[0-9a-f]{7,64}", text):
            return text
    return ""


def store_location(settings: Settings) -> VaultLocation | SqliteLocation:
    """Where the store is. UsageError with the setting to make where that is unclear."""
    text = settings.get("RECONCILER_STORE")
    return _default_location(settings) if text is None else named_location(text)


def embedded_location(settings: Settings) -> SqliteLocation:
    """The embedded store to move away from, whatever else is set. UsageError where RECONCILER_STORE names another kind."""
    text = settings.get("RECONCILER_STORE")
    found = _own_location(settings) if text is None else named_location(text)
    if isinstance(found, SqliteLocation):
        return found
    raise UsageError(
        "RECONCILER_STORE names a Vault: there is no embedded store to copy",
        hint="write RECONCILER_STORE=sqlite:///<path>, or unset it for the usual place",
    )


def named_location(text: str, *, name: str = "RECONCILER_STORE") -> VaultLocation | SqliteLocation:
    """Where this URL leads. `name`: the variable or flag that said it."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("vault", "sqlite"):
        raise UsageError(
            f"{name} '{clean(text, cap=80)}' is no store",
            hint="write vault://<mount>/<prefix> or sqlite:///<path>",
        )
    if scheme == "vault":
        return _vault_location(rest, name=name)
    if not rest.startswith("/"):
        raise UsageError(
            f"{name}: an embedded store needs an absolute path",
            hint=f"write sqlite://{clean(Path(unquote(rest)).absolute())}"
            if rest
            else "write sqlite:///<path>",
        )
    # `sqlite:////path`, as other tools want it, is the same file: POSIX leaves two slashes at the front as they are.
    path = Path("/" + unquote(rest).lstrip("/"))
    if not path.name:
        raise UsageError(
            f"{name}: an embedded store is a file, and none is named", hint="write sqlite:///<path>"
        )
    return _sqlite_location(path)


def _vault_location(rest: str, *, name: str) -> VaultLocation:
    mount, _, prefix = rest.partition("/")
    if _MOUNT.fullmatch(mount) is None:
        raise UsageError(f"{name} names no mount", hint="write vault://<mount>/<prefix>")
    try:
        return VaultLocation(mount, Layout(own_path(prefix.rstrip("/")), mount))
    except ValueError:
        raise UsageError(
            f"{name} names no legal prefix",
            hint=f"write vault://{mount}/{DEFAULT_PREFIX}: one to eight segments of lower-case letters, digits, '.', '_', '-'",
        ) from None


def _sqlite_location(path: Path) -> SqliteLocation:
    for folder in path.absolute().parents:
        if os.path.exists(folder / ".git"):  # not Path.exists: it raises where a folder may not be entered
            raise UsageError(
                f"an embedded store may not lie in a Git work tree ({clean(folder)})",
                hint="put it under your home folder: RECONCILER_STORE=sqlite:///<path>",
            )
    return SqliteLocation(path, Layout(StorePath((DEFAULT_PREFIX,))))


def _default_location(settings: Settings) -> SqliteLocation:
    for name in ("VAULT_ADDR", "BAO_ADDR"):
        if settings.get(name):
            raise UsageError(
                f"{name} is set, but RECONCILER_STORE is not",
                hint=f"write RECONCILER_STORE=vault://<mount>/{DEFAULT_PREFIX} to use that server, or unset {name}",
            )
    if settings.in_ci:
        raise UsageError(
            "under CI the store must be named: a runner's disk dies with it",
            hint=f"write RECONCILER_STORE=vault://<mount>/{DEFAULT_PREFIX}",
        )
    return _own_location(settings)


def _own_location(settings: Settings) -> SqliteLocation:
    """Under the XDG data folder."""
    data = settings.get("XDG_DATA_HOME")
    folder = Path(data) if data and Path(data).is_absolute() else settings.home / ".local" / "share"
    return _sqlite_location(folder / "reconciler" / "store.db")
