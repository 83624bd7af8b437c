"""Tells notices by mail: one to the operators, or one to each owner for what is theirs (RFC 5321, 8314, 3207).

Rules:
- a password, and what is told, goes over TLS alone: implicit (`smtps`), or STARTTLS that must succeed; in clear only on loopback;
- the certificate is checked for the host that was named; nothing that the server says is shown but its reply code;
- a recipient is one plain address, and headers are made by the standard library, which refuses line breaks in them;
- one connection a run, each step within the deadline.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from reconciler.decide.notice_words import Templates, fill
from reconciler.decide.notices import Notice
from reconciler.decide.notify_results import Told
from reconciler.model.address import is_loopback_host
from reconciler.model.secret import Secret

_MAIL_LINES = 200
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*)")


def mail_domain(text: str) -> str:
    """The domain of one plain mail address, in lower case; '' where it is none."""
    match = _ADDRESS.fullmatch(text)
    return "" if match is None else match[1].lower()


@dataclass(frozen=True, slots=True)
class MailServer:
    """`implicit`: TLS from the first byte; otherwise STARTTLS. `user` '' without a login."""

    host: str
    port: int
    implicit: bool
    user: str = ""
    password: Secret | None = None
    ca_file: str | None = None
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Letter:
    """To whom, and what it tells."""

    to: tuple[str, ...]
    notices: tuple[Notice, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """`operators` get everything in one letter. Without operators, each owner gets what is theirs, where their domain is one
    of `owner_domains`; other notices are not for this destination, and count as told."""

    server: MailServer
    sender: str
    templates: Templates
    now: Callable[[], datetime]
    operators: tuple[str, ...] = ()
    owner_domains: frozenset[str] = frozenset()
    page: str = ""

    @property
    def name(self) -> str:
        return "mail" if self.operators else "owners"

    @property
    def where(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def letters(self, notices: Sequence[Notice]) -> list[Letter]:
        if self.operators:
            return [Letter(self.operators, tuple(notices))]
        theirs: dict[str, list[Notice]] = {}
        for notice in notices:
            owner = notice.matter.owner
            if mail_domain(owner) in self.owner_domains:
                theirs.setdefault(owner, []).append(notice)
        return [Letter((owner,), tuple(mine)) for owner, mine in sorted(theirs.items())]

    def tell(self, notices: Sequence[Notice]) -> Told:
        letters = self.letters(notices)
        missed: set[str] = set()
        why = ""
        if letters:
            try:
                with _connected(self.server) as connection:
                    for letter in letters:
                        taken, said = self._send(connection, letter)
                        why = said or why
                        missed |= set() if taken else {notice.id for notice in letter.notices}
            except (OSError, smtplib.SMTPException) as error:
                return Told(frozenset(), _why(error))
        return Told(frozenset(notice.id for notice in notices) - missed, why)

    def _send(self, connection: smtplib.SMTP, letter: Letter) -> tuple[bool, str]:
        """(whether somebody has it now, what went wrong)."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = ", ".join(letter.to)
        subject = fill(self.templates.subject, letter.notices, most=1, page="")
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(self.now())
        message["Message-ID"] = f"<{letter.notices[0].id}.{len(letter.notices)}@{mail_domain(self.sender)}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(fill(self.templates.mail, letter.notices, most=_MAIL_LINES, page=self.page))
        try:
            refused = connection.send_message(message, from_addr=self.sender, to_addrs=list(letter.to))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            return False, _why(error)
        return True, f"{len(refused)} of {len(letter.to)} recipients were refused" if refused else ""


def send_letter(server: MailServer, *, sender: str, to: str, subject: str, text: str, now: datetime) -> str:
    """One letter to one person; '' where it was taken, else why not. `subject` and `text` are ours."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(now)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        with _connected(server) as connection:
            connection.send_message(message, from_addr=sender, to_addrs=[to])
    except (OSError, smtplib.SMTPException) as error:
        return _why(error)
    return ""


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=server.ca_file)
    if server.implicit:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.seconds, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
    try:
        if not server.implicit:
            connection.ehlo()
            if connection.has_extn("starttls"):
                connection.starttls(context=context)
            elif not is_loopback_host(server.host):
                raise smtplib.SMTPNotSupportedError("no STARTTLS")
        if server.password is not None:
            connection.login(server.user, server.password.reveal())
    except BaseException:
        connection.close()
        raise
    return connection


def _why(error: Exception) -> str:
    """Ours, one line: a server's words may repeat what was sent to it."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"the mail server refuses the login ({error.smtp_code})"
        case smtplib.SMTPNotSupportedError():
            return "the mail server offers no STARTTLS or no login, and nothing is sent in clear"
        case smtplib.SMTPResponseException():
            return f"the mail server refuses ({error.smtp_code})"
        case smtplib.SMTPRecipientsRefused():
            return "the mail server refuses every recipient"
        case ssl.SSLCertVerificationError():
            return "the mail server's certificate is not the one of its host"
        case TimeoutError():
            return "the mail server did not answer in time"
        case _:
            return f"the mail server cannot be reached ({type(error).__name__})"
