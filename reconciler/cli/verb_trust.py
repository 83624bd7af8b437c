"""`reconciler trust`: a person says which origins may receive which credential; shows it, revokes it, sets the rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import checked_hosts, common_flags, flag, manifests_flag, output_flag, was_typed
from reconciler.cli.signals import asking
from reconciler.errors import NeedsPerson, PathDenied, UsageError, clean

if TYPE_CHECKING:
    from reconciler.cli.session import Session

_BIND = "bind"


class TrustGroup(click.Group):
    """`reconciler trust ADDRESS…` is short for `reconciler trust bind ADDRESS…`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [_BIND, *args]
        return super().parse_args(ctx, args)


@click.group(cls=TrustGroup, short_help="Which origins may receive which credential.")
def trust() -> None:
    """Say which origins may receive a provider's credential: reconciler trust ADDRESS…

    With --show, print what is bound; with --revoke, take it back. 'reconciler trust settings' sets the rules.
    """


@trust.command(_BIND, short_help="Bind origins to a provider's credentials (the default).")
@click.argument("addresses", nargs=-1)
@flag("--show", is_flag=True, envvar=None, help="Print all bindings and the settings.")
@flag(
    "--revoke",
    is_flag=True,
    envvar=None,
    help="Take trust back: nothing may receive the credential any more.",
)
@flag("--yes", is_flag=True, envvar=None, help="Do it without asking.")
@manifests_flag
@output_flag("text", "json")
@common_flags
def bind(
    addresses: tuple[str, ...],
    show: bool,
    revoke: bool,
    yes: bool,
    manifests: str,
    output: str,
    **options: Any,
) -> int:
    """Bind the origins that the providers ADDRESS… name today to their credentials."""
    if show and (addresses or revoke or yes):
        raise UsageError("--show prints all bindings, and changes none", hint="give it alone")
    if show:
        return _show(options, output=output)
    if output == "json" and was_typed("output"):
        raise UsageError("-o json is for --show", hint="leave it out")
    if not addresses:
        raise UsageError("name a provider", hint="reconciler trust provider/<namespace>/<name>, or --show")
    return _change(addresses, revoke=revoke, yes=yes, manifests=manifests, options=options)


def _show(options: dict[str, Any], *, output: str = "text") -> int:
    from reconciler.cli.output import print_document
    from reconciler.cli.session import TOOL, make_session, open_for_reading
    from reconciler.engine.trust import list_bindings, read_settings
    from reconciler.report.trust import Trusted, render_trust, trust_document

    session = make_session(options)
    with open_for_reading(session) as (store, layout):
        settings = read_settings(store, layout)
        bindings, problems = list_bindings(store, layout)
        trusted = Trusted(store.describe(), settings, bindings, [str(problem) for problem in problems])
    print_document(trust_document(trusted, tool=TOOL) if output == "json" else render_trust(trusted))
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)
    return 0


def _change(
    addresses: tuple[str, ...], *, revoke: bool, yes: bool, manifests: str, options: dict[str, Any]
) -> int:
    from reconciler.cli.calling import calling
    from reconciler.cli.session import make_session, read_desired
    from reconciler.decide.selection import resolve_one
    from reconciler.decide.trust import shown_origins
    from reconciler.decide.trust_origins import credentials_of
    from reconciler.engine.observe import observe
    from reconciler.engine.trust import revoke_trust
    from reconciler.engine.trusting import accept_trust, propose_trust
    from reconciler.model.names import parse_address

    session = make_session(options)
    desired = read_desired(manifests)
    found = [
        resolve_one(parse_address(text), desired.providers, beside=desired.accounts) for text in addresses
    ]
    chosen = [desired.providers[address] for address in found]
    look = partial(observe, desired=desired, jobs=8)
    with calling(session, look=look, discover=True) as work:
        for provider in chosen:
            if revoke:
                for credential in credentials_of(provider):
                    _confirm(f"{credential}: from now on nothing may receive it", yes=yes, session=session)
                    revoke_trust(work.run, credential=credential)
                    click.echo(f"{clean(credential)} → revoked")
                continue
            view = work.observed.trust
            if view is None:
                raise PathDenied(f"{provider.address}: {work.observed.trust_unreadable}")
            proposals = propose_trust(
                work.run,
                provider,
                observed=work.observed.providers.get(provider.address),
                view=view,
                ports=work.ports,
            )
            for item in proposals:
                if not item.origins:
                    click.echo(f"{clean(item.credential)} → {shown_origins(item.bound)} (already)")
                    continue
                before = "revoked before" if item.revoked else f"now {shown_origins(item.bound)}"
                _confirm(
                    f"{provider.address}: {clean(item.credential)} may be sent to {shown_origins(item.origins)} ({before})",
                    yes=yes,
                    session=session,
                )
            for binding in accept_trust(work.run, proposals):
                click.echo(f"{clean(binding.credential)} → {shown_origins(binding.origins)}")
    return 0


def _confirm(question: str, *, yes: bool, session: Any) -> None:
    if yes:
        return
    if not session.console.interactive:
        raise NeedsPerson(
            f"nobody is there to agree, and nothing was changed: {question}",
            hint="a person must agree: run it at a terminal, or, if it is meant, with --yes",
        )
    with asking():
        agreed = click.confirm(f"{question}. Agreed?", err=True)
    if not agreed:
        raise NeedsPerson("nothing was changed")


@trust.command(short_help="The rules of trust: mode, loopback, hosts, prefixes.")
@flag(
    "--mode",
    type=click.Choice(["tofu", "catalogue", "strict"]),
    envvar=None,
    help="What a first use may bind.",
)
@flag("--loopback/--no-loopback", default=None, envvar=None, help="Admit http and addresses of this machine.")
@flag(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    envvar=None,
    help="Admit a host that is not public.",
)
@flag(
    "--secret-prefix",
    "prefixes",
    multiple=True,
    metavar="NAMESPACE=PREFIX",
    envvar=None,
    help="Let a namespace's providers also name secrets under this prefix.",
)
@flag("--no-host", "no_hosts", multiple=True, metavar="HOST", envvar=None, help="Admit this host no more.")
@flag(
    "--no-secret-prefix",
    "no_prefixes",
    multiple=True,
    metavar="NAMESPACE=PREFIX",
    envvar=None,
    help="Let a namespace name secrets under this prefix no more.",
)
@common_flags
def settings(
    mode: str | None,
    loopback: bool | None,
    hosts: tuple[str, ...],
    prefixes: tuple[str, ...],
    no_hosts: tuple[str, ...],
    no_prefixes: tuple[str, ...],
    **options: Any,
) -> int:
    """Change the settings that are given; the others stay. They live in the store: Git cannot change them.

    A PREFIX is a path in the store's mount, or <mount>:<path> in another one.
    """
    from dataclasses import replace

    from reconciler.cli.calling import calling
    from reconciler.cli.session import make_session
    from reconciler.engine.trust import read_settings, write_settings
    from reconciler.model.observed import Observed
    from reconciler.model.trust import TrustMode

    session = make_session(options)

    _refuse_own_mount(session, prefixes)

    def nothing(store: Any, layout: Any) -> Observed:
        return Observed(store.describe(), store.server_time())

    with calling(session, look=nothing) as work:
        before = read_settings(work.run.store, work.run.layout)
        after = replace(
            before,
            mode=before.mode if mode is None else TrustMode(mode),
            loopback=before.loopback if loopback is None else loopback,
            allowed_hosts=tuple(sorted({*before.allowed_hosts, *checked_hosts(hosts)} - set(no_hosts))),
            secret_prefixes=_with_prefixes(before.secret_prefixes, prefixes, without=no_prefixes),
        )
        if after != before:
            write_settings(work.run, after)
    return _show({"verbose": False, "no_color": True, "no_input": True, "log_format": "text"})


def _with_prefixes(
    before: Mapping[str, tuple[str, ...]], texts: tuple[str, ...], *, without: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    after = {namespace: set(prefixes) for namespace, prefixes in before.items()}
    for namespace, prefix in map(_prefix, texts):
        after.setdefault(namespace, set()).add(prefix)
    for namespace, prefix in map(_prefix, without):
        after.get(namespace, set()).discard(prefix)
    return {namespace: tuple(sorted(prefixes)) for namespace, prefixes in after.items() if prefixes}


def _refuse_own_mount(session: Session, prefixes: tuple[str, ...]) -> None:
    """One secret has one name, since trust is bound to the name: in the store's own mount that is the path alone."""
    from reconciler.cli.settings import VaultLocation, store_location

    location = store_location(session.settings)
    for text in prefixes:
        mount, colon, _ = _prefix(text)[1].rpartition(":")
        if colon and isinstance(location, VaultLocation) and mount == location.mount:
            raise UsageError(f"'{clean(mount)}' is the store's own mount", hint="leave the mount out")


def _prefix(text: str) -> tuple[str, str]:
    """`<namespace>=[<mount>:]<path>` as (namespace, prefix). UsageError for anything else."""
    from reconciler.model.names import is_name
    from reconciler.model.store_path import reference_path

    namespace, _, prefix = text.partition("=")
    mount, colon, path = prefix.rpartition(":")
    try:
        if not is_name(namespace):
            raise ValueError("no namespace")
        return namespace, str(reference_path(path.rstrip("/"), mount=mount if colon else None))
    except ValueError:
        raise UsageError(
            f"'{clean(text)}' is no secret prefix",
            hint="write <namespace>=<path> or <namespace>=<mount>:<path>",
        ) from None
