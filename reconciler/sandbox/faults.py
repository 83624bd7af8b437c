"""Scripted faults: what the next answers of an endpoint shall be, for tests of whoever must cope with them.

A fault names an endpoint and, if it likes, the client, the grant type or the refresh token that it is for; the first
one that fits a request is used up by it. Nothing happens by chance, so a test can replay.

Rules:
- `process=True` lets the server do its work first (a rotation, a registration) and then spoils the answer;
- `times` None means until cleared;
- delays are real seconds, unlike the sandbox's clock: they are there to make a client wait.
"""

from __future__ import annotations

import base64
import enum
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ENDPOINTS = (
    "authorize", "par", "token", "revoke", "introspect", "userinfo", "jwks", "metadata", "register", "client",
    "device_authorization", "device", "api",
)  # fmt: skip
"""The names by which faults and counters know endpoints; `client` is RFC 7592's."""


class Kind(enum.Enum):
    """What is wrong with an answer."""

    ANSWER = "answer"
    """The scripted status, headers and body."""
    PASS = "pass"  # no password: the real answer, only later
    DRIP = "drip"
    """The body one byte at a time, each after `interval_seconds`."""
    ENDLESS = "endless"
    """A body of `size` bytes."""
    EDIT = "edit"
    """The real answer, a JSON object, with some fields changed; None removes one."""
    CLOSE = "close"
    """The connection is closed without a byte."""
    TRUNCATE = "truncate"
    """The whole length is promised, half of the body is sent, and the connection closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One scripted fault; the functions below make the usual ones."""

    endpoint: str
    kind: Kind = Kind.ANSWER
    times: int | None = 1
    process: bool = False
    delay_seconds: float = 0.0
    interval_seconds: float = 1.0
    size: int = 10 * 2**30
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    client_id: str | None = None
    grant_type: str | None = None
    refresh_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint must be one of {', '.join(ENDPOINTS)}")

    def fits(self, sighting: Sighting) -> bool:
        return (
            self.client_id in (None, sighting.client_id)
            and self.grant_type in (None, sighting.grant_type)
            and self.refresh_token in (None, sighting.refresh_token)
        )

    def to_json(self) -> dict[str, Any]:
        """As the control API takes and shows it."""
        return {
            "endpoint": self.endpoint, "kind": self.kind.value, "times": self.times, "process": self.process,
            "delay_seconds": self.delay_seconds, "interval_seconds": self.interval_seconds, "size": self.size,
            "status": self.status, "headers": dict(self.headers), "body": self.body, "fields": dict(self.fields),
            "client_id": self.client_id, "grant_type": self.grant_type, "refresh_token": self.refresh_token,
        }  # fmt: skip

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Fault:
        """The inverse of `to_json`; fields may be left out."""
        fields = dict(document)
        if "kind" in fields:
            fields["kind"] = Kind(fields["kind"])
        return Fault(**fields)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a fault may look at in a request."""

    client_id: str | None
    grant_type: str | None
    refresh_token: str | None = field(repr=False)

    @staticmethod
    def of(form: Mapping[str, str], authorization: str) -> Sighting:
        """From the form fields and the `Authorization` header of a request."""
        client_id = form.get("client_id")
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id = base64.b64decode(encoded).decode("utf-8").partition(":")[0]
            except ValueError:
                client_id = None
        return Sighting(client_id, form.get("grant_type"), form.get("refresh_token"))


class FaultScript:
    """The faults still to come, in order."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def concerns(self, endpoint: str) -> bool:
        """Whether any fault waits for `endpoint`; cheap, so that a request without faults costs nothing."""
        return bool(self._faults) and any(fault.endpoint == endpoint for fault in self.pending())

    def take(self, endpoint: str, sighting: Sighting) -> Fault | None:
        """Use up the first fault that fits."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.endpoint == endpoint and fault.fits(sighting):
                    if fault.times is not None:
                        left = fault.times - 1
                        self._faults[place : place + 1] = [replace(fault, times=left)] if left > 0 else []
                    return fault
        return None


def oauth_error(endpoint: str, error: str, *, status: int = 400, **more: Any) -> Fault:
    """An OAuth error answer (RFC 6749 §5.2)."""
    return json_answer(endpoint, {"error": error}, status=status, **more)


def json_answer(endpoint: str, document: object, *, status: int = 200, **more: Any) -> Fault:
    """A JSON answer: `json_answer("token", {})` is the `200 {}` that some clients take for a token."""
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    return Fault(endpoint=endpoint, status=status, headers=headers, body=json.dumps(document), **more)


def html_answer(endpoint: str, *, status: int = 200, **more: Any) -> Fault:
    """A web page where JSON was due: a gateway's, a login's."""
    body = "<!doctype html><title>Sorry</title><p>Something went wrong."
    return Fault(endpoint=endpoint, status=status, headers={"Content-Type": "text/html"}, body=body, **more)


def too_many_requests(endpoint: str, *, retry_after: str | None = None, **more: Any) -> Fault:
    """429, with `Retry-After` as given (seconds, a date, or nonsense)."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return json_answer(endpoint, {"error": "rate_limited"}, status=429, headers=headers, **more)


def redirect(endpoint: str, location: str, *, status: int = 302, **more: Any) -> Fault:
    """A redirect, which no credential may follow."""
    return Fault(endpoint=endpoint, status=status, headers={"Location": location}, **more)


NULL = "\0null"
"""In the fields of an `edit`: JSON's null, since None removes a field."""


def edit(endpoint: str, fields: Mapping[str, Any], **more: Any) -> Fault:
    """The real answer with some fields changed; None removes one."""
    return Fault(endpoint=endpoint, kind=Kind.EDIT, process=True, fields=fields, **more)


def close_before(endpoint: str, **more: Any) -> Fault:
    """The connection ends without an answer, and nothing was done."""
    return Fault(endpoint=endpoint, kind=Kind.CLOSE, **more)


def close_after(endpoint: str, **more: Any) -> Fault:
    """The work is done (the token rotated, the client registered) and the answer lost."""
    return Fault(endpoint=endpoint, kind=Kind.CLOSE, process=True, **more)


def delay(endpoint: str, seconds: float, **more: Any) -> Fault:
    """The real answer, `seconds` after the work was done."""
    return Fault(endpoint=endpoint, kind=Kind.PASS, process=True, delay_seconds=seconds, **more)


def drip(endpoint: str, *, interval_seconds: float = 1.0, **more: Any) -> Fault:
    """The real answer, one byte at a time."""
    return Fault(endpoint=endpoint, kind=Kind.DRIP, process=True, interval_seconds=interval_seconds, **more)


def endless(endpoint: str, *, size: int = 10 * 2**30, **more: Any) -> Fault:
    """A body of `size` bytes, as fast as it is read."""
    headers = {"Content-Type": "application/json"}
    return Fault(endpoint=endpoint, kind=Kind.ENDLESS, size=size, headers=headers, **more)


def truncate(endpoint: str, **more: Any) -> Fault:
    """The work is done, and half of the answer arrives."""
    return Fault(endpoint=endpoint, kind=Kind.TRUNCATE, process=True, **more)
