"""`reconciler consent` as a person meets it: on another device, for everybody in one go, and when something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import person as terminal
from reconciler.decide.device import DeviceRequest
from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy, faults, person
from reconciler.sandbox.config import RefreshTokenRule
from tests.cli.keyboard import Keyboard
from tests.cli.town import HEADER, Town, account, provider

_LINK = re.compile(r"\n(https?://\S+)\n")


@pytest.fixture(scope="module")
def quick_sandbox() -> Iterator[Sandbox]:
    """One whose devices may ask every second."""
    with Sandbox(SandboxConfig(device_interval_seconds=1)) as running:
        yield running


@pytest.fixture
def on_phone(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[DeviceRequest], object]], None]:
    """Given what somebody does with what the terminal shows: they do it at once."""

    def use(does: Callable[[DeviceRequest], object]) -> None:
        shows = terminal.TerminalPerson.show_device

        def show_and_do(self: Any, request: DeviceRequest) -> None:
            shows(self, request)
            does(request)

        monkeypatch.setattr(terminal.TerminalPerson, "show_device", show_and_do)

    return use


def never(seen: str) -> str:
    raise AssertionError(f"nothing is to be typed here:\n{seen}")


def allows(subject: str) -> Callable[[DeviceRequest], None]:
    return lambda request: person.allow_device(request.page_with_code, subject=subject)


@pytest.fixture
def device_town(quick_sandbox: Sandbox, desk: Keyboard) -> Town:
    town = Town(quick_sandbox, desk)
    town.found()
    grants = "    grants: [authorization_code, device_code]\n"
    desk.write(
        "sales/idp.yaml", provider(quick_sandbox.issuer, client_id=town.client["client_id"], more=grants)
    )
    desk.write(
        "sales/tv.yaml",
        f"{HEADER}kind: Account\nmetadata: {{name: tv}}\n"
        "spec: {provider: idp, grant: device_code, owner: ana@example.com, scopes: [profile, offline_access]}\n",
    )
    desk.run("reconcile", expect=0)
    return town


def test_an_account_of_the_device_flow_is_consented_on_a_phone_and_refreshed_like_any(
    device_town: Town, on_phone: Any
):
    on_phone(allows("ana@example.com"))
    said = device_town.desk.at_terminal("consent", "sales/tv", answers=never, expect=0)
    assert re.search(r"\n  page  http://127\.0\.0\.1:\d+/device\n  code  [A-Z]{4}-[A-Z]{4}\n", said.err)
    assert "Or scan this:" in said.err
    assert "consented" in said.out
    assert device_town.read("reconciler/grants/sales/tv")["grant"] == "device_code"
    refreshed = device_town.desk.run("refresh", "--force", "sales/tv", expect=0)
    assert "refreshed" in refreshed.out


def test_any_account_can_be_consented_on_another_device(device_town: Town, on_phone: Any):
    on_phone(allows("ana@example.com"))
    device_town.desk.at_terminal("consent", "--device", "sales/crm", answers=never, expect=0)
    assert device_town.read("reconciler/grants/sales/crm")["refresh_token"]


def test_a_denial_on_the_phone_is_said_and_changes_nothing(device_town: Town, on_phone: Any):
    on_phone(lambda request: person.deny_device(request.page_with_code))
    said = device_town.desk.at_terminal("consent", "sales/tv", answers=never, expect=5)
    assert "access was denied at the provider; nothing was changed" in said.out
    assert device_town.rows("grants/sales/tv") == {}


def test_without_a_terminal_no_device_code_is_asked_for(device_town: Town):
    before = device_town.sandbox.counters()["requests"].get("device_authorization", 0)
    said = device_town.desk.run("consent", "--device", "sales/tv", expect=5)
    assert "there is no terminal to ask at" in said.err
    assert device_town.sandbox.counters()["requests"].get("device_authorization", 0) == before


# ------------------------------------------------------------------------------------------------ everybody in one go


class Walker:
    """A person who answers the questions of `consent --all --paste`, pressing allow as the account's owner."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        """What is typed before each account; Enter after that."""
        self.asked: list[str] = []

    def __call__(self, seen: str) -> str:
        if seen.rstrip().endswith("q stops here"):
            self.asked.append(re.findall(r"\n\d+ of \d+ · (\S+) at", seen)[-1])
            return self.words.pop(0) if self.words else ""
        return person.press_allow(_LINK.findall(seen)[-1], subject="ana@example.com")


@pytest.fixture
def crowd(town: Town) -> Town:
    """Four accounts of two providers, none consented."""
    other = town.sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
    town.desk.write(
        "sales/another.yaml",
        provider(
            town.sandbox.issuer, name="another", client_id=other["client_id"], secret="clients/sales/another"
        ),
    )
    town.put_secret("clients/sales/another", other["client_secret"])
    town.desk.write("sales/desk.yaml", account("desk", provider="another"))
    town.desk.write(
        "sales/ads.yaml", account("ads").replace("{name: ads}", "{name: ads, labels: {tier: gold}}")
    )
    town.desk.run("reconcile", expect=0)
    return town


def all_of(town: Town, walker: Walker, *flags: str, expect: int) -> Any:
    return town.desk.at_terminal(
        "consent", "--all", "--paste", "--no-browser", *flags, answers=walker, expect=expect
    )


def test_everybody_who_needs_it_is_asked_provider_by_provider(crowd: Town):
    walker = Walker()
    said = all_of(crowd, walker, expect=0)
    assert walker.asked == [
        "account/sales/desk",
        "account/sales/ads",
        "account/sales/crm",
        "account/sales/mail",
    ]
    assert "Done: 4 consented." in said.out
    assert crowd.desk.attention() == {}
    again = all_of(crowd, Walker(), expect=0)
    assert "Done: nothing to do." in again.out


def test_what_was_done_is_done_when_somebody_stops_halfway(crowd: Town):
    said = all_of(crowd, Walker("", "s", "q"), expect=5)
    assert "account/sales/desk" in said.out
    assert said.out.count("left for later") == 3
    assert "run again: reconciler consent --all" in said.out
    second = Walker()
    all_of(crowd, second, expect=0)
    assert second.asked == ["account/sales/ads", "account/sales/crm", "account/sales/mail"]


def test_a_selection_narrows_whom_is_asked(crowd: Town):
    walker = Walker()
    all_of(crowd, walker, "-l", "tier=gold", expect=0)
    assert walker.asked == ["account/sales/ads"]
    excluded = Walker()
    all_of(crowd, excluded, "--exclude", "sales/mail", expect=0)
    assert excluded.asked == ["account/sales/desk", "account/sales/crm"]


def test_a_provider_that_is_not_ready_costs_its_own_accounts_only(crowd: Town):
    crowd.desk.write("sales/new.yaml", account("new", provider="later"))
    crowd.desk.write(
        "sales/later.yaml",
        provider(crowd.sandbox.issuer, name="later", client_id="not-yet", secret="clients/sales/later"),
    )
    said = crowd.desk.at_terminal(
        "consent", "--all", "--paste", "--no-browser", "-o", "json", answers=Walker(), expect=4
    )
    outcome = {found["address"]: found["outcome"] for found in said.json["results"]}
    assert outcome["account/sales/new"] == "held"
    assert [outcome[f"account/sales/{name}"] for name in ("ads", "crm", "desk", "mail")] == ["done"] * 4


def test_without_a_terminal_nobody_is_asked(crowd: Town):
    said = crowd.desk.run("consent", "--all", expect=5)
    assert said.err == (
        "error: persons must consent, and there is no terminal to ask at\n"
        "  hint: on a machine with a browser, run: reconciler consent --all\n"
    )


# --------------------------------------------------------------------------------------- a refresh token that did not come


def test_a_missing_refresh_token_shows_the_page_waits_and_asks_again(tmp_path: Path):
    """Google's manner: a second consent brings none, until the app's access was removed."""
    policy = TokenPolicy(refresh_token_rule=RefreshTokenRule.ACCESS_TYPE_OFFLINE)
    with Sandbox(SandboxConfig(policy=policy)) as sandbox:
        desk = Keyboard(tmp_path, {"RECONCILER_STORE": f"sqlite://{tmp_path}/store/store.db"})
        town = Town(sandbox, desk)
        town.found()
        words = """\
    authorizationParameters: {access_type: offline}
    accessRemoval: {url: 'https://as.example/permissions', steps: 'Security > your apps > remove this one'}
"""
        idp = provider(sandbox.issuer, client_id=town.client["client_id"], more=words)
        idp = idp.replace(
            "{rotation: single-use}", "{rotation: single-use, missing: it comes at the first consent only}"
        )
        desk.write("sales/idp.yaml", idp)
        desk.run("reconcile", expect=0)
        town.consent("crm")
        before = town.read("reconciler/grants/sales/crm")["refresh_token"]

        def answers(seen: str) -> str:
            if seen.rstrip().endswith("(Ctrl-C gives up)"):
                sandbox.revoke_person("crm@example.com")
                return ""
            return person.press_allow(_LINK.findall(seen)[-1], subject="crm@example.com")

        said = desk.at_terminal("consent", "--paste", "--no-browser", "sales/crm", answers=answers, expect=0)
        assert (
            "No refresh token came: it comes at the first consent only.\n"
            "  first  Security > your apps > remove this one\n"
            "  page   https://as.example/permissions\n"
        ) in said.err
        assert said.err.count("Open this link") == 2
        assert town.read("reconciler/grants/sales/crm")["refresh_token"] not in ("", before)


# ---------------------------------------------------------------------------------------------------------- wrong input


def test_an_unknown_account_and_one_of_another_namespace_are_said(town: Town):
    town.settle()
    unknown = town.desk.run("consent", "sales/crn", expect=64)
    assert "error: there is no object 'sales/crn'" in unknown.err
    assert "did you mean 'sales/crm'?" in unknown.err
    elsewhere = town.desk.run("consent", "support/crm", expect=64)
    assert "there is no object 'support/crm'" in elsewhere.err
    assert "reconciler status" in town.desk.run("consent", "support/something-else", expect=64).err


def test_a_suspended_account_takes_no_grant_and_says_what_to_do(town: Town):
    town.desk.write("sales/crm.yaml", account("crm").replace("owner:", "suspend: true, owner:"))
    town.settle()
    said = town.desk.at_terminal("consent", "sales/crm", answers=never, expect=4)
    assert "it is suspended, and a suspended account takes no grant" in said.out
    assert "take `suspend` out of manifests/sales/crm.yaml" in said.out


def test_a_provider_with_an_incident_spends_nobodys_minutes_unless_told_to(town: Town):
    town.settle("crm", "mail")
    good = town.sandbox.rotate_client_secret(town.client["client_id"])
    town.desk.run("refresh", "--force", expect=4)
    held = town.desk.at_terminal("consent", "sales/crm", answers=never, expect=4)
    squeezed = " ".join(held.out.split())
    assert "nobody is asked: for" in squeezed
    assert "the provider refuses our client" in squeezed
    assert "reconciler consent sales/crm --anyway" in squeezed
    town.put_secret("clients/sales/idp", good)
    town.desk.paste("sales/crm", town.allow("crm"), "--anyway")
    town.desk.paste("sales/crm", town.allow("crm"))


def test_no_browser_is_said_with_what_to_do_instead(town: Town):
    town.settle()
    said = town.desk.paste("sales/crm", town.allow("crm"))
    assert "No browser" not in said.err
    link = re.compile(r"\n(https?://\S+)\n")
    opened = town.desk.at_terminal(
        "consent", "--paste", "sales/mail",
        answers=lambda seen: person.press_allow(link.findall(seen)[-1], subject="mail@example.com"),
        expect=0, BROWSER="/nonexistent/browser",
    )  # fmt: skip
    assert "consented" in opened.out


def test_a_port_that_is_taken_is_said_with_the_way_around_it(town: Town):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        idp = provider(town.sandbox.issuer, client_id=town.client["client_id"])
        town.desk.write("sales/idp.yaml", idp.replace("127.0.0.1/callback", f"127.0.0.1:{port}/callback"))
        town.settle()
        said = town.desk.at_terminal("consent", "--no-browser", "sales/crm", answers=never, expect=4)
        assert f"port {port} of 127.0.0.1 cannot be listened on: it is taken" in said.err
        assert "--paste" in said.err


def test_a_person_who_closes_the_window_is_waited_for_and_then_told(town: Town):
    town.settle()
    said = town.desk.at_terminal(
        "consent", "--no-browser", "--timeout", "1s", "sales/crm", answers=never, expect=5
    )
    assert "nobody consented in time; nothing was changed" in said.out
    assert "run again: reconciler consent sales/crm" in said.out


def test_a_person_who_lacks_rights_learns_what_to_tell_the_administrator(town: Town):
    rules = "    errors: {table: [{error: access_denied, match: AADSTS90094, class: needs-admin}]}\n"
    idp = provider(town.sandbox.issuer, client_id=town.client["client_id"], more=rules)
    town.desk.write("sales/idp.yaml", idp + "    console: {url: 'https://console.example/apps'}\n")
    town.settle()

    def refused(link: str) -> str:
        back = person.press_deny(link)
        words = "AADSTS90094%3A+admin+consent+is+required"
        return re.sub(r"error_description=[^&]*", "", back) + f"&error_description={words}"

    said = town.desk.paste("sales/crm", refused, expect=5)
    squeezed = " ".join(said.out.split())
    assert "an administrator at the provider must allow this app first" in squeezed
    assert (
        f"tell the administrator (https://console.example/apps): allow client {town.client['client_id']}"
        in squeezed
    )
    assert "the scopes offline_access profile" in squeezed


def test_a_code_that_the_server_refuses_keeps_the_old_grant(town: Town):
    town.settle("crm")
    before = town.read("reconciler/grants/sales/crm")
    town.sandbox.add_fault(faults.oauth_error("token", "invalid_grant"))
    said = town.desk.paste("sales/crm", town.allow("crm"), expect=4)
    assert "the code could not be exchanged" in said.out
    assert town.read("reconciler/grants/sales/crm") == before


@pytest.mark.parametrize("opens", [False, OSError("no display")])
def test_a_machine_without_a_browser_says_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], opens: object
):
    def no_browser(url: str) -> object:
        if isinstance(opens, OSError):
            raise opens
        return opens

    monkeypatch.setattr("webbrowser.open", no_browser)
    terminal._open_browser("https://as.example/authorize?state=s", "open the link above yourself")
    said = capfd.readouterr().err
    assert said == "No browser could be opened here: open the link above yourself.\n"
