"""`reconciler base`: what the tool knows of providers. List and show read data alone; `new` and `test` ask a server.

No store is opened by any of them. `test` stores nothing, prints no token, and sends a client's secret only to origins that
the shipped catalogue spells out or that are named on this very command line.
"""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import common_flags, flag, manifests_flag, output_flag
from reconciler.errors import UsageError, clean


@click.group(short_help="What the tool knows of providers.")
def base() -> None:
    """What the tool knows of a provider: list, show, make a base of an issuer, try one on a server."""


@base.command("list")
@output_flag("text", "json")
@manifests_flag
@common_flags
def list_(output: str, manifests: str, **options: Any) -> int:
    """List the bases: the shipped ones, and those of the manifests."""
    from reconciler.adapters.manifest_catalogue import without_base
    from reconciler.cli.base_reading import every_base
    from reconciler.cli.output import print_document
    from reconciler.cli.session import TOOL, make_session
    from reconciler.report.base import list_document, render_list

    make_session(options)
    bases = every_base(manifests)
    without = without_base()
    as_json = output == "json"
    print_document(
        list_document(bases, without=without, tool=TOOL) if as_json else render_list(bases, without=without)
    )
    return 0


@base.command("show", short_help="Print a base as a manifest, whole.")
@click.argument("name")
@output_flag("text", "json")
@manifests_flag
@common_flags
def show(name: str, output: str, manifests: str, **options: Any) -> int:
    """Print a base as a manifest, whole: what it departs from is laid under it."""
    from reconciler.cli.base_reading import one_base
    from reconciler.cli.output import print_document
    from reconciler.cli.session import TOOL, make_session
    from reconciler.report.base import render_show, show_document

    make_session(options)
    found = one_base(name, manifests)
    print_document(show_document(found, tool=TOOL) if output == "json" else render_show(found))
    return 0


@base.command("new", short_help="Print a base for the server at --issuer.")
@click.argument("name")
@flag(
    "--issuer",
    required=True,
    metavar="URL",
    help="The issuer that publishes its metadata (RFC 8414).",
)
@common_flags
def new(name: str, issuer: str, **options: Any) -> int:
    """Print a base for the server at --issuer, from what it says of itself. What it cannot tell is left out."""
    from reconciler.adapters.manifest_catalogue import load_catalogue
    from reconciler.cli.base_trial import asking_issuers
    from reconciler.cli.output import print_document
    from reconciler.cli.session import make_session
    from reconciler.decide.base_of_issuer import base_of_issuer
    from reconciler.model.names import is_name
    from reconciler.report.base import NamedBase, manifest_text

    session = make_session(options)
    if not is_name(name):
        raise UsageError(f"'{clean(name)}' is no name of a base", hint="like 'our-idp'")
    if name in load_catalogue().bases:
        raise UsageError(
            f"'{name}' is the name of a shipped base, and a base in Git may not bear it",
            hint=f"like 'our-{name}'",
        )
    with asking_issuers(session, issuer) as found:
        for note in found.notes:
            session.events.warning("base.note", note=note)
        print_document(manifest_text(NamedBase(name, base_of_issuer(found), shipped=False)))
    return 0


@base.command("test")
@click.argument("name")
@flag(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the base asks for.",
)
@flag(
    "--server",
    envvar=None,
    metavar="ISSUER",
    help="Try it on this server instead; its metadata tells the endpoints.",
)
@flag(
    "--sandbox",
    is_flag=True,
    help="Try it on a sandbox of our own that behaves as the base says.",
)
@flag(
    "--client-id",
    metavar="ID",
    help="Our client there; its secret is asked for, or read from stdin.",
)
@flag("--public", is_flag=True, help="The client has no secret.")
@flag("--redirect-uri", metavar="URI", help="As registered for the client.")
@flag("--scope", "scopes", multiple=True, metavar="SCOPE", help="What is asked for.")
@flag(
    "--trust-origin",
    "origins",
    envvar=None,
    multiple=True,
    metavar="ORIGIN",
    help="May receive the client's secret.",
)
@flag("--burn", is_flag=True, envvar=None, help="Also try what ends the grant: a spent token.")
@output_flag("text", "json")
@manifests_flag
@common_flags
def test(name: str, output: str, manifests: str, **options: Any) -> int:
    """Try a base on a server and say which promises of its data hold.

    Without a client an invented refresh token is presented, and the refusal read. With --client-id a person consents once,
    and the grant is refreshed, perhaps abused (--burn), and revoked. Nothing is stored. Exit 4 where the server
    contradicts the data.
    """
    from reconciler.cli.base_trial import run_trial
    from reconciler.cli.output import print_document
    from reconciler.cli.session import TOOL, make_session
    from reconciler.decide.conformance import Verdict
    from reconciler.report.base import render_trial, trial_document

    session = make_session(options)
    server, promises = run_trial(session, name, manifests=manifests, options=options)
    code = 4 if any(promise.verdict is Verdict.CONTRADICTED for promise in promises) else 0
    print_document(
        trial_document(name, promises, server=server, tool=TOOL, code=code)
        if output == "json"
        else render_trial(name, promises, server=server)
    )
    return code
