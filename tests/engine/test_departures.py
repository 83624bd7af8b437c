"""Providers that depart from RFC 6749, from the consent to the refresh: what their bases say is done, not only read."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from reconciler.adapters.token_endpoint import shaped
from reconciler.decide.results import Outcome
from reconciler.model.answer import Outcome as Said
from reconciler.model.behaviour import Behaviour, RequestShape, Rotation
from reconciler.model.desired import DesiredAccount
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.grant import GrantRecord
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, Reason
from tests.engine.consent_world import LAYOUT, ConsentWorld, Person
from tests.engine.refresh_world import RefreshWorld
from tests.simulators.manifests import SERVER, make_account, make_behaviour
from tests.simulators.token_endpoint import answer


@dataclass
class Brings(Person):
    """Comes back with more than a code."""

    more: dict[str, str] = field(default_factory=dict)

    def answers(self) -> list[str]:
        return [self.back(code=self.code(), **self.more)]


def brings(world: ConsentWorld, **more: str) -> Person:
    return world.person(Brings, more=more)


def behaves(**fields: Any) -> Behaviour:
    return make_behaviour(**fields)


def granted(world: Any, account: DesiredAccount) -> GrantRecord:
    grant = world.grant(account)
    assert isinstance(grant, GrantRecord)
    return grant


def published(world: Any, account: Any) -> dict[str, Any]:
    document = world.store.read(LAYOUT.token(account.address)).document
    assert document is not None
    return dict(document)


def test_what_only_the_browser_brings_is_kept_and_published_beside_the_token():
    world = ConsentWorld(behaviour=behaves(callback={"keep": ["realmId"]}))
    account = make_account()
    assert world.consent(account, person=brings(world, realmId="4620816365")).outcome is Outcome.DONE
    grant = world.grant(account)
    assert grant is not None
    assert grant.kept == {"realmId": "4620816365"}
    assert published(world, account)["values"] == {"realmId": "4620816365"}


def test_without_anything_kept_the_published_token_is_what_it_always_was():
    world, account = ConsentWorld(), make_account()
    world.consent(account)
    assert sorted(published(world, account)) == ["access_token", "expires_at", "scope", "token_type"]


def test_what_is_kept_survives_a_refresh_and_moves_with_its_answer():
    world = RefreshWorld(behaves={"response": {"keep": ["instance_url"]}})
    account = world.consented()
    record = world.grant(account)
    world.store.write(
        LAYOUT.grant(account.address),
        replace(record, kept={"instance_url": "https://na1.example.com", "realmId": "7"}).to_document(),
        cas=world.store.read(LAYOUT.grant(account.address)).version,
    )
    world.clock.advance(timedelta(minutes=50))
    world.server.faults.append(
        answer(
            200,
            {
                "access_token": "new",
                "refresh_token": "new-rt",
                "expires_in": 3600,
                "instance_url": "https://na2.example.com",
            },
        )
    )
    world.refresh()
    assert granted(world, account).kept == {"instance_url": "https://na2.example.com", "realmId": "7"}
    assert published(world, account)["values"]["instance_url"] == "https://na2.example.com"


@pytest.mark.parametrize("said", ["http://127.0.0.1:9400", "127.0.0.1", ""])
def test_a_callback_that_names_the_server_that_was_asked_goes_on(said: str):
    world = ConsentWorld(behaviour=behaves(callback={"server": "accounts-server"}))
    result = world.consent(make_account(), person=brings(world, **{"accounts-server": said}))
    assert result.outcome is Outcome.DONE


@pytest.mark.parametrize(
    "said", ["https://accounts.zoho.eu", "https://127.0.0.1@evil.example", "//[", "evil.example"]
)
def test_a_code_for_another_server_is_sent_nowhere(said: str):
    world = ConsentWorld(behaviour=behaves(callback={"server": "accounts-server"}))
    result = world.consent(make_account(), person=brings(world, **{"accounts-server": said}))
    assert result.outcome is Outcome.REFUSED
    assert "another server" in result.message
    assert world.server.seen == []


@pytest.mark.parametrize(
    ("secret", "words"),
    [("s", ""), ("of-somebody-else", "is not signed with our client secret"), (None, "has no signature")],
)
def test_a_callback_that_is_to_be_signed_is_believed_with_our_clients_secret_alone(
    secret: str | None, words: str
):
    world = ConsentWorld(behaviour=behaves(callback={"keep": ["shop"], "signature": "hmac"}))
    ours = world.provider.client.secret
    assert ours is not None
    by = ours.reveal() if secret == "s" else secret

    class Signed(Person):
        def answers(self) -> list[str]:
            return [signed_with(by, self.back(code=self.code(), shop="acme"))]

    result = world.consent(make_account(), person=Signed(world.server))
    if words:
        assert result.outcome is Outcome.REFUSED
        assert words in result.error
        assert world.server.seen == []
    else:
        assert result.outcome is Outcome.DONE, result


def signed_with(secret: str | None, back: str) -> str:
    """`back` as its server would sign it; as it is without a secret."""
    if secret is None:
        return back
    pairs = sorted(parse_qsl(back.partition("?")[2]))
    text = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{back}&hmac={hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"


def test_scopes_that_the_callback_tells_are_what_was_granted():
    world = ConsentWorld(
        behaviour=behaves(callback={"scope": "scope"}, scopes={"separator": ",", "in_request": False})
    )
    account = make_account(scopes=("read", "activity:write"))
    world.server.faults.append(answer(200, {"access_token": "at", "refresh_token": "rt", "expires_in": 60}))
    result = world.consent(account, person=brings(world, scope="read,profile"))
    assert granted(world, account).scopes == ("profile", "read")
    assert result.warnings == (
        "not granted: activity:write",
        "granted besides, though not asked for: profile",
    )


def test_a_provider_that_wants_a_name_for_the_redirect_gets_it_and_the_browser_still_comes_home():
    world = ConsentWorld(behaviour=behaves(redirect={"sent_as": "Acme-app-PRD-1"}))

    class Home(Person):
        def answers(self) -> list[str]:
            code = self.code()
            return [f"http://127.0.0.1:49152/callback?code={code}&state={self.asked['state']}"]

    assert world.consent(make_account(), person=world.person(Home)).outcome is Outcome.DONE
    assert world.server.seen[0].form["redirect_uri"] == "Acme-app-PRD-1"


def test_the_page_and_the_code_are_asked_for_by_the_providers_own_names():
    world = ConsentWorld(
        behaviour=behaves(
            request={"names": {"client_id": "client_key", "scope": "user_scope"}, "omit": ["response_type"]},
            callback={"code": "spapi_oauth_code"},
        )
    )

    class Other(Person):
        def answers(self) -> list[str]:
            self.asked["client_id"] = self.asked["client_key"]
            return [self.back(spapi_oauth_code=self.code())]

    person = world.person(Other)
    assert world.consent(make_account(scopes=("read",)), person=person).outcome is Outcome.DONE
    assert {"client_key", "user_scope"} <= person.asked.keys()
    assert "response_type" not in person.asked
    assert "scope" not in person.asked


def test_the_redirect_uri_of_the_consent_is_repeated_on_refresh_where_the_provider_wants_it():
    world = ConsentWorld(behaviour=behaves(refresh_token={"sends_redirect_uri": True}))
    account = make_account()
    world.consent(account)
    assert granted(world, account).redirect_uri == "http://127.0.0.1:49152/callback"
    refreshing = RefreshWorld(rules={"sends_redirect_uri": True})
    account = refreshing.consented()
    refreshing.clock.advance(timedelta(minutes=50))
    refreshing.refresh()
    assert "redirect_uri" in refreshing.server.seen[-1].form


# ------------------------------------------------------------------------------------ grants without a refresh token


class Pages:
    """An API that is asked whether a token works, and a token endpoint that renews living access tokens."""

    def __init__(self, *said: Said) -> None:
        self.said = list(said)
        self.asked: list[tuple[str, ...]] = []
        self.posted: list[tuple[str, dict[str, str]]] = []

    def get(self, url: TrustedUrl, *, bearer: Secret, header: str, scheme: str) -> Said:
        self.asked.append((str(url), bearer.reveal(), header, scheme))
        return self.said.pop(0)

    def post(
        self, url: TrustedUrl, *, form: Any, client: Any, fresh_connection: bool, shape: RequestShape
    ) -> Said:
        self.posted.append((str(url), shaped(form, shape)))
        return self.said.pop(0)


class Endless(RefreshWorld):
    """A provider whose tokens never end: a page of its API tells whether one still works."""

    page = f"{SERVER}/v1/{{user_id}}/store"

    def __init__(self, *, checked: bool = True) -> None:
        self.checked = checked
        super().__init__(
            rotation=Rotation.REUSABLE,
            rules={"renewal": "probe"},
            behaves={
                "access_token": {
                    "lifetime": timedelta(hours=1),
                    "header": "Authentication",
                    "scheme": "bearer",
                },
                "errors": {"table": [{"status": 401, "class": "needs-consent", "reason": "GrantRevoked"}]},
            },
        )

    @property
    def provider(self) -> ReadyProvider:
        provider, page = super().provider, TrustedUrl(parse_url(self.page, allow_loopback_http=True))
        return replace(provider, endpoints=replace(provider.endpoints, probe=page if self.checked else None))

    def keeps(self, account: DesiredAccount, **kept: str) -> None:
        path = LAYOUT.grant(account.address)
        record = replace(self.grant(account), kept=kept)
        self.store.write(path, record.to_document(), cas=self.store.read(path).version)


def test_a_grant_that_never_ends_is_a_consent_like_any_other():
    endless = {"renewal": "probe", "rotation": "reusable"}
    world = ConsentWorld(
        behaviour=behaves(refresh_token=endless, access_token={"lifetime": timedelta(days=7)})
    )
    account = make_account()
    world.server.faults.append(answer(200, {"access_token": "forever", "token_type": "bearer"}))
    assert world.consent(account).outcome is Outcome.DONE
    assert published(world, account)["access_token"] == "forever"
    assert world.refresh_token(account) == Secret("forever")


def test_a_token_that_never_ends_is_shown_to_the_api_and_stays_published():
    world, pages = Endless(), Pages(answer(200, {"id": 7}))
    account = world.consented()
    world.keeps(account, user_id="a/b")
    world.clock.advance(timedelta(minutes=55))
    (result,) = world.refresh(run=world.make_run(endpoint=pages))
    token = world.token_of(account)
    assert result.outcome is Outcome.DONE
    assert pages.asked == [(f"{SERVER}/v1/a%2Fb/store", token.reveal(), "Authentication", "bearer")]
    assert pages.posted == []
    assert world.published(account) == token.reveal()


def test_a_token_that_the_api_does_not_take_any_more_is_a_suspicion_first_and_needs_a_person_then():
    world, pages = Endless(), Pages(answer(401, {}), answer(401, {}))
    account = world.consented()
    world.clock.advance(timedelta(minutes=50))
    world.refresh(run=world.make_run(endpoint=pages))
    assert world.account_status(account).reason is Reason.GRANT_SUSPECTED
    world.clock.advance(timedelta(minutes=15))
    world.refresh(run=world.make_run(endpoint=pages))
    assert world.account_status(account).state is AccountState.NEEDS_CONSENT
    assert world.grant(account).refresh_token is not None


def test_where_no_page_tells_whether_a_token_works_nothing_is_sent_to_anybody():
    world, pages = Endless(checked=False), Pages()
    account = world.consented()
    world.clock.advance(timedelta(minutes=55))
    (result,) = world.refresh(run=world.make_run(endpoint=pages))
    assert (result.outcome, pages.asked, pages.posted) == (Outcome.DONE, [], [])
    assert world.published(account) == world.token_of(account).reveal()


def test_a_living_access_token_is_exchanged_for_the_next_one():
    shape = {
        "body": "query",
        "grant_type": "ig_refresh_token",
        "names": {"refresh_token": "access_token"},
        "omit": ["client_id", "client_secret"],
    }
    world = RefreshWorld(rules={"renewal": "access-token"}, behaves={"refresh_request": shape})
    pages = Pages(answer(200, {"access_token": "second", "token_type": "bearer", "expires_in": 5184000}))
    account = world.consented()
    before = world.token_of(account)
    world.clock.advance(timedelta(minutes=55))
    (result,) = world.refresh(run=world.make_run(endpoint=pages))
    assert result.outcome is Outcome.DONE
    assert pages.posted == [
        (f"{SERVER}/token", {"grant_type": "ig_refresh_token", "access_token": before.reveal()})
    ]
    assert (world.token_of(account), world.published(account)) == (Secret("second"), "second")


def test_a_codes_short_token_is_exchanged_for_the_lasting_one_before_anything_is_stored():
    world = ConsentWorld(
        behaviour=behaves(
            refresh_token={"renewal": "access-token"},
            exchange_request={"grant_type": "ig_exchange_token", "names": {"refresh_token": "access_token"}},
            response={"keep": ["user_id"]},
        )
    )
    provider = world.provider
    lasting = TrustedUrl(parse_url(f"{SERVER}/access_token", allow_loopback_http=True))
    provider = replace(provider, endpoints=replace(provider.endpoints, exchange=lasting))
    world.server.faults += [
        answer(200, {"access_token": "brief", "user_id": 17}),
        answer(200, {"access_token": "lasting", "expires_in": 5184000}),
    ]
    account = make_account()
    assert world.consent(account, provider=provider).outcome is Outcome.DONE
    assert [seen.path for seen in world.server.seen] == ["/token", "/access_token"]
    assert world.server.seen[1].form["refresh_token"] == "brief"
    grant = granted(world, account)
    assert (grant.refresh_token, grant.kept) == (Secret("lasting"), {"user_id": "17"})


def test_a_company_that_only_the_callback_names_is_who_consented():
    world = ConsentWorld(
        behaviour=behaves(callback={"keep": ["realmId"]}, identity={"source": "callback", "claim": "realmId"})
    )
    account = make_account(identity="4620")
    refused = world.consent(account, person=brings(world, realmId="9999"))
    assert (refused.outcome, world.grant(account)) == (Outcome.REFUSED, None)
    assert world.consent(account, person=brings(world, realmId="4620")).outcome is Outcome.DONE
    assert granted(world, account).subject == "4620"


def test_no_more_token_calls_are_made_within_a_span_than_the_provider_bears():
    world = RefreshWorld(behaves={"rate": {"limit": {"requests": 3, "per": timedelta(minutes=1)}}})
    for number in range(7):
        world.consented(f"team/a{number}")
    world.clock.advance(timedelta(minutes=55))
    times: list[float] = []
    world.server.on_request = lambda form: times.append(world.clock.monotonic())
    world.refresh()
    assert len(times) == 7
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[3:], strict=False))
