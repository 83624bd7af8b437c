"""Digests of what is declared: the same for the same meaning, whatever the order of keys, the file or the comments.

Rules: words for people (descriptions, sources, pages, notes) are left out, since no store and no provider ever sees them;
fields that are as the tool's defaults have them are left out too, so that a new field in a later version changes no digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredAccount, DesiredClient, DesiredProvider
from reconciler.model.duration import format_duration, format_instant

_WORDS: Any = {
    "description": True,
    "docs": True,
    "base": True,
    "verified_on": True,
    "unverified": True,
    "notes": True,
    "announced": True,
    "parameters": True,
    "access_removal": True,
    "console": True,
    "rate": True,
    "errors": {"table": {"__all__": {"note"}}},
    "refresh_token": {"missing", "causes", "max_live"},
}
DIGEST_CHARS = 16
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(content: Mapping[str, Any]) -> str:
    """First 16 hex of the SHA-256 of canonical JSON."""
    text = _CANONICAL.encode(content)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARS]


def behaviour_digest(behaviour: Behaviour) -> str:
    """Of what matters to the world in a behaviour."""
    return digest_of(behaviour.model_dump(mode="json", exclude=_WORDS, exclude_defaults=True))


def provider_digest(provider: DesiredProvider, *, behaviour: str) -> str:
    """`behaviour`: its `behaviour_digest`, which many providers share."""
    client = provider.client
    return digest_of(
        {
            "address": str(provider.address),
            "base": provider.base,
            "shipped": provider.base_shipped,
            "behaviour": behaviour,
            "registration": provider.registration.value,
            "client": [
                client.id,
                client.name,
                *(
                    str(ref) if ref else None
                    for ref in (client.id_ref, client.secret_ref, client.initial_access_token_ref)
                ),
                *_key_parts(client),
            ],
            "redirect_uris": provider.redirect_uris,
            "default_scopes": sorted(provider.default_scopes),
            "allow_namespaces": sorted(provider.allow_namespaces),
            "deletion_policy": provider.deletion_policy.value,
            "protect": provider.protect,
            "labels": dict(provider.labels),
        }
    )


def _key_parts(client: DesiredClient) -> tuple[str | None, ...]:
    """Nothing where there is no private key, so that the digest of a client without one is what it always was."""
    if client.key_ref is None:
        return ()
    return str(client.key_ref), client.key_id, str(client.key_id_ref) if client.key_id_ref else None


def account_digests(account: DesiredAccount) -> tuple[str, str]:
    """(digest, consent digest). The second covers only what a person consented to."""
    consent = {
        "provider": str(account.provider),
        "grant": account.grant.value,
        "scopes": account.scopes,
        "identity": account.identity,
    }
    if account.subject is not None:
        consent["subject"] = account.subject
    whole = {
        "address": str(account.address),
        "consent": consent,
        "owner": account.owner,
        "window": format_duration(account.window) if account.window else None,
        "expires": format_instant(account.expires) if account.expires else None,
        "suspend": account.suspend,
        "deletion_policy": account.deletion_policy.value,
        "protect": account.protect,
        "labels": dict(account.labels),
    }
    if account.delete_after_expiry:
        whole["delete_after_expiry"] = True
    return digest_of(whole), digest_of(consent)
