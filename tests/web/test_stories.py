"""The page in a real Chromium: what a person sees, presses and is told."""

from __future__ import annotations

import pytest

from tests.cli.town import Town
from tests.web.served import Served

pytestmark = pytest.mark.chromium


def test_a_person_connects_an_account_without_any_script(served: Served, town: Town, people):
    ana = people(script=False)
    ana.opens(served.url)
    assert ana.title() == "2 of 2 accounts need you."
    ana.picture("list-needs-you")
    ana.presses("Connect sales/crm")
    assert "sales/crm will get access to" in ana.text()
    ana.picture("connect")
    ana.presses("Continue to")
    ana.allows("ana@example.com")
    ana.page.wait_for_url("**/result?**")
    assert ana.title() == "Connected."
    ana.picture("connected")
    ana.presses("To the account")
    assert "Good until" in ana.text()
    ana.picture("account")
    assert town.read("reconciler/tokens/sales/crm")["access_token"]
