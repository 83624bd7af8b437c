"""Puts the picture of a plan into the README, between its marks."""

import re

from tests.docs.picture.world import picture
from tests.house.tree import ROOT

README = ROOT / "README.md"
_PICTURE = re.compile(
    r"(<!-- picture: [^\n]*-->\n```text\n\$ reconciler plan\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL
)


def with_picture(text: str) -> str:
    """`text` with the picture as it is today. ValueError where there is no place for it."""
    made, count = _PICTURE.subn(lambda found: found[1] + picture() + found[3], text)
    if count != 1:
        raise ValueError("the README has no place for its picture")
    return made
