"""Faults by name, for the command line: what a hostile or broken provider does, in one word each.

Rules:
- a fault on answers hits the next refresh, or the next N with `name=N`, and leaves consents alone; `0`: every one;
- a fault of manners (throttle, clock, scopes) holds for as long as the sandbox lives;
- the table below is what the guide shows: each row is tried by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from reconciler.sandbox import faults
from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.manners import Throttle

_REFRESH: Mapping[str, Any] = MappingProxyType({"grant_type": "refresh_token"})


@dataclass(frozen=True, slots=True)
class Scenario:
    """`words` for people. `answers`: makes the fault of the next N refreshes. `manners`: changes the sandbox by VALUE."""

    words: str
    answers: Callable[[int | None], Fault] | None = None
    manners: Callable[[SandboxConfig, float], SandboxConfig] | None = None
    value: float = 1.0
    """What stands where none is given."""


def _error(error: str, *, status: int = 400) -> Callable[[int | None], Fault]:
    return lambda times: faults.oauth_error("token", error, status=status, times=times, **_REFRESH)


def _edit(**fields: Any) -> Callable[[int | None], Fault]:
    return lambda times: faults.edit("token", fields, times=times, **_REFRESH)


def _throttled(block: float) -> Callable[[SandboxConfig, float], SandboxConfig]:
    def change(config: SandboxConfig, value: float) -> SandboxConfig:
        throttle = Throttle(requests=int(value), per_seconds=60, block_seconds=block)
        return replace(
            config, manners=replace(config.manners, throttle=throttle, like=config.manners.like or "itself")
        )

    return change


def _too_early(config: SandboxConfig, value: float) -> SandboxConfig:
    return replace(config, policy=replace(config.policy, min_age_seconds=int(value)))


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "lost-answer": Scenario(
            "the refresh is done and its answer lost", lambda times: faults.close_after("token", times=times, **_REFRESH)
        ),
        "lost-request": Scenario(
            "the connection ends and nothing was done", lambda times: faults.close_before("token", times=times, **_REFRESH)
        ),
        "cut-answer": Scenario(
            "the refresh is done and half of the answer arrives",
            lambda times: faults.truncate("token", times=times, **_REFRESH),
        ),
        "slow-answer": Scenario(
            "the answer comes two minutes after the refresh was done",
            lambda times: faults.delay("token", 120, times=times, **_REFRESH),
        ),
        "drip": Scenario(
            "the answer comes one byte a second", lambda times: faults.drip("token", times=times, **_REFRESH)
        ),
        "no-expires-in": Scenario("the answer does not say how long the token lives", _edit(expires_in=None)),
        "odd-expires-in": Scenario("`expires_in` is no number", _edit(expires_in="soon")),
        "no-refresh-token": Scenario("the answer has no refresh token", _edit(refresh_token=None)),
        "empty-refresh-token": Scenario("the answer's refresh token is empty", _edit(refresh_token="")),
        "null-refresh-token": Scenario("the answer's refresh token is null", _edit(refresh_token=faults.NULL)),
        "partial-scopes": Scenario("the answer grants one scope alone", _edit(scope="profile")),
        "html": Scenario(
            "a web page with status 502", lambda times: faults.html_answer("token", status=502, times=times, **_REFRESH)
        ),
        "html-200": Scenario(
            "a web page with status 200", lambda times: faults.html_answer("token", times=times, **_REFRESH)
        ),
        "redirect": Scenario(
            "a redirect to somewhere else",
            lambda times: faults.redirect("token", "https://elsewhere.example/token", times=times, **_REFRESH),
        ),
        "empty-object": Scenario(
            "`200 {}`", lambda times: faults.json_answer("token", {}, times=times, **_REFRESH)
        ),
        "server-error": Scenario("status 503 with an error that looks final", _error("invalid_grant", status=503)),
        "forbidden": Scenario("`invalid_grant` with status 403", _error("invalid_grant", status=403)),
        "error-200": Scenario("`invalid_grant` with status 200", _error("invalid_grant", status=200)),
        "revoked": Scenario("`invalid_grant`, as if the person had removed the app", _error("invalid_grant")),
        "wrong-client": Scenario("`invalid_client`, as after a renewed secret", _error("invalid_client", status=401)),
        "scope-refused": Scenario("`invalid_scope`", _error("invalid_scope")),
        "busy": Scenario(
            "status 429 with `Retry-After: 60`",
            lambda times: faults.too_many_requests("token", retry_after="60", times=times, **_REFRESH),
        ),
        "throttle": Scenario(
            "more than VALUE token requests a minute are refused until the minute is over", manners=_throttled(0), value=20
        ),
        "ip-block": Scenario(
            "more than VALUE token requests a minute block the client for an hour", manners=_throttled(3600), value=20
        ),
        "too-early": Scenario(
            "a refresh is refused while the access token is younger than VALUE seconds",
            manners=_too_early,
            value=600,
        ),
        "clock-skew": Scenario(
            "the server's clock goes VALUE seconds ahead (negative: behind)",
            manners=lambda config, value: replace(config, clock_skew_seconds=value),
            value=600,
        ),
    }
)  # fmt: skip


def apply_scenarios(config: SandboxConfig, wanted: list[str]) -> tuple[SandboxConfig, list[Fault]]:
    """The sandbox and the faults that these words ask for: `name` or `name=VALUE`. ValueError names one that is none."""
    scripted: list[Fault] = []
    for text in wanted:
        name, given, value = text.partition("=")
        scenario = SCENARIOS.get(name)
        if scenario is None:
            raise ValueError(f"there is no fault '{name}'; there are {', '.join(SCENARIOS)}")
        try:
            number = float(value) if given else scenario.value
        except ValueError:
            raise ValueError(f"fault {name}: '{value}' is no number") from None
        if scenario.manners is not None:
            config = scenario.manners(config, number)
        if scenario.answers is not None:
            scripted.append(scenario.answers(int(number) or None))
    return config, scripted
