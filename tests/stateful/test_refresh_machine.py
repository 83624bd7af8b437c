"""Many processes, one single-use grant, any interleaving: hypothesis drives the refresh protocol against a strict server.

Each process is the protocol's generator, moved on one effect at a time, so that it can be frozen or killed between any
two. The server is the judge: unless an answer was lost with a process, on the wire or for want of a store, the newest
refresh token is in the store or in the hands of a process that still runs, and no spent one was ever presented. And
whatever happened, the end is a grant that works or a verdict that names the interruption.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from reconciler.decide.refresh_effects import (
    Conclusion,
    Effect,
    Ending,
    Exchange,
    RefreshTask,
    Step,
    Steps,
    WriteGrant,
    Written,
)
from reconciler.decide.rotation import refresh
from reconciler.decide.token_response import TokenError
from reconciler.engine.drive import Hands
from reconciler.engine.publish import commit_consented_grant
from reconciler.engine.store_clock import StoreClock
from reconciler.engine.token_call import TokenCall
from reconciler.model.answer import HttpAnswer
from reconciler.model.grant import Holder, TokenSet
from reconciler.model.state import AccountState, Reason
from tests.decide.rotation_model import task
from tests.engine.refresh_world import KEY, LAYOUT, RefreshWorld
from tests.simulators.clocks import CountingEntropy
from tests.simulators.manifests import SERVER
from tests.simulators.memory_store import Fault as StoreFault
from tests.simulators.token_endpoint import Fault, answer

BUSY = answer(429, {}, {"retry-after": "5"})
BROKEN = answer(502, b"<html>", {"content-type": "text/html"})
CLIENT_REFUSED = answer(401, {"error": "invalid_client"})


@dataclass
class Process:
    """One refresh under way. `holds` is a refresh token that reached it and is not stored yet."""

    number: int
    steps: Steps[Conclusion]
    hands: Hands
    effect: Effect
    holds: str = ""
    conclusion: Conclusion | None = None
    exchanged: list[str] = field(default_factory=list)

    def step(self) -> None:
        if self.conclusion is not None:
            return
        effect = self.effect
        outcome = self.hands.perform(effect)
        if isinstance(effect, Exchange):
            brought = outcome.refresh_token if isinstance(outcome, TokenSet | TokenError) else None
            self.holds = brought.reveal() if brought is not None else ""
        if isinstance(effect, WriteGrant) and effect.step is Step.COMMIT and isinstance(outcome, Written):
            self.holds = ""
        try:
            self.effect = self.steps.send(outcome)
        except StopIteration as stop:
            self.conclusion = stop.value


class RefreshMachine(RuleBasedStateMachine):
    processes = Bundle("processes")

    def __init__(self) -> None:
        super().__init__()
        self.world = RefreshWorld()
        self.account = self.world.consented()
        self.world.clock.advance(timedelta(minutes=50))
        self.alive: list[Process] = []
        self.dead: set[int] = set()
        self.serial = 0
        self.explained = ""
        """Why a token may be lost or presented twice; '' where nothing could explain it."""

    # ---- what happens

    @precondition(lambda self: len(self.alive) < 3)
    @rule(target=processes)
    def start(self) -> Process:
        self.serial += 1
        holder = Holder("host", "boot", "ns", self.serial, "1")
        run = self.world.make_run(
            store=self.world.store.another_client(),
            holder=holder,
            entropy=CountingEntropy(f"p{self.serial}"),
            is_dead=lambda other: other.pid in self.dead,
        )
        clock = StoreClock(self.world.clock, self.world.clock.monotonic(), self.world.clock.now())
        call = TokenCall(run, self.world.provider, clock)
        hands = Hands(
            run,
            LAYOUT.grant(self.account.address),
            clock,
            lambda effect: call.refresh(effect, last_good=False),
            lambda error: False,
        )
        steps = refresh(self._task(holder))
        process = Process(self.serial, steps, hands, next(steps))
        self.alive.append(process)
        return process

    def _task(self, holder: Holder) -> RefreshTask:
        return task(
            address=self.account.address,
            behaviour=self.world.behaviour,
            origin=SERVER,
            fingerprint_key=KEY,
            holder=holder,
        )

    @rule(process=processes, count=st.integers(1, 20))
    def move(self, process: Process, count: int) -> None:
        self.go_on(process, count)

    def go_on(self, process: Process, count: int) -> None:
        for _ in range(count):
            if process in self.alive:
                process.step()
                self._settle(process)

    @rule(process=processes, kind=st.sampled_from([Exchange, WriteGrant]), beyond=st.integers(0, 1))
    def go_to(self, process: Process, kind: type, beyond: int) -> None:
        """To the very moment before it calls the provider or writes, or just past that."""
        for _ in range(40):
            if process not in self.alive or isinstance(process.effect, kind):
                break
            process.step()
            self._settle(process)
        self.go_on(process, beyond)

    def _settle(self, process: Process) -> None:
        ended = process.conclusion
        if ended is None:
            return
        if ended.ending is Ending.NOT_STORED:
            self.explained = "the store took nothing until the deadline"
        if process.holds and ended.ending is Ending.SUPERSEDED:
            process.holds = ""
        if ended.ending is not Ending.NOT_STORED:
            process.holds = ""
        if process in self.alive:
            self.alive.remove(process)

    @rule(process=consumes(processes), answered=st.booleans())
    def kill(self, process: Process, answered: bool) -> None:
        if answered:
            self.go_to(process, Exchange, 1)
        if process in self.alive:
            self.alive.remove(process)
            self.dead.add(process.number)
            if process.holds:
                self.explained = "killed with an answer in its hands"

    @rule(seconds=st.sampled_from([1, 31, 61, 1100]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))
        if seconds > 900 and any(process.holds for process in self.alive):
            self.explained = "frozen with an answer in its hands"

    @precondition(lambda self: not self.world.server.faults)
    @rule(fault=st.sampled_from([Fault.NOT_SENT, Fault.LOST_BEFORE, BUSY, BROKEN, CLIENT_REFUSED]))
    def provider_trouble(self, fault: Fault | HttpAnswer) -> None:
        self.world.server.faults.append(fault)

    @rule(odd=st.booleans())
    def answers_lack_their_access_token(self, odd: bool) -> None:
        self.world.server.extra = {"access_token": ...} if odd else {}

    @precondition(lambda self: not self.world.server.faults)
    @rule()
    def an_answer_will_be_lost(self) -> None:
        self.world.server.faults.append(Fault.LOST_AFTER)
        self.explained = "an answer lost on the wire"

    @rule(
        process=processes,
        fault=st.sampled_from(
            [
                StoreFault.UNCLEAR_AFTER,
                StoreFault.UNCLEAR_BEFORE,
                StoreFault.UNREACHABLE,
                StoreFault.LOGIN_REFUSED,
            ]
        ),
        operation=st.sampled_from(["write", "read"]),
    )
    def store_trouble(self, process: Process, fault: StoreFault, operation: str) -> None:
        store = process.hands.run.store
        store.fail_next(operation, fault)  # type: ignore[attr-defined]  # the simulator's own door

    @rule()
    def a_person_consents_again(self) -> None:
        token = self.world.server.consent(subject="again", scope=self.account.scopes)
        record, tokens = self.world.answer(self.account, token)
        run = self.world.make_run(store=self.world.store.another_client())
        commit_consented_grant(run, self.account, self.world.provider, record=record, tokens=tokens)
        # A new grant: what may have happened to the old one explains nothing any more.
        self.explained = ""
        self.world.server.faults.clear()
        for process in self.alive:
            process.holds = ""
        self.world.clock.advance(timedelta(minutes=50))

    # ---- what must hold

    @invariant()
    def every_version_carries_a_refresh_token(self) -> None:
        path = LAYOUT.grant(self.account.address)
        metadata = self.world.store.read_metadata(path)
        assert metadata is not None
        for version in metadata.versions:
            document = self.world.store.read(path, version=version).document
            assert document is not None
            assert document.secret("refresh_token") is not None

    @invariant()
    def the_newest_token_is_in_the_store_or_in_living_hands(self) -> None:
        if self.explained:
            return
        stored = self.world.token_of(self.account)
        family = self.world.server.family(stored)
        assert not family.revoked, "a spent token was presented"
        hands = {process.holds for process in self.alive if process.holds}
        assert stored.reveal() == family.current or family.current in hands

    def teardown(self) -> None:
        """The world calms down, everybody comes to an end, and the next runs of the schedule settle what is left."""
        self.world.server.faults.clear()
        self.world.server.extra = {}
        for process in list(self.alive):
            for _ in range(3000):
                if process.conclusion is not None:
                    break
                process.step()
            assert process.conclusion is not None, "the protocol does not end"
            self._settle(process)
        for _ in range(3):
            self.world.clock.advance(timedelta(minutes=50))
            self.world.refresh()
        if self.world.is_intact(self.account):
            assert self.world.is_served(self.account)
            assert self.world.grant(self.account).intent is None
            return
        assert self.explained, "a grant was lost and nothing explains it"
        status = self.world.account_status(self.account)
        assert (status.state, status.reason) == (AccountState.NEEDS_CONSENT, Reason.INTERRUPTED_ROTATION)


RefreshMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


TestRefreshMachine = RefreshMachine.TestCase
