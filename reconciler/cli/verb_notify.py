"""`reconciler notify`: tell people what changed since they were told last."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from reconciler.cli.accounts_page import accounts_url_flag, checked_page
from reconciler.cli.options import common_flags, flag, jobs_flag, manifests_flag, output_flag
from reconciler.errors import PathDenied, UsageError


@click.command(short_help="Tell people what changed.")
@manifests_flag
@output_flag("text", "json")
@flag("--dry-run", is_flag=True, help="Show what would be told to whom; send nothing, mark nothing.")
@flag(
    "--templates",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Texts of your own: mail-subject.txt, mail.txt, slack.txt.",
)
@accounts_url_flag
@jobs_flag
@common_flags
def notify(
    manifests: str,
    output: str,
    dry_run: bool,
    templates: Path | None,
    accounts_url: str,
    jobs: int,
    **options: Any,
) -> int:
    """Tell the destinations of RECONCILER_NOTIFY_… what changed since they were told last. Run it after reconcile.

    Told are transitions, each once: expiring (30, 14, 7 and 1 days before), needs-consent, needs-admin, in-doubt,
    recovered, and incidents of providers. Reads metadata, and what was told before; changes no account.
    """
    from reconciler.adapters.http import HttpClient
    from reconciler.adapters.system import SystemClock
    from reconciler.cli.calling_settings import http_policy
    from reconciler.cli.looking import look
    from reconciler.cli.notify_settings import Kept, Sources, destinations, read_templates
    from reconciler.cli.output import print_document, style_of
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import TOOL, make_session, open_made_store, read_desired
    from reconciler.decide.notices import matters_of, topics_that_may_be
    from reconciler.decide.plan import make_plan
    from reconciler.engine.metadata_only import MetadataOnly
    from reconciler.engine.notify import notify as tell
    from reconciler.engine.secret_reader import SecretReader
    from reconciler.report.notices import notices_document, render_notices

    session = make_session(options)
    page, texts = checked_page(accounts_url), read_templates(templates)
    desired = read_desired(manifests)
    with ExitStack() as closing:
        store, layout = closing.enter_context(open_made_store(session))
        only = MetadataOnly(store, layout=layout)
        observed = look(session, desired, store=only, layout=layout, jobs=jobs, events=session.events)
        if observed.trust is None:
            raise PathDenied(f"the settings of trust: {observed.trust_unreadable}")
        trust = observed.trust.settings
        client = HttpClient(http_policy(session.settings, trust))
        closing.callback(client.close)
        sources = Sources(
            Kept(session.settings, SecretReader(store), layout),
            client,
            SystemClock(session.stop).now,
            texts,
            page,
            loopback=trust.loopback,
        )
        notifiers = destinations(sources)
        if not notifiers:
            raise UsageError(
                "nobody is to be told anything: no destination is configured",
                hint="set RECONCILER_NOTIFY_WEBHOOK, RECONCILER_NOTIFY_SLACK or RECONCILER_NOTIFY_SMTP",
            )
        plan = make_plan(desired, observed, plan_options(session, options, due_within=None))
        report = tell(
            store,
            layout,
            matters=matters_of(desired, observed, plan, refresh_every=session.settings.refresh_every),
            known=None if desired.unreadable else topics_that_may_be(desired),
            notifiers=notifiers,
            now=observed.now,
            dry=dry_run,
        )
    if output == "json":
        print_document(notices_document(report, tool=TOOL, commit=session.settings.commit))
    else:
        print_document(render_notices(report, style_of(session.console)))
    return report.exit_code()
