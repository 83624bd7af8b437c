"""One kill and what must hold after it: the grant is intact, or the next run names the true cause.

The oracle asks the authorization server, not the tool: a refresh token that the server would still take must be in the
store after the next run, and work; one that was spent in an exchange whose answer died with the process must be
reported as exactly that. Nothing else is allowed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from reconciler.engine.run import Run
from reconciler.model.grant import Phase
from reconciler.model.state import AccountState, Reason
from reconciler.sandbox import RemoteSandbox, faults
from tests.crash.wire_world import Place, Seen, look, refresh_once
from tests.crash.zygote import Zygote

SIGKILLED = -9
_VAULT_SECOND = 1.1
"""Vault tells its time in whole seconds: it may seem up to a second earlier than it is."""


@dataclass
class Scene:
    """A place, the server behind it, and how often a process was really killed."""

    place: Place
    run: Run
    sandbox: RemoteSandbox
    zygote: Zygote
    kills: int = 0
    serial: int = 0
    lost: int = 0
    """Grants that were lost to physics, each named."""
    named: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def at(cls, place: Place, *, sandbox: RemoteSandbox, zygote: Zygote) -> Iterator[Self]:
        with place.opened() as run:
            yield cls(place, run, sandbox, zygote)

    def consented(self) -> str:
        self.serial += 1
        name = f"team/n{self.serial}"
        (grant,) = self.sandbox.add_grants(self.place.client_id, count=1, scopes=["profile"], expires_in=600)
        self.place.store_consent(self.run, name, grant)
        return name

    def given(self) -> str:
        """A refresh token that another tool got for this client."""
        (grant,) = self.sandbox.add_grants(self.place.client_id, count=1, scopes=["profile"], expires_in=600)
        token: str = grant["refresh_token"]
        return token

    def child(self, name: str, *, job: str = "refresh", **order: Any) -> dict[str, Any]:
        (child,) = self.zygote.run(job, place=asdict(self.place), account=name, **order)
        if child["status"] == SIGKILLED:
            self.kills += 1
        else:
            assert child["status"] == 0, child
        return child

    def state_of(self, seen: Seen) -> str:
        return self.state_of_token(seen.refresh_token)

    def state_of_token(self, refresh_token: str) -> str:
        state: str = self.sandbox.refresh_token_state(refresh_token)["state"]
        return state

    # ---- the kills

    def kill_at(self, failpoint: str, *, fault: faults.Fault | None = None) -> None:
        """Kill a refresh there, then look what the next run makes of it."""
        name = self.consented()
        before = look(self.run, name)
        if fault is not None:
            self.sandbox.add_fault(fault)
        child = self.child(name, failpoint=failpoint)
        self.sandbox.clear_faults()
        assert child["status"] == SIGKILLED, f"{failpoint} was never reached: {child}"
        self.check(name, before, where=failpoint)

    def kill_after(self, seconds: float) -> None:
        """Kill a refresh wherever it is after `seconds`."""
        name = self.consented()
        before = look(self.run, name)
        self.child(name, kill_after=seconds)
        self.check(name, before, where=f"after {seconds * 1000:.0f} ms")

    # ---- the oracle

    def check(self, name: str, before: Seen, *, where: str) -> None:
        after = look(self.run, name)
        assert after.refresh_token, f"{where}: a write without a refresh token"
        spent = self.state_of(after) != "current"
        self._next_run(name)
        settled = look(self.run, name)
        if spent:
            self._is_named(settled, where)
            assert settled.refresh_token == before.refresh_token, f"{where}: old material is kept"
            self.lost += 1
            return
        assert self.state_of(settled) == "current", f"{where}: {settled.status}"
        assert self.sandbox.refresh_token_state(settled.refresh_token)["family_alive"], where
        assert settled.grant is not None, where
        assert settled.grant.intent is None, where
        assert settled.status is not None, where
        assert settled.status.state is AccountState.READY, f"{where}: {settled.status}"
        if settled.grant.token_set is not None and settled.grant.token_set.access_token is not None:
            assert settled.access_token == settled.grant.token_set.access_token.reveal(), where

    def _next_run(self, name: str) -> None:
        """What the schedule does next; where nobody knows that a holder is dead, once its deadline has passed."""
        if not self.place.knows_dead:
            time.sleep(self.place.commit_deadline + 2 * self.place.http_deadline + _VAULT_SECOND)
        seen = look(self.run, name)
        if (
            seen.grant is not None
            and seen.grant.intent is not None
            and seen.grant.intent.phase is Phase.UNCLEAR
        ):
            time.sleep(self.place.unclear_retry_after + _VAULT_SECOND)
        refresh_once(self.place, self.run, name)

    def _is_named(self, settled: Seen, where: str) -> None:
        assert settled.status is not None, where
        said = (settled.status.state, settled.status.reason)
        assert said == (AccountState.NEEDS_CONSENT, Reason.INTERRUPTED_ROTATION), f"{where}: {said}"
        self.named.append(where)


@contextmanager
def patient(scene: Scene) -> Iterator[Scene]:
    """The same scene on a machine that cannot tell who is dead: deadlines decide, set to a second or two."""
    place = replace(scene.place, knows_dead=False, http_deadline=0.7, commit_deadline=1)
    with place.opened() as run:
        yield Scene(place, run, scene.sandbox, scene.zygote, serial=1000)
