"""The reference in Git is what the code says today."""

import pytest

from tests.docs.generate import FOLDER, PAGES, PROVIDERS
from tests.docs.pages.providers import pages as provider_pages
from tests.house.tree import ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_what_the_code_says(name: str):
    file = ROOT / FOLDER / f"{name}.md"
    assert file.exists(), "run `make docs`"
    assert file.read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_no_reference_page_is_left_over():
    assert {file.stem for file in (ROOT / FOLDER).glob("*.md")} == {*PAGES, "README"}


@pytest.mark.parametrize("name", provider_pages())
def test_a_providers_page_is_what_its_data_says(name: str):
    file = ROOT / PROVIDERS / f"{name}.md"
    assert file.exists(), "run `make docs`"
    assert file.read_text(encoding="utf-8") == provider_pages()[name](), "run `make docs`"


def test_no_providers_page_is_left_over():
    assert {file.stem for file in (ROOT / PROVIDERS).glob("*.md")} == {*provider_pages()}
