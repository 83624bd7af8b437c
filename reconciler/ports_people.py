"""How people are reached, as Protocols named by role: at a terminal, by a device's code, by notices, on a forge.

A module beside `reconciler.ports`, whose rules are the same: what speaks to stores and servers alone needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from reconciler.decide.authorization import Callback, CallbackRefused, RedirectUri
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.device import DeviceRequest
from reconciler.decide.notices import Notice
from reconciler.decide.notify_results import Told
from reconciler.decide.sticky import Posted


class Interaction(Protocol):
    """The person at the terminal, while they consent. One object a consent."""

    def prepare(self, redirect: RedirectUri) -> str:
        """Be ready for the answer, and return the redirect URI to be sent: with the listener's port, or, where it
        will be pasted, as registered. ObjectFailed where nothing can be listened on."""
        ...

    def open_link(self, url: str) -> None:
        """Open the person's browser there, or show the link."""
        ...

    def wait_callback(
        self, judge: Callable[[str], Callback | CallbackRefused]
    ) -> Callback | CallbackRefused | None:
        """The first final verdict on a URL that came back; None where the person gave up, or time passed."""
        ...

    def guide(self, guidance: Guidance) -> bool:
        """Show what a person must do at the provider first, open the page, and wait. True: it is done, ask again."""
        ...


class DeviceInteraction(Protocol):
    """The person at the terminal, while they consent on another device."""

    def show_device(self, request: DeviceRequest) -> None:
        """Show the page and the code to type there. Returns at once."""
        ...

    def guide(self, guidance: Guidance) -> bool:
        """As `Interaction.guide`."""
        ...


class Notifier(Protocol):
    """One destination for notices. One attempt each, within a deadline; never raises for what the other side does."""

    @property
    def name(self) -> str:
        """What its marks are kept under: `webhook`, `slack`, `mail`."""
        ...

    @property
    def where(self) -> str:
        """For people: an origin or a host, never a path, a key or a password."""
        ...

    def tell(self, notices: Sequence[Notice]) -> Told:
        """Which of them were taken, and why the others were not."""
        ...


class Forge(Protocol):
    """Comments and issues of one repository, for the reports that are kept up to date there."""

    def comments(self, number: int) -> Sequence[Posted]: ...

    def create_comment(self, number: int, body: str) -> str:
        """Where it can be seen; the same of all that follow."""
        ...

    def update_comment(self, comment: int, body: str) -> str: ...

    def issues(self, label: str) -> Sequence[Posted]: ...

    def create_issue(self, *, title: str, body: str, label: str) -> str: ...

    def update_issue(self, number: int, *, title: str, body: str) -> str: ...

    def close_issue(self, number: int, *, body: str) -> str: ...
