"""A notice in words and in JSON: what a webhook, a mail and a chat are sent.

Rules:
- a webhook's body follows Standard Webhooks: `type`, `timestamp`, `data`, and what proves it is signed apart;
- mail and chat get one message for all, of at most so many lines; what was cut is counted in it;
- a template is plain text with `$count`, `$lines`, `$more`, `$page`; any other name in it is refused before anything is sent;
- the only link of ours is the page of accounts, where one is configured. It lets nobody in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Template

from reconciler.decide.notices import Notice, NoticeKind
from reconciler.errors import UsageError, clean
from reconciler.model.duration import format_instant
from reconciler.model.names import Kind
from reconciler.model.secret import Secret

FIELDS = frozenset({"count", "lines", "more", "page"})
TEMPLATE_BYTES = 64 * 1024
_KEY_PREFIX = "whsec_"
_SHORTEST_KEY = 24
"""Bytes, as Standard Webhooks asks."""


@dataclass(frozen=True, slots=True)
class Templates:
    """Texts for people. `$more` says how many were cut, or nothing; `$page` is the page of accounts, or nothing."""

    subject: str = "reconciler: $count to know"
    mail: str = "$lines\n$more\n$page\n"
    chat: str = "$lines\n$more\n$page"


TEMPLATES = Templates()


def check_template(name: str, text: str) -> str:
    """`text` itself. UsageError where it names a field that there is not, or is too long."""
    if len(text.encode()) > TEMPLATE_BYTES:
        raise UsageError(f"{name} is longer than {TEMPLATE_BYTES // 1024} KiB")
    template = Template(text)
    unknown = sorted(set(template.get_identifiers()) - FIELDS)
    if unknown or not template.is_valid():
        what = f"has no field ${clean(unknown[0], cap=40)}" if unknown else "is no template"
        names = ", ".join(f"${field}" for field in sorted(FIELDS))
        raise UsageError(f"{name} {what}", hint=f"there are {names}; a dollar sign is written $$")
    return text


def fill(template: str, notices: Sequence[Notice], *, most: int, page: str) -> str:
    """The template with one line for each of the first `most` notices."""
    shown = notices[:most]
    cut = len(notices) - len(shown)
    return Template(template).substitute(
        count=len(notices),
        lines="\n".join(line_of(notice) for notice in shown),
        more=f"… and {cut} more: run reconciler status" if cut else "",
        page=page,
    )


def line_of(notice: Notice) -> str:
    """`needs-consent  account/sales/crm: never consented. Run: reconciler consent sales/crm (owner ana@…)`."""
    matter = notice.matter
    said = f"{notice.kind.value}  {matter.address}: {matter.message}"
    if notice.kind is NoticeKind.RECOVERED:
        return clean(said, cap=600)
    remedy = f". {matter.remedy}" if matter.remedy else ""
    command = f" Run: {matter.command}" if matter.command else ""
    owner = f" (owner {matter.owner})" if matter.owner else ""
    return clean(f"{said}{remedy}{command}{owner}", cap=1200)


def webhook_body(notice: Notice, *, page: str, now: datetime) -> bytes:
    """The JSON that is signed and sent; at most a few kilobytes, as Standard Webhooks asks."""
    matter = notice.matter
    kind = "account" if matter.address.kind is Kind.ACCOUNT else "provider"
    document = {
        "type": f"{kind}.{notice.kind.value.replace('-', '_')}",
        "timestamp": format_instant(now),
        "data": {
            "address": str(matter.address),
            "state": notice.kind.value,
            "reason": matter.reason or None,
            "message": clean(matter.message, cap=400),
            "by": None if matter.by is None else format_instant(matter.by),
            "owner": matter.owner or None,
            "provider": matter.provider or None,
            "remedy": clean(matter.remedy, cap=600) or None,
            "command": matter.command or None,
            "page": page or None,
        },
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def webhook_keys(text: Secret) -> tuple[Secret, ...]:
    """One key, or two while it is changed, as `whsec_…` separated by a space. UsageError where one is no key."""
    keys = tuple(Secret(part) for part in text.reveal().split())
    if not keys or len(keys) > 2 or not all(_key_bytes(key) for key in keys):
        raise UsageError(
            "RECONCILER_NOTIFY_WEBHOOK_SECRET is no signing secret",
            hint="whsec_ and 24 to 64 random bytes in base64: whsec_$(openssl rand -base64 32)",
        )
    return keys


def _key_bytes(key: Secret) -> bytes:
    """b'' where it is none."""
    text = key.reveal()
    if not text.startswith(_KEY_PREFIX):
        return b""
    try:
        raw = base64.b64decode(text[len(_KEY_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if _SHORTEST_KEY <= len(raw) <= 64 else b""


def sign(body: bytes, *, message_id: str, now: datetime, keys: Sequence[Secret]) -> dict[str, str]:
    """The three headers of Standard Webhooks; one signature for each key."""
    stamp = str(int(now.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    signatures = [
        base64.b64encode(hmac.new(_key_bytes(key), signed, hashlib.sha256).digest()).decode() for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
