"""The README's picture is what the tool says of that world today."""

from tests.docs.picture.readme import README, with_picture
from tests.docs.picture.world import picture


def test_the_picture_is_what_the_tool_says():
    text = README.read_text(encoding="utf-8")
    assert text == with_picture(text), "run `make docs`"


def test_the_picture_fits_a_terminal_and_a_page():
    assert max(len(line) for line in picture().splitlines()) <= 110
