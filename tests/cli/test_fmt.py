"""`fmt`: lines are moved, meaning never; what does not read is left alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.manifest_layout import documents_of
from reconciler.decide.layout import laid_out
from tests.cli.keyboard import Keyboard
from tests.house.tree import ROOT

FILES = sorted(
    [
        *(ROOT / "examples").rglob("manifests/**/*.yaml"),
        *(ROOT / "reconciler" / "catalog").glob("*.yaml"),
        *(ROOT / "tests" / "vectors").rglob("*.yaml"),
    ]
)
MESSY = """\
# why it is here
spec: {provider: sandbox} \x20

# its name
metadata:
  name: a\t
kind: Account
# yaml-language-server: $schema=x
apiVersion: oauth2.reconciler/v1


---

kind: Account
apiVersion: oauth2.reconciler/v1
metadata: {name: b}
spec:
  description: |
    kind: not a key
    two lines
  provider: sandbox



"""
TIDY = """\
# yaml-language-server: $schema=x
apiVersion: oauth2.reconciler/v1
kind: Account
# its name
metadata:
  name: a
# why it is here
spec: {provider: sandbox}
---
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {name: b}
spec:
  description: |
    kind: not a key
    two lines
  provider: sandbox
"""
LINES = st.sampled_from(
    ["apiVersion: v1", "kind: Account", "kind: 'a", "metadata:", "  name: a  ", "spec: {a: b}", "spec: |+", "  text", "",
     "# note", "#  yaml-language-server: $schema=y", "---", "--- # x", "...", "  - a", "b'", "spec: >", "\ttab", "other: 1"]
)  # fmt: skip


def test_lines_are_moved_and_comments_with_them():
    assert laid_out(MESSY, read=documents_of) == TIDY
    assert laid_out(MESSY.replace("\n", "\r\n"), read=documents_of) == TIDY


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_file_of_ours_changes_its_meaning_and_twice_is_once(path: Path):
    text = path.read_bytes().decode("utf-8", "replace")
    made = laid_out(text, read=documents_of)
    assert (made is None) == (documents_of(text) is None)
    if made is not None:
        assert documents_of(made) == documents_of(text)
        assert laid_out(made, read=documents_of) == made


@given(st.lists(LINES, max_size=14), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "../s.json"]))
def test_whatever_stands_in_a_file_means_the_same_afterwards(lines: list[str], end: str, schema: str):
    text = end.join(lines)
    made = laid_out(text, read=documents_of, schema=schema)
    if made is None:
        assert documents_of(text) is None
        return
    assert documents_of(made) == documents_of(text)
    assert sorted(
        line.strip() for line in made.split("\n") if "#" in line and "s.json" not in line
    ) == sorted(line.strip() for line in lines if "#" in line)
    assert laid_out(made, read=documents_of, schema=schema) == made


def test_check_writes_nothing_and_says_so_by_its_exit(desk: Keyboard):
    file = desk.write("a.yaml", MESSY)
    file.chmod(0o640)
    assert desk.run("fmt", "--check", expect=2).out == "would change: manifests/a.yaml\n"
    assert file.read_text() == MESSY
    assert desk.run("fmt", expect=0).out == "changed: manifests/a.yaml\n"
    assert file.read_text() == TIDY
    assert file.stat().st_mode & 0o777 == 0o640
    assert desk.run("fmt", "--check", expect=0).out == ""
    assert sorted(path.name for path in file.parent.iterdir()) == ["a.yaml"]


def test_what_does_not_read_is_left_alone_and_the_rest_is_done(desk: Keyboard):
    broken = desk.write("b.yaml", "kind: [\n")
    good = desk.write("a.yaml", MESSY)
    assert "left alone: manifests/b.yaml" in desk.run("fmt", expect=65).err
    assert (broken.read_text(), good.read_text()) == ("kind: [\n", TIDY)


def test_a_link_out_of_the_root_is_not_followed(desk: Keyboard, tmp_path: Path):
    away = tmp_path / "away.yaml"
    away.write_text(MESSY)
    desk.write("a.yaml", TIDY)
    (desk.folder / "manifests" / "link.yaml").symlink_to(away)
    desk.run("fmt")
    assert away.read_text() == MESSY


def test_a_new_repository_is_in_its_layout_and_a_new_file_learns_where_the_schema_is(desk: Keyboard):
    desk.run("init", "oauth", expect=0)
    assert desk.run("fmt", "--check", "-f", "oauth/manifests", expect=0).out == ""
    new = desk.folder / "oauth" / "manifests" / "sales" / "a.yaml"
    new.parent.mkdir()
    new.write_text(
        "kind: Account\napiVersion: oauth2.reconciler/v1\nmetadata: {name: a}\nspec: {provider: default/sandbox}\n"
    )
    desk.run("fmt", "-f", "oauth/manifests", expect=0)
    assert new.read_text().startswith(
        "# yaml-language-server: $schema=../../manifest.schema.json\napiVersion:"
    )
