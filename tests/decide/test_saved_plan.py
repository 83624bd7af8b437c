"""A saved plan against the world of now: what still holds is done, what has moved is refused, nothing else is touched."""

import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.saved_plan import narrow_to, read_saved_plan
from reconciler.errors import UsageError
from reconciler.report.json_document import plan_document
from tests.decide.plan_world import actions, all_applied, plan, secret, stored
from tests.simulators.manifests import make_account, make_desired, make_provider, secret_ref


def saved(made):
    return read_saved_plan(json.loads(plan_document(made, tool="test")))


def test_a_plan_that_still_holds_is_done_whole():
    desired = make_desired()
    made = plan(desired, stored(desired=desired))
    narrowed, left = narrow_to(made, saved(made))
    assert (narrowed.changes, left) == (made.changes, ())
    assert narrowed.digest == saved(made).digest


def test_what_was_not_in_it_is_left_out():
    before = make_desired()
    made = plan(before, stored(desired=before))
    after = make_desired(make_provider(), make_account(), make_account("team/new"))
    narrowed, left = narrow_to(plan(after, stored(desired=after)), saved(made))
    assert actions(narrowed) == actions(made)
    assert [(str(r.address), r.reason, r.code) for r in left] == [("account/team/new", "NotInPlan", 0)]


def test_what_has_moved_is_refused_and_the_rest_is_done():
    desired = make_desired()
    made = plan(desired, stored(desired=desired))
    path = secret_ref().path
    moved = replace(stored(desired=desired), secrets={path: secret(path, versions=2)})
    narrowed, left = narrow_to(plan(desired, moved), saved(made))
    assert actions(narrowed) == [("track", "account/team/drive")]
    (refused,) = left
    assert (refused.outcome, refused.reason, refused.code) == ("held", "PlanStale", 6)
    assert refused.message == "clients/team/sandbox: version 1 when the plan was saved, 2 now"


def test_a_manifest_that_says_something_else_by_now_is_refused():
    """What was reviewed is what is done: a first registration has no fields that could differ."""
    desired = make_desired()
    made = plan(desired, stored(desired=desired))
    after = make_desired(make_provider(digest="9" * 16), make_account(digest="8" * 16))
    narrowed, left = narrow_to(plan(after, stored(desired=after)), saved(made))
    assert narrowed.changes == ()
    assert [(r.reason, r.code, r.message) for r in left] == [
        ("PlanStale", 6, "provider/team/sandbox has changed since the plan was saved"),
        ("PlanStale", 6, "account/team/drive has changed since the plan was saved"),
    ]


def test_what_somebody_else_did_meanwhile_is_no_failure():
    desired = make_desired()
    made = plan(desired, stored(desired=desired))
    narrowed, left = narrow_to(plan(desired, all_applied(desired)), saved(made))
    assert (narrowed.changes, left) == ((), ())


@pytest.mark.parametrize(
    "document", [None, [], {}, {"kind": "run"}, {"kind": "plan", "format_version": 2}, "plan"], ids=repr
)
def test_what_is_no_plan_is_a_usage_error(document):
    with pytest.raises(UsageError):
        read_saved_plan(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_is_a_saved_plan_or_a_usage_error(changes):
    with contextlib.suppress(UsageError):
        read_saved_plan({"kind": "plan", "format_version": 1, "digest": "x", "changes": changes})
