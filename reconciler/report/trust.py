"""What is trusted, as text and as JSON: the settings, then each credential with the origins that may receive it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.decide.trust import shown_origins
from reconciler.errors import clean
from reconciler.model.trust import Binding, TrustSettings
from reconciler.report.contract_admin import BindingDocument, TrustDocument
from reconciler.report.json_text import json_text


@dataclass(frozen=True, slots=True)
class Trusted:
    """`unreadable`: bindings that could not be read, as sentences."""

    store: str
    settings: TrustSettings
    bindings: Sequence[Binding]
    unreadable: Sequence[str] = ()


def render_trust(trusted: Trusted) -> str:
    settings = trusted.settings
    lines = [f"mode {settings.mode.value} · loopback {'admitted' if settings.loopback else 'refused'}"]
    lines += [f"allowed host {clean(host)}" for host in settings.allowed_hosts]
    lines += [
        f"namespace {clean(namespace)} may also name {clean(', '.join(prefixes))}"
        for namespace, prefixes in sorted(settings.secret_prefixes.items())
    ]
    for binding in trusted.bindings:
        state = "revoked" if binding.revoked else shown_origins(binding.origins)
        lines.append(f"{clean(binding.credential)} → {state}")
    return "".join(f"{line}\n" for line in lines)


def trust_document(trusted: Trusted, *, tool: str) -> str:
    settings = trusted.settings
    document: TrustDocument = {
        "format_version": 1,
        "kind": "trust",
        "tool": tool,
        "store": trusted.store,
        "mode": settings.mode.value,
        "loopback": settings.loopback,
        "allowed_hosts": [clean(host) for host in settings.allowed_hosts],
        "secret_prefixes": {
            clean(namespace): [clean(prefix) for prefix in prefixes]
            for namespace, prefixes in sorted(settings.secret_prefixes.items())
        },
        "bindings": [_binding(one) for one in trusted.bindings],
        "unreadable": [clean(words, cap=1000) for words in trusted.unreadable],
    }
    return json_text(document)


def _binding(binding: Binding) -> BindingDocument:
    return {
        "credential": clean(binding.credential),
        "origins": sorted(str(origin) for origin in binding.origins),
        "revoked": binding.revoked,
        "version": binding.version,
    }
