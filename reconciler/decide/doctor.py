"""What the doctor says: one finding a check, how bad it is, what to run, and the exit code that follows.

Rules:
- a judge is a pure function of facts; what could not be looked at is `skipped` and never called well;
- a warning asks for nobody's night; a failure carries the exit code of the verb that would meet it (DESIGN §9);
- messages are built from paths, names, counts and times, never from what a store or a server said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.decide.results import exit_code
from reconciler.errors import ReconcilerError, clean
from reconciler.model.address import is_loopback_host
from reconciler.model.duration import format_instant, format_rough
from reconciler.model.inspection import FileFacts, LoginFacts, MountFacts


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Check(StrEnum):
    """In the order in which they are made: each needs what stands before it."""

    FILES = "files"
    TLS = "tls"
    REACH = "reach"
    CLOCK = "clock"
    MOUNT = "mount"
    FORMAT = "format"
    LOGIN = "login"
    ACCESS = "access"
    JWT_ROLE = "jwt-role"
    MANIFESTS = "manifests"
    ENDPOINTS = "endpoints"
    INTERVAL = "interval"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class Finding:
    """`run` is a command to be pasted; `code` the exit code that a failure asks for."""

    check: Check
    level: Level
    message: str
    hint: str = ""
    run: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Examination:
    store: str
    now: datetime
    findings: tuple[Finding, ...]

    def exit_code(self) -> int:
        return exit_code(found.code for found in self.findings if found.level is Level.FAILED)

    def counts(self) -> dict[str, int]:
        return {level.value: sum(1 for f in self.findings if f.level is level) for level in Level}


def well(check: Check, message: str) -> Finding:
    return Finding(check, Level.OK, message)


def skipped(check: Check, message: str, *, hint: str = "") -> Finding:
    return Finding(check, Level.SKIPPED, message, hint)


def failed(check: Check, message: str, *, hint: str = "", run: str = "", code: int = 1) -> Finding:
    return Finding(check, Level.FAILED, message, hint, run, code)


def warned(check: Check, message: str, *, hint: str = "", run: str = "") -> Finding:
    return Finding(check, Level.WARNING, message, hint, run)


def failed_with(check: Check, error: ReconcilerError) -> Finding:
    """A check that ended in an error of ours, which says what to do."""
    return failed(check, error.message, hint=error.hint or "", code=error.exit_code)


def not_opened(error: ReconcilerError, *, before: Iterable[Finding]) -> Finding:
    """The store could not be opened: its own finding, unless one of its files was found at fault before."""
    if any(found.check is Check.FILES and found.level is Level.FAILED for found in before):
        return skipped(Check.REACH, "the store was not opened, because of its files")
    return failed_with(Check.REACH, error)


_CLOCK_WELL, _CLOCK_WARNS = timedelta(seconds=5), timedelta(seconds=60)


def judge_clock(*, store: datetime, local: datetime) -> Finding:
    """The store stamps versions, this machine judges ID tokens and answers of providers: they must agree."""
    skew = local - store
    distance = abs(skew)
    if distance <= _CLOCK_WELL:
        return well(Check.CLOCK, "this machine's clock agrees with the store's")
    side = "ahead of" if skew > timedelta(0) else "behind"
    said = f"this machine's clock is {format_rough(distance)} {side} the store's"
    hint = "let a time service set it (chrony, systemd-timesyncd)"
    if distance <= _CLOCK_WARNS:
        return warned(Check.CLOCK, said, hint=hint)
    return failed(Check.CLOCK, f"{said}: tokens are taken for dead or alive that are not", hint=hint, code=1)


def judge_mount(mount: str, facts: MountFacts | None) -> Finding:
    if facts is None:
        return skipped(Check.MOUNT, f"the login may not see what '{mount}' is")
    if facts.kind != "kv" or facts.version != "2":
        what = f"KV version {clean(facts.version or '1', cap=8)}" if facts.kind == "kv" else "no KV mount"
        return failed(
            Check.MOUNT,
            f"'{mount}' is {what}: without check-and-set no refresh token is safe",
            hint="make a KV version 2 mount and name it in RECONCILER_STORE",
            run=f"vault secrets enable -path={mount}-v2 -version=2 kv",
            code=8,
        )
    return well(Check.MOUNT, f"'{mount}' is KV version 2")


def judge_login(facts: LoginFacts | None, *, needed: timedelta, repeatable: bool) -> Finding:
    """`needed`: what a refresh asks of a login before it spends a token; `repeatable`: we can log in again."""
    if facts is None:
        return skipped(Check.LOGIN, "the login may not ask about itself", hint="add auth/token/lookup-self")
    if facts.is_root:
        return warned(
            Check.LOGIN,
            "this is the root token: it may do everything, and does not end",
            hint="use a role's login, and revoke this one",
            run="reconciler policy plan",
        )
    if facts.lasts is None:
        return warned(Check.LOGIN, "the login does not end", hint="give its role a life: token_ttl=10m")
    lasts = f"the login lives {format_rough(facts.lasts)} more"
    if facts.lasts < needed and not (facts.renewable or repeatable):
        return failed(
            Check.LOGIN,
            f"{lasts}, and can be neither renewed nor repeated",
            hint=f"a refresh wants {format_rough(needed)} before it spends a token: log in again",
            code=8,
        )
    how = "repeated when needed" if repeatable else "renewable" if facts.renewable else "then it is over"
    return well(Check.LOGIN, f"{lasts}, {how}")


def judge_tls(scheme: str, host: str, *, skips: bool) -> Finding:
    """The way to the store's server."""
    if scheme != "https":
        if is_loopback_host(host):
            return well(Check.TLS, "the server is on this machine, without TLS")
        return failed(
            Check.TLS,
            f"{clean(host)} is asked without TLS: the login and every secret travel in clear",
            hint="set VAULT_ADDR to an https address",
        )
    if skips:
        return failed(
            Check.TLS,
            "VAULT_SKIP_VERIFY is set: anybody on the way may read the login and every secret",
            hint="unset it, and name the server's authority in VAULT_CACERT",
        )
    return well(Check.TLS, "the server's certificate is verified")


_CERTIFICATE_WARNS = timedelta(days=30)


def judge_file(facts: FileFacts, *, now: datetime, private: bool) -> Finding:
    """`private`: it holds a secret, and nobody else may use it."""
    shown = f"{facts.what} {clean(facts.path)}"
    if not facts.exists:
        return failed(Check.FILES, f"{shown} is missing", hint="restore it, or change the setting", code=64)
    if private and not facts.ours:
        return failed(Check.FILES, f"{shown} belongs to another user", hint="who owns it can read it", code=8)
    if private and facts.mode & 0o077:
        wanted = "700" if facts.folder else "600"
        return failed(
            Check.FILES,
            f"{shown} is open to others (mode {facts.mode & 0o777:03o})",
            hint="give the store a folder of its own, and name it in RECONCILER_STORE"
            if facts.shared
            else "whoever could open it may have read it already: change what it holds as well",
            # A folder that others use is left to them: the store moves out of it.
            run="" if facts.shared else f"chmod {wanted} {clean(facts.path)}",
            code=8,
        )
    if facts.ends is not None and facts.ends <= now:
        return failed(Check.FILES, f"{shown}: a certificate ended at {format_instant(facts.ends)}", code=8)
    if facts.ends is not None and facts.ends - now < _CERTIFICATE_WARNS:
        return warned(Check.FILES, f"{shown}: a certificate ends at {format_instant(facts.ends)}")
    return well(Check.FILES, f"{shown} {'is private' if private else 'is there'}")
