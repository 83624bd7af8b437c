"""The small parts that stored records share: a text, a list of texts, a time, and who holds an intent.

Rules:
- what is not of its kind raises TypeError, ValueError or KeyError; the codec that asked makes its own RecordInvalid of it,
  without a cause, since the cause would quote what was read;
- a time that is absent is None in both directions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.grant import Holder
from reconciler.model.names import Address, account_address, is_name


def time_value(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def read_time(value: Any) -> datetime | None:
    return None if value is None else parse_instant(value)


def read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def read_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(read_text(item) for item in value)


def read_account(value: Any) -> Address:
    """An account as `<namespace>/<name>`."""
    namespace, name = read_text(value).split("/")
    if not (is_name(namespace) and is_name(name)):
        raise ValueError("no account")
    return account_address(namespace, name)


def holder_value(holder: Holder) -> dict[str, Any]:
    return {
        "host": holder.host,
        "boot": holder.boot,
        "pid_namespace": holder.pid_namespace,
        "pid": holder.pid,
        "started": holder.started,
    }


def read_holder(value: Any) -> Holder:
    return Holder(
        host=read_text(value["host"]),
        boot=read_text(value["boot"]),
        pid_namespace=read_text(value["pid_namespace"]),
        pid=int(value["pid"]),
        started=read_text(value["started"]),
    )
