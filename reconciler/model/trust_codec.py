"""How bindings and settings of trust are stored: JSON objects without any secret.

Rules:
- any document gives a value or RecordInvalid, never another exception: what cannot be read is never taken for "nothing
  is bound";
- a document names its credential, so that one that stands under another's key is noticed;
- a newer format is refused, since what it adds may be a restriction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from reconciler.errors import RecordInvalid
from reconciler.model.duration import format_instant
from reconciler.model.endpoint import Origin, is_host, parse_origin
from reconciler.model.names import is_name
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.stored_form import read_text, read_texts
from reconciler.model.trust import Binding, TrustMode, TrustSettings

_FORMAT = 1
_KEY_HEX = 40
T = TypeVar("T")


def binding_path(layout: Layout, credential: str) -> StorePath:
    """Where the binding of a credential stands: a digest, since a credential's own path may be illegal for ours."""
    digest = hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()
    return layout.folder("trust", "bindings", digest[:_KEY_HEX])


def encode_binding(binding: Binding, *, at: datetime, by: str) -> Document:
    """`at` is when, `by` who says so; both are for people and never decided from."""
    return Document(
        {
            "format": _FORMAT,
            "credential": binding.credential,
            "origins": sorted(str(origin) for origin in binding.origins),
            "revoked": binding.revoked,
            "at": format_instant(at),
            "by": by,
        }
    )


def decode_binding(document: Document, *, credential: str, version: int) -> Binding:
    """RecordInvalid where the document is no binding, or the binding of another credential."""

    def read() -> Binding:
        _check_format(document)
        if read_text(document["credential"]) != credential:
            raise ValueError("another credential's binding")
        origins = frozenset(_origin(text) for text in read_texts(document["origins"]))
        return Binding(credential, origins, _yes_or_no(document["revoked"]), version)

    return _read("a binding of trust", read)


def encode_settings(settings: TrustSettings, *, at: datetime, by: str) -> Document:
    """ValueError where a host or a namespace is none: what would not be read back is not written."""
    document = Document(
        {
            "format": _FORMAT,
            "mode": settings.mode.value,
            "allowed_hosts": sorted(set(settings.allowed_hosts)),
            "secret_prefixes": {ns: sorted(set(p)) for ns, p in settings.secret_prefixes.items()},
            "loopback": settings.loopback,
            "at": format_instant(at),
            "by": by,
        }
    )
    _decode_settings(document)
    return document


def decode_settings(document: Document) -> TrustSettings:
    """RecordInvalid where the document is none."""
    return _read("the settings of trust", lambda: _decode_settings(document))


def _decode_settings(document: Document) -> TrustSettings:
    _check_format(document)
    hosts = read_texts(document.get("allowed_hosts", []))
    if not all(is_host(host) for host in hosts):
        raise ValueError("an allowed host is no host name in lower case")
    prefixes = document.get("secret_prefixes", {})
    if not isinstance(prefixes, dict) or not all(isinstance(ns, str) and is_name(ns) for ns in prefixes):
        raise ValueError("secret prefixes are given by namespace")
    return TrustSettings(
        mode=TrustMode(document["mode"]),
        allowed_hosts=hosts,
        secret_prefixes={ns: read_texts(paths) for ns, paths in prefixes.items()},
        loopback=_yes_or_no(document.get("loopback", False)),
    )


def _read(what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError):
        # `from None`: the cause may quote foreign text.
        raise RecordInvalid(
            f"{what} cannot be read, so nothing is trusted by it", hint="an operator must look at it"
        ) from None


def _check_format(document: Document) -> None:
    if document["format"] != _FORMAT or isinstance(document["format"], bool):
        raise ValueError("not this format")


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _origin(text: str) -> Origin:
    # Loopback http may have been bound while the switch was on; whether it is on now is asked when it is used.
    return parse_origin(text, allow_loopback_http=True)
