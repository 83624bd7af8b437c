"""`reconciler doctor`: looks at everything that a run stands on, and says what to run where something is amiss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import common_flags, flag, jobs_flag, manifests_flag, output_flag
from reconciler.decide.access import Role

if TYPE_CHECKING:
    from reconciler.cli.examining import Surroundings
    from reconciler.cli.session import Session
    from reconciler.decide.doctor import Finding


@click.command(short_help="Check store, login, clock, files and endpoints.")
@manifests_flag
@output_flag("text", "json")
@flag(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What this login is for. Default: told from the names of its policies.",
)
@flag("--namespace", "namespaces", multiple=True, metavar="NAMESPACE", help="Only this team's part.")
@flag("--jwt-role", "jwt_roles", multiple=True, metavar="NAME", help="Also judge this JWT role.")
@jobs_flag
@common_flags
def doctor(
    manifests: str,
    output: str,
    role: str | None,
    namespaces: tuple[str, ...],
    jwt_roles: tuple[str, ...],
    jobs: int,
    **options: Any,
) -> int:
    """Check store, login and its rights, clock, files, endpoints and the schedule. Changes nothing, reads no secret."""
    from datetime import UTC, datetime

    from reconciler.cli.examining import surroundings
    from reconciler.cli.output_ops import write_doctor
    from reconciler.cli.session import TOOL, make_session
    from reconciler.decide.doctor import Examination
    from reconciler.errors import UsageError, clean
    from reconciler.model.names import is_name

    for namespace in namespaces:
        if not is_name(namespace):
            raise UsageError(f"'{clean(namespace)}' is no namespace", hint="a team's name, like 'marketing'")
    session = make_session(options)
    around = surroundings(
        session, role=None if role is None else Role(role), namespaces=namespaces, jwt_roles=jwt_roles
    )
    findings = _examine(session, around, manifests=manifests, jobs=jobs)
    examination = Examination(around.name, datetime.now(UTC), tuple(findings))
    write_doctor(examination, output=output, console=session.console, tool=TOOL)
    return examination.exit_code()


def _examine(session: Session, around: Surroundings, *, manifests: str, jobs: int) -> list[Finding]:
    from datetime import UTC, datetime

    from reconciler.adapters.discovery import HttpMetadataEndpoint
    from reconciler.adapters.http import HttpClient
    from reconciler.adapters.probe import HttpProbe
    from reconciler.adapters.system import SystemClock
    from reconciler.cli.calling_settings import http_policy
    from reconciler.cli.examining import opened
    from reconciler.cli.looking import look
    from reconciler.cli.session import FIRST_SETTINGS
    from reconciler.decide.doctor import judge_file, judge_tls, not_opened
    from reconciler.engine.doctor import examine_objects, examine_store
    from reconciler.engine.metadata_only import MetadataOnly
    from reconciler.errors import ReconcilerError

    now = datetime.now(UTC)
    findings = [judge_file(facts, now=now, private=private) for facts, private in around.files]
    if around.address is not None:
        scheme, host = around.address
        findings.append(judge_tls(scheme, host, skips=around.skips_verification))
    desired, found = _declared(manifests)
    findings.append(found)
    try:
        with opened(session) as (store, layout, inspector):
            seen = examine_store(
                store,
                layout,
                clock=SystemClock(session.stop),
                inspector=inspector,
                expected=around.expected,
            )
            findings += seen.findings
            if not seen.usable or desired is None:
                return findings
            only = MetadataOnly(store, layout=layout)
            observed = look(session, desired, store=only, layout=layout, jobs=jobs)
            trust = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
            with HttpClient(http_policy(session.settings, trust)) as client:
                findings += examine_objects(
                    desired,
                    observed,
                    metadata=HttpMetadataEndpoint(client),
                    probe=HttpProbe(client),
                    every=session.settings.refresh_every,
                    jobs=jobs,
                )
    except ReconcilerError as error:
        findings.append(not_opened(error, before=findings))
    return findings


def _declared(manifests: str) -> tuple[Any, Finding]:
    """What is declared, and whether it is whole. None where there is nothing to read."""
    from pathlib import Path

    from reconciler.cli.session import read_desired
    from reconciler.decide.doctor import Check, failed, skipped, well
    from reconciler.errors import clean

    if not Path(manifests).exists():
        return None, skipped(Check.MANIFESTS, f"there are no manifests at {clean(manifests)}")
    desired = read_desired(manifests)
    if desired.problems:
        count = len(desired.problems)
        message = f"{count} problem{'' if count == 1 else 's'} in {clean(manifests)}"
        run = f"reconciler validate -f {clean(manifests)}"
        return desired, failed(Check.MANIFESTS, message, run=run, code=65)
    count = len(desired.providers) + len(desired.accounts)
    return desired, well(
        Check.MANIFESTS, f"{count} objects are declared in {clean(manifests)}, without a problem"
    )
