"""Every verb has its help, and every flag a variable: read from the commands themselves, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from reconciler.cli.main import ALIASES, SUMMARIES, VERBS, cli
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town

_BY_HAND_ONLY = {
    ("trust", "show"), ("trust", "revoke"), ("trust", "yes"),
    ("trust settings", "mode"), ("trust settings", "loopback"), ("trust settings", "hosts"),
    ("trust settings", "prefixes"), ("trust settings", "no_hosts"), ("trust settings", "no_prefixes"),
    ("base test", "origins"), ("base test", "server"), ("base test", "burn"),
    ("revoke", "yes"), ("init-store", "mode"), ("init-store", "loopback"), ("init-store", "hosts"),
    ("store copy", "to"), ("consent-link", "listed"), ("consent-link", "withdraw"),
}  # fmt: skip
"""Flags that widen trust. Environment variables may only tighten it, since a workflow file is Git too (DESIGN §8); and a yes
that was said once and for all is none, nor is a place that everything moves to."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb, `group subverb` for those of groups."""
    context = click.Context(cli)
    for name in VERBS:
        command = cli.get_command(context, name)
        assert command is not None
        if not isinstance(command, click.Group):
            yield name, command
            continue
        for below in command.list_commands(context):
            nested = command.get_command(context, below)
            assert nested is not None
            yield (name if below == "bind" else f"{name} {below}"), nested


def flags() -> list[tuple[str, click.Option]]:
    return [(name, p) for name, command in commands() for p in command.params if isinstance(p, click.Option)]


@pytest.mark.parametrize(("verb", "flag"), flags(), ids=lambda value: getattr(value, "name", value))
def test_every_flag_has_a_variable_of_its_name(verb: str, flag: click.Option):
    long = next(text for text in flag.opts if text.startswith("--"))
    expected = "RECONCILER_" + long.lstrip("-").replace("-", "_").upper()
    if (verb, flag.name) in _BY_HAND_ONLY:
        assert flag.envvar is None
    else:
        assert flag.envvar == expected


@pytest.mark.parametrize(("verb", "flag"), flags(), ids=lambda value: getattr(value, "name", value))
def test_every_flag_says_what_it_does(verb: str, flag: click.Option):
    assert flag.help
    assert flag.help.endswith(".")


def test_a_variable_means_one_thing_wherever_it_is_read():
    meanings: dict[object, set[tuple[str, ...]]] = {}
    for _, flag in flags():
        if flag.envvar is not None:
            meanings.setdefault(flag.envvar, set()).add(tuple(flag.opts))
    assert {name: opts for name, opts in meanings.items() if len(opts) > 1} == {}


@pytest.mark.parametrize("verb", [name for name, _ in commands() if name != "sandbox"])
def test_every_verb_has_help_and_takes_the_common_flags(verb: str, desk: Keyboard):
    said = desk.run(*(["trust", "bind"] if verb == "trust" else verb.split()), "--help", expect=0)
    assert said.out.startswith(f"Usage: reconciler {verb}")
    assert said.err == ""
    assert not desk.folder.joinpath("store").exists(), "help touches no store"
    if verb not in ("schema", "completion", "demo"):
        assert "--log-format" in said.out


def test_help_lists_every_verb_with_its_summary(desk: Keyboard):
    out = " ".join(desk.run("--help", expect=0).out.split())
    for verb in VERBS:
        assert f"{verb} {SUMMARIES[verb]}" in out
    assert set(ALIASES.values()) <= set(VERBS)


@pytest.mark.parametrize(
    ("name", "value", "flags", "code"),
    [
        ("RECONCILER_OUTPUT", "json", (), 0),
        ("RECONCILER_MANIFESTS", "elsewhere", (), 0),
        ("RECONCILER_MANIFESTS", "nowhere", (), 64),
        ("RECONCILER_OUTPUT", "xml", (), 64),
        ("RECONCILER_OUTPUT", "xml", ("-o", "text"), 0),
        ("RECONCILER_LOG_FORMAT", "yaml", (), 64),
    ],
)
def test_a_variable_is_read_and_a_flag_wins_over_it(
    desk: Keyboard, name: str, value: str, flags: tuple[str, ...], code: int
):
    for folder in ("manifests", "elsewhere"):
        (desk.folder / folder).mkdir()
    said = desk.run("validate", *flags, expect=None, **{name: value})
    assert said.code == code, said
    if value == "json":
        assert said.json["kind"] == "validate"


def test_a_variable_of_a_repeated_flag_holds_several_values(town: Town):
    plan = town.desk.run("plan", "-o", "json", RECONCILER_EXCLUDE="sales/crm sales/mail", expect=0).json
    assert [change["address"] for change in plan["changes"]] == ["provider/sales/idp"]
