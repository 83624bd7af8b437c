"""The one error tree. Each leaf knows its exit code and whether trying again later can help.

    ReconcilerError                 1   anything with no code of its own
    ├── UsageError                 64   the command line or the environment is wrong
    ├── ManifestError              65   manifests are invalid; carries every problem of the run
    ├── GuardRefused                3   a guard stopped the plan; names the flag that passes it
    ├── TrustRefused                3   a credential is not bound to the origin it would go to
    ├── NeedsPerson                 5   only a person can go on from here
    ├── HeldByAnother               6   another run works on the object, or the saved plan is stale
    ├── ObjectFailed                4   one object failed; the others are done
    │   ├── PathDenied                  the login lives, this one path is denied
    │   ├── SecretMissing               a reference leads to no secret, or not to that key
    │   ├── RecordInvalid               what the store holds there is not a record of ours
    │   ├── RecordTooLarge              what was to be stored is more than a record may hold
    │   └── ProviderFailed              the provider did not do what was asked
    │       └── ProviderUnreachable     … and may do so later
    └── StoreError                  8   the store as a whole cannot be used
        ├── StoreUnreachable            no answer, or an answer that says "not now"
        ├── StoreSealed                 sealed, or not initialised as a server
        ├── LoginRefused                the store does not accept our credentials
        ├── StoreNotInitialised         no `meta/format` there: likely a mistyped mount or prefix
        ├── StoreTooNew                 written by a newer format than this tool knows
        ├── StoreMoved                  it was copied to another store, which is the only one to use now
        └── StoreUnsuitable             wrong mount, KV version 1, or a path that is not there
    CasConflict, WriteUnclear       outcomes of one write, for the engine to settle; never shown as they are

A message is built from addresses, paths and codes. Text that came from outside passes through `clean`.
"""

from __future__ import annotations

from typing import ClassVar

_PRINTABLE_CAP = 200
_COMMAND, _NO_COMMAND = "##[", "## ["
"""Anywhere in a line it begins a command to GitHub's and Azure's runners, and log lines reach them from everywhere."""


def clean(text: object, *, cap: int = _PRINTABLE_CAP) -> str:
    """Foreign text made safe to show: one line, no control, format or bidi characters, no command to a CI's runner, at most
    `cap` characters."""
    plain = str(text)
    if len(plain) <= cap and plain.isprintable() and _COMMAND not in plain:
        return plain
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in plain[: cap + 1])
    shown = shown.replace(_COMMAND, _NO_COMMAND)
    return shown if len(shown) <= cap else shown[: cap - 1] + "…"


class ReconcilerError(Exception):
    """Root of all errors that this tool raises on purpose. `hint` is what to do about it, one line."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ReconcilerError):
    exit_code = 64


class ManifestError(ReconcilerError):
    """`problems` are the run's located problems (`model.location.Problem`), in file order."""

    exit_code = 65

    def __init__(self, message: str, *, problems: tuple[object, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class GuardRefused(ReconcilerError):
    """`reason` is the guard's name, CamelCase, as reports show it."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None, reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class TrustRefused(ReconcilerError):
    exit_code = 3


class NeedsPerson(ReconcilerError):
    exit_code = 5


class HeldByAnother(ReconcilerError):
    exit_code = 6
    retryable = True


class ObjectFailed(ReconcilerError):
    exit_code = 4


class PathDenied(ObjectFailed):
    """The store refused this path to a login that is otherwise alive."""


class SecretMissing(ObjectFailed):
    """A referenced secret, version or key is not there."""


class RecordInvalid(ObjectFailed):
    """Stored bytes are not a record that this version of the tool reads. Nothing is overwritten."""


class RecordTooLarge(ObjectFailed):
    """No store was asked: it would not take so much, and no waiting makes it less."""


class ProviderFailed(ObjectFailed):
    """The provider refused, or answered what the protocol does not allow."""


class ProviderUnreachable(ProviderFailed):
    """No usable answer; later may be better."""

    retryable = True


class StoreError(ReconcilerError):
    exit_code = 8


class StoreUnreachable(StoreError):
    retryable = True


class StoreSealed(StoreError):
    retryable = True


class LoginRefused(StoreError):
    """The login itself is refused, not one path."""


class StoreNotInitialised(StoreError):
    """There is no `meta/format` under the prefix."""


class StoreTooNew(StoreError):
    """`meta/format` names a format that this version does not know."""


class StoreMoved(StoreError):
    """The store was copied elsewhere and is frozen: two stores that refresh one single-use grant would kill it."""


class StoreUnsuitable(StoreError):
    """The mount is missing, is KV version 1, or is no KV mount."""


class CasConflict(ReconcilerError):
    """Check-and-set failed: somebody else wrote a newer version. Read again and decide."""

    exit_code = 6
    retryable = True


class WriteUnclear(ReconcilerError):
    """A write may or may not have happened. Settle it by reading back the operation id."""

    exit_code = 8
    retryable = True
