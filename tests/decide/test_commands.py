"""A command that is printed can be pasted: it means the manifests that it was printed for."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.commands import at_root


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reconciler consent team/drive", "reconciler consent team/drive -f infra/oauth"),
        ("reconciler plan --prune", "reconciler plan --prune -f infra/oauth"),
        ("reconciler validate", "reconciler validate -f infra/oauth"),
        ("reconciler trust provider/team/ml", "reconciler trust provider/team/ml -f infra/oauth"),
        ("run again: reconciler consent a/b (a code works once)", None),
        ("look there, then run 'reconciler reconcile --register-again provider/a/b'", None),
        ("reconciler secret set clients/a/b key", "reconciler secret set clients/a/b key"),
        ("an operator writes it anew: reconciler trust settings", None),
        ("the next reconcile settles it", "the next reconcile settles it"),
        ("reconciler plan -f other", "reconciler plan -f other"),
    ],
)
def test_a_command_says_where_its_manifests_are(text: str, said: str | None):
    expected = said or {
        "run again: reconciler consent a/b (a code works once)": (
            "run again: reconciler consent a/b -f infra/oauth (a code works once)"
        ),
        "look there, then run 'reconciler reconcile --register-again provider/a/b'": (
            "look there, then run 'reconciler reconcile --register-again provider/a/b -f infra/oauth'"
        ),
    }.get(text, text)
    assert at_root(text, root="infra/oauth") == expected


def test_the_usual_place_needs_no_words():
    assert at_root("reconciler plan --prune", root="manifests") == "reconciler plan --prune"


@given(root=st.text(min_size=1, max_size=60).filter(lambda text: text != "manifests"))
def test_whatever_a_path_holds_a_shell_takes_it_for_one_word(root: str):
    words = shlex.split(at_root("reconciler consent team/drive", root=root))
    assert words[:4] == ["reconciler", "consent", "team/drive", "-f"]
    assert len(words) == 5
    if root.isprintable():
        assert words[4] == root
