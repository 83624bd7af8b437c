"""`docs/reference/cli.md`: the help of every verb, as the tool itself prints it."""

import argparse

import click

from reconciler.cli.main import ALIASES, SUMMARIES, VERBS, cli
from reconciler.cli.options import CONTEXT_SETTINGS
from reconciler.cli.verb_sandbox import sandbox
from reconciler.sandbox.__main__ import _parser
from tests.docs.pages.environment import commands
from tests.docs.pages.markdown import block, code, page, table

_WIDTH = 100
_SANDBOX = (
    "When it is ready it prints one line of JSON with its addresses; it ends with SIGTERM or SIGINT. It listens on loopback "
    "only and signs anybody in. It needs the extra `sandbox`."
)


def command_line() -> str:
    aliases = ", ".join(f"{code(alias)} for {code(name)}" for alias, name in ALIASES.items())
    return page(
        "Command line",
        table(
            ("verb", "what it does"),
            [(f"[{code(name)}](#reconciler-{name})", SUMMARIES[name]) for name in VERBS],
        ),
        f"Alias: {aliases}.",
        "An address is `provider/<namespace>/<name>` or `account/<namespace>/<name>`. Kind and namespace may be left out where "
        "the rest is unambiguous: `marketing/drive`, `drive`. Results go to stdout, all else to stderr. Every flag has a "
        "variable: see [environment variables](environment.md#flags). What the codes mean: [exit codes](exit-codes.md).",
        *(_section(name, command) for name, command in commands()),
    )


def _section(name: str, command: click.Command) -> str:
    if name == "sandbox":
        return _sandbox_section()
    return f"## reconciler {name}\n\n{block(_help(name, command))}"


def _help(name: str, command: click.Command) -> str:
    parent = click.Context(cli, info_name="reconciler", **CONTEXT_SETTINGS)
    for part in name.split()[:-1]:
        group = cli.get_command(parent, part)
        assert group is not None
        parent = click.Context(group, info_name=part, parent=parent)
    context = click.Context(
        command,
        info_name=name.rsplit(maxsplit=1)[-1],
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
    )
    return command.get_help(context)


def _sandbox_section() -> str:
    """The sandbox is a program of its own and owns its options; how argparse lays them out depends on Python's version."""
    like = next(param for param in sandbox.params if isinstance(param, click.Option))
    rows = [(code("--like"), "", like.help or "")]
    for action in _parser()._actions:
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        default = "" if action.default in (None, False, []) else code(action.default)
        choices = "" if action.choices is None else "one of " + ", ".join(code(one) for one in action.choices)
        words = "; ".join(part for part in (action.help or "", choices) if part)
        rows.append((code(action.option_strings[-1]), default, words))
    return "\n\n".join(
        (
            "## reconciler sandbox",
            SUMMARIES["sandbox"],
            _SANDBOX,
            table(("option", "default", "meaning"), rows),
        )
    )
