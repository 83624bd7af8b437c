"""`reconciler fmt`: the layout of manifests, never their meaning."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import common_flags, flag, manifests_flag


@click.command(short_help="Lay manifests out alike.")
@manifests_flag
@flag("--check", is_flag=True, help="Write nothing; exit 2 where something would change.")
@common_flags
def fmt(manifests: str, check: bool, **options: Any) -> int:
    """Lay manifests out alike: order of apiVersion, kind, metadata, spec; one '---' between documents; no trailing blanks.

    Comments stay. A file is written only if it reads as the same documents; one that does not read is left alone (exit 65).
    """
    from pathlib import Path

    from reconciler.adapters.manifest_layout import Fate, lay_out
    from reconciler.cli.session import make_session
    from reconciler.decide.commands import at_root

    make_session(options)
    fates = list(lay_out(Path(manifests), write=not check))
    for shown, fate in fates:
        if fate is Fate.CHANGED:
            click.echo(f"{'would change' if check else 'changed'}: {shown}")
        elif fate is Fate.LEFT:
            click.echo(f"left alone: {shown}: it does not read", err=True)
    found = {fate for _, fate in fates}
    if Fate.LEFT in found:
        click.echo(f"  hint: {at_root('reconciler validate', root=manifests)} says why", err=True)
        return 65
    return 2 if check and Fate.CHANGED in found else 0
