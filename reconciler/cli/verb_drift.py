"""`reconciler drift`: what is there and differs from what was last applied. Guaranteed to change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import (
    common_flags,
    flag,
    jobs_flag,
    manifests_flag,
    output_flag,
    selection_flags,
)
from reconciler.decide.access import Role

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.engine.drift import Found, Looking
    from reconciler.model.desired import Desired
    from reconciler.model.observed import Observed
    from reconciler.model.store_path import Layout
    from reconciler.ports import SecretStore


@click.command(short_help="Show what another hand changed.")
@manifests_flag
@output_flag("text", "json", "markdown")
@flag(
    "--registrations",
    is_flag=True,
    help="Also ask each server about the client that we registered there. Needs the role reconcile.",
)
@flag("--tokens", is_flag=True, help="Also read the published tokens. Needs the role reconcile.")
@flag(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="KIND|ADDRESS|KIND:ADDRESS",
    help="Differences that do not count.",
)
@flag(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What this login is for. Default: told from the names of its policies.",
)
@selection_flags
@jobs_flag
@common_flags
def drift(
    manifests: str,
    output: str,
    registrations: bool,
    tokens: bool,
    ignored: tuple[str, ...],
    role: str | None,
    jobs: int,
    **options: Any,
) -> int:
    """Show what is there and differs from what was last applied: secrets, issuers, records, metadata. Exit 7.

    Nothing is changed. The one exception: a server that replaces our registration token while --registrations reads it has
    changed it already, and the new one is stored.
    """
    from reconciler.cli.examining import refuse_unmade
    from reconciler.cli.output_ops import write_drift
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import TOOL, make_session, read_desired, refuse_problems
    from reconciler.decide.drift import DriftReport, parse_ignore, split_ignored
    from reconciler.engine.drift import Looking

    rules = [parse_ignore(text) for text in ignored]
    session = make_session(options)
    desired = read_desired(manifests)
    refuse_problems(desired.problems, root=desired.root)
    refuse_unmade(session)
    selection = plan_options(session, options, due_within=None).selection
    looking = Looking(
        session.settings.owner, TOOL, selection, jobs, role=None if role is None else Role(role)
    )
    if registrations or tokens:
        observed, found = _deep(session, desired, looking, registrations=registrations, tokens=tokens)
    else:
        observed, found = _by_metadata(session, desired, looking)
    counted, left_out = split_ignored(found.drifts, rules)
    report = DriftReport(
        store=observed.store,
        now=observed.now,
        drifts=counted,
        ignored=left_out,
        not_seen=tuple(found.not_seen),
        looked_at=found.looked_at,
        kept=tuple(found.kept),
    )
    write_drift(report, output=output, console=session.console, tool=TOOL, commit=session.settings.commit)
    return report.exit_code()


def _by_metadata(session: Session, desired: Desired, looking: Looking) -> tuple[Observed, Found]:
    """With a store that has no method that writes."""
    from reconciler.adapters.discovery import HttpMetadataEndpoint
    from reconciler.adapters.http import HttpClient
    from reconciler.cli.calling_settings import http_policy
    from reconciler.cli.looking import look
    from reconciler.cli.session import FIRST_SETTINGS, open_made_store
    from reconciler.engine.drift import find_drift
    from reconciler.engine.metadata_only import MetadataOnly

    with open_made_store(session) as (store, layout), session.events.showing_progress():
        only = MetadataOnly(store, layout=layout)
        observed = look(session, desired, store=only, layout=layout, jobs=looking.jobs, events=session.events)
        looking.selection.check(desired, observed)
        trust = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
        with HttpClient(http_policy(session.settings, trust)) as client:
            found = find_drift(desired, observed, looking, metadata=HttpMetadataEndpoint(client))
        _policy(session, store, layout, looking=looking, found=found)
        return observed, found


def _deep(
    session: Session, desired: Desired, looking: Looking, *, registrations: bool, tokens: bool
) -> tuple[Observed, Found]:
    """With a store that lets one kind of write through (`engine/reading_store`)."""
    from dataclasses import replace
    from functools import partial

    from reconciler.cli.calling import calling
    from reconciler.engine.drift import find_drift
    from reconciler.engine.drift_deep import find_registration_drift, find_token_drift
    from reconciler.engine.observe import observe
    from reconciler.engine.reading_store import ReadingStore

    look = partial(observe, desired=desired, jobs=looking.jobs, events=session.events)
    with calling(session, look=look, jobs=looking.jobs, progress=True, discover=True) as work:
        looking.selection.check(desired, work.observed)
        run = replace(work.run, store=ReadingStore(work.run.store, layout=work.run.layout))
        assert work.ports.metadata is not None  # noqa: S101 - `discover` brings it
        found = find_drift(desired, work.observed, looking, metadata=work.ports.metadata)
        if registrations:
            find_registration_drift(
                run, desired, work.observed, looking=looking, ports=work.ports, found=found
            )
        if tokens:
            find_token_drift(run, desired, work.observed, looking=looking, found=found)
        _policy(session, work.run.store, run.layout, looking=looking, found=found)
        return work.observed, found


def _policy(session: Session, store: SecretStore, layout: Layout, *, looking: Looking, found: Found) -> None:
    """Only a server has policies."""
    from reconciler.cli.examining import inspector_of
    from reconciler.cli.settings import VaultLocation, store_location
    from reconciler.decide.access import Reach
    from reconciler.engine.drift import add_policy_drift

    location, inspector = store_location(session.settings), inspector_of(store)
    if inspector is not None and isinstance(location, VaultLocation):
        add_policy_drift(found, inspector, reach=Reach(location.mount, layout), role=looking.role)
