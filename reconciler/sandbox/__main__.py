"""`python -m reconciler.sandbox`: a sandbox as a process of its own.

Prints one JSON line with its addresses when it is ready, and serves until SIGTERM or SIGINT. What is wrong with the command
line is said in one sentence, with a hint, as the tool does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, NoReturn
from urllib.parse import urlsplit

from reconciler.sandbox.config import (
    RefreshTokenRule,
    RegistrationTokenRotation,
    Rotation,
    SandboxConfig,
    TokenPolicy,
)
from reconciler.sandbox.manners import Manners
from reconciler.sandbox.protocol.metadata import AUTH_METHODS
from reconciler.sandbox.scenarios import SCENARIOS, apply_scenarios
from reconciler.sandbox.serving import serve

_PROGRAM = "python -m reconciler.sandbox"
_WHAT = "A local authorization server. Prints one JSON line with its addresses when it is ready; ends with SIGTERM or SIGINT."
_LIKE = "`reconciler sandbox --like NAME` plays a base provider of the catalogue; other options beside it prevail."


_FLAGS = {"grace_seconds": "--grace", "omit_refresh_token_on_refresh": "--omit-refresh-token"}
"""What a person typed for what the configuration calls so."""


class _Parser(argparse.ArgumentParser):
    """One sentence and a hint, instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        words, _, unknown = message.partition("unrecognized arguments: ")
        hint = f"run '{self.prog} --help'"
        if unknown:
            words = f"{self.prog} does not take '{unknown}'"
            flags = [name for action in self._actions for name in action.option_strings if name[:2] == "--"]
            close = get_close_matches(unknown.split()[0], flags, n=1, cutoff=0.7)
            hint = f"did you mean '{close[0]}'?" if close else hint
        words = words.removeprefix("argument ")
        for field, flag in _FLAGS.items():
            words = words.replace(field, flag)
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
        self.exit(2, f"error: {shown}\n  hint: {hint}\n")


def _parser(program: str = _PROGRAM) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program, usage=f"{program} [option…]", description=_WHAT, epilog=_LIKE, allow_abbrev=False
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="a loopback address")
    add("--port", type=_port, default=0, metavar="NUMBER", help="0 takes a free one")
    add("--issuer", type=_url, metavar="URL", help="where clients reach it by another address")
    add(
        "--rotation",
        choices=[one.value for one in Rotation],
        help="what a refresh does to the refresh token (single-use if not given)",
    )
    add("--grace", type=_seconds, metavar="SECONDS", help="with single-use-with-grace (30 if not given)")
    add(
        "--access-token-seconds",
        type=_seconds,
        metavar="SECONDS",
        help="how long an access token lives (3600 if not given)",
    )
    add(
        "--refresh-idle-seconds",
        type=_seconds,
        metavar="SECONDS",
        help="a refresh token dies unused for as long",
    )
    add(
        "--refresh-absolute-seconds",
        type=_seconds,
        metavar="SECONDS",
        help="a refresh token dies as long after the consent",
    )
    add("--omit-refresh-token", action="store_true", help="refreshes answer without it; with reusable")
    add(
        "--refresh-token-rule",
        choices=[one.value for one in RefreshTokenRule],
        help="what a refresh token has to be asked for with (always if not given: it comes unasked)",
    )
    add("--one-grant-per-person", action="store_true", help="a new consent ends the grant before it")
    add("--any-scope", action="store_true", help="accept scopes that it does not know")
    add("--pkce-optional", action="store_true", help="do without PKCE where a client does")
    add(
        "--initial-access-token",
        metavar="TOKEN",
        help="what registering a client needs; registration is open without it",
    )
    add(
        "--registration-token-rotation",
        choices=[one.value for one in RegistrationTokenRotation],
        default=RegistrationTokenRotation.NEVER.value,
        help="when a registration access token is replaced",
    )
    add("--client-id", metavar="ID", help="a confidential client to begin with")
    add("--client-secret", metavar="SECRET", help="its secret; random if not given")
    add("--control-token", metavar="TOKEN", help="what control calls present; random if not given")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help=f"what goes wrong: {', '.join(SCENARIOS)}",
    )
    add("--likeness", help=argparse.SUPPRESS)
    add("--lifeline", action="store_true", help="end when standard input does: a parent's death is noticed")
    add("--no-control", action="store_true", help="no control calls over HTTP")
    return parser


def _seconds(text: str) -> int:
    """One second or more."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError("write a whole number of seconds, 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("write a number from 0 to 65535")
    return int(text)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError("write a URL like https://idp.example")
    return text.rstrip("/")


def _policy(given: argparse.Namespace, *, like: dict[str, Any] | None) -> TokenPolicy:
    """What was asked for, laid over the provider that is played. ValueError where it does not go together."""
    rotation = Rotation(given.rotation) if given.rotation else None
    graceful = rotation is Rotation.SINGLE_USE_WITH_GRACE
    asked: dict[str, Any] = {
        "rotation": rotation,
        "grace_seconds": given.grace or (30 if graceful else 0 if rotation else None),
        "access_token_seconds": given.access_token_seconds,
        "refresh_idle_seconds": given.refresh_idle_seconds,
        "refresh_absolute_seconds": given.refresh_absolute_seconds,
        "omit_refresh_token_on_refresh": given.omit_refresh_token or None,
        "refresh_token_rule": RefreshTokenRule(given.refresh_token_rule)
        if given.refresh_token_rule
        else None,
        "one_grant_per_person": given.one_grant_per_person or None,
    }
    chosen = {name: value for name, value in asked.items() if value is not None}
    played = TokenPolicy(rotation=Rotation.SINGLE_USE) if like is None else TokenPolicy.from_json(like)
    return replace(played, **chosen)


def main(arguments: Sequence[str] | None = None, *, program: str = _PROGRAM) -> int:
    """Serve as the arguments say; the exit code. `program`: what the person typed."""
    parser = _parser(program)
    given = parser.parse_args(arguments)
    likeness = json.loads(given.likeness) if given.likeness else {}
    try:
        policy = _policy(given, like=likeness.get("policy"))
        config = SandboxConfig(
            host=given.host,
            port=given.port,
            issuer=given.issuer,
            policy=policy,
            any_scope=given.any_scope,
            pkce_required=not given.pkce_optional,
            initial_access_token=given.initial_access_token,
            registration_token_rotation=RegistrationTokenRotation(given.registration_token_rotation),
            control=not given.no_control,
            control_token=given.control_token,
        )
        if likeness:
            manners = Manners.from_json(likeness["manners"])
            config = replace(config, manners=manners, **likeness["sandbox"])
        config, scripted = apply_scenarios(config, given.fault)
    except ValueError as wrong:
        parser.error(str(wrong))
    client = _first_client(given, config)
    try:
        serve(config, client=client, faults=scripted, lifeline=sys.stdin if given.lifeline else None)
    except BrokenPipeError:
        # Whoever started it for its addresses has left; the interpreter must not try to write what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as wrong:
        words = f"cannot listen on {config.host} port {config.port}: {wrong.strerror}"
        hint = "end what listens there, or choose another with --port (0 takes a free one)"
        sys.stderr.write(f"error: {words}\n  hint: {hint}\n")
        return 1
    return 0


def _first_client(given: argparse.Namespace, config: SandboxConfig) -> dict[str, Any] | None:
    """The one that the command line names; where a provider is played, one that authenticates as there."""
    if not given.client_id and not config.manners.like:
        return None
    client: dict[str, Any] = {"client_id": given.client_id, "client_secret": given.client_secret}
    method = config.manners.authentication
    if config.manners.like:
        client["auth_method"] = method if method in AUTH_METHODS else "client_secret_basic"
    return client


if __name__ == "__main__":
    sys.exit(main())
