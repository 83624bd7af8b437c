"""`reconciler.client` as a program uses it: with httpx, sync and async, with requests, and by itself."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

import reconciler.client
from reconciler.cli import client_wiring
from reconciler.client import AccountToken, from_environment
from reconciler.engine.token_cache import Fetched
from reconciler.errors import NeedsPerson, ObjectFailed, TrustRefused, UsageError
from reconciler.sandbox import faults
from tests.cli.town import Town
from tests.simulators.api_server import Answer, Api, api_server


def settings(town: Town) -> dict[str, str]:
    return {"RECONCILER_STORE": f"sqlite://{town.store_file}", "HOME": str(town.desk.folder)}


def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: a browser of another test's may keep an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result(60)


def token_of(town: Town) -> str:
    text: str = town.read("reconciler/tokens/sales/crm")["access_token"]
    return text


@pytest.fixture
def crm(town: Town, api: Api) -> AccountToken:
    return AccountToken("sales/crm", settings=settings(town), origins=[api.origin])


def test_the_public_names_are_these():
    assert reconciler.client.__all__ == ["AccountToken", "from_environment"]
    public = {name for name in vars(AccountToken) if not name.startswith("_")}
    assert public == {"get_token", "httpx_auth", "requests_auth"}


def test_a_plain_token_for_whoever_sends_it_otherwise(town: Town):
    assert AccountToken("sales/crm", settings=settings(town)).get_token() == token_of(town)


def test_the_environment_says_where_the_store_is(town: Town, monkeypatch: pytest.MonkeyPatch):
    for name in ("VAULT_ADDR", "BAO_ADDR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECONCILER_STORE", f"sqlite://{town.store_file}")
    assert from_environment("account/sales/crm").get_token() == token_of(town)


def test_settings_are_all_that_is_read(town: Town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RECONCILER_STORE", "sqlite:///nowhere/at/all.db")
    assert AccountToken("sales/crm", settings=settings(town)).get_token() == token_of(town)


# ------------------------------------------------------------------------------------------------------------ httpx


def test_httpx_sends_the_token(crm: AccountToken, town: Town, api: Api):
    with httpx.Client(auth=crm.httpx_auth(), base_url=api.origin) as client:
        assert client.get("/files").json() == {"name": "budget.csv"}
        assert client.post("/files", json={"a": 1}).status_code == 200
    assert [asked.token for asked in api.asked] == [token_of(town)] * 2


def test_httpx_sends_it_asynchronously_too(crm: AccountToken, town: Town, api: Api):
    async def ask() -> int:
        async with httpx.AsyncClient(auth=crm.httpx_auth()) as client:
            return (await client.get(f"{api.origin}/files")).status_code

    assert awaited(ask()) == 200
    assert api.asked[0].token == token_of(town)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/x",
        "http://127.0.0.1:9/x",
        "https://127.0.0.1:{port}/x",
        "https://evil.example/x",
    ],
)
def test_a_request_to_another_origin_is_refused_before_it_is_sent(crm: AccountToken, api: Api, url: str):
    target = url.format(port=api.port)
    with pytest.raises(TrustRefused):
        httpx.get(target, auth=crm.httpx_auth())
    with pytest.raises(TrustRefused):
        requests.get(target, auth=crm.requests_auth(), timeout=10)

    async def ask() -> None:
        async with httpx.AsyncClient(auth=crm.httpx_auth()) as client:
            await client.get(target)

    with pytest.raises(TrustRefused):
        awaited(ask())
    assert api.asked == []


@pytest.mark.parametrize("library", ["httpx", "requests"])
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_elsewhere_does_not_carry_the_token(
    crm: AccountToken, api: Api, library: str, status: int
):
    with api_server() as elsewhere:
        elsewhere.accepts = {"nobody's"}
        api.answers = [
            Answer(status, b"", {"Location": f"{elsewhere.origin}/x".replace("127.0.0.1", "localhost")})
        ]
        if library == "httpx":
            with httpx.Client(auth=crm.httpx_auth(), follow_redirects=True) as client:
                assert client.get(f"{api.origin}/x").status_code == 401
        else:
            assert requests.get(f"{api.origin}/x", auth=crm.requests_auth(), timeout=10).status_code == 401
        assert [asked.headers.get("authorization") for asked in elsewhere.asked] == [None]


# -------------------------------------------------------------------------------------------------------------- 401


@pytest.fixture
def rotated(crm: AccountToken, town: Town, api: Api) -> tuple[str, str]:
    """The program holds the old token; another run has published a new one, and the API knows that only."""
    old = crm.get_token()
    town.desk.run("refresh", "crm", "--force", expect=0)
    api.accepts = {token_of(town)}
    return old, token_of(town)


def send(library: str, crm: AccountToken, url: str, **more: Any) -> int:
    if library == "requests":
        return requests.post(url, auth=crm.requests_auth(), timeout=10, **more).status_code
    if library == "httpx":
        return httpx.post(url, auth=crm.httpx_auth(), **more).status_code

    async def ask() -> int:
        async with httpx.AsyncClient(auth=crm.httpx_auth()) as client:
            return (await client.post(url, **more)).status_code

    return awaited(ask())


@pytest.mark.parametrize("library", ["httpx", "async", "requests"])
def test_on_a_401_the_store_is_read_once_more_and_the_request_made_again(
    crm: AccountToken, api: Api, rotated: tuple[str, str], library: str
):
    assert send(library, crm, f"{api.origin}/x", json={"kept": True}) == 200
    assert [asked.token for asked in api.asked] == list(rotated)
    assert api.asked[0].body == api.asked[1].body != b""
    assert send(library, crm, f"{api.origin}/x") == 200
    assert len(api.asked) == 3, "the new token is kept"


@pytest.mark.parametrize("library", ["httpx", "async", "requests"])
def test_a_401_with_the_same_token_is_the_answer(crm: AccountToken, api: Api, library: str):
    api.accepts = {"another's"}
    assert send(library, crm, f"{api.origin}/x") == 401
    assert len(api.asked) == 1


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_a_body_that_is_gone_is_not_sent_again(
    crm: AccountToken, api: Api, rotated: tuple[str, str], library: str, tmp_path: Path
):
    def parts() -> Iterator[bytes]:
        yield b"once"

    if library == "httpx":
        headers = {"Content-Length": "4"}
        assert send("httpx", crm, f"{api.origin}/x", content=parts(), headers=headers) == 401
    else:
        with (tmp_path / "body").open("w+b") as body:
            assert send("requests", crm, f"{api.origin}/x", data=body) == 401
    assert len(api.asked) == 1
    assert send(library, crm, f"{api.origin}/x") == 200, "but the next request has the new token"


# -------------------------------------------------------------------------------------------------------- at once


def test_a_thousand_requests_of_threads_at_one_refresh_look_once(
    town: Town, api: Api, monkeypatch: pytest.MonkeyPatch
):
    crm, looks = counted(town, api, monkeypatch)
    with (
        httpx.Client(auth=crm.httpx_auth(), limits=httpx.Limits(max_connections=16)) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        codes = list(pool.map(lambda _: client.get(f"{api.origin}/x").status_code, range(1000)))
    assert codes == [200] * 1000
    assert {asked.token for asked in api.asked} == {token_of(town)}
    assert len(looks) == 1
    assert town.sandbox.counters()["exchanges"]["refresh_token"] == 1


def test_a_thousand_requests_of_tasks_at_one_refresh_look_once(
    town: Town, api: Api, monkeypatch: pytest.MonkeyPatch
):
    crm, looks = counted(town, api, monkeypatch)

    seen: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        await asyncio.sleep(0)
        return httpx.Response(200)

    async def ask() -> set[int]:
        async with httpx.AsyncClient(auth=crm.httpx_auth(), transport=httpx.MockTransport(answer)) as client:
            answers = await asyncio.gather(*(client.get(f"{api.origin}/x") for _ in range(1000)))
            return {answer.status_code for answer in answers}

    assert awaited(ask()) == {200}
    assert seen == [f"Bearer {token_of(town)}"] * 1000
    assert len(looks) == 1
    assert town.sandbox.counters()["exchanges"]["refresh_token"] == 1


def counted(town: Town, api: Api, monkeypatch: pytest.MonkeyPatch) -> tuple[AccountToken, list[int]]:
    """A program that has the manifests, and looks on how often its token is refreshed: it is in its last minutes."""
    looks: list[int] = []
    fetch = client_wiring.AccountPlace.fetch

    def look(self: client_wiring.AccountPlace) -> Fetched:
        looks.append(1)
        return fetch(self)

    monkeypatch.setattr(client_wiring.AccountPlace, "fetch", look)
    town.age("crm", seconds=3400)
    town.sandbox.reset_counters()
    root = str(town.desk.folder / "manifests")
    return AccountToken("sales/crm", settings=settings(town), manifests=root), looks


# ------------------------------------------------------------------------------------------------- with manifests


def test_with_the_manifests_here_a_token_in_its_last_minutes_is_refreshed_by_the_protocol(
    town: Town, api: Api
):
    old = token_of(town)
    town.age("crm", seconds=3400)
    crm = AccountToken("sales/crm", settings=settings(town), manifests=str(town.desk.folder / "manifests"))
    assert httpx.get(f"{api.origin}/x", auth=crm.httpx_auth()).status_code == 200
    assert api.asked[0].token == token_of(town) != old


def test_with_the_manifests_here_trust_says_where_the_token_may_go(town: Town, api: Api):
    root = str(town.desk.folder / "manifests")
    crm = AccountToken("sales/crm", settings=settings(town), manifests=root)
    with pytest.raises(TrustRefused):
        httpx.get(f"{town.sandbox.issuer}/api/me", auth=crm.httpx_auth())
    wider = AccountToken(
        "sales/crm", settings=settings(town), manifests=root, origins=["https://evil.example"]
    )
    with pytest.raises(TrustRefused, match=r"may not go to https://evil\.example"):
        httpx.get("https://evil.example/x", auth=wider.httpx_auth())
    path = town.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(path.read_text().replace("apiOrigins: [", "apiOrigins: ['https://evil.example', "))
    moved = AccountToken("sales/crm", settings=settings(town), manifests=root)
    with pytest.raises(TrustRefused, match="TRUST CHANGE"):
        httpx.get("https://evil.example/x", auth=moved.httpx_auth())


def test_without_origins_and_manifests_no_auth_is_made(town: Town):
    crm = AccountToken("sales/crm", settings=settings(town))
    for make in (crm.httpx_auth, crm.requests_auth):
        with pytest.raises(UsageError, match="No origins are given"):
            make()


# ---------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("account", "more"),
    [
        ("crm", {}), ("provider/sales/idp", {}), ("a/b/c/d", {}), ("sales/crm", {"origins": ["api.example"]}),
        ("sales/crm", {"origins": ["http://api.example"]}), ("sales/crm", {"origins": ["https://api.example/path"]}),
    ],
)  # fmt: skip
def test_what_is_no_account_or_no_origin_is_told_at_once(town: Town, account: str, more: dict[str, Any]):
    with pytest.raises(UsageError):
        AccountToken(account, settings=settings(town), **more)


def test_who_must_consent_is_told(town: Town, api: Api):
    mail = AccountToken("sales/mail", settings=settings(town), origins=[api.origin])
    with pytest.raises(NeedsPerson):
        httpx.get(f"{api.origin}/x", auth=mail.httpx_auth())
    nobody = AccountToken("sales/nobody", settings=settings(town), origins=[api.origin])
    with pytest.raises(ObjectFailed):
        nobody.get_token()
    assert api.asked == []


def test_a_refresh_that_fails_is_logged_and_the_living_token_used(
    town: Town, api: Api, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    town.age("crm", seconds=3400)
    town.sandbox.add_fault(faults.html_answer("token", status=502, times=None))
    crm = AccountToken("sales/crm", settings=settings(town), manifests=str(town.desk.folder / "manifests"))
    with caplog.at_level(logging.INFO, logger="reconciler"):
        assert httpx.get(f"{api.origin}/x", auth=crm.httpx_auth()).status_code == 200
    assert "token.not-refreshed" in caplog.text
    assert token_of(town) not in caplog.text
    assert capfd.readouterr() == ("", ""), "a library writes to nobody's terminal"


def test_nothing_shows_or_pickles_a_token(crm: AccountToken, town: Town):
    crm.get_token()
    for thing in (crm, crm.httpx_auth(), crm.requests_auth()):
        assert token_of(town) not in repr(thing) + str(thing) + repr(vars(thing))
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.deepcopy(thing)


_FORK = """
import os, sys
from reconciler.client import from_environment
crm = from_environment("sales/crm")
with crm._cache._lock:
    child = os.fork()
    if child == 0:
        print(crm.get_token(), flush=True)
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_of_a_fork_is_not_stuck_with_its_parents_lock(town: Town):
    """As servers do that load the program before they fork, perhaps while a thread looks the token up."""
    done = subprocess.run(
        [sys.executable, "-c", _FORK], env=town.desk.variables(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == token_of(town), done.stderr
