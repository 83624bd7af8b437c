"""Where notices go: RECONCILER_NOTIFY_… variables, whose secrets may be references to the store.

Rules:
- never from a manifest: a pull request could name a place of its own;
- a webhook's URL is a credential, and so are its signing secret and a mail server's password: each is the value itself, or
  `store:<path>#<key>`, and none is ever repeated in an error;
- owners are written to only at the domains that are named here, since an owner stands in a manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler.adapters.http import HttpClient
from reconciler.adapters.smtp import Mail, MailServer, mail_domain
from reconciler.adapters.webhook import Chat, Webhook
from reconciler.cli.settings import Settings
from reconciler.decide.notice_words import TEMPLATE_BYTES, Templates, check_template, webhook_keys
from reconciler.engine.secret_reader import SecretReader
from reconciler.errors import UsageError, clean
from reconciler.model.desired import SecretRef
from reconciler.model.endpoint import Url, is_host, parse_url
from reconciler.model.secret import Secret
from reconciler.model.store_path import Layout, reference_path
from reconciler.ports_people import Notifier

_REFERENCE = "store:"
_FILES = {"subject": "mail-subject.txt", "mail": "mail.txt", "chat": "slack.txt"}
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Kept:
    """The settings, and the store that some of them lead to."""

    settings: Settings
    secrets: SecretReader
    layout: Layout


@dataclass(frozen=True, slots=True)
class Sources:
    """What destinations are made of. `loopback`: trust admits http to this machine."""

    kept: Kept
    client: HttpClient
    now: Callable[[], datetime]
    templates: Templates
    page: str
    loopback: bool


def destinations(sources: Sources) -> tuple[Notifier, ...]:
    """Every destination that is configured. UsageError, SecretMissing name the variable that is wrong."""
    settings = sources.kept.settings
    found: list[Notifier] = []
    webhook = _secret(sources.kept, "RECONCILER_NOTIFY_WEBHOOK", settings.get("RECONCILER_NOTIFY_WEBHOOK"))
    if webhook is not None:
        text = settings.get("RECONCILER_NOTIFY_WEBHOOK_SECRET")
        secret = _secret(sources.kept, "RECONCILER_NOTIFY_WEBHOOK_SECRET", text)
        if secret is None:
            raise UsageError(
                "RECONCILER_NOTIFY_WEBHOOK is set, and RECONCILER_NOTIFY_WEBHOOK_SECRET is not",
                hint="what is not signed could come from anybody: "
                'export RECONCILER_NOTIFY_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"',
            )
        url = _url(webhook, "RECONCILER_NOTIFY_WEBHOOK", loopback=sources.loopback)
        found.append(Webhook(sources.client, url, webhook_keys(secret), sources.now, sources.page))
    chat = _secret(sources.kept, "RECONCILER_NOTIFY_SLACK", settings.get("RECONCILER_NOTIFY_SLACK"))
    if chat is not None:
        url = _url(chat, "RECONCILER_NOTIFY_SLACK", loopback=sources.loopback)
        found.append(Chat(sources.client, url, sources.templates.chat, sources.page))
    return (*found, *_mail(sources))


@dataclass(frozen=True, slots=True)
class Post:
    """How mail is sent, and to which domains owners may be written."""

    server: MailServer
    sender: str
    owner_domains: frozenset[str]


def post_of(kept: Kept) -> Post | None:
    """None where no mail server is configured. UsageError, SecretMissing name the variable that is wrong."""
    address = kept.settings.get("RECONCILER_NOTIFY_SMTP")
    if address is None:
        return None
    server = _mail_server(kept, address)
    sender = kept.settings.get("RECONCILER_NOTIFY_FROM") or ""
    if not mail_domain(sender):
        raise UsageError("RECONCILER_NOTIFY_FROM is no mail address", hint="the address that mails come from")
    domains = frozenset(text.lower() for text in _list(kept.settings.get("RECONCILER_NOTIFY_OWNERS")))
    for text in domains:
        if not is_host(text):
            raise UsageError(f"RECONCILER_NOTIFY_OWNERS: '{clean(text, cap=80)}' is no domain")
    return Post(server, sender, domains)


def _mail(sources: Sources) -> Iterable[Notifier]:
    post = post_of(sources.kept)
    if post is None:
        return
    operators = _list(sources.kept.settings.get("RECONCILER_NOTIFY_TO"))
    if not operators and not post.owner_domains:
        raise UsageError(
            "RECONCILER_NOTIFY_SMTP is set, and nobody is named to write to",
            hint="RECONCILER_NOTIFY_TO names operators, RECONCILER_NOTIFY_OWNERS the domains of owners",
        )
    for text in operators:
        if not mail_domain(text):
            raise UsageError(f"RECONCILER_NOTIFY_TO: '{clean(text, cap=80)}' is no mail address")
    for to, of in ((operators, frozenset[str]()), ((), post.owner_domains)):
        if to or of:
            yield Mail(
                post.server,
                post.sender,
                sources.templates,
                sources.now,
                operators=to,
                owner_domains=of,
                page=sources.page,
            )


def _mail_server(kept: Kept, text: str) -> MailServer:
    """`smtp://user@host:587` (STARTTLS) or `smtps://user@host:465` (TLS from the first byte)."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not is_host(host) or parts.path not in ("", "/") or parts.query:
        raise UsageError(
            "RECONCILER_NOTIFY_SMTP is no mail server",
            hint="write smtp://user@host:587 or smtps://user@host:465",
        )
    if parts.password is not None:
        raise UsageError(
            "RECONCILER_NOTIFY_SMTP holds a password", hint="put it into RECONCILER_NOTIFY_SMTP_PASSWORD"
        )
    said = kept.settings.get("RECONCILER_NOTIFY_SMTP_PASSWORD")
    password = _secret(kept, "RECONCILER_NOTIFY_SMTP_PASSWORD", said)
    user = unquote(parts.username or "")
    if bool(user) != (password is not None):
        raise UsageError(
            "a mail server's user and RECONCILER_NOTIFY_SMTP_PASSWORD are both given, or neither",
            hint="the user stands in RECONCILER_NOTIFY_SMTP: smtp://user@host:587",
        )
    return MailServer(
        host,
        port or _PORTS[parts.scheme],
        implicit=parts.scheme == "smtps",
        user=user,
        password=password,
        ca_file=kept.settings.get("RECONCILER_CA_FILE"),
        seconds=kept.settings.limits.http_deadline.total_seconds(),
    )


def _secret(kept: Kept, name: str, text: str | None) -> Secret | None:
    """The value, or what `store:<path>#<key>` leads to."""
    if text is None:
        return None
    if not text.startswith(_REFERENCE):
        return Secret(text)
    path, _, key = text.removeprefix(_REFERENCE).partition("#")
    try:
        where = reference_path(path)
    except ValueError as problem:
        raise UsageError(f"{name}: {problem}", hint="write store:<path>#<key>") from None
    if kept.layout.holds(where):
        raise UsageError(
            f"{name} names a record of the store's own", hint="keep it elsewhere, like notify/ops"
        )
    if not key:
        raise UsageError(f"{name} names no key", hint="write store:<path>#<key>")
    return kept.secrets.read(SecretRef(where, key)).secret


def _url(secret: Secret, name: str, *, loopback: bool) -> Url:
    try:
        return parse_url(secret.reveal().strip(), allow_loopback_http=loopback)
    except ValueError as problem:
        raise UsageError(f"{name} is no address to send to: {problem}") from None


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def read_templates(folder: Path | None) -> Templates:
    """The texts of `folder`, where it has them; ours for the others. UsageError where one is no template."""
    if folder is None:
        return Templates()
    texts = {}
    for field, name in _FILES.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                raw = file.read(TEMPLATE_BYTES + 1)
            texts[field] = check_template(name, raw.decode("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{clean(path)} cannot be read: {type(error).__name__}") from None
    if not texts:
        names = ", ".join(_FILES.values())
        raise UsageError(f"there is no template in {clean(folder)}", hint=f"it holds some of {names}")
    return Templates(**texts)
