"""The device grant (RFC 8628)."""

from typing import Any

import pytest

from reconciler.sandbox import person
from tests.sandbox.application import Application, refused


def begin(app: Application, **fields: str) -> dict[str, Any]:
    answer = app.post("/device_authorization", {"scope": "profile files.read", **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def poll(app: Application, begun: dict[str, Any]):
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": begun["device_code"],
    }
    return app.post("/token", fields)


def test_a_device_gets_its_tokens_when_its_person_has_allowed_it(app: Application) -> None:
    begun = begin(app)
    assert begun["verification_uri"] == f"{app.sandbox.issuer}/device"
    assert refused(poll(app, begun)) == (400, "authorization_pending")
    person.allow_device(begun["verification_uri_complete"], subject="ana@example.com", scopes=["profile"])
    tokens = poll(app, begun).json()
    assert tokens["scope"] == "profile"
    assert app.call_api(tokens["access_token"]).json()["sub"] == "ana@example.com"
    assert app.refresh(tokens["refresh_token"]).status_code == 200


def test_a_device_code_works_once(app: Application) -> None:
    begun = begin(app)
    person.allow_device(begun["verification_uri_complete"], subject="ana")
    assert poll(app, begun).status_code == 200
    assert refused(poll(app, begun)) == (400, "expired_token")
    assert len(app.sandbox.list_grants()) == 1


def test_a_refused_device_is_told_so(app: Application) -> None:
    begun = begin(app)
    person.deny_device(begun["verification_uri_complete"])
    assert refused(poll(app, begun)) == (400, "access_denied")


def test_a_device_that_polls_too_fast_is_slowed_down(app: Application) -> None:
    begun = begin(app)
    assert refused(poll(app, begun)) == (400, "authorization_pending")
    assert refused(poll(app, begun)) == (400, "slow_down")
    app.sandbox.advance_clock(begun["interval"])
    assert refused(poll(app, begun)) == (400, "authorization_pending")


def test_a_device_code_ends_with_its_time(app: Application) -> None:
    begun = begin(app)
    app.sandbox.advance_clock(begun["expires_in"])
    assert refused(poll(app, begun)) == (400, "expired_token")
    with pytest.raises(person.PageRefused):
        person.allow_device(begun["verification_uri_complete"], subject="ana")


def test_a_code_can_be_typed_as_people_type(app: Application) -> None:
    begun = begin(app)
    typed = begun["user_code"].lower().replace("-", " ")
    page = app.http.get("/device", params={"user_code": typed})
    assert page.status_code == 200
    assert begun["user_code"] in page.text


def test_a_wrong_code_says_so(app: Application) -> None:
    page = app.http.get("/device", params={"user_code": "BBBB-BBBB"})
    assert page.status_code == 404
    assert "No device waits with that code" in page.text
    assert app.http.get("/device").status_code == 200


def test_nobody_cannot_allow_a_device_and_a_stale_page_decides_nothing(app: Application) -> None:
    begun = begin(app)
    url = begun["verification_uri_complete"]
    ticket = app.http.get(url).text.split('name="ticket" value="')[1].split('"')[0]
    form = {"ticket": ticket, "decision": "allow", "granted_scope": "profile"}
    assert app.http.post(url, data=form).status_code == 400
    assert app.http.post(url, data={**form, "subject": "ana"}).status_code == 400
    assert refused(poll(app, begun)) == (400, "authorization_pending")


def test_an_unknown_device_code_is_refused(app: Application) -> None:
    assert refused(poll(app, {"device_code": "made up"})) == (400, "invalid_request")


def test_another_clients_device_code_is_refused(app: Application) -> None:
    begun = begin(app)
    other = Application(app.sandbox, app.sandbox.add_client())
    with other.http:
        assert refused(poll(other, begun)) == (400, "unauthorized_client")


def test_a_device_is_refused_unknown_scopes(app: Application) -> None:
    answer = app.post("/device_authorization", {"scope": "launch.rockets"})
    assert refused(answer) == (400, "invalid_scope")
