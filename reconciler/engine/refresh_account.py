"""One account's refresh from end to end: protocol, publish, metadata, result. Whatever happens becomes its Result.

Rules:
- nothing is published but what the protocol's conclusion carries;
- metadata is written once, last, and only where it says something new, or where a released intent would else look
  like an unfinished refresh;
- an error that nobody foresaw is told by its type alone: its text may hold anything.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.decide.incidents import lives_past_next_run
from reconciler.decide.projection import after_client_credentials, after_conclusion, blank_status
from reconciler.decide.refresh_effects import Conclusion, Ending, Exchange, Published, RefreshTask
from reconciler.decide.refresh_results import Shown, failed_result, refresh_result
from reconciler.decide.results import Outcome, Result
from reconciler.decide.rotation import refresh
from reconciler.decide.token_response import TokenError, granted_scopes
from reconciler.decide.trust import grants_taken_along
from reconciler.engine.circuit import Desk, tell
from reconciler.engine.consented import removal_of
from reconciler.engine.drive import Hands, pause
from reconciler.engine.frozen import held_back
from reconciler.engine.own_token import obtain
from reconciler.engine.proving import prove_import
from reconciler.engine.published import provide_for, publish_tokens, write_status
from reconciler.engine.refresh_work import RefreshWork, StoreWatch
from reconciler.engine.run import Run
from reconciler.engine.store_clock import StoreClock
from reconciler.engine.token_call import TokenCall
from reconciler.errors import ReconcilerError
from reconciler.model.grant import TokenSet
from reconciler.model.status import AccountStatus, ownership_mark

_PUBLISH_COMES = 1.0
"""How long a winner is given to publish before the loser does it for it, seconds."""


@dataclass(frozen=True)
class AccountRefresh:
    run: Run
    work: RefreshWork
    desk: Desk
    clock: StoreClock
    watch: StoreWatch
    due_within: timedelta | None
    force: bool
    _asked: threading.Event = field(default_factory=threading.Event)
    """Set once something was sent to the provider."""

    def result(self) -> Result:
        """Do it and say what happened. Never raises."""
        account = self.work.account
        try:
            with self.run.in_flight.working(account.address):
                result = self._person() if account.grant.needs_person else self._own()
        except ReconcilerError as error:
            self.watch.note(error)
            result = failed_result(error, account.address, location=account.location)
        except Exception as error:  # noqa: BLE001  one account's surprise must not end the others' refreshes
            word = f"an error in the tool itself ({type(error).__name__})"
            result = Result(
                account.address,
                "refresh",
                Outcome.FAILED,
                "Internal",
                word,
                word,
                location=account.location,
                code=1,
            )
        if not self._asked.is_set():
            self.desk.note_not_asked()
        self.run.events.info(
            "refresh.account",
            address=str(account.address),
            outcome=result.outcome.value,
            reason=result.reason,
        )
        return result

    def _note_request(self) -> None:
        self._asked.set()
        self.desk.note_request(self.clock.now())

    # ------------------------------------------------------------------------------------------- with a grant

    def _person(self) -> Result:
        held = held_back(self.run, self.work)
        if held is not None:
            return held
        call = TokenCall(self.run, self.work.provider, self.clock, self._note_request)
        last_good = self.desk.prefers_last_good

        noted: list[TokenError] = []

        def note(error: TokenError) -> bool:
            noted.append(error)
            return self.desk.note_refused_grant(error, self.clock.now())

        def exchange(effect: Exchange) -> TokenSet | TokenError:
            return call.refresh(effect, last_good=last_good or effect.last_good)

        hands = Hands(
            self.run,
            self.run.layout.grant(self.work.account.address),
            self.clock,
            exchange,
            note,
        )
        ended = hands.drive(refresh(self._task()))
        ended = replace(ended, last_good_used=ended.last_good_used or last_good)
        tell(self.desk, ended, noted=bool(noted), now=self.clock.now())
        self.watch.note(ended.trouble)
        proof = prove_import(self.run, self.work, ended, now=self.clock.now())
        if proof.refused is not None:
            return proof.refused
        ended = replace(proof.ended, warnings=(*proof.ended.warnings, *proof.warnings))
        version, expires_at = self._publish(ended)
        failure = self._write_status(ended, version=version, expires_at=expires_at)
        result = refresh_result(ended, self._shown(version=version, expires_at=expires_at))
        return _with_failure(result, failure)

    def _task(self) -> RefreshTask:
        account, provider = self.work.account, self.work.provider
        behaviour = provider.desired.behaviour
        return RefreshTask(
            address=account.address,
            behaviour=behaviour,
            client_id=provider.client.client_id,
            origin=str(provider.endpoints.refresh.url.origin),
            former_origins=grants_taken_along(provider.endpoints.refresh.url, provider=provider.desired),
            holder=self.run.holder,
            owner_mark=ownership_mark(self.run.owner),
            removal=removal_of(account, provider),
            fingerprint_key=self.run.fingerprint_key,
            tool=self.run.tool,
            commit=self.run.commit,
            window=account.window,
            due_within=self.due_within,
            force=self.force,
            published=self._published(),
            may_use_last_good=provider.last_good is not None and not self.desk.prefers_last_good,
            limits=self.run.limits,
        )

    def _published(self) -> Published | None:
        newest = self.work.observed.tokens.newest if self.work.observed.tokens else None
        if newest is None or not newest.alive:
            return None
        status = self.work.observed.status
        access = self.work.provider.desired.behaviour.access_token
        lifetime = status.lifetime if status else None
        if lifetime is None:
            lifetime = access.lifetime or self.run.limits.default_lifetime
        return Published(lifetime, newest.created_time)

    # ---------------------------------------------------------------------------------------- without a grant

    def _own(self) -> Result:
        account, provider = self.work.account, self.work.provider
        call = TokenCall(self.run, provider, self.clock, self._note_request)
        obtained = obtain(call, account, prefers_last_good=self.desk.prefers_last_good)
        ended = obtained.conclusion
        tell(self.desk, ended, noted=False, now=self.clock.now())
        version, expires_at = self._publish(ended)
        old = self._old_status()
        said = after_client_credentials(
            old,
            obtained.answer,
            account=account,
            behaviour=provider.desired.behaviour,
            client_id=provider.client.client_id,
            now=self.clock.now(),
            limits=self.run.limits,
        )
        failure = self._store_status(said, version=version, expires_at=expires_at)
        result = refresh_result(ended, self._shown(version=version, expires_at=expires_at))
        return _with_failure(result, failure)

    # ------------------------------------------------------------------------------------ publish and project

    def _publish(self, ended: Conclusion) -> tuple[int, datetime | None]:
        """(version published now, when what workloads hold dies)."""
        published = self._published()
        known = None if published is None else published.expires_at
        tokens = ended.tokens
        if tokens is None or tokens.access_token is None or ended.ending is Ending.NOT_STORED:
            return 0, known
        observed = self.work.observed.tokens
        cas = observed.current_version if observed else 0
        if ended.ending is Ending.FRESH and self._is_published(ended):
            return 0, tokens.expires_at
        if self._is_young_work_of_another(ended) and self._comes_published(tokens, than=cas):
            return 0, tokens.expires_at
        if self.work.account.delete_after_expiry:
            life = tokens.expires_at - self.clock.now()
            provide_for(self.run, self.work.account.address, status=self._old_status(), life=life)
        version = publish_tokens(
            self.run,
            self.work.account.address,
            tokens=tokens,
            scope=self._scopes(ended, tokens),
            cas=cas,
            grant_version=None if ended.record is None else ended.version,
            values={} if ended.record is None else ended.record.kept,
        )
        return version, tokens.expires_at

    def _is_published(self, ended: Conclusion) -> bool:
        """What workloads read is younger than the grant's newest version."""
        published = self._published()
        if published is None or ended.created_time is None:
            return False
        return published.issued_at >= ended.created_time

    def _is_young_work_of_another(self, ended: Conclusion) -> bool:
        """Stored by another run just now: it is about to publish it."""
        if ended.ending not in (Ending.WAITED, Ending.FRESH) or ended.created_time is None:
            return False
        return self.clock.now() - ended.created_time < 2 * self.run.limits.http_deadline

    def _comes_published(self, tokens: TokenSet, *, than: int) -> bool:
        """The run that refreshed it publishes too; only if it does not come to that, we do."""
        path = self.run.layout.token(self.work.account.address)
        stands = self.run.store.read(path)
        if stands.version == than or stands.document is None:
            pause(self.run, _PUBLISH_COMES)
            stands = self.run.store.read(path)
        return stands.document is not None and stands.document.secret("access_token") == tokens.access_token

    def _scopes(self, ended: Conclusion, tokens: TokenSet) -> tuple[str, ...]:
        if ended.record is not None:
            return ended.record.scopes
        rules = self.work.provider.desired.behaviour.scopes
        return granted_scopes(self.work.account.scopes, tokens.scope, rules)

    def _old_status(self) -> AccountStatus:
        mark = ownership_mark(self.run.owner)
        return self.work.observed.status or blank_status(
            self.work.account, owner_mark=mark, now=self.clock.now()
        )

    def _write_status(
        self, ended: Conclusion, *, version: int, expires_at: datetime | None
    ) -> ReconcilerError | None:
        if ended.ending is Ending.WAITED and not version:
            return None
        said = after_conclusion(
            self._old_status(),
            ended,
            behaviour=self.work.provider.desired.behaviour,
            key=self.run.fingerprint_key,
            now=self.clock.now(),
            access_expires_at=expires_at,
            limits=self.run.limits,
        )
        # A released intent makes the grant newer than the token: unless said so, it looks like a refresh unfinished.
        needs_intent = self.work.provider.desired.behaviour.refresh_token.rotation.needs_intent
        released = needs_intent and ended.ending is Ending.REFUSED and ended.trouble is None
        return self._store_status(said, version=version, expires_at=expires_at, always=released)

    def _store_status(
        self, said: AccountStatus, *, version: int, expires_at: datetime | None, always: bool = False
    ) -> ReconcilerError | None:
        """Write what is new. An error costs nothing but the projection: it is told beside the result."""
        if version and expires_at is not None:
            said = replace(said, lifetime=expires_at - self.clock.now())
        old = self.work.observed.status
        try:
            account, expires = self.work.account, self.work.account.delete_after_expiry
            if write_status(self.run, account.address, status=said, old=old, always=always, expires=expires):
                self.run.failpoint("refresh.status-written")
        except ReconcilerError as error:
            return error
        return None

    def _shown(self, *, version: int, expires_at: datetime | None) -> Shown:
        now = self.clock.now()
        return Shown(
            address=self.work.account.address,
            location=self.work.account.location,
            now=now,
            access_expires_at=expires_at,
            lives_on=lives_past_next_run(expires_at, now=now, due_within=self.due_within),
            path=str(self.run.layout.token(self.work.account.address)) if version else "",
            version=version,
        )


def _with_failure(result: Result, failure: ReconcilerError | None) -> Result:
    if failure is None:
        return result
    line = f"what status shows of it could not be written: {failure.message}"
    code = result.code or failure.exit_code
    return replace(result, warnings=(*result.warnings, line), code=code)
