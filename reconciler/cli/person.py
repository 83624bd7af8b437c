"""The person at the terminal while they consent (port `Interaction`): a browser and a listener, or a link and a paste.

Rules:
- without a terminal, or under CI, nobody is asked and no listener starts (exit 5, with the command to run elsewhere);
- the link is always printed, so that it can be opened on another machine or in another profile;
- only the listener or the prompt ever sees what came back; nothing of it is printed.
"""

from __future__ import annotations

import contextlib
import threading
import time
import webbrowser
from collections.abc import Callable

import click

from reconciler.adapters.loopback import LoopbackListener
from reconciler.cli.signals import asking
from reconciler.decide.authorization import Callback, CallbackRefused
from reconciler.decide.redirect import RedirectMode, RedirectUri
from reconciler.errors import clean
from reconciler.model.desired import DesiredAccount, DesiredProvider

Judge = Callable[[str], Callback | CallbackRefused]


class TerminalPerson:
    """One object a consent; `close` ends the listener."""

    def __init__(
        self,
        account: DesiredAccount,
        provider: DesiredProvider,
        *,
        browser: bool,
        seconds: float,
        stop: threading.Event,
    ) -> None:
        self._account = account
        self._provider = provider
        self._browser = browser
        self._ends_at = time.monotonic() + seconds
        self._stop = stop
        self._listener: LoopbackListener | None = None

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()

    def prepare(self, redirect: RedirectUri) -> str:
        if redirect.mode is RedirectMode.PASTE:
            return redirect.registered
        self._listener = LoopbackListener(redirect)
        return self._listener.redirect_uri

    def open_link(self, url: str) -> None:
        account = self._account
        purpose = f" for: {clean(account.description)}" if account.description else ""
        click.echo(f"{account.address} asks for access at {self._provider.address}{purpose}", err=True)
        if account.owner:
            click.echo(f"  who should consent: {clean(account.owner)}", err=True)
        for scope in account.scopes:
            added = "  (added: this provider needs it)" if scope in account.added_scopes else ""
            click.echo(f"  scope {clean(scope)}{added}", err=True)
        click.echo(f"\nOpen this link and allow the access:\n\n{url}\n", err=True)
        if self._browser:
            # A browser of the terminal (BROWSER=lynx) keeps its caller until it ends, and we must listen meanwhile.
            threading.Thread(target=_open_browser, args=(url,), daemon=True).start()

    def wait_callback(self, judge: Judge) -> Callback | CallbackRefused | None:
        if self._listener is not None:
            left = max(0.0, self._ends_at - time.monotonic())
            click.echo(f"Waiting for the answer on {self._listener.redirect_uri} …", err=True)
            return self._listener.wait(judge, seconds=left, stop=self._stop)
        return self._pasted(judge)

    def _pasted(self, judge: Judge) -> Callback | CallbackRefused | None:
        # Importing readline lifts the 4,096 bytes that a terminal's own line editing allows.
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - imported for what it does to input()
        while time.monotonic() < self._ends_at and not self._stop.is_set():
            try:
                with asking():
                    text = click.prompt("Paste the whole address that the browser ended at", err=True)
            except click.Abort:
                return None
            verdict = judge(str(text).strip())
            if isinstance(verdict, Callback) or verdict.final:
                return verdict
            click.echo(f"That is not it: {verdict.message}. Try again, or press Ctrl-C to give up.", err=True)
        return None


def _open_browser(url: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(url)
