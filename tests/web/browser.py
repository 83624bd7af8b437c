"""A person at a real Chromium: what they see, what they press, and a picture of it.

Pictures go to `tests/web/pictures` (ignored by Git), for people to look at after a run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers.found import axe_script

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PICTURES = Path(__file__).parent / "pictures"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium(binary: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(binary), headless=True, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Person:
    """One private window."""

    page: Page

    @classmethod
    def new(cls, browser: Browser, *, phone: bool = False, dark: bool = False, script: bool = True) -> Person:
        context = browser.new_context(
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]  # two numbers, as it wants
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            has_touch=phone,
        )
        context.set_default_timeout(20_000)
        return cls(context.new_page())

    def close(self) -> None:
        self.page.context.close()

    def opens(self, url: str) -> None:
        self.page.goto(url)

    def presses(self, words: str) -> None:
        """A button or link that begins with these words."""
        page = self.page
        button = page.get_by_role("button", name=words).or_(page.get_by_role("link", name=words))
        button.first.click()

    def sees(self, words: str) -> None:
        """Waits for it: a key or a click may still be on its way to the next page."""
        self.page.locator("main").filter(has_text=words).wait_for()

    def is_at(self, title: str) -> None:
        """The page with this heading; waited for likewise."""
        self.page.locator("h1").filter(has_text=re.compile(f"^\\s*{re.escape(title)}\\s*$")).wait_for()

    def text(self) -> str:
        return self.page.inner_text("main")

    def title(self) -> str:
        return self.page.inner_text("h1")

    def allows(self, subject: str) -> None:
        """At the sandbox: signs in as `subject` and presses Allow."""
        self._at_the_sandbox(subject, "allow")

    def denies(self) -> None:
        self._at_the_sandbox("ana@example.com", "deny")

    def _at_the_sandbox(self, subject: str, decision: str) -> None:
        page = self.page
        page.wait_for_url("**/authorize?**")
        page.fill("[name=other_subject]", subject)
        page.click(f"[name=decision][value={decision}]")

    def picture(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the page as it stands."""
        # Evaluated past the page's policy, which lets no script run; the page itself has none.
        self.page.evaluate(axe_script())
        found: dict[str, Any] = self.page.evaluate(
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})",
            RULES,
        )
        return [
            f"{one['id']}: {one['help']}: {json.dumps([node['html'][:160] for node in one['nodes'][:3]])}"
            for one in found["violations"]
        ]
