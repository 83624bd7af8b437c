"""The person at the terminal while they consent (ports `Interaction`, `DeviceInteraction`): a browser and a listener, a link
and a paste, or a page and a code for another device.

Rules:
- without a terminal, or under CI, nobody is asked and no listener starts (exit 5, with the command to run elsewhere);
- the link is always printed, so that it can be opened on another machine or in another profile;
- only the listener or the prompt ever sees what came back; nothing of it is printed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable

import click

from reconciler.adapters.loopback import LoopbackListener
from reconciler.cli.console import Console
from reconciler.cli.device_card import device_card
from reconciler.cli.signals import asking
from reconciler.decide.authorization import Callback, CallbackRefused
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.device import DeviceRequest
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
        console: Console,
        browser: bool,
        seconds: float,
        stop: threading.Event,
    ) -> None:
        self._account = account
        self._provider = provider
        self._console = console
        self._browser = browser
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._stop = stop
        self._listener: LoopbackListener | None = None

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def prepare(self, redirect: RedirectUri) -> str:
        self.close()
        self._ends_at = time.monotonic() + self._seconds
        if redirect.mode is RedirectMode.PASTE:
            return redirect.registered
        self._listener = LoopbackListener(redirect)
        return self._listener.redirect_uri

    def open_link(self, url: str) -> None:
        self._introduce()
        click.echo(f"\nOpen this link and allow the access:\n\n{url}\n", err=True)
        self._open(url, otherwise="open the link above yourself, or run again with --paste or --device")

    def wait_callback(self, judge: Judge) -> Callback | CallbackRefused | None:
        if self._listener is not None:
            left = max(0.0, self._ends_at - time.monotonic())
            click.echo(f"Waiting for the answer on {self._listener.redirect_uri} …", err=True)
            return self._listener.wait(judge, seconds=left, stop=self._stop)
        return self._pasted(judge)

    def show_device(self, request: DeviceRequest) -> None:
        self._introduce()
        lines = device_card(
            request,
            seconds=self._seconds,
            color=self._console.color,
            width=self._console.width,
            encoding=getattr(sys.stderr, "encoding", None) or "ascii",
        )
        click.echo("\n".join(lines), err=True)

    def guide(self, guidance: Guidance) -> bool:
        self.close()
        click.echo(f"\n{guidance.what}: {clean(guidance.why, cap=500)}.", err=True)
        if guidance.steps:
            click.echo(f"  first  {clean(guidance.steps, cap=500)}", err=True)
        if guidance.page:
            click.echo(f"  page   {clean(guidance.page, cap=500)}", err=True)
            self._open(guidance.page, otherwise="open the page above yourself")
        try:
            with asking():
                click.prompt(
                    "Press Enter when that is done, to be asked again (Ctrl-C gives up)",
                    default="",
                    show_default=False,
                    prompt_suffix=" ",
                    err=True,
                )
        except click.Abort:
            return False
        return not self._stop.is_set()

    def _introduce(self) -> None:
        account = self._account
        purpose = f" for: {clean(account.description)}" if account.description else ""
        click.echo(f"{account.address} asks for access at {self._provider.address}{purpose}", err=True)
        if account.owner:
            click.echo(f"  who should consent: {clean(account.owner)}", err=True)
        for scope in account.scopes:
            added = "  (added: this provider needs it)" if scope in account.added_scopes else ""
            click.echo(f"  scope {clean(scope)}{added}", err=True)

    def _open(self, url: str, *, otherwise: str) -> None:
        if self._browser:
            # A browser of the terminal (BROWSER=lynx) keeps its caller until it ends, and we must listen meanwhile.
            threading.Thread(target=_open_browser, args=(url, otherwise), daemon=True).start()

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


def _open_browser(url: str, otherwise: str) -> None:
    opened = False
    with contextlib.suppress(webbrowser.Error, OSError):
        opened = webbrowser.open(url)
    if not opened:
        with contextlib.suppress(OSError):
            os.write(2, f"No browser could be opened here: {otherwise}.\n".encode())
