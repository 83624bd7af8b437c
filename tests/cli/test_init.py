"""`init`: what it writes works at once, is what the examples show, and never takes the place of anything."""

import os
import re
import stat
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox, person
from tests.cli.keyboard import Keyboard
from tests.house.tree import ROOT

CI_FILES = {
    "github": (".github/workflows/oauth.yml", "team-repo/.github/workflows/oauth.yml"),
    "gitlab": (".gitlab-ci.yml", "gitlab/.gitlab-ci.yml"),
    "hook": ("hooks/post-receive", "git-server/post-receive"),
}
COMMANDS = re.compile(r"In another, here:\n\n((?:    .*\n)+)")


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ci", [*CI_FILES, "none"])
def test_what_it_writes_is_valid_and_complete(desk: Keyboard, ci: str):
    said = desk.run("init", "oauth", "--ci", ci, expect=0)
    folder = desk.folder / "oauth"
    shown = {line.removeprefix("+ oauth/") for line in said.out.splitlines()}
    usual = {
        "README.md",
        ".gitignore",
        ".pre-commit-config.yaml",
        "manifests/sandbox.yaml",
        "manifest.schema.json",
    }
    own = {CI_FILES[ci][0]} if ci in CI_FILES else set()
    assert names(folder) == shown == usual | own | (set() if ci == "hook" else {"CODEOWNERS"})
    assert "valid" in desk.run("validate", "-f", "oauth/manifests", expect=0).out


@pytest.mark.parametrize("ci", list(CI_FILES))
def test_what_ci_runs_is_the_example(desk: Keyboard, ci: str):
    desk.run("init", ".", "--ci", ci, expect=0)
    name, example = CI_FILES[ci]
    assert (desk.folder / name).read_bytes() == (ROOT / "examples" / example).read_bytes()
    assert bool((desk.folder / name).stat().st_mode & stat.S_IXUSR) == (ci == "hook")


def test_the_manifests_are_the_quickstart_and_name_the_schema_that_lies_beside_them(desk: Keyboard):
    desk.run("init", ".", expect=0)
    first, rest = (desk.folder / "manifests/sandbox.yaml").read_text().split("\n", 1)
    example = (ROOT / "examples/quickstart/manifests/sandbox.yaml").read_text()
    assert rest == example.split("\n", 1)[1]
    named = first.removeprefix("# yaml-language-server: $schema=")
    schema = (desk.folder / "manifests" / named).resolve()
    assert schema.read_bytes() == (ROOT / "schemas/manifest.schema.json").read_bytes()


def test_the_commands_of_its_readme_do_what_they_say(sandbox: Sandbox, desk: Keyboard):
    sandbox.clear_faults()
    desk.run("init", ".", expect=0)
    manifest = desk.folder / "manifests/sandbox.yaml"
    manifest.write_text(manifest.read_text().replace("http://127.0.0.1:9400", sandbox.issuer))
    found = COMMANDS.search((desk.folder / "README.md").read_text())
    assert found is not None
    commands = [line.split()[1:] for line in found[1].splitlines()]
    assert [command[0] for command in commands] == ["trust", "reconcile", "consent"]
    for verb, *rest in commands[:-1]:
        desk.run(verb, *rest, expect=0)
    desk.paste(commands[-1][1], lambda link: person.press_allow(link, subject="ana@example.com"))
    assert "1 needs a person" in desk.run("reconcile").out
    desk.run("token", "files-backup", expect=0)
    desk.run("token", "report-service", expect=0)


def test_a_folder_in_use_is_fine_where_no_name_is_taken(desk: Keyboard):
    (desk.folder / ".git").mkdir()
    (desk.folder / "notes.txt").write_text("mine")
    desk.run("init", ".", expect=0)
    assert (desk.folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("taken", ["README.md", "manifests/sandbox.yaml", ".gitignore", "manifests"])
def test_nothing_is_written_where_a_name_is_taken(desk: Keyboard, taken: str):
    path = desk.folder / taken
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    said = desk.run("init", ".", expect=64)
    assert "nothing was written" in said.err
    assert names(desk.folder) == {taken}
    assert path.read_text() == "mine"


@pytest.mark.parametrize("link", ["manifests", "README.md"])
def test_a_link_that_leads_away_is_not_followed(desk: Keyboard, tmp_path: Path, link: str):
    (tmp_path / "away").mkdir()
    (desk.folder / "here").mkdir()
    (desk.folder / "here" / link).symlink_to(
        tmp_path / "away" / "x" if link == "README.md" else tmp_path / "away"
    )
    desk.run("init", "here", expect=64)
    assert list((tmp_path / "away").iterdir()) == []


def test_what_was_begun_is_taken_away_where_the_disk_refuses(desk: Keyboard, monkeypatch: pytest.MonkeyPatch):
    opened = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if path.name == "sandbox.yaml":
            raise OSError(28, "No space left on device")
        return opened(path, flags, mode)

    monkeypatch.setattr("reconciler.adapters.skeleton.os.open", refuse)
    said = desk.run("init", "oauth", expect=1)
    assert "No space left on device" in said.err
    assert not (desk.folder / "oauth").exists()


def test_a_file_in_the_place_of_the_folder(desk: Keyboard):
    (desk.folder / "oauth").write_text("mine")
    assert "is no folder" in desk.run("init", "oauth", expect=64).err
