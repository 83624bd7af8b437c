"""One comment, one issue: which is ours, and the one thing that is done."""

import pytest

from reconciler.decide.sticky import Deed, Posted, Upkeep, keep_comment, keep_issue, marker

BODY = f"{marker('plan', 'manifests')}\nsays this"
MINE = Posted(5, BODY, by_bot=True)


@pytest.mark.parametrize(
    ("found", "does"),
    [
        ([], Upkeep(Deed.CREATE)),
        ([MINE], Upkeep(Deed.NOTHING, 5)),
        ([Posted(5, BODY.replace("\n", "\r\n") + "\r\n", by_bot=True)], Upkeep(Deed.NOTHING, 5)),
        ([Posted(5, BODY + "!", by_bot=True)], Upkeep(Deed.UPDATE, 5)),
        ([Posted(9, BODY + "!", by_bot=True), Posted(5, BODY + "?", by_bot=True)], Upkeep(Deed.UPDATE, 5)),
        ([Posted(5, BODY, by_bot=False)], Upkeep(Deed.CREATE)),
        ([Posted(5, f"> {BODY}", by_bot=True)], Upkeep(Deed.CREATE)),
        ([Posted(5, BODY.replace("manifests", "others"), by_bot=True)], Upkeep(Deed.CREATE)),
        ([Posted(5, "", by_bot=True)], Upkeep(Deed.CREATE)),
    ],
)
def test_a_comment(found, does):
    assert keep_comment(found, body=BODY) == does


OPEN = Posted(3, BODY, by_bot=True, open=True, title="T")
CLOSED = Posted(3, BODY, by_bot=True, open=False, title="T")


@pytest.mark.parametrize(
    ("found", "needed", "does"),
    [
        ([], True, Upkeep(Deed.CREATE)),
        ([], False, Upkeep(Deed.NOTHING)),
        ([OPEN], True, Upkeep(Deed.NOTHING, 3)),
        ([CLOSED], True, Upkeep(Deed.UPDATE, 3)),
        ([OPEN], False, Upkeep(Deed.CLOSE, 3)),
        ([CLOSED], False, Upkeep(Deed.NOTHING, 3)),
        ([Posted(3, BODY, by_bot=True, title="another")], True, Upkeep(Deed.UPDATE, 3)),
        ([Posted(3, BODY, by_bot=False, title="T")], False, Upkeep(Deed.NOTHING)),
    ],
)
def test_an_issue(found, needed, does):
    assert keep_issue(found, title="T", body=BODY, needed=needed) == does


@pytest.mark.parametrize("key", ["a --> b", "a\n<b>", "ümläut", "x" * 300])
def test_a_folders_name_cannot_end_the_comment_early(key):
    made = marker("plan", key)
    assert made.count("-->") == 1
    assert made.isascii()
    assert "\n" not in made
    assert len(made) < 150
