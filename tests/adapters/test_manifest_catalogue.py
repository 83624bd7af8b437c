"""The shipped bases as an installation has them."""

from pathlib import Path

import pytest

from reconciler.adapters import manifest_catalogue as catalogue
from reconciler.errors import ManifestError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own, empty so far."""
    monkeypatch.setattr(catalogue, "files", lambda package: tmp_path)
    return tmp_path


def load() -> object:
    return catalogue.load_catalogue.__wrapped__()


def test_the_catalogue_is_read_once():
    assert catalogue.load_catalogue() is catalogue.load_catalogue()


@pytest.mark.parametrize("content", ["kind: [", "spec: {}", None])
def test_a_damaged_installation_is_said_to_be_one(installed: Path, content: str | None):
    if content is not None:
        (installed / "google.yaml").write_text(content)
    with pytest.raises(ManifestError, match="install the tool again"):
        load().bases["google"]  # type: ignore[attr-defined]  # the cached function's own, untyped


def test_a_base_is_read_when_it_is_named_and_a_damaged_one_spoils_no_other(installed: Path):
    (installed / "google.yaml").write_text("kind: [")
    (installed / "mine.yaml").write_text(
        "apiVersion: oauth2.reconciler/v1\nkind: BaseProvider\nmetadata: {name: mine}\nspec: {pkce: required}\n"
    )
    bases = load().bases  # type: ignore[attr-defined]  # the cached function's own, untyped
    assert sorted(bases) == ["google", "mine"]
    assert bases["mine"].pkce == "required"


def test_what_is_no_manifest_is_not_read(installed: Path):
    (installed / "notes.txt").write_text("kind: [")
    (installed / "mine.yaml").write_text(
        "apiVersion: oauth2.reconciler/v1\nkind: BaseProvider\nmetadata: {name: mine}\nspec: {pkce: required}\n"
    )
    assert list(load().bases) == ["mine"]  # type: ignore[attr-defined]  # the cached function's own, untyped
