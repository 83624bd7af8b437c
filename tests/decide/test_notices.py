"""What is told when: transitions alone, each once, and never what cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.decide.forecast import LimitKind, Need
from reconciler.decide.health import judge_account
from reconciler.decide.notices import Matter, Notice, NoticeKind, _account, _expiring, matters_of, notices_for
from reconciler.decide.plan import Plan
from reconciler.model.notified import SHARDS, Marks, shard_of
from reconciler.model.observed import Observed
from reconciler.model.state import AccountState, ErrorClass, Reason
from tests.decide.health_world import CONSENTED, DAY, HOUR, NEVER, NOW, circuit, registered, view
from tests.simulators.manifests import ACCOUNT, PROVIDER, make_account, make_desired, make_provider

K = NoticeKind
DEAD = replace(CONSENTED, state=AccountState.NEEDS_CONSENT, reason=Reason.GRANT_REVOKED)
DOUBT = replace(CONSENTED, state=AccountState.IN_DOUBT, reason=Reason.GRANT_SUSPECTED)
ADMIN = replace(CONSENTED, state=AccountState.NEEDS_ADMIN, reason=Reason.ADMIN_ACTION_REQUIRED)


def matter(seen: Any) -> Matter | None:
    return _account(seen, judge_account(seen), refresh_every=HOUR)


def ends_in(days: float, *, lives: float = 400) -> Any:
    end = NOW + timedelta(days=days)
    said = replace(CONSENTED, refresh_expires_at=end, consented_at=end - timedelta(days=lives))
    return view(status=said)


class Listener:
    """One destination over time: what it is told at each look, and the marks that it leaves."""

    def __init__(self) -> None:
        self.marks = Marks()

    def looks(self, *matters: Matter | None, takes: bool = True) -> list[Notice]:
        found = notices_for("webhook", tuple(m for m in matters if m is not None), self.marks, now=NOW)
        for notice in found if takes else ():
            self.marks = self.marks.with_mark(notice.matter.topic, "webhook", notice.mark)
        return list(found)

    def hears(self, *seen: Any) -> list[NoticeKind]:
        return [notice.kind for notice in self.looks(*(matter(one) for one in seen))]


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (view(status=NEVER, token_age=None), K.NEEDS_CONSENT),
        (view(status=DEAD), K.NEEDS_CONSENT),
        (view(account=make_account(scopes=("read", "write"))), K.NEEDS_CONSENT),
        (view(account=make_account(expires=NOW - DAY)), K.NEEDS_CONSENT),
        (view(status=ADMIN), K.NEEDS_ADMIN),
        (view(status=DOUBT), K.IN_DOUBT),
        (ends_in(20), K.EXPIRING),
    ],
)
def test_each_matter_is_told_once(seen: Any, kind: NoticeKind):
    listener = Listener()
    assert listener.hears(seen) == [kind]
    assert listener.hears(seen) == []


def test_what_works_is_no_news():
    listener = Listener()
    assert listener.hears(view()) == []
    assert listener.marks == Marks()


@pytest.mark.parametrize("before", [view(status=DEAD), view(status=ADMIN), view(status=DOUBT)])
def test_what_works_again_is_told_once(before: Any):
    listener = Listener()
    listener.hears(before)
    assert listener.hears(view()) == [K.RECOVERED]
    assert listener.hears(view()) == []


def test_another_reason_is_another_matter_and_another_doubt_is_none():
    listener = Listener()
    listener.hears(view(status=DEAD))
    assert listener.hears(view(status=replace(DEAD, reason=Reason.REFRESH_TOKEN_EXPIRED))) == [
        K.NEEDS_CONSENT
    ]
    listener.hears(view(status=DOUBT))
    assert listener.hears(view(status=CONSENTED, grants=None)) == [K.RECOVERED]


def test_an_end_that_comes_near_is_told_at_each_step_and_in_between_not():
    listener = Listener()
    need = Need(ACCOUNT, LimitKind.ABSOLUTE, NOW, "the grant ends")

    def hears(days: float) -> bool:
        now = NOW - timedelta(days=days)
        return listener.looks(_expiring(str(ACCOUNT), need, now=now, since=NOW - 400 * DAY)) != []

    assert [days for days in (40, 31, 30, 29, 15, 14, 10, 7, 6, 1, 0.5) if hears(days)] == [30, 14, 7, 1]


def test_runs_that_come_seldom_tell_the_nearest_step_alone():
    listener = Listener()
    (notice,) = listener.looks(matter(ends_in(6.5)))
    assert notice.matter.mark.endswith(":7")
    assert listener.hears(ends_in(6.5)) == []


def test_a_clock_that_goes_back_repeats_nothing():
    listener = Listener()
    said = matter(ends_in(6))
    listener.looks(said)
    assert said is not None
    earlier = replace(said, mark=said.mark.rpartition(":")[0] + ":14")
    assert listener.looks(earlier) == []


def test_a_grant_that_lives_a_week_is_not_called_expiring_from_its_first_day():
    assert [Listener().hears(ends_in(days, lives=7)) for days in (6.9, 5, 2)] == [[], [], []]
    assert Listener().hears(ends_in(0.9, lives=7)) == [K.EXPIRING]


def test_an_end_that_was_met_is_no_recovery_and_the_next_one_is_told_anew():
    listener = Listener()
    listener.hears(ends_in(6))
    assert listener.hears(ends_in(300)) == []
    assert listener.hears(ends_in(13)) == [K.EXPIRING]


@pytest.mark.parametrize(
    "unknown",
    [
        view(unreadable="denied"),
        view(not_ready="its secret is missing"),
        view(provider_observed=registered(circuit=circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED))),
        view(broken=True),
        view(token_age=2 * HOUR),
        view(account=make_account(suspend=True)),
    ],
)
def test_what_cannot_be_judged_now_is_neither_told_nor_forgotten(unknown: Any):
    listener = Listener()
    listener.hears(view(status=DEAD))
    assert listener.hears(unknown) == []
    assert listener.hears(view(status=DEAD)) == []
    assert listener.hears(view()) == [K.RECOVERED]


def test_a_transition_has_the_same_id_each_time_it_is_told_and_the_next_one_another():
    listener = Listener()
    (first,) = listener.looks(matter(view(status=DEAD)), takes=False)
    (again,) = listener.looks(matter(view(status=DEAD)))
    assert first.id == again.id
    (over,) = listener.looks(matter(view()))
    (second,) = listener.looks(matter(view(status=DEAD)))
    assert len({again.id, over.id, second.id}) == 3


def test_each_destination_has_marks_of_its_own():
    marks = Marks().with_mark(
        "account/team/drive", "webhook", "needs-consent:GrantRevoked@2030-06-01T12:00:00Z"
    )
    said = matter(view(status=DEAD))
    assert said is not None
    assert notices_for("webhook", (said,), marks, now=NOW) == ()
    assert len(notices_for("mail", (said,), marks, now=NOW)) == 1


def test_nothing_in_a_notice_comes_from_a_manifests_free_text():
    account = make_account(description="open https://evil.example now", owner="ana@example.com")
    said = matter(view(account=account, status=DEAD))
    assert "evil" not in repr(said)


def provider_matters(**status: Any) -> tuple[Matter, ...]:
    observed = Observed(store="s", now=NOW, providers={PROVIDER: registered(**status)})
    plan = Plan("manifests", "s", NOW, 1, 0)
    return matters_of(make_desired(make_provider()), observed, plan, refresh_every=HOUR)


def test_a_providers_incident_is_told_and_its_end():
    listener = Listener()
    refused = circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED)
    assert [n.kind for n in listener.looks(*provider_matters(circuit=refused))] == [K.INCIDENT]
    assert listener.looks(*provider_matters(circuit=refused)) == []
    assert [n.kind for n in listener.looks(*provider_matters())] == [K.RECOVERED]


def test_a_silence_is_told_once_it_has_lasted_an_hour():
    def silent(since):
        return circuit(ErrorClass.TRANSIENT, Reason.PROVIDER_UNREACHABLE, since=since)

    listener = Listener()
    assert listener.looks(*provider_matters(circuit=silent(HOUR / 2))) == []
    assert [n.kind for n in listener.looks(*provider_matters(circuit=silent(HOUR)))] == [K.INCIDENT]
    assert [n.kind for n in listener.looks(*provider_matters())] == [K.RECOVERED]


def test_a_client_secret_that_ends_is_told_beside_an_incident():
    refused = circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED)
    said = provider_matters(circuit=refused, client_secret_expires_at=NOW + 5 * DAY)
    assert [n.kind for n in Listener().looks(*said)] == [K.INCIDENT, K.EXPIRING]


def test_marks_survive_their_stored_form_and_are_spread_evenly():
    marks = Marks().with_mark("account/a/b", "mail", "x@t").with_mark("account/a/c", "webhook", "y@t")
    assert Marks.from_document(marks.to_document()) == marks
    assert marks.without(frozenset({"account/a/b"})).told.keys() == {"account/a/c"}
    counts = [shard_of(f"account/team/a{n}") for n in range(3200)]
    assert len(set(counts)) == SHARDS
    assert max(map(counts.count, set(counts))) < 400
