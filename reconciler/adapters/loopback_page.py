"""The page that a person sees after consenting: self-contained, without script, without anything secret or foreign but
the provider's own short words, escaped.

It says what was received, never that all is done: the code is exchanged afterwards, and the terminal tells how it went.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from reconciler.decide.authorization import Callback, CallbackRefused, Refusal

_STYLE = (
    ":root{color-scheme:light dark;--ink:#1c1e21;--soft:#5b6168;--paper:#f6f6f3;--card:#fff;--line:#dcdcd6}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ecebe7;--soft:#a5a8ac;--paper:#17181a;--card:#202225;--line:#34373b}}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);"
    "font:17px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:30rem;margin:1.5rem;padding:2.2rem 2.4rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:12px}"
    "h1{margin:0 0 .6rem;font-size:1.35rem;font-weight:600}p{margin:.5rem 0 0;color:var(--soft)}"
    ".mark{display:block;font-size:1.6rem;line-height:1;margin-bottom:1rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def render_verdict(verdict: Callback | CallbackRefused) -> tuple[str, str]:
    """HTTP status line and page for a judged callback."""
    if isinstance(verdict, Callback):
        return "200 OK", _page(
            "●",
            "Consent received",
            "You can close this page. The terminal says when the access is stored.",
        )
    if not verdict.final:
        return "400 Bad Request", _page(
            "▲",
            "This is not the answer that is waited for",
            "It may come from an older link. Use the link that the terminal shows.",
        )
    words = [f"{verdict.message}."]
    if verdict.description:
        words.append(f"The provider says: {verdict.description}")
    title = "Access was not given" if verdict.kind is Refusal.DENIED else "The consent did not work"
    return "200 OK", _page("■", title, *words, "Nothing was changed. The terminal says what to do.")


def render_not_found() -> str:
    return _page("▲", "Nothing here", "This page only waits for the answer to one consent.")


def _page(mark: str, title: str, *sentences: str) -> str:
    lines = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)} · reconciler</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f'<body><main><span class="mark" aria-hidden="true">{mark}</span><h1>{escape(title)}</h1>{lines}</main></body></html>'
    )
