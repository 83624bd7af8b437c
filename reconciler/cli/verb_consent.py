"""`reconciler consent ADDRESS`: let a person grant access for one account, or for all that need it (`--all`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from reconciler.cli.options import DURATION, common_flags, flag, manifests_flag, output_flag, selection_flags
from reconciler.errors import NeedsPerson, UsageError


@click.command(short_help="Let a person grant access.")
@click.argument("address", required=False)
@manifests_flag
@output_flag("text", "json")
@flag("--all", "everybody", is_flag=True, help="One after the other, every account that a consent helps.")
@flag("--device", is_flag=True, help="On another device: a page and a code to type there (RFC 8628).")
@flag("--paste", is_flag=True, help="Nobody listens here: the address that the browser ended at is pasted.")
@flag("--no-browser", is_flag=True, help="Print the link; do not open a browser.")
@flag("--timeout", type=DURATION, default="10m", show_default=True, help="How long to wait for the person.")
@flag("--anyway", is_flag=True, help="Ask although an incident of the provider is on record.")
@selection_flags
@common_flags
def consent(
    address: str | None,
    manifests: str,
    output: str,
    everybody: bool,
    device: bool,
    paste: bool,
    no_browser: bool,
    timeout: timedelta,
    anyway: bool,
    **options: Any,
) -> int:
    """Let a person grant access for the account ADDRESS: in a browser on this machine, by paste, or on another device. Or
    for all accounts that a consent helps, provider by provider."""
    from reconciler.cli.consenting import Manner, consent_to_one, consent_to_round
    from reconciler.cli.session import make_session
    from reconciler.decide.commands import at_root

    selected = bool(options["only"] or options["exclude"] or options["labels"])
    if everybody == (address is not None):
        raise UsageError(
            "name one account, or say --all", hint="run 'reconciler status' for who must consent"
        )
    if selected and not everybody:
        raise UsageError("--only, --exclude and -l choose among --all", hint="run: reconciler consent --all")
    if device and paste:
        raise UsageError("--device and --paste are two ways to consent", hint="give one of them")
    session = make_session(options)
    manner = Manner(
        device=device, paste=paste, browser=not no_browser, lasts=timeout, despite_incident=anyway
    )
    if address is not None:
        return consent_to_one(session, address, manifests=manifests, output=output, manner=manner)
    if not session.console.interactive:
        raise NeedsPerson(
            "persons must consent, and there is no terminal to ask at",
            hint=at_root("on a machine with a browser, run: reconciler consent --all", root=manifests),
        )
    return consent_to_round(session, options, manifests=manifests, output=output, manner=manner)
