"""`python -m tests.docs.generate`: writes `docs/reference/*.md`, `docs/providers/*.md` and the README's picture, from the
code and the catalogue that they describe.

A page is made whole each time; what the code has and the words do not cover is an error here, so that nothing is left
out in silence. `tests/docs/test_reference.py` fails where a page in Git is not what this would write.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.pages.base_providers import base_providers
from tests.docs.pages.command_line import command_line
from tests.docs.pages.environment import environment
from tests.docs.pages.exit_codes import exit_codes
from tests.docs.pages.guards import plan
from tests.docs.pages.json_output import json_output
from tests.docs.pages.lifetimes import lifetimes
from tests.docs.pages.manifests import manifests
from tests.docs.pages.providers import pages as provider_pages
from tests.docs.pages.states import states
from tests.docs.pages.store import store
from tests.docs.picture.readme import README, with_picture
from tests.house.tree import ROOT

FOLDER = Path("docs/reference")
PROVIDERS = Path("docs/providers")
PAGES: Mapping[str, Callable[[], str]] = {
    "manifests": manifests,
    "base-providers": base_providers,
    "lifetimes": lifetimes,
    "cli": command_line,
    "environment": environment,
    "exit-codes": exit_codes,
    "states": states,
    "plan": plan,
    "store": store,
    "json-output": json_output,
}


def main() -> int:
    for folder in (FOLDER, PROVIDERS):
        (ROOT / folder).mkdir(parents=True, exist_ok=True)
    made = {ROOT / FOLDER / f"{name}.md": make() for name, make in PAGES.items()}
    made |= {ROOT / PROVIDERS / f"{name}.md": make() for name, make in provider_pages().items()}
    made[README] = with_picture(README.read_text(encoding="utf-8"))
    for file, text in made.items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"written: {file.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
