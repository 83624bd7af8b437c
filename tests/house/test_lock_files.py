"""What gets installed is what was looked at: every requirement is pinned and hashed, and none says where to fetch it."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.house.tree import ROOT, modules

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: *;[^\\]*)? *\\?$")


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Package → (version, how many hashes); a line that is neither pin, hash nor comment is an error."""
    found: dict[str, tuple[str, int]] = {}
    current = ""
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if bare.startswith("--hash=sha256:"):
            version, hashes = found[current]
            found[current] = (version, hashes + 1)
            continue
        match = _PIN.match(bare)
        assert match is not None, f"{name}.txt: {bare}"
        current = normal(match[1])
        found[current] = (match[2], 0)
    return found


def declared(extra: str | None = None) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {normal(re.split(r"[<>=!~;\[ ]", requirement)[0]) for requirement in wanted}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_requirement_is_pinned_and_hashed(lock):
    assert [name for name, (_, hashes) in pins(lock.stem).items() if hashes == 0] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_file_names_no_address(lock):
    assert not re.search(r"https?:|--index|--find-links|--trusted|@ ", lock.read_text())


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("run", ()),
        ("sandbox", ("sandbox",)),
        ("server", ("web", "controller")),
        ("dev", ("sandbox", "web", "controller", "test", "dev")),
    ],
)
def test_a_lock_file_holds_everything_that_is_declared(name, extras):
    wanted = declared().union(*(declared(extra) for extra in extras))
    assert wanted - set(pins(name)) == set()


def test_the_lock_files_agree_with_each_other():
    dev = {name: version for name, (version, _) in pins("dev").items()}
    for name in ("run", "sandbox", "server", "build"):
        assert {
            package: version for package, (version, _) in pins(name).items() if dev[package] != version
        } == {}


def test_dev_is_resolved_first_and_every_other_set_chooses_among_its_versions():
    """Resolved each for itself, a set would keep an old pin, or meet a version that came out a minute later."""
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "lock"], cwd=ROOT, capture_output=True, text=True, timeout=60
    ).stdout
    sets = [text.split() for text in re.findall(r'"(\w+ [^"]*--[^"]*)"', recipe.partition("; do")[0])]
    assert sets[0][0] == "dev"
    assert {name for name, *_ in sets} == {lock.stem for lock in LOCKS}
    assert all(options[-2:] == ["--constraint", "requirements/dev.txt"] for _, *options in sets[1:])


def test_the_build_backend_is_locked():
    assert "flit-core" in pins("build")


OF_EXTRAS = {"reconciler.adapters.metrics": "controller"}
"""Modules that are imported where their extra is installed alone."""


def test_what_a_module_of_an_extra_imports_is_declared_there():
    assert "prometheus-client" in declared("controller")
    assert {module.name for module in modules()} >= set(OF_EXTRAS)


def test_what_the_package_imports_is_declared():
    """A package that comes along with another one today may not tomorrow; these are parts of one that is declared."""
    part_of = {"werkzeug": "flask", "jinja2": "flask", "pydantic_core": "pydantic"}
    providers = packages_distributions()
    for extra, left_out in (((), {"sandbox", "web"}), (("web",), {"sandbox"}), (("sandbox",), {"web"})):
        allowed = declared().union(*(declared(name) for name in extra))
        undeclared = {
            top
            for module in modules()
            if module.floor not in left_out
            if module.name not in OF_EXTRAS
            for top in (name.split(".")[0] for name, _ in module.imports())
            if top not in sys.stdlib_module_names and top not in {"reconciler", "_typeshed"}
            if not {normal(package) for package in [part_of.get(top, ""), *providers.get(top, [])]} & allowed
        }
        assert undeclared == set()


@pytest.mark.parametrize("home", ["oidc-provider", "axe", "github-openapi"])
def test_an_npm_lock_file_has_hashes_and_names_no_address(home: str):
    lock = json.loads((ROOT / "tests/servers" / home / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if not entry.get("integrity")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_the_version_is_the_same_wherever_it_is_said():
    from reconciler import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
