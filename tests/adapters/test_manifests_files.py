"""Which files are read, under which namespace, and each real one once."""

import os
from pathlib import Path

import pytest

from reconciler.adapters.manifests import load
from reconciler.model.document import Loaded


def write(path: Path, text: str = "a: b\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def seen(loaded: Loaded, root: Path) -> list[tuple[str, str | None]]:
    return [(str(Path(d.file).relative_to(root)), d.namespace) for d in loaded.documents]


def test_yaml_files_are_read_in_order_of_their_names_and_nothing_else(tmp_path: Path):
    for name in (
        "b.yml",
        "a.yaml",
        "README.md",
        "c.json",
        ".hidden.yaml",
        ".git/x.yaml",
        "team/.x/y.yaml",
        "team/z.yaml",
    ):
        write(tmp_path / name)
    assert seen(load(tmp_path), tmp_path) == [("a.yaml", None), ("b.yml", None), ("team/z.yaml", "team")]


def test_the_folder_below_the_root_is_the_namespace_however_deep_the_file(tmp_path: Path):
    write(tmp_path / "team" / "deep" / "er" / "a.yaml")
    assert seen(load(tmp_path), tmp_path) == [("team/deep/er/a.yaml", "team")]


def test_a_file_given_by_itself_may_name_any_namespace(tmp_path: Path):
    path = write(tmp_path / "team" / "a.yaml")
    (document,) = load(path).documents
    assert (document.file, document.namespace) == (path.as_posix(), None)


def test_files_are_shown_as_the_root_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "manifests" / "team" / "a.yaml")
    monkeypatch.chdir(tmp_path)
    assert [d.file for d in load(Path("manifests")).documents] == ["manifests/team/a.yaml"]
    assert [d.file for d in load(Path()).documents] == ["manifests/team/a.yaml"]


def test_a_folder_whose_name_is_no_namespace_is_refused_only_where_manifests_are_in_it(tmp_path: Path):
    write(tmp_path / "Team A" / "a.yaml")
    write(tmp_path / "Docs" / "a.md")
    loaded = load(tmp_path)
    assert [p.message for p in loaded.problems] == ["the folder's name is no namespace"]
    assert (loaded.documents, loaded.unreadable) == ((), True)


def test_a_kubernetes_mount_is_read_once(tmp_path: Path):
    """ConfigMap volumes: `..data` -> a dated folder, and each file or folder a link through it."""
    real = tmp_path / "..2026_11_24"
    write(real / "google.yaml", "kind: g\n")
    write(real / "team" / "crm.yaml", "kind: c\n")
    (tmp_path / "..data").symlink_to("..2026_11_24")
    (tmp_path / "google.yaml").symlink_to("..data/google.yaml")
    (tmp_path / "team").symlink_to("..data/team")
    loaded = load(tmp_path)
    assert seen(loaded, tmp_path) == [("google.yaml", None), ("team/crm.yaml", "team")]
    assert not loaded.problems


def test_a_root_that_is_a_link_is_followed(tmp_path: Path):
    write(tmp_path / "real" / "a.yaml")
    (tmp_path / "link").symlink_to("real")
    assert seen(load(tmp_path / "link"), tmp_path / "link") == [("a.yaml", None)]


@pytest.mark.parametrize("target", ["file", "folder"])
def test_a_link_that_leaves_the_root_is_refused(tmp_path: Path, target: str):
    outside = write(tmp_path / "outside" / "secret.yaml")
    root = tmp_path / "root"
    write(root / "a.yaml")
    (root / "link.yaml").symlink_to(outside if target == "file" else outside.parent)
    loaded = load(root)
    assert [p.message for p in loaded.problems] == ["a link that leads out of the manifests' folder"]
    assert (seen(loaded, root), loaded.unreadable) == ([("a.yaml", None)], True)


def test_a_folder_beside_the_root_with_a_longer_name_is_outside(tmp_path: Path):
    write(tmp_path / "root-other" / "a.yaml")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "x.yaml").symlink_to(tmp_path / "root-other" / "a.yaml")
    assert len(load(tmp_path / "root").problems) == 1


def test_links_that_lead_nowhere_or_round_are_refused_and_do_not_hang(tmp_path: Path):
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "self.yaml").symlink_to("self.yaml")
    loaded = load(tmp_path)
    assert [p.message for p in loaded.problems] == ["a link that leads nowhere"] * 2


def test_folders_that_link_to_each_other_are_walked_once(tmp_path: Path):
    write(tmp_path / "team" / "a.yaml")
    (tmp_path / "team" / "up").symlink_to("..")
    (tmp_path / "team" / "again").symlink_to("../team")
    loaded = load(tmp_path)
    assert seen(loaded, tmp_path) == [("team/a.yaml", "team")]
    assert not loaded.problems


def test_many_folders_that_link_to_each_other_do_not_multiply(tmp_path: Path):
    write(tmp_path / "t" / "f0" / "a.yaml")
    for number in range(1, 25):
        folder = tmp_path / "t" / f"f{number}"
        folder.mkdir()
        for name in ("x", "y"):
            (folder / name).symlink_to(f"../f{number - 1}")
    assert len(load(tmp_path).documents) == 1


def test_one_file_seen_from_two_namespaces_is_refused(tmp_path: Path):
    write(tmp_path / "marketing" / "a.yaml")
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "a.yaml").symlink_to("../marketing/a.yaml")
    loaded = load(tmp_path)
    assert "seen from another namespace" in loaded.problems[0].message
    assert seen(loaded, tmp_path) == [("marketing/a.yaml", "marketing")]


def test_a_file_is_read_by_its_own_path_where_that_can_be_seen(tmp_path: Path):
    write(tmp_path / "team" / "b.yaml")
    (tmp_path / "team" / "a.yaml").symlink_to("b.yaml")
    assert seen(load(tmp_path), tmp_path) == [("team/b.yaml", "team")]


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    write(tmp_path / "a.yaml")
    loaded = load(tmp_path)
    assert [p.message for p in loaded.problems] == ["cannot be read: not a regular file"]
    assert (seen(loaded, tmp_path), loaded.unreadable) == ([("a.yaml", None)], True)


def test_a_file_that_may_not_be_read_does_not_hide_the_others(tmp_path: Path):
    if os.geteuid() == 0:
        (tmp_path / "closed.yaml").mkdir()  # root may read every file: a folder of that name is as unreadable
        write(tmp_path / "a.yaml")
        assert seen(load(tmp_path), tmp_path) == [("a.yaml", None)]
        return
    write(tmp_path / "closed.yaml").chmod(0)
    write(tmp_path / "a.yaml")
    loaded = load(tmp_path)
    assert "cannot be read" in loaded.problems[0].message
    assert (seen(loaded, tmp_path), loaded.unreadable) == ([("a.yaml", None)], True)


def test_a_name_that_is_no_text_is_shown_safely(tmp_path: Path):
    raw = os.fsencode(tmp_path) + b"/\xff\x1b[31m.yaml"
    with open(raw, "wb") as stream:
        stream.write(b"a: [\n")
    (problem,) = load(tmp_path).problems
    assert str(problem).isprintable()
