"""Refresh tokens under each of the four rotations."""

import threading
from collections.abc import Callable

import pytest

from reconciler.sandbox import Rotation, Sandbox, TokenPolicy
from tests.sandbox.application import Application, refused

Start = Callable[..., Sandbox]
Register = Callable[..., Application]


def seeded(app: Application, **wanted) -> dict:
    return app.sandbox.add_grants(app.client_id, **wanted)[0]


@pytest.fixture
def under(start: Start, register: Register) -> Callable[..., Application]:
    """An application at a sandbox whose tokens behave as told."""
    return lambda **policy: register(start(policy=TokenPolicy(**policy)))


def test_a_single_use_token_is_replaced_by_its_use(app: Application) -> None:
    first = seeded(app)["refresh_token"]
    answer = app.refresh(first)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    second = answer.json()["refresh_token"]
    assert second != first
    assert app.refresh(second).status_code == 200


def test_reusing_a_single_use_token_kills_the_whole_family(app: Application) -> None:
    old = seeded(app)["refresh_token"]
    new = app.refresh(old).json()
    assert refused(app.refresh(old)) == (400, "invalid_grant")
    assert refused(app.refresh(new["refresh_token"])) == (400, "invalid_grant")
    assert app.call_api(new["access_token"]).status_code == 401
    (grant,) = app.sandbox.list_grants()
    assert (grant["alive"], grant["revoked_because"], grant["reuses"]) == (False, "refresh token reuse", 1)
    assert app.sandbox.counters()["families_revoked"] == 1


def test_the_token_of_another_client_is_refused_and_stays_alive(
    app: Application, sandbox: Sandbox, register: Register
) -> None:
    token = seeded(app)["refresh_token"]
    stranger = register(sandbox)
    assert refused(stranger.refresh(token)) == (400, "invalid_grant")
    assert app.refresh(token).status_code == 200


def test_an_unknown_token_is_refused(app: Application) -> None:
    assert refused(app.refresh("no such token")) == (400, "invalid_grant")


def test_of_eight_threads_with_one_single_use_token_exactly_one_succeeds(app: Application) -> None:
    token = seeded(app)["refresh_token"]
    barrier, statuses = threading.Barrier(8), []

    def race() -> None:
        barrier.wait()
        statuses.append(app.refresh(token).status_code)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7
    counted = app.sandbox.counters()
    assert (counted["exchanges_total"], counted["families_revoked"]) == (1, 1)


def test_a_reusable_token_may_be_used_again_and_again(under: Callable[..., Application]) -> None:
    app = under(rotation=Rotation.REUSABLE)
    token = seeded(app)["refresh_token"]
    assert [app.refresh(token).json()["refresh_token"] for _ in range(3)] == [token] * 3


def test_a_refresh_can_leave_out_the_refresh_token_as_google_does(under: Callable[..., Application]) -> None:
    app = under(rotation=Rotation.REUSABLE, omit_refresh_token_on_refresh=True)
    token = seeded(app)["refresh_token"]
    assert "refresh_token" not in app.refresh(token).json()
    assert app.refresh(token).status_code == 200


def test_within_the_grace_the_old_token_brings_the_same_successor(under: Callable[..., Application]) -> None:
    app = under(rotation=Rotation.SINGLE_USE_WITH_GRACE, grace_seconds=30)
    old = seeded(app)["refresh_token"]
    new = app.refresh(old).json()["refresh_token"]
    app.sandbox.advance_clock(20)
    assert app.refresh(old).json()["refresh_token"] == new
    assert app.refresh(new).status_code == 200
    assert app.sandbox.counters()["retries_in_grace"] == 1


def test_after_the_grace_the_old_token_kills_the_family(under: Callable[..., Application]) -> None:
    app = under(rotation=Rotation.SINGLE_USE_WITH_GRACE, grace_seconds=30)
    old = seeded(app)["refresh_token"]
    new = app.refresh(old).json()["refresh_token"]
    app.sandbox.advance_clock(31)
    assert refused(app.refresh(old)) == (400, "invalid_grant")
    assert refused(app.refresh(new)) == (400, "invalid_grant")


def test_grace_ends_when_the_successor_is_used(under: Callable[..., Application]) -> None:
    app = under(rotation=Rotation.SINGLE_USE_WITH_GRACE, grace_seconds=30)
    old = seeded(app)["refresh_token"]
    new = app.refresh(old).json()["refresh_token"]
    app.refresh(new)
    assert refused(app.refresh(old)) == (400, "invalid_grant")
    assert app.sandbox.counters()["reuses"] == 1


def test_where_the_old_stays_valid_each_refresh_brings_a_new_token_and_both_work(
    under: Callable[..., Application],
) -> None:
    app = under(rotation=Rotation.OLD_STAYS_VALID)
    old = seeded(app)["refresh_token"]
    one, other = (app.refresh(old).json()["refresh_token"] for _ in range(2))
    assert len({old, one, other}) == 3
    assert app.refresh(one).status_code == app.refresh(other).status_code == 200


def test_a_token_that_idles_too_long_dies_and_one_that_is_used_does_not(
    under: Callable[..., Application],
) -> None:
    app = under(rotation=Rotation.REUSABLE, refresh_idle_seconds=100)
    used, idle = (seeded(app, subject=name)["refresh_token"] for name in ("ana", "bruno"))
    for _ in range(3):
        app.sandbox.advance_clock(60)
        assert app.refresh(used).status_code == 200
    assert refused(app.refresh(idle)) == (400, "invalid_grant")


def test_an_absolute_lifetime_ends_a_grant_however_busy(under: Callable[..., Application]) -> None:
    app = under(refresh_absolute_seconds=100)
    token = seeded(app)["refresh_token"]
    app.sandbox.advance_clock(60)
    token = app.refresh(token).json()["refresh_token"]
    app.sandbox.advance_clock(60)
    assert refused(app.refresh(token)) == (400, "invalid_grant")


def test_a_refresh_may_narrow_the_scope_and_never_widen_it(app: Application) -> None:
    token = seeded(app, scopes=["profile", "files.read"])["refresh_token"]
    narrowed = app.refresh(token, scope="profile").json()
    assert narrowed["scope"] == "profile"
    assert refused(app.refresh(narrowed["refresh_token"], scope="profile files.write")) == (
        400,
        "invalid_scope",
    )
    assert app.refresh(narrowed["refresh_token"]).json()["scope"] == "profile files.read"


def test_extra_fields_are_added_filled_in_and_removed(under: Callable[..., Application]) -> None:
    app = under(extra_fields={"user_id": 7, "owner": "{subject}", "expires_in": None})
    answer = app.refresh(seeded(app, subject="ana")["refresh_token"]).json()
    assert (answer["user_id"], answer["owner"]) == (7, "ana")
    assert "expires_in" not in answer


def test_each_client_can_have_a_policy_of_its_own(app: Application) -> None:
    app.sandbox.configure_client(
        app.client_id, policy=TokenPolicy(rotation=Rotation.REUSABLE, access_token_seconds=60)
    )
    token = seeded(app)["refresh_token"]
    answer = app.refresh(token).json()
    assert (answer["refresh_token"], answer["expires_in"]) == (token, 60)


def test_the_state_of_a_token_is_told_without_spending_it(app: Application) -> None:
    old = seeded(app)["refresh_token"]
    assert app.sandbox.refresh_token_state(old)["state"] == "current"
    new = app.refresh(old).json()["refresh_token"]
    assert app.sandbox.refresh_token_state(old)["state"] == "reused"
    assert app.sandbox.refresh_token_state(new)["state"] == "current"
    assert app.sandbox.refresh_token_state("another")["state"] == "unknown"
    app.sandbox.revoke_person("person-1")
    assert app.sandbox.refresh_token_state(new)["state"] == "dead"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotation": Rotation.SINGLE_USE_WITH_GRACE},
        {"grace_seconds": 5},
        {"access_token_seconds": 0},
        {"omit_refresh_token_on_refresh": True},
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(set(wrong) - {"rotation"}), "grace_seconds")):
        TokenPolicy(**wrong)


def test_a_policy_survives_its_json() -> None:
    policy = TokenPolicy(
        rotation=Rotation.SINGLE_USE_WITH_GRACE, grace_seconds=9, extra_fields={"user_id": 1}
    )
    assert TokenPolicy.from_json(policy.to_json()) == policy
