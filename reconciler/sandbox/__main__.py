"""`python -m reconciler.sandbox`: a sandbox as a process of its own.

Prints one JSON line with its addresses when it is ready, and serves until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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

_LIKE = "`reconciler sandbox --like NAME` plays a base provider of the catalogue from its data."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reconciler.sandbox", description=__doc__, epilog=_LIKE)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address")
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--issuer", help="where clients reach it by another address")
    add("--rotation", choices=[one.value for one in Rotation], default=Rotation.SINGLE_USE.value)
    add("--grace", type=int, help="seconds; with single-use-with-grace (30 if not given)")
    add("--access-token-seconds", type=int, default=3600)
    add("--refresh-idle-seconds", type=int)
    add("--refresh-absolute-seconds", type=int)
    add("--omit-refresh-token", action="store_true", help="refreshes answer without it; with reusable")
    add(
        "--refresh-token-rule",
        choices=[one.value for one in RefreshTokenRule],
        default=RefreshTokenRule.ALWAYS.value,
    )
    add("--one-grant-per-person", action="store_true")
    add("--any-scope", action="store_true", help="accept scopes that it does not know")
    add("--pkce-optional", action="store_true")
    add("--initial-access-token", help="what registering a client needs; registration is open without it")
    add(
        "--registration-token-rotation",
        choices=[one.value for one in RegistrationTokenRotation],
        default=RegistrationTokenRotation.NEVER.value,
    )
    add("--client-id", help="a confidential client to begin with")
    add("--client-secret", help="its secret; random if not given")
    add("--control-token", help="what control calls present; random if not given")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the arguments say; the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    rotation = Rotation(given.rotation)
    likeness = json.loads(given.likeness) if given.likeness else {}
    graceful = rotation is Rotation.SINGLE_USE_WITH_GRACE
    try:
        policy = TokenPolicy(
            rotation=rotation,
            grace_seconds=(30 if given.grace is None else given.grace) if graceful else given.grace or 0,
            access_token_seconds=given.access_token_seconds,
            refresh_idle_seconds=given.refresh_idle_seconds,
            refresh_absolute_seconds=given.refresh_absolute_seconds,
            omit_refresh_token_on_refresh=given.omit_refresh_token,
            refresh_token_rule=RefreshTokenRule(given.refresh_token_rule),
            one_grant_per_person=given.one_grant_per_person,
        )
        if likeness:
            policy = TokenPolicy.from_json(likeness["policy"])
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
    except OSError as wrong:
        sys.stderr.write(f"error: cannot listen on {config.host} port {config.port}: {wrong.strerror}\n")
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
