"""The examples that people copy: sound, in order by the schemas, and saying where their schema is."""

from pathlib import Path

import pytest

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.manifests import load
from reconciler.decide.desired import resolve
from reconciler.decide.references import check_references
from reconciler.model.store_path import Layout, own_path
from reconciler.model.trust import TrustSettings
from tests.model.schema_checking import faults

HOME = Path(__file__).parents[2]
FOLDERS = sorted(path for path in (HOME / "examples").iterdir() if path.is_dir())
EXAMPLES = [path for path in FOLDERS if (path / "manifests").is_dir()]
FILES = sorted(
    [*(HOME / "examples").rglob("manifests/**/*.yaml"), *(HOME / "reconciler" / "catalog").glob("*.yaml")]
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_sound(example: Path):
    desired = resolve(load(example / "manifests"), load_catalogue(), root="manifests")
    assert (desired.problems, desired.unreadable) == ((), False)
    assert desired.providers
    assert desired.accounts


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_an_example_says_what_it_is(folder: Path):
    assert (folder / "README.md").exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_names_only_secrets_that_it_may(example: Path):
    desired = resolve(load(example / "manifests"), load_catalogue(), root="manifests")
    layout = Layout(own_path("reconciler"), mount="secret")
    assert check_references(desired, layout=layout, settings=TrustSettings()) == ()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_passes_its_schema(path: Path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_tells_editors_where_its_schema_is(path: Path):
    first = path.read_text().splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    assert (path.parent / first.removeprefix(prefix)).resolve().is_file()


def test_the_bases_that_most_people_come_for_are_shown_by_an_example():
    used = {
        provider.base
        for example in EXAMPLES
        for provider in resolve(load(example / "manifests"), load_catalogue(), root="m").providers.values()
    }
    assert used >= {"google", "microsoft", "mercadolivre", "custom"}
