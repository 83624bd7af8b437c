"""Bytes -> documents: what is kept, what is refused, and that one bad part spoils no other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.manifests import load, load_text
from reconciler.errors import UsageError
from reconciler.model.document import FLAW, Loaded
from reconciler.model.limits import ManifestLimits
from reconciler.model.spec import Quoted


def text(source: str, **limits: int) -> Loaded:
    return load_text(source.encode(), file="x.yaml", limits=ManifestLimits(**limits))


def messages(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.problems]


def test_scalars_are_text_as_written():
    (document,) = text("a: 1.10\nb: no\nc: 12:30\nd: 0x1F\ne: 2027-01-31\nf: .inf\ng: 1_000\n").documents
    assert list(document.data.values()) == ["1.10", "no", "12:30", "0x1F", "2027-01-31", ".inf", "1_000"]


def test_quotes_are_remembered():
    (document,) = text("a: true\nb: 'true'\nc: |\n  true\n").documents
    assert [type(value) for value in document.data.values()] == [str, Quoted, Quoted]


def test_a_value_and_its_key_are_found_in_the_file():
    (document,) = text("---\na:\n  - b: 1\n    cc:  x\n  - [p, {q: r}]\nd: e\n").documents
    assert str(document.where(("a", 0, "cc"))) == "x.yaml:4:10"
    assert str(document.where(("a", 0, "cc"), key=True)) == "x.yaml:4:5"
    assert str(document.where(("a", 1, 1, "q"))) == "x.yaml:5:13"
    assert str(document.where(("d",))) == "x.yaml:6:4"


def test_the_nearest_part_stands_for_one_that_is_not_there():
    (document,) = text("a:\n  b: {c: d}\n").documents
    assert str(document.where(("a", "b", "nope", 3))) == "x.yaml:2:6"
    assert document.has(("a", "b", "c"))
    assert not document.has(("a", "b", "nope"))


def test_places_are_right_behind_a_key_that_was_dropped():
    (document,) = text("a: 1\na: {x: [1, 2, 3]}\nb: {c: d}\n").documents
    assert document.data == {"a": "1", "b": {"c": "d"}}
    assert str(document.where(("b", "c"))) == "x.yaml:3:8"


def test_what_was_refused_leaves_a_mark_and_its_neighbours():
    (document,) = text("a: ~\nb: &x [c]\nd: *x\ne: f\n").documents
    assert document.data == {"a": FLAW, "b": ["c"], "d": FLAW, "e": "f"}
    assert document.flawed


def test_a_bad_document_spoils_neither_the_one_before_nor_the_one_after():
    loaded = text("a: 1\n---\nb: [\n---\nc: {d: 'e\n---\nf: 2\n")
    assert [d.data for d in loaded.documents if not d.flawed] == [{"a": "1"}, {"f": "2"}]
    assert (
        messages(loaded)
        == [
            "x.yaml:4:1: error: not YAML: a '[' without its ']'",
            "x.yaml:6:1: error: not YAML: a quoted text without its end",
        ]
        or len(loaded.problems) == 2
    )


def test_what_was_read_before_a_mistake_is_kept_to_tell_whose_document_it_is():
    (document,) = text("kind: Account\nmetadata: {name: a}\nspec: [\n").documents
    assert not document.complete
    assert document.data["metadata"] == {"name": "a"}


@pytest.mark.parametrize("source", ["", "\n\n", "# nothing\n", "---\n", "--- # x\n---\n# y\n...\n", "\ufeff"])
def test_files_without_content_hold_no_documents(source: str):
    loaded = text(source)
    assert (loaded.documents, loaded.problems) == ((), ())


def test_dashes_inside_a_block_of_text_do_not_end_it_unless_they_begin_a_line():
    (document,) = text("a: |\n  x\n  ---\n  y\nb: c\n").documents
    assert document.data == {"a": "x\n---\ny\n", "b": "c"}


@pytest.mark.parametrize(
    ("source", "limits", "message"),
    [
        ("a: " + "x" * 200, {"document_bytes": 100}, "a document of more than 0 KiB"),
        ("a: " + "é" * 60, {"document_bytes": 100}, "a document of more than 0 KiB"),
        ("a: " + "x" * 2000, {"scalar_bytes": 1024}, "a text of more than 1 KiB"),
        ("a: [" + "x, " * 50 + "x]", {"document_nodes": 30}, "more than 30 nodes in one document"),
        ("a: " + "[" * 30 + "]" * 30, {"depth": 10}, "nested deeper than 10 levels"),
        ("{" * 30, {}, "a key must be text"),
        ("a: " * 3 + "{a: " * 5000, {}, "not YAML: a ':' where no key can be"),
        ("[" * 100_000, {}, "nested deeper than 24 levels"),
        ("- " * 100_000, {}, "nested deeper than 24 levels"),
    ],
)
def test_limits_hold_while_reading(source: str, limits: dict[str, int], message: str):
    loaded = text(source, **limits)
    assert [problem.message for problem in loaded.problems] == [message]


def test_a_document_at_its_limit_is_read():
    limit = ManifestLimits().document_bytes
    start = f"a: [{('x' * 64_000 + ', ') * 4}"
    source = start + "y" * (limit - len(start) - 2) + "]\n"
    assert len(source) == limit
    assert not text(source).problems
    assert text(f"{source}\n").problems


def test_a_run_stops_at_its_number_of_bytes(tmp_path: Path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text("a: " + "x" * 50)
    loaded = load(tmp_path, ManifestLimits(run_bytes=120))
    assert len(loaded.documents) == 2
    assert loaded.unreadable
    assert "larger than allowed" in loaded.problems[0].message


def test_a_run_stops_at_its_number_of_files(tmp_path: Path):
    for number in range(5):
        (tmp_path / f"{number}.yaml").write_text("a: b")
    loaded = load(tmp_path, ManifestLimits(run_files=3))
    assert (len(loaded.documents), loaded.unreadable) == (3, True)


def test_a_path_that_is_not_there_is_the_command_lines_mistake(tmp_path: Path):
    with pytest.raises(UsageError, match="no such file or folder"):
        load(tmp_path / "nope")


def check_invariants(raw: bytes) -> None:
    loaded = load_text(raw, file="x.yaml")
    lines = raw.count(b"\n") + 2
    for problem in loaded.problems:
        assert 1 <= problem.location.line <= lines
        assert problem.location.column >= 1
        assert problem.message.isprintable()
    for document in loaded.documents:
        assert document.where(()).line >= 1


@given(st.binary(max_size=400))
def test_any_bytes_give_documents_or_problems(raw: bytes):
    check_invariants(raw)


PIECES = (
    *(
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\n",
        "\n  ",
        "---\n",
        "...\n",
        "&x ",
        "*x ",
        "!t ",
    ),
    *(
        "|\n",
        ">-\n",
        "'",
        '"',
        "\\",
        "\\u202e",
        "<<: ",
        "~",
        "null",
        "#",
        "%YAML 1.2\n",
        "\t",
        "\r\n",
        "\r",
        "@",
    ),
    *("\x00", "\ufeff", "é", "\u2028", "\ud800"),
)
YAMLISH = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@given(YAMLISH)
def test_anything_like_yaml_gives_documents_or_problems(source: str):
    check_invariants(source.encode("utf-8", "surrogatepass"))


@given(YAMLISH, YAMLISH)
def test_a_sound_document_is_read_whatever_stands_around_it(before: str, after: str):
    source = f"{before}\n---\nsound: document\n---\n{after}"
    loaded = load_text(source.encode("utf-8", "surrogatepass"), file="x.yaml")
    assert {"sound": "document"} in [document.data for document in loaded.documents]
