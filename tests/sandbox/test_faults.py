"""Scripted faults: what goes wrong, where, for whom, how often."""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Fault, Kind, Sandbox, faults
from tests.sandbox.application import Application

Start = Callable[..., Sandbox]


def seeded(app: Application, **wanted: Any) -> str:
    return str(app.sandbox.add_grants(app.client_id, **wanted)[0]["refresh_token"])


@pytest.mark.parametrize(
    ("fault", "status", "header", "body"),
    [
        (
            faults.oauth_error("token", "invalid_grant"),
            400,
            ("Content-Type", "application/json"),
            "invalid_grant",
        ),
        (faults.json_answer("token", {}), 200, ("Content-Type", "application/json"), "{}"),
        (faults.html_answer("token", status=502), 502, ("Content-Type", "text/html"), "<title>Sorry</title>"),
        (faults.too_many_requests("token", retry_after="7"), 429, ("Retry-After", "7"), "rate_limited"),
        (faults.redirect("token", "https://example.com/"), 302, ("Location", "https://example.com/"), ""),
        (Fault(endpoint="token", status=599, headers={"X-Odd": "yes"}), 599, ("X-Odd", "yes"), ""),
    ],
)
def test_an_answer_can_be_scripted_and_is_given_once(
    app: Application, fault: Fault, status: int, header: tuple[str, str], body: str
) -> None:
    token = seeded(app)
    app.sandbox.add_fault(fault)
    answer = app.refresh(token)
    assert answer.status_code == status
    assert answer.headers[header[0]] == header[1]
    assert body in answer.text
    assert app.refresh(token).status_code == 200, "nothing was done the first time"
    assert app.sandbox.counters()["exchanges_total"] == 1


def test_a_connection_can_be_closed_before_anything_is_done(app: Application) -> None:
    token = seeded(app)
    app.sandbox.add_fault(faults.close_before("token"))
    with pytest.raises(httpx.RemoteProtocolError):
        app.refresh(token)
    assert app.refresh(token).status_code == 200


def test_a_connection_can_be_closed_after_the_token_was_rotated(app: Application) -> None:
    token = seeded(app)
    app.sandbox.add_fault(faults.close_after("token"))
    with pytest.raises(httpx.RemoteProtocolError):
        app.refresh(token)
    assert app.sandbox.refresh_token_state(token)["state"] == "reused"
    assert app.sandbox.counters()["exchanges_total"] == 1


def test_a_client_can_be_registered_and_its_answer_lost(sandbox: Sandbox) -> None:
    sandbox.add_fault(faults.close_after("register"))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{sandbox.url}/register", json={"redirect_uris": ["http://127.0.0.1/"]})
    assert [one["dynamic"] for one in sandbox.list_clients()] == [True]


def test_the_work_can_be_done_and_another_answer_given(app: Application) -> None:
    token = seeded(app)
    app.sandbox.add_fault(faults.oauth_error("token", "server_error", status=500, process=True))
    assert app.refresh(token).status_code == 500
    assert app.sandbox.refresh_token_state(token)["state"] == "reused"


def test_half_of_an_answer_can_arrive(app: Application) -> None:
    app.sandbox.add_fault(faults.truncate("token"))
    with pytest.raises(httpx.RemoteProtocolError):
        app.refresh(seeded(app))


def test_an_answer_can_come_late_with_its_work_done_already(app: Application) -> None:
    token = seeded(app)
    app.sandbox.add_fault(faults.delay("token", 1.0))
    waiting = threading.Thread(target=app.refresh, args=(token,))
    waiting.start()
    while app.sandbox.counters()["exchanges_total"] == 0:
        time.sleep(0.005)
    assert waiting.is_alive(), "the work was done while the answer was still to come"
    waiting.join()


def test_an_answer_can_come_late_with_its_work_done_at_the_end(app: Application) -> None:
    app.sandbox.add_fault(Fault(endpoint="token", kind=Kind.PASS, delay_seconds=0.2))
    started = time.monotonic()
    assert app.refresh(seeded(app)).status_code == 200
    assert time.monotonic() - started >= 0.2


def test_a_body_can_drip(app: Application) -> None:
    app.sandbox.add_fault(faults.drip("token", interval_seconds=0.002))
    started = time.monotonic()
    answer = app.refresh(seeded(app))
    assert answer.json()["access_token"]
    assert time.monotonic() - started >= 0.002 * len(answer.content)


def test_a_body_can_have_ten_gigabytes(app: Application) -> None:
    app.sandbox.add_fault(faults.endless("token"))
    with app.http.stream("POST", "/token") as answer:
        assert answer.headers["Content-Length"] == str(10 * 2**30)
        read = 0
        for chunk in answer.iter_raw():
            read += len(chunk)
            if read > 5_000_000:
                break


def test_stopping_does_not_wait_for_a_slow_answer(start: Start) -> None:
    sandbox = Sandbox().start()
    sandbox.add_fault(faults.delay("metadata", 60))
    sandbox.add_fault(faults.drip("jwks", interval_seconds=60))
    broken: list[Exception] = []

    def ask(path: str) -> None:
        try:
            httpx.get(sandbox.url + path, timeout=30)
        except httpx.TransportError as cut:
            broken.append(cut)

    threads = [
        threading.Thread(target=ask, args=(path,)) for path in ("/.well-known/openid-configuration", "/jwks")
    ]
    for thread in threads:
        thread.start()
    while sandbox.pending_faults():
        time.sleep(0.01)
    started = time.monotonic()
    sandbox.stop()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 20
    assert len(broken) == 2


def test_a_fault_can_be_for_one_client_one_grant_type_or_one_token(
    app: Application, sandbox: Sandbox
) -> None:
    one, other = seeded(app, subject="ana"), seeded(app, subject="bruno")
    sandbox.add_fault(faults.oauth_error("token", "invalid_grant", refresh_token=one))
    sandbox.add_fault(faults.oauth_error("token", "invalid_client", client_id="somebody else"))
    sandbox.add_fault(faults.oauth_error("token", "invalid_scope", grant_type="client_credentials"))
    assert app.refresh(other).status_code == 200
    assert app.refresh(one).status_code == 400
    assert app.refresh(one).status_code == 200
    own = app.post("/token", {"grant_type": "client_credentials"})
    assert own.json()["error"] == "invalid_scope"
    assert [fault["client_id"] for fault in sandbox.pending_faults()] == ["somebody else"]


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post", "none"])
def test_a_client_is_recognised_by_whatever_it_presents(sandbox: Sandbox, register, auth_method: str) -> None:
    app = register(sandbox, auth_method=auth_method)
    sandbox.add_fault(faults.html_answer("token", client_id=app.client_id))
    assert app.refresh(seeded(app)).headers["Content-Type"] == "text/html"


def test_a_fault_can_last_some_times_or_until_it_is_cleared(app: Application, sandbox: Sandbox) -> None:
    sandbox.add_fault(faults.too_many_requests("metadata", times=2))
    where = "/.well-known/oauth-authorization-server"
    assert [app.http.get(where).status_code for _ in range(3)] == [429, 429, 200]
    sandbox.add_fault(faults.too_many_requests("metadata", times=None))
    assert [app.http.get(where).status_code for _ in range(3)] == [429, 429, 429]
    sandbox.clear_faults()
    assert app.http.get(where).status_code == 200
    assert sandbox.counters()["faults"] == {"answer": 5}


def test_faults_come_in_the_order_they_were_scripted(app: Application, sandbox: Sandbox) -> None:
    for status in (500, 501, 502):
        sandbox.add_fault(Fault(endpoint="jwks", status=status))
    assert [app.http.get("/jwks").status_code for _ in range(4)] == [500, 501, 502, 200]


def test_a_fault_at_an_unknown_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="endpoint must be one of"):
        Fault(endpoint="tokens")


def test_a_fault_survives_its_json_and_keeps_a_token_out_of_its_repr() -> None:
    fault = faults.drip("token", interval_seconds=0.5, refresh_token="very secret", times=None)
    assert Fault.from_json(fault.to_json()) == fault
    assert "very secret" not in repr(fault)
