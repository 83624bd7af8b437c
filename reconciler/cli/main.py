"""The way in: finds the verb, runs it, and turns whatever happens into one exit code (DESIGN §9).

Rules:
- a verb's module is imported when the verb is called, so that `--version` and completion stay quick;
- results go to stdout, all else to stderr; an error is one sentence and, where there is one, a `hint:` line;
- an error nobody foresaw is shown by its type and place only: its text could hold a secret;
- click's own usage code 2 becomes 64, because 2 means "changes pending" here.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import click

from reconciler import __version__
from reconciler.cli.console import STILL_DONE, hold_streams, leave, leave_stdout, told
from reconciler.cli.options import CONTEXT_SETTINGS
from reconciler.errors import ReconcilerError, UsageError, clean

VERBS: dict[str, str] = {
    "validate": "reconciler.cli.verb_validate:validate",
    "plan": "reconciler.cli.verb_plan:plan",
    "show": "reconciler.cli.verb_show:show",
    "reconcile": "reconciler.cli.verb_reconcile:reconcile",
    "status": "reconciler.cli.verb_status:status",
    "consent": "reconciler.cli.verb_consent:consent",
    "refresh": "reconciler.cli.verb_refresh:refresh",
    "token": "reconciler.cli.verb_token:token",
    "request": "reconciler.cli.verb_request:request",
    "check": "reconciler.cli.verb_check:check",
    "trust": "reconciler.cli.verb_trust:trust",
    "secret": "reconciler.cli.verb_secret:secret",
    "base": "reconciler.cli.verb_base:base",
    "drift": "reconciler.cli.verb_drift:drift",
    "history": "reconciler.cli.verb_history:history",
    "doctor": "reconciler.cli.verb_doctor:doctor",
    "policy": "reconciler.cli.verb_policy:policy",
    "forecast": "reconciler.cli.verb_forecast:forecast",
    "notify": "reconciler.cli.verb_notify:notify",
    "import": "reconciler.cli.verb_import:import_",
    "export": "reconciler.cli.verb_export:export",
    "revoke": "reconciler.cli.verb_revoke:revoke",
    "schema": "reconciler.cli.verb_schema:schema",
    "fmt": "reconciler.cli.verb_fmt:fmt",
    "init": "reconciler.cli.verb_init:init",
    "init-store": "reconciler.cli.verb_init_store:init_store",
    "store": "reconciler.cli.verb_store:store",
    "run": "reconciler.cli.verb_run:run",
    "serve": "reconciler.cli.verb_serve:serve",
    "consent-link": "reconciler.cli.verb_consent_link:consent_link",
    "github": "reconciler.cli.verb_github:github",
    "demo": "reconciler.cli.verb_demo:demo",
    "sandbox": "reconciler.cli.verb_sandbox:sandbox",
    "completion": "reconciler.cli.verb_completion:completion",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
ALIASES = {"apply": "reconcile"}
SUMMARIES = {
    "validate": "Check manifests; report everything that is wrong, with file:line:column.",
    "plan": "Show what reconcile would do. Writes nothing, reads no secret, calls no provider.",
    "show": "Show a saved plan again, in any format; asks nobody.",
    "reconcile": "Make it so: register providers, refresh grants, write tokens. Alias: apply.",
    "status": "Show every provider and account as the store knows it.",
    "consent": "Let a person grant access for an account, in a browser or by paste.",
    "refresh": "Refresh the grants that are due, and nothing else.",
    "check": "Tell a pipeline whether accounts are fit for work: one line each, one exit code.",
    "request": "Call an API with an account's token; to trusted API origins only.",
    "token": "Print an account's access token, refreshed where it must and may be.",
    "trust": "Say which origins may receive which credential; show or revoke it.",
    "secret": "Put client secrets into the store, list their names, remove them.",
    "base": "What the tool knows of a provider: list, show, make a base, try one on a server.",
    "drift": "Show what another hand changed since it was last applied. Changes nothing.",
    "history": "Tell the story of one object: when, what, and who.",
    "doctor": "Check store, login, clock, files and endpoints; say what to run.",
    "policy": "Print the Vault policy of a role, or the JWT role of a CI job.",
    "revoke": "Give an account's grant back at its provider, on purpose.",
    "forecast": "Say when which account will need a person, month by month.",
    "notify": "Tell people what changed since they were told last: webhook, mail, chat.",
    "import": "Take over a refresh token that another tool holds.",
    "export": "Write manifests of what is there, from the store's metadata; no secret.",
    "schema": "Print the JSON Schemas of manifests and of our JSON output.",
    "fmt": "Lay manifests out alike; their meaning and comments stay.",
    "init": "Begin a repository of manifests that works at once.",
    "init-store": "Prepare a new store.",
    "store": "Move an embedded store to a Vault.",
    "consent-link": "Make a link by which an account's owner consents, without a login.",
    "run": "Stay: reconcile when manifests change, refresh each account at its own time.",
    "serve": "Serve the Accounts page: which accounts need a person, and a button to connect them.",
    "github": "Keep one comment on the pull request, and one issue for consent, up to date.",
    "demo": "Tell the whole story on this machine, with a sandbox provider.",
    "sandbox": "Run a local authorization server for trying things out.",
    "completion": "Print a shell completion script.",
}


class Verbs(click.Group):
    """Imports a verb only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = VERBS.get(ALIASES.get(cmd_name, cmd_name))
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a verb table that is wrong is our own bug
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in VERBS and name not in ALIASES:
            import difflib

            close = difflib.get_close_matches(name, [*VERBS, *ALIASES], n=1)
            raise UsageError(
                f"there is no verb '{clean(name)}'",
                hint=f"did you mean '{close[0]}'?" if close else "run 'reconciler --help' for the verbs",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in VERBS])


@click.group(cls=Verbs, context_settings=CONTEXT_SETTINGS, no_args_is_help=True)
@click.version_option(__version__, prog_name="reconciler", message="%(prog)s %(version)s")
def cli() -> None:
    """OAuth2 providers and accounts as code.

    Manifests in Git say what should be; 'plan' shows the difference; 'reconcile' registers, refreshes and writes
    tokens to Vault; 'status' lists who must consent again, why, and how.
    """


def main() -> NoReturn:
    """The console script."""
    # A run makes many objects, keeps them and ends: looking for garbage among them costs a tenth of a large plan.
    gc.set_threshold(250_000, 50, 50)
    hold_streams()
    code = run(sys.argv[1:])
    # All that is left ends with the process: looking through it once more took 3 % of a refresh of 1,000 accounts.
    gc.freeze()
    sys.exit(code)


def run(args: list[str]) -> int:
    """Run one command line and return its exit code."""
    stdout, stderr = sys.stdout, sys.stderr
    try:
        code = cli.main(args=args, prog_name="reconciler", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ReconcilerError as error:
        say_error(_rooted(error, args), as_json=_wants_json(args))
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.ClickException as error:
        from reconciler.cli.usage_words import in_our_words

        say_error(in_our_words(error, args=args), as_json=_wants_json(args))
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        say_error(ReconcilerError("interrupted"), as_json=_wants_json(args))
        return 130
    except BrokenPipeError:
        # Whoever read our output has left (`| head`): not an error.
        leave_stdout()
        return 0
    except SystemExit:
        # Click ends by itself where stdout is gone, and puts something in its place that takes no more.
        if sys.stdout is stdout:
            raise
        sys.stdout, sys.stderr = stdout, stderr
        leave_stdout()
        return 0
    except OSError as error:
        leave_stdout()
        say_error(_of_the_machine(error, args), as_json=_wants_json(args))
        return 1
    except Exception as error:  # noqa: BLE001 - the last net: nothing may print a traceback with values in it
        say_error(_bug(error), as_json=_wants_json(args))
        return 1


def _of_the_machine(error: OSError, args: list[str]) -> ReconcilerError:
    """A file of the command line that nobody foresaw, by its name; or, where no file is named, stdout that takes no more.

    Any other name is no word of ours, and the error's own text neither: either may be what a setting or a record held."""
    words = type(error).__name__ if error.errno is None else os.strerror(error.errno)
    if isinstance(error.filename, str) and _is_typed(error.filename, args):
        return ReconcilerError(
            f"{clean(error.filename)}: {words}",
            hint="is it what was meant, and may this user use it?",
        )
    if error.filename is None and error.errno in _FULL:
        return ReconcilerError(f"the result cannot be written to stdout: {words}", hint=STILL_DONE)
    return _bug(error)


def _is_typed(filename: str, args: list[str]) -> bool:
    """Whether the file, what it is in or what is in it stands on the command line."""
    path = Path(filename)
    words = [Path(part) for word in args for part in (word, word.partition("=")[2])]
    return any(word.name and (word == path or word in path.parents or path in word.parents) for word in words)


def _bug(error: Exception) -> ReconcilerError:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return ReconcilerError(
        f"a bug in reconciler: {type(error).__name__} at {frame.name}:{frame.lineno}",
        hint="please report it with 'reconciler --version' and the command line",
    )


def _wants_json(args: list[str]) -> bool:
    """Whether stderr is to hold JSON lines; told from the words alone, since the command line may be what is wrong."""
    named = [word.partition("=")[2] for word in args if word.startswith("--log-format=")]
    named += [after for word, after in pairwise(args) if word == "--log-format"]
    return (named[-1] if named else os.environ.get("RECONCILER_LOG_FORMAT", "")) == "json"


def _rooted(error: ReconcilerError, args: list[str]) -> ReconcilerError:
    """A command in its hint means the same manifests; where they are is told from the words alone, as above."""
    from reconciler.decide.commands import USUAL_ROOT, at_root

    named = [after for word, after in pairwise(args) if word in ("-f", "--manifests")]
    named += [word.partition("=")[2] for word in args if word.startswith("--manifests=")]
    root = named[-1] if named else os.environ.get("RECONCILER_MANIFESTS") or USUAL_ROOT
    error.hint = error.hint and at_root(error.hint, root=root)
    return error


def say_error(error: ReconcilerError, *, as_json: bool = False) -> None:
    """One sentence and a hint to stderr; for manifests, every problem in file order."""
    for problem in getattr(error, "problems", ()):
        _say(str(problem), problem.hint, event="problem", as_json=as_json)
    _say(error.message if as_json else f"error: {error.message}", error.hint, event="error", as_json=as_json)


def _say(text: str, hint: str | None, *, event: str, as_json: bool) -> None:
    try:
        click.echo(told(text, level="error", event=event, as_json=as_json, hint=hint or None), err=True)
        if hint and not as_json:
            click.echo(f"  hint: {hint}", err=True)
    except OSError:
        # Where stderr takes nothing, the exit code still says how it ended.
        leave(sys.stderr)
