"""What click found wrong with a command line, in our words: one sentence that names the flag or the variable, and a hint.

Rules: where a value came from the environment, its variable is named, not a flag that nobody typed; values are capped and
escaped, as all foreign text; a likely flag or verb is named only where one is really likely.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import click
from click.core import ParameterSource

from reconciler.errors import UsageError, clean
from reconciler.model.suggestion import suggest

_CAP = 400
_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)
_BOOLEAN = "write 1 or 0"


def in_our_words(error: click.ClickException, *, args: Sequence[str]) -> UsageError:
    """`error` as ours. `args`: the command line, where click does not say which verb it was about."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else " ".join(["reconciler", *args[:1]])
    look = f"run '{path} --help'"
    match error:
        case click.NoSuchOption(option_name=name):
            hint = suggest(name, _flags(context)) or look
            return UsageError(f"{path} has no option {clean(name, cap=80)}", hint=hint)
        case click.NoSuchCommand(command_name=name):
            hint = suggest(name, _verbs(context)) or look
            return UsageError(f"{path} has no verb '{clean(name, cap=80)}'", hint=hint)
        case click.BadOptionUsage(option_name=name):
            wrong = "takes no value" if "does not take" in error.message else "needs a value"
            return UsageError(f"{clean(name, cap=80)} {wrong}", hint=look)
        case click.MissingParameter():
            return UsageError(_missing(error), hint=look)
        case click.BadParameter():
            return UsageError(f"{_where(error)}: {_wrong_value(error)}", hint=look)
        case click.UsageError():
            extra = _EXTRA.fullmatch(error.message)
            words = _plain(error.message) if extra is None else f"{path} does not take '{_capped(extra[1])}'"
            return UsageError(words, hint=look)
        case _:
            return UsageError(_plain(error.format_message()), hint=look)


def _missing(error: click.MissingParameter) -> str:
    param = error.param
    if param is None:
        return _plain(error.message)
    if not isinstance(param, click.Argument):
        return f"{_flag(param)} is missing"
    if isinstance(param.type, click.Choice):
        return f"one of {', '.join(map(str, param.type.choices))} is missing"
    return f"{_named(param)} is missing"


def _wrong_value(error: click.BadParameter) -> str:
    match error.param.type if error.param is not None else None:
        case click.IntRange(min=least, max=None):
            return f"write a whole number, {least} or more"
        case click.IntRange(min=least, max=most):
            return f"write a whole number from {least} to {most}"
        case click.types.BoolParamType():
            return _BOOLEAN
        case _:
            return _plain(error.message)


def _where(error: click.BadParameter) -> str:
    param, context = error.param, error.ctx
    if param is None:
        return "the command line"
    if isinstance(param, click.Argument):
        return _named(param)
    source = context.get_parameter_source(param.name) if context is not None and param.name else None
    if source is ParameterSource.ENVIRONMENT and isinstance(param.envvar, str):
        return param.envvar
    return _flag(param)


def _named(param: click.Argument) -> str:
    name = param.metavar or param.human_readable_name
    return clean(name).strip(".[]{}").upper()


def _flag(param: click.Parameter) -> str:
    """Its long name."""
    return next((name for name in param.opts if name.startswith("--")), param.opts[0])


def _flags(context: click.Context | None) -> list[str]:
    if context is None:
        return []
    return [name for param in context.command.get_params(context) for name in param.opts if name[:2] == "--"]


def _verbs(context: click.Context | None) -> list[str]:
    command = context.command if context is not None else None
    return command.list_commands(context) if context is not None and isinstance(command, click.Group) else []


def _plain(message: str) -> str:
    """A sentence as ours are: no capital, no full stop."""
    text = _capped(message).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _capped(text: str) -> str:
    return clean(" ".join(text.split()), cap=_CAP)
