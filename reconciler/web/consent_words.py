"""What a person reads before they are sent to a provider, and what they read afterwards.

Rules: one sentence says who will get access to what, at whose provider, for which purpose; what a terminal would hint at
as a command becomes what to press here; nothing foreign is said but the provider's own short words, cleaned before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.decide.results import Outcome, Result
from reconciler.errors import clean
from reconciler.model.desired import DesiredAccount, DesiredProvider
from reconciler.web.lookout import Closeup
from reconciler.web.words import Tone

_AGAIN = re.compile(r"(?:(?:then )?run|begin) again: reconciler consent \S+")
_KEEPS_ALIVE = frozenset({"offline_access", "openid"})
_NAMELESS = frozenset({None, "custom", "oidc"})
_COMMAND = re.compile(r"reconciler \w+")


@dataclass(frozen=True, slots=True)
class Asked:
    """`who` gets access to `what`, at `where`, for `purpose`."""

    who: str
    what: str
    provider: str
    host: str
    purpose: str
    owner: str
    identity: str
    removal: str


def what_is_asked(close: Closeup, account: DesiredAccount, provider: DesiredProvider) -> Asked:
    removal = provider.behaviour.access_removal
    # What only keeps the access alive is no access to anything: it stands in the list below the sentence.
    scopes = [s for s in account.scopes if s not in account.added_scopes and s not in _KEEPS_ALIVE]
    scopes = scopes or list(account.scopes)
    count = len(scopes)
    some = " and ".join(clean(scope) for scope in scopes)
    return Asked(
        who=account.address.short,
        what=some
        if 0 < count <= 2
        else (f"{count} permissions, listed below" if count else "what its client may do"),
        provider=clean(
            provider.base
            if provider.base_shipped and provider.base not in _NAMELESS
            else provider.address.name
        ),
        host=authorization_host(close),
        purpose=clean(account.description or "").rstrip("."),
        owner=clean(account.owner or ""),
        identity=clean(account.identity or ""),
        removal=clean(removal.url or removal.steps or "", cap=300),
    )


def authorization_host(close: Closeup) -> str:
    """The host of the provider's consent page, as declared or as its issuer said; '' where it is not known yet."""
    provider = close.provider
    if provider is None:
        return ""
    seen = close.observed.providers.get(provider.address)
    found = seen.status.endpoints if seen is not None and seen.status is not None else {}
    url = provider.behaviour.endpoints.authorization or found.get("authorization", "")
    return clean(urlsplit(url).netloc)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a consent ended, for its page. `next` is what to do, '' where nothing."""

    tone: Tone
    title: str
    text: str
    next: str = ""
    notes: tuple[str, ...] = ()


def ending_of(result: Result) -> Ending:
    """The page's words for a result."""
    if result.outcome is Outcome.DONE:
        until = result.message.partition(", written to")[0].partition("good until ")[2]
        text = "The access is stored, and is kept alive from here on."
        text += f" Its first token is good until {until}, UTC." if until else ""
        notes = tuple(map(sentence_of, result.warnings))
        if any(warning.startswith("not granted") for warning in result.warnings):
            step = "Connect again and leave every box ticked, if the account needs them all."
            return Ending(Tone.SOON, "Connected, but not all was granted.", text, step, notes)
        return Ending(Tone.GOOD, "Connected.", text, "", notes)
    denied = "denied" in result.error
    title = "Access was not given." if denied else "It is not connected."
    return Ending(Tone.BAD, title, sentence_of(result.error), next_step(result.hint))


def next_step(hint: str) -> str:
    """A hint of the terminal, for somebody at a browser."""
    text = _AGAIN.sub("try again", hint).replace("run again", "try again").strip()
    if _COMMAND.match(text) or text.startswith("run:"):
        text = f"Somebody of the team has to run: {text.removeprefix('run:').strip()}"
    return sentence_of(text)


def sentence_of(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    # An address or a path keeps its letters as they are.
    begun = text if "@" in first or "/" in first else text[0].upper() + text[1:]
    return begun + ("" if text.endswith((".", "!", "?")) else ".")
