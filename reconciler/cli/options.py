"""Flags that several verbs share. Every flag has a `RECONCILER_*` variable of the same name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from reconciler.errors import UsageError, clean
from reconciler.model.duration import parse_duration

CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
F = TypeVar("F", bound=Callable[..., Any])


class FilledOption(click.Option):
    """An empty value is a mistake: `--expect-digest "$UNSET"` may not mean the same as no flag at all."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        typed = ctx.get_parameter_source(self.name or "") is ParameterSource.COMMANDLINE
        if typed and (value == "" or (isinstance(value, list | tuple) and "" in value)):
            raise click.BadParameter("its value is empty: leave the flag out, or give it one", ctx, self)
        return super().process_value(ctx, value)


def flag(*names: str, **attributes: Any) -> Callable[[F], F]:
    """A click option whose environment variable is `RECONCILER_<LONG_NAME>`. An empty variable counts as none."""
    attributes.setdefault("cls", FilledOption)
    long = next(name for name in names if name.startswith("--")).split("/", maxsplit=1)[0]
    attributes.setdefault("envvar", "RECONCILER_" + long.lstrip("-").replace("-", "_").upper())
    return click.option(*names, **attributes)


class DurationType(click.ParamType[timedelta]):
    """`30m`, `6h`, `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = DurationType()


class InstantType(click.ParamType[datetime]):
    """`2030-01-31T12:00:00Z`; without a zone, UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("write a time like 2030-01-31T12:00:00Z", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


INSTANT = InstantType()


class AddressType(click.ParamType[str]):
    """An IP address, as it is compared with a connection's."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ip_address(str(value))) if value else ""
        except ValueError:
            self.fail(f"'{clean(value, cap=80)}' is no IP address: write it like 10.0.0.7", param, ctx)


IP_ADDRESS = AddressType()


class SinceType(click.ParamType[timedelta | datetime]):
    """`2d`, `6h`: that long ago; `2030-01-31` or `2030-01-31T12:00:00Z`: from then on."""

    name = "since"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        if isinstance(value, timedelta | datetime):
            return value
        try:
            return parse_duration(str(value))
        except ValueError:
            pass
        try:
            return INSTANT.convert(value, param, ctx)
        except click.BadParameter:
            self.fail("write a duration like 2d or 6h, or a time like 2030-01-31T12:00:00Z", param, ctx)


SINCE = SinceType()


def was_typed(parameter: str) -> bool:
    """Whether the parameter of the command that runs was given on its command line."""
    return click.get_current_context().get_parameter_source(parameter) is ParameterSource.COMMANDLINE


def manifests_flag(function: F) -> F:
    return flag(
        "-f",
        "--manifests",
        "manifests",
        default="manifests",
        show_default=True,
        metavar="PATH",
        help="Folder (read recursively) or file with manifests.",
    )(function)


def output_flag(*formats: str) -> Callable[[F], F]:
    return flag(
        "-o",
        "--output",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How results are written to stdout.",
    )


def selection_flags(function: F) -> F:
    function = flag(
        "-l", "--selector", "labels", multiple=True, metavar="KEY=VALUE", help="Only objects with this label."
    )(function)
    function = flag("--exclude", multiple=True, metavar="ADDRESS", help="Leave these objects out.")(function)
    return flag("--only", multiple=True, metavar="ADDRESS", help="Only these objects.")(function)


def jobs_flag(function: F) -> F:
    return flag(
        "--jobs",
        type=click.IntRange(1, 64),
        default=8,
        show_default=True,
        help="How many objects are worked on at once.",
    )(function)


def common_flags(function: F) -> F:
    """Flags that every verb has: manners of output, verbosity, logs."""
    function = flag("-v", "--verbose", "verbose", is_flag=True, help="Say on stderr what is being done.")(
        function
    )
    function = flag("--no-color", "no_color", is_flag=True, help="No colours (also NO_COLOR).")(function)
    function = flag(
        "--no-input", "no_input", is_flag=True, help="Never ask; fail where a question would be."
    )(function)
    return flag(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Shape of the log lines on stderr.",
    )(function)


def due_within_flag(function: F) -> F:
    return flag(
        "--due-within",
        type=DURATION,
        default=None,
        help="Refresh what has less than this left. Default: twice RECONCILER_REFRESH_EVERY.",
    )(function)


def frozen_flag(function: F) -> F:
    return flag(
        "--frozen",
        type=INSTANT,
        default=None,
        metavar="TIME",
        help="The store was restored from a snapshot at TIME: present no single-use refresh token from before.",
    )(function)


def guard_flags(function: F) -> F:
    """One flag for each guard, from the guards' own table."""
    from reconciler.decide.guard import FLAGS, WORDS

    for name, text in reversed(list(FLAGS.items())):
        function = flag(text, is_flag=True, help=WORDS[name])(function)
    return function


def checked_hosts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Names of hosts as trust's settings hold them: lower case, no port. UsageError where one is none."""
    from reconciler.model.endpoint import is_host

    found = tuple(text.lower() for text in texts)
    for host in found:
        if not is_host(host):
            raise UsageError(
                f"'{clean(host)}' is no host", hint="write its name or address alone: idp.corp.example"
            )
    return found


class ReportType(click.ParamType[tuple[str, Path]]):
    """`markdown=summary.md`: the report once more, in another format, into a file."""

    name = "format=file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        form, _, path = str(value).partition("=")
        if form not in ("text", "json", "markdown", "github") or not path:
            self.fail(
                f"'{clean(value)}' is no report: write text=, json=, markdown= or github= and a file",
                param,
                ctx,
            )
        return form, Path(path)


def report_flag(function: F) -> F:
    return flag(
        "--report",
        "reports",
        multiple=True,
        type=ReportType(),
        metavar="FORMAT=FILE",
        help="Write the report also in this format into a file.",
    )(function)
