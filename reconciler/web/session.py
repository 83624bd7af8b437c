"""Who a request comes from: a sealed cookie, made anew at each login, and the token that a form of ours carries.

Rules (OWASP ASVS 5.0, V7 and V3.5):
- the cookie is HttpOnly, SameSite=Lax, `__Host-` and Secure where the site is https; nothing else is kept in a browser but
  begun consents and begun logins, sealed alike;
- a session ends after 30 minutes without a request, after 8 hours at the latest, and by signing out; a session that was
  signed out stays dead for as long as its cookie would open: at once here, and, by a mark in the store that each server asks
  for once a minute and session, at other servers and after a restart; while the store cannot be asked, a session goes on;
- a login makes a new session, so that nobody can be given one beforehand;
- the token of forms follows from the session and is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import Request, Response

from reconciler.decide.web_keys import derived_key
from reconciler.engine.run import Run
from reconciler.engine.used_marks import claim, is_used
from reconciler.errors import ReconcilerError
from reconciler.model.secret import same_text
from reconciler.web.access import Login
from reconciler.web.sealing import Sealer
from reconciler.web.site import SiteSettings

_PURPOSE = "session"
_SID_BYTES = 18
_WRITTEN_AGAIN = 60
_MOST_ASKED = 10_000


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser's session. `login` None: nobody signed in (a consent link, or a page without a login)."""

    sid: str
    since: datetime
    seen: datetime
    login: Login | None = None
    fresh: bool = False
    """Not in the browser yet, or due to be written again."""


class Sessions:
    """Reads and writes the cookie; knows which sessions were signed out here."""

    def __init__(self, settings: SiteSettings, *, sealer: Sealer, master: bytes, run: Run) -> None:
        self._settings = settings
        self._run = run
        self._sealer = sealer
        self._forms = derived_key(master, "forms")
        self._ended: dict[str, datetime] = {}
        self._asked: OrderedDict[str, datetime] = OrderedDict()
        self._lock = threading.Lock()
        self.cookie = "__Host-reconciler" if settings.secure else "reconciler"

    def of(self, request: Request, *, now: datetime) -> Browser:
        """The request's session, or a new one."""
        value = self._sealer.open(request.cookies.get(self.cookie), purpose=_PURPOSE, now=now)
        known = None if value is None else _read(value)
        if known is None or self._is_over(known, now) or self._was_ended_elsewhere(known, now):
            return self.new(now=now)
        if (now - known.seen).total_seconds() >= _WRITTEN_AGAIN:
            return replace(known, seen=now, fresh=True)
        return known

    def new(self, *, now: datetime, login: Login | None = None) -> Browser:
        return Browser(secrets.token_urlsafe(_SID_BYTES), now, now, login, fresh=True)

    def end(self, browser: Browser) -> None:
        with self._lock:
            for sid in [sid for sid, over in self._ended.items() if over < browser.seen]:
                del self._ended[sid]
            self._ended[browser.sid] = browser.since + self._settings.longest
        if browser.login is not None:
            try:
                claim(self._run, _mark(browser), until=browser.since + self._settings.longest, for_good=True)
            except ReconcilerError as error:
                self._run.events.warning("sign-out-not-stored", error=type(error).__name__)

    def write(self, response: Response, browser: Browser) -> None:
        value = {
            "sid": browser.sid,
            "since": browser.since.timestamp(),
            "seen": browser.seen.timestamp(),
            "login": None if browser.login is None else _login_value(browser.login),
        }
        until = min(browser.seen + self._settings.idle, browser.since + self._settings.longest)
        sealed = self._sealer.seal(value, purpose=_PURPOSE, until=until)
        self.set_cookie(response, self.cookie, sealed)

    def set_cookie(self, response: Response, name: str, value: str, *, path: str = "/") -> None:
        """A cookie that lives as long as the browser; what is in it says itself when it is over."""
        response.set_cookie(
            name, value, httponly=True, samesite="Lax", secure=self._settings.secure, path=path
        )

    def drop_cookie(self, response: Response, name: str, *, path: str = "/") -> None:
        response.delete_cookie(name, httponly=True, samesite="Lax", secure=self._settings.secure, path=path)

    def form_token(self, browser: Browser) -> str:
        return hmac.new(self._forms, browser.sid.encode(), hashlib.sha256).hexdigest()

    def is_our_form(self, browser: Browser, token: str) -> bool:
        return same_text(self.form_token(browser), token)

    def _is_over(self, browser: Browser, now: datetime) -> bool:
        idle = now - browser.seen >= self._settings.idle
        return idle or now - browser.since >= self._settings.longest or browser.sid in self._ended

    def _was_ended_elsewhere(self, browser: Browser, now: datetime) -> bool:
        """What another server was told, or this one before it was started again."""
        if browser.login is None:
            return False
        with self._lock:
            asked = self._asked.get(browser.sid)
            if asked is not None and (now - asked).total_seconds() < _WRITTEN_AGAIN:
                return False
            self._asked[browser.sid] = now
            self._asked.move_to_end(browser.sid)
            if len(self._asked) > _MOST_ASKED:
                self._asked.popitem(last=False)
        until = browser.since + self._settings.longest
        try:
            ended = is_used(self._run, _mark(browser), until=until) is not None
        except ReconcilerError as error:
            self._run.events.warning("sign-out-not-read", error=type(error).__name__)
            return False
        if ended:
            with self._lock:
                self._ended[browser.sid] = until
        return ended


def _mark(browser: Browser) -> str:
    return hashlib.sha256(f"session {browser.sid}".encode()).hexdigest()[:32]


def _login_value(login: Login) -> dict[str, Any]:
    return {"sub": login.subject, "email": login.email, "groups": sorted(login.groups)}


def _read(value: Mapping[str, Any]) -> Browser:
    said = value["login"]
    login = None if said is None else Login(said["sub"], said["email"], frozenset(said["groups"]))
    return Browser(
        value["sid"],
        datetime.fromtimestamp(value["since"], UTC),
        datetime.fromtimestamp(value["seen"], UTC),
        login,
    )
