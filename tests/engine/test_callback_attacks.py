"""Attacks on the callback (RFC 9700 §4), for the listener and for a paste alike: no code of theirs is sent anywhere.

What does not bear our `state` at our redirect URI ends nothing: the right answer that follows is taken. What bears it and is
wrong ends the consent, since nobody but the server (or who stole its answer) could have sent it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from reconciler.decide.authorization import Callback, RedirectMode
from reconciler.decide.results import Outcome, Result
from reconciler.model.answer import HttpAnswer
from tests.engine.consent_world import ConsentWorld, Person
from tests.simulators.manifests import make_account, make_behaviour

ISSUER = "http://127.0.0.1:9400"
Forge = Callable[[Person], str]


def there(person: Person, query: str) -> str:
    return f"{person.asked['redirect_uri']}?{query}"


def state(person: Person) -> str:
    return quote(person.asked["state"])


IGNORED: dict[str, Forge] = {
    "no state": lambda p: there(p, "code=theirs"),
    "an empty state": lambda p: there(p, "code=theirs&state="),
    "a guessed state": lambda p: there(p, "code=theirs&state=guessed"),
    "a part of the state": lambda p: there(p, f"code=theirs&state={state(p)[:-1]}"),
    "a longer state": lambda p: there(p, f"code=theirs&state={state(p)}x"),
    "the state in other letters": lambda p: there(p, f"code=theirs&state={state(p).swapcase()}"),
    "the state twice": lambda p: there(p, f"code=theirs&state={state(p)}&state={state(p)}"),
    "the state and another": lambda p: there(p, f"code=theirs&state=x&state={state(p)}"),
    "the state in the fragment": lambda p: there(p, f"code=theirs#state={state(p)}"),
    "another host": lambda p: f"http://evil.example/callback?code=theirs&state={state(p)}",
    "a host that begins like ours": lambda p: f"http://127.0.0.1.evil.example/callback?code=theirs&state={state(p)}",
    "a user name that looks like our host": lambda p: p.asked["redirect_uri"].replace("//", "//127.0.0.1@")
    + f"?code=theirs&state={state(p)}",
    "another path": lambda p: there(p, f"code=theirs&state={state(p)}").replace("/callback", "/callback/x"),
    "a path that climbs": lambda p: there(p, f"code=theirs&state={state(p)}").replace("/callback", "/x/../callback"),
    "https for http": lambda p: there(p, f"code=theirs&state={state(p)}").replace("http:", "https:"),
    "a script": lambda p: f"javascript:alert(1)//{there(p, f'code=theirs&state={state(p)}')}",
    "too many parameters": lambda p: there(p, "&".join(f"x{n}=1" for n in range(60)) + f"&code=c&state={state(p)}"),
    "a mile of parameters": lambda p: there(p, f"code={'x' * 20_000}&state={state(p)}"),
    "nothing": lambda p: "",
    "no URL": lambda p: "the page said: access denied",
}  # fmt: skip

ENDING: dict[str, tuple[Forge, str]] = {
    "a mix-up: the answer of another server": (
        lambda p: there(p, f"code=theirs&state={state(p)}&iss=https%3A%2F%2Fevil.example"),
        "another issuer",
    ),
    "no issuer where the server always says it": (
        lambda p: there(p, f"code=theirs&state={state(p)}"),
        "lacks `iss`",
    ),
    "an error and a code at once": (
        lambda p: there(p, f"code=theirs&error=access_denied&state={state(p)}&iss={quote(ISSUER, safe='')}"),
        "at once",
    ),
    "two codes": (
        lambda p: there(p, f"code=theirs&code=mine&state={state(p)}&iss={quote(ISSUER, safe='')}"),
        "twice",
    ),
    "two issuers": (
        lambda p: there(
            p, f"code=theirs&state={state(p)}&iss=https%3A%2F%2Fevil.example&iss={quote(ISSUER, safe='')}"
        ),
        "twice",
    ),
    "neither code nor error": (
        lambda p: there(p, f"state={state(p)}&iss={quote(ISSUER, safe='')}"),
        "neither a code nor an error",
    ),
}


class Attacked(Person):
    """The attacker's URL comes first, the server's own answer after it."""

    forge: Forge

    def answers(self) -> list[str]:
        return [self.forge(self), self.back(code=self.code(), iss=ISSUER)]


def attacked(forge: Forge, *, paste: bool) -> tuple[ConsentWorld, Attacked, Result]:
    world = ConsentWorld(behaviour=make_behaviour(), issuer=ISSUER)
    person = Attacked(world.server)
    person.forge = forge
    provider = replace(world.provider, issuer_in_response=True)
    return world, person, world.consent(make_account(), person=person, provider=provider, paste=paste)


@pytest.mark.parametrize("paste", [False, True], ids=["listener", "paste"])
@pytest.mark.parametrize("attack", IGNORED)
def test_what_is_not_our_answer_ends_nothing_and_the_right_one_is_taken(attack: str, paste: bool):
    world, person, result = attacked(IGNORED[attack], paste=paste)
    assert result.outcome is Outcome.DONE, result
    assert [isinstance(verdict, Callback) for verdict in person.verdicts] == [False, True]
    assert all("theirs" not in seen.form.get("code", "") for seen in world.server.seen)


@pytest.mark.parametrize("paste", [False, True], ids=["listener", "paste"])
@pytest.mark.parametrize("attack", ENDING)
def test_what_bears_our_state_and_is_wrong_ends_the_consent_with_nothing_sent(attack: str, paste: bool):
    forge, words = ENDING[attack]
    world, _, result = attacked(forge, paste=paste)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert words in result.error
    assert world.server.seen == []
    assert world.store.writes() == []


@pytest.mark.parametrize("paste", [False, True], ids=["listener", "paste"])
def test_an_answer_to_an_earlier_consent_is_no_answer_to_this_one(paste: bool):
    world = ConsentWorld()
    first = world.person()
    world.consent(make_account(), person=first, paste=paste)
    old = first.back(code="replayed")
    second = Attacked(world.server)
    second.forge = lambda person: old
    assert world.consent(make_account(), person=second, paste=paste).outcome is Outcome.DONE
    assert "replayed" not in [seen.form.get("code") for seen in world.server.seen]


def test_a_code_is_never_exchanged_a_second_time():
    """The person pastes the same address again, after a consent that failed at the exchange."""
    world = ConsentWorld()

    class Again(Person):
        kept: str = ""

        def answers(self) -> list[str]:
            self.kept = self.kept or self.back(code=self.code())
            return [self.kept]

    person = Again(world.server)
    assert world.consent(make_account(), person=person, paste=True).outcome is Outcome.DONE
    again = world.consent(make_account(), person=person, paste=True)
    assert (again.outcome, again.code) == (Outcome.FAILED, 5)
    assert world.server.exchanges("authorization_code") == 1


@pytest.mark.parametrize(("waits", "outcome"), [(29, Outcome.DONE), (31, Outcome.FAILED)])
def test_a_pasted_code_is_exchanged_at_once_and_one_that_came_too_late_says_how_long_it_lives(waits, outcome):
    world = ConsentWorld(behaviour=make_behaviour(callback={"code_lifetime": timedelta(seconds=30)}))
    world.server.code_lifetime = timedelta(seconds=30)

    class Slow(Person):
        def answers(self) -> list[str]:
            address = self.back(code=self.code())
            world.clock.advance(timedelta(seconds=waits))
            return [address]

    result = world.consent(make_account(), person=Slow(world.server), paste=True)
    assert result.outcome is outcome
    assert outcome is Outcome.DONE or "(a code works once, and for 30s)" in result.hint


@pytest.mark.parametrize("paste", [False, True], ids=["listener", "paste"])
def test_a_server_whose_issuer_nobody_knows_is_sent_no_code_of_another_server(paste: bool):
    """Mix-up (RFC 9700 §4.4): the page that the person was sent to led them on to an honest server, with our client there."""
    world = ConsentWorld()

    class MixedUp(Person):
        def answers(self) -> list[str]:
            return [self.back(code="of-the-honest-one", iss="https://honest.example")]

    assert world.provider.issuer is None
    result = world.consent(make_account(), person=MixedUp(world.server), paste=paste)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert "neither the page's nor the token endpoint's" in result.error
    assert "server.issuer" in result.hint
    assert world.server.seen == []


# -------------------------------------------------------------------------------------------------------- PKCE downgrade


def test_the_challenge_is_s256_whatever_the_metadata_leaves_out():
    """RFC 9700 §2.1.1, RFC 7636 §7.2: never `plain`, never without, unless the base itself says that the server refuses it."""
    for pkce, sent in (("required", "S256"), ("supported", "S256"), ("unsupported", None)):
        world = ConsentWorld(behaviour=make_behaviour(pkce=pkce))
        person = world.person()
        world.consent(make_account(), person=person)
        assert person.asked.get("code_challenge_method") == sent
        (seen,) = world.server.seen
        assert ("code_verifier" in seen.form) is (sent is not None)


def test_a_manifest_cannot_downgrade_the_challenge():
    for parameters in (
        {"code_challenge_method": "plain"},
        {"code_challenge": "x"},
        {"state": "x"},
        {"redirect_uri": "x"},
    ):
        with pytest.raises(ValueError, match="is set by the tool itself"):
            make_behaviour(authorization_parameters=parameters)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"scope": "request_uri"}, "scope may not be called request_uri"),
        ({"scope": "redirect_uri"}, "scope may not be called redirect_uri"),
        ({"client_secret": "scope"}, "client_secret may not be called scope"),
        ({"refresh_token": "client_id"}, "refresh_token may not be called client_id"),
        ({"scope": "user_scope", "client_id": "client_key", "refresh_token": "access_token"}, ""),
    ],
)
def test_no_field_is_called_by_the_name_of_another(names: dict[str, str], words: str):
    """A secret that was sent as `scope` would come back as one; a `request_uri` brings a request of somebody else's."""
    if not words:
        assert make_behaviour(request={"names": names}).request.names == names
        return
    with pytest.raises(ValueError, match=words):
        make_behaviour(request={"names": names})


def test_a_server_that_drops_the_challenge_gains_nothing_from_a_stolen_code_without_its_verifier():
    """The thief has the code and no verifier; at a server that kept the challenge, that is worth nothing (§4.5.3.1)."""
    world = ConsentWorld()
    person = world.person()
    person.open_link(f"http://127.0.0.1:9400/authorize?client_id=client&redirect_uri={quote('http://127.0.0.1/callback')}"
                     "&scope=read&state=s&code_challenge=Y2hhbGxlbmdl&code_challenge_method=S256")  # fmt: skip
    stolen = person.code()
    form = {"grant_type": "authorization_code", "code": stolen, "redirect_uri": "http://127.0.0.1/callback"}
    said = world.server.post(world.provider.endpoints.token, form=form, client=world.provider.client)
    assert isinstance(said, HttpAnswer)
    assert b"invalid_grant" in said.body.reveal()


def test_a_listener_is_told_nothing_of_where_to_go_next():
    """Open redirect (§4.11): whatever a callback carries, its URL is judged and never followed."""
    seen: list[str] = []

    class Watched(Person):
        def answers(self) -> list[str]:
            seen.append(self.asked["redirect_uri"])
            extra = f"&next=https://evil.example&redirect_uri=https://evil.example&url=//evil.example&state={state(self)}"
            return [there(self, f"code={self.code()}{extra}")]

    world = ConsentWorld()
    person = Watched(world.server)
    assert world.consent(make_account(), person=person).outcome is Outcome.DONE
    assert person.redirect is not None
    assert person.redirect.mode is RedirectMode.LISTEN
    assert world.server.seen[0].form["redirect_uri"] == seen[0]
