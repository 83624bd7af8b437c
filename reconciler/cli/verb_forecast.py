"""`reconciler forecast`: when will which account need a person, month by month."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click

from reconciler.cli.accounts_page import accounts_url_flag, checked_page
from reconciler.cli.options import common_flags, flag, jobs_flag, manifests_flag, output_flag, selection_flags
from reconciler.errors import UsageError

_HORIZON = re.compile(r"([0-9]{1,3})([my])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class HorizonType(click.ParamType[int]):
    """`12m`, `2y`: calendar months."""

    name = "months"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from reconciler.decide.forecast_report import LONGEST_MONTHS

        if isinstance(value, int):
            return value
        match = _HORIZON.fullmatch(str(value))
        months = 0 if match is None else int(match[1]) * (12 if match[2] == "y" else 1)
        if not 1 <= months <= LONGEST_MONTHS:
            self.fail(f"write months or years like 12m or 2y, at most {LONGEST_MONTHS}m", param, ctx)
        return months


@click.command(short_help="When will which account need a person.")
@manifests_flag
@output_flag("text", "json", "ics", "svg")
@flag("--at", metavar="DATE", help="Seen from this day on (2027-01-31), if nobody acts until then.")
@flag("--horizon", type=HorizonType(), default="12m", show_default=True, help="How far to look: 12m, 2y.")
@accounts_url_flag
@selection_flags
@jobs_flag
@common_flags
def forecast(
    manifests: str,
    output: str,
    at: str | None,
    horizon: int,
    accounts_url: str,
    jobs: int,
    **options: Any,
) -> int:
    """Say when which account will need a person, and why, month by month. Reads metadata only, as `plan` does.

    It takes for granted that refreshes run every RECONCILER_REFRESH_EVERY.
    """
    from reconciler.cli.looking import look_for_reading
    from reconciler.cli.output import write_forecast
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.decide.forecast_report import make_forecast

    session = make_session(options)
    page = checked_page(accounts_url)
    day = None if at is None else _day(at)
    desired = read_desired(manifests)
    observed = look_for_reading(session, desired, jobs=jobs)
    chosen = plan_options(session, options, due_within=None)
    chosen.selection.check(desired, observed)
    if day is not None and day.date() < observed.now.date():
        raise UsageError("--at lies in the past", hint="a forecast begins today or later")
    made = make_forecast(
        desired,
        observed,
        chosen,
        months=horizon,
        at=day,
        refresh_every=session.settings.refresh_every,
    )
    write_forecast(
        made, output=output, console=session.console, tool=TOOL, commit=session.settings.commit, page=page
    )
    return made.exit_code()


def _day(text: str) -> datetime:
    try:
        if _DAY.fullmatch(text) is None:
            raise ValueError
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError("--at is no date", hint="write it like 2027-01-31") from None
