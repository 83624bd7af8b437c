"""A model world for the protocol alone: a store of versions, a strict provider, a clock; every surprise is chosen.

A path is a list of choices, one at each yield where the world could answer in more than one way. `explore` walks all
paths with at most so many surprises; choice 0 is always what happens on a good day.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.decide.refresh_effects import (
    Conclusion,
    Conflict,
    Elapsed,
    EnsureLogin,
    Exchange,
    GrantRead,
    HolderAlive,
    NewOp,
    NoteRefusal,
    Now,
    Pause,
    ReadGrant,
    RefreshTask,
    Step,
    StoreTrouble,
    TooLate,
    Unclear,
    WriteGrant,
    Written,
)
from reconciler.decide.rotation import refresh
from reconciler.decide.token_response import TokenError
from reconciler.errors import StoreUnreachable
from reconciler.model.behaviour import Behaviour, RefreshTokenRules, Rotation
from reconciler.model.grant import GrantRecord, Holder, Intent, Op, Phase, Removal, TokenSet
from reconciler.model.names import account_address
from reconciler.model.secret import Secret
from reconciler.model.state import ErrorClass, GrantType, Reason

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = b"k" * 32
ME = Holder("host", "boot", "ns", 1, "100")
OTHER = Holder("host", "boot", "ns", 2, "200")
HOUR = timedelta(hours=1)


def tokens(refresh: str | None, *, at: datetime, access: str | None = "access", scope=None) -> TokenSet:
    return TokenSet(
        access_token=None if access is None else Secret(access),
        token_type="Bearer",
        expires_at=at + HOUR,
        refresh_token=None if refresh is None else Secret(refresh),
        scope=scope,
        lifetime=HOUR,
    )


def error(
    judge: ErrorClass,
    reason: Reason = Reason.GRANT_REVOKED,
    *,
    code: str = "invalid_grant",
    definite: bool = True,
    refresh: str | None = None,
    retry_after: timedelta | None = None,
) -> TokenError:
    return TokenError(
        judge=judge,
        reason=reason,
        code=code,
        definite=definite,
        message="HTTP 400",
        retry_after=retry_after,
        refresh_token=None if refresh is None else Secret(refresh),
    )


INVALID_GRANT = error(ErrorClass.NEEDS_CONSENT)
RATE_LIMITED = error(ErrorClass.TRANSIENT, Reason.RATE_LIMITED, code="", retry_after=timedelta(minutes=2))
INVALID_CLIENT = error(ErrorClass.CLIENT, Reason.CLIENT_REFUSED, code="invalid_client")
INVALID_SCOPE = error(ErrorClass.SCOPE, Reason.SCOPE_REFUSED, code="invalid_scope")
LOST = error(ErrorClass.TRANSIENT, Reason.REFRESH_UNCLEAR, code="", definite=False)


def behaviour(rotation: Rotation = Rotation.SINGLE_USE, **rules: Any) -> Behaviour:
    return Behaviour(refresh_token=RefreshTokenRules(rotation=rotation, **rules))


def task(rotation: Rotation = Rotation.SINGLE_USE, *, sends_scope: bool = False, **more: Any) -> RefreshTask:
    given: dict[str, Any] = {
        "address": account_address("team", "box"),
        "behaviour": behaviour(rotation, sends_scope=sends_scope),
        "client_id": "client",
        "origin": "https://as.example.com",
        "former_origins": frozenset({"https://old.example.com"}),
        "holder": ME,
        "owner_mark": "reconciler/default",
        "removal": Removal(),
        "fingerprint_key": KEY,
        "tool": "test",
    }
    return RefreshTask(**{**given, **more})


def record(refresh: str = "r0", **more: Any) -> GrantRecord:
    given: dict[str, Any] = {
        "grant": GrantType.AUTHORIZATION_CODE,
        "refresh_token": Secret(refresh),
        "origin": "https://as.example.com",
        "client_id": "client",
        "scopes": ("read",),
        "requested_scopes": ("read",),
        "owner": "reconciler/default",
    }
    return GrantRecord(**{**given, **more})


def intent(phase: Phase = Phase.SENT, *, holder: Holder = OTHER, op: str = "other", **more: Any) -> Intent:
    return Intent(
        op_id=op,
        phase=phase,
        refresh_fingerprint=Secret("r0").fingerprint(KEY),
        holder=holder,
        deadline=timedelta(minutes=15),
        tool="test",
        **more,
    )


@dataclass
class World:
    """One account at one provider. `choices` are taken one at each question; beyond its end the good day goes on."""

    task: RefreshTask
    versions: list[tuple[GrantRecord | None, datetime]]
    choices: list[int] = field(default_factory=list)
    now: datetime = T0
    mono: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)
    """(question, how many answers it had) in the order asked."""
    taken: int = 0
    presented: list[tuple[str, bool]] = field(default_factory=list)
    """(refresh token, whether the server surely did not count it)."""
    delivered: list[str] = field(default_factory=list)
    """New refresh tokens that reached us."""
    consented: list[str] = field(default_factory=list)
    """Refresh tokens that a consent stored meanwhile."""
    writes: list[Step] = field(default_factory=list)
    written: list[GrantRecord] = field(default_factory=list)
    effects: int = 0
    serial: int = 0

    # ---- the world's side

    def choose(self, question: str, options: int) -> int:
        self.asked.append((question, options))
        index = len(self.asked) - 1
        choice = self.choices[index] if index < len(self.choices) else 0
        self.taken += choice != 0
        return choice

    def fresh(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}{self.serial}"

    def put(self, grant: GrantRecord) -> int:
        self.versions.append((grant, self.now))
        return len(self.versions)

    @property
    def newest(self) -> GrantRecord | None:
        return self.versions[-1][0] if self.versions else None

    def read(self) -> GrantRead:
        if not self.versions:
            return GrantRead(None, 0)
        grant, created = self.versions[-1]
        return GrantRead(grant, len(self.versions), created)

    # ---- what is sent for each effect

    def answer(self, effect: object) -> Any:
        self.effects += 1
        assert self.effects < 5000, "the protocol does not end"
        self.now += timedelta(milliseconds=20)
        self.mono += 0.02
        match effect:
            case EnsureLogin():
                return None if self.choose("login", 2) == 0 else self.trouble()
            case ReadGrant():
                return self.read() if self.choose("read", 2) == 0 else self.trouble()
            case WriteGrant():
                return self.write(effect)
            case Exchange():
                return self.exchange(effect)
            case Now():
                return self.now
            case Elapsed():
                if self.choose("elapsed", 2) == 1:
                    self.pass_time(timedelta(minutes=20))
                return self.mono
            case NewOp():
                return self.fresh("op")
            case HolderAlive():
                return self.choose("alive", 2) == 0
            case Pause():
                self.pass_time(timedelta(seconds=effect.seconds))
                return self.choose("stop", 2) == 1
            case NoteRefusal():
                return self.choose("incident", 2) == 1
            case _:
                raise AssertionError(effect)

    def pass_time(self, by: timedelta) -> None:
        self.now += by
        self.mono += by.total_seconds()

    def trouble(self) -> StoreTrouble:
        return StoreTrouble(StoreUnreachable("the store does not answer"))

    def write(self, effect: WriteGrant) -> object:
        self.writes.append(effect.step)
        self.written.append(effect.record)
        match self.choose(f"write {effect.step}", 6):
            case 1:
                return self.trouble()
            case 2:
                return Unclear()
            case 3:
                if effect.cas == len(self.versions):
                    self.put(effect.record)
                return Unclear()
            case 4:
                self.consent()
            case 5:
                self.somebody_takes_over()
            case _:
                pass
        if effect.cas != len(self.versions):
            return Conflict()
        return Written(self.put(effect.record))

    def consent(self) -> None:
        token = self.fresh("consented")
        self.consented.append(token)
        self.put(record(token, op=Op("consent", Phase.DONE), token_set=tokens(None, at=self.now)))

    def somebody_takes_over(self) -> None:
        newest = self.newest
        if newest is not None:
            self.put(newest.with_intent(intent(op=self.fresh("theirs"))))

    def exchange(self, effect: Exchange) -> TokenSet | TokenError | TooLate:
        token = effect.refresh_token.reveal()
        choice = self.choose("exchange", 10)
        if choice == 9:
            self.pass_time(timedelta(minutes=20))
        if effect.not_after is not None and self.mono >= effect.not_after:
            return TooLate()
        refused = {4: INVALID_GRANT, 5: RATE_LIMITED, 6: INVALID_CLIENT, 7: INVALID_SCOPE}
        self.presented.append((token, choice in refused))
        if choice in refused:
            return refused[choice]
        match choice:
            case 1:
                return tokens(self.deliver(), at=self.now, access=None)
            case 2:
                return error(
                    ErrorClass.UNKNOWN, Reason.REFRESH_UNCLEAR, definite=False, refresh=self.deliver()
                )
            case 3:
                return tokens(None, at=self.now)
            case 8:
                return LOST
            case _:
                return tokens(self.deliver(), at=self.now)

    def deliver(self) -> str:
        token = self.fresh("r")
        self.delivered.append(token)
        return token

    # ---- running

    def run(self) -> Conclusion:
        steps = refresh(self.task)
        effect = next(steps)
        while True:
            try:
                effect = steps.send(self.answer(effect))
            except StopIteration as stop:
                return stop.value


def explore(make, *, surprises: int) -> Iterator[tuple[World, Conclusion]]:
    """Every path of the world that `make(choices)` builds, with at most `surprises` choices other than 0."""
    todo: list[list[int]] = [[]]
    while todo:
        choices = todo.pop()
        world = make(choices)
        yield world, world.run()
        if sum(choice != 0 for choice in choices) >= surprises:
            continue
        for index in range(len(choices), len(world.asked)):
            good_days = [0] * (index - len(choices))
            todo.extend([*choices, *good_days, choice] for choice in range(1, world.asked[index][1]))
