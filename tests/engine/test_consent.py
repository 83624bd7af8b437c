"""A person's consent, from the link to the stored grant; and every way in which it ends with nothing changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.decide.pending_consent import PendingConsent, decode_pending, encode_pending
from reconciler.decide.results import Outcome, Result
from reconciler.engine.consent import begin_consent, finish_consent
from reconciler.engine.publish import forget
from reconciler.engine.run import Run
from reconciler.errors import ObjectFailed, PathDenied, ProviderFailed
from reconciler.model.answer import Loss, NoAnswer
from reconciler.model.behaviour import ClientAuth
from reconciler.model.grant import Intent, Phase, Verdict
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Document, Secret
from reconciler.model.state import DeletionPolicy, ErrorClass, GrantType, Reason
from reconciler.model.status import ProviderStatus
from tests.engine.consent_world import LAYOUT, ConsentWorld, Denies, Person, WalksAway
from tests.simulators.manifests import make_account, make_behaviour
from tests.simulators.signer import Signer
from tests.simulators.token_endpoint import Fault, answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEB = "https://accounts.acme.example/callback"
USERINFO = {"source": "userinfo", "email_claim": "email"}


def test_a_consent_stores_the_grant_and_publishes_its_token():
    world, account = ConsentWorld(), make_account(scopes=("read", "write"))
    result = world.consent(account)
    grant = world.grant(account)
    assert (result.outcome, result.code, result.warnings) == (Outcome.DONE, 0, ())
    assert grant is not None
    assert world.server.is_current(grant.refresh_token)
    assert grant.scopes == grant.requested_scopes == ("read", "write")
    assert (grant.client_id, grant.origin) == ("client", "http://127.0.0.1:9400")
    assert (grant.consent_digest, grant.consented_at) == (account.consent_digest, world.clock.now())
    assert grant.intent is None
    assert world.published(account) in world.server.access_tokens
    assert world.reached[0] == "consent.answer-received"
    assert "consent.committed" in world.reached


def test_the_exchange_proves_the_request_and_is_made_once_on_a_fresh_connection():
    world = ConsentWorld(behaviour=make_behaviour(token_parameters={"audience": "x"}))
    person = world.person()
    world.consent(make_account(), person=person)
    (seen,) = world.server.seen
    assert seen.fresh_connection
    assert seen.form["redirect_uri"] == person.asked["redirect_uri"] == "http://127.0.0.1:49152/callback"
    assert len(seen.form["code_verifier"]) >= 43
    assert seen.form["audience"] == "x"
    assert "scope" not in seen.form


def test_scopes_that_were_unticked_are_recorded_and_named():
    world, account = ConsentWorld(), make_account(scopes=("read", "write"))
    result = world.consent(account, person=world.person(unticks=frozenset({"write"})))
    grant = world.grant(account)
    assert grant is not None
    assert grant.scopes == ("read",)
    assert result.warnings == ("not granted: write",)


def test_a_refresh_tokens_absolute_end_is_counted_from_the_consent():
    behaviour = make_behaviour(
        refresh_token={
            "rotation": "reusable",
            "lifetime": {"kind": "absolute", "absolute": timedelta(days=90)},
        }
    )
    world, account = ConsentWorld(behaviour=behaviour), make_account()
    world.consent(account)
    grant = world.grant(account)
    assert grant is not None
    assert grant.refresh_expires_at == world.clock.now() + timedelta(days=90)


def test_the_client_secret_that_worked_is_noted_as_the_last_good_one():
    world, account = ConsentWorld(), make_account()
    path = LAYOUT.provider(world.provider.desired.address)
    status = ProviderStatus(
        "reconciler/default", "digest", "static", world.clock.now(), good_secret_version=1
    )
    world.store.write_metadata(path, status.to_metadata())
    world.consent(account, provider=replace(world.provider, secret_version=2))
    noted = world.store.read_metadata(path)
    assert noted is not None
    after = ProviderStatus.from_metadata(noted.custom)
    assert after is not None
    assert after.good_secret_version == 2


def test_a_denial_changes_nothing():
    world, account = ConsentWorld(), make_account()
    result = world.consent(account, person=world.person(Denies))
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert "The user said no" in result.error
    assert world.store.writes() == []
    assert world.server.seen == []


def test_nobody_there_changes_nothing():
    world, account = ConsentWorld(), make_account()
    result = world.consent(account, person=world.person(WalksAway))
    assert (result.outcome, result.code) == (Outcome.FAILED, 5)
    assert world.store.writes() == []


def test_a_forged_callback_is_passed_over_and_the_right_one_taken():
    class Attacked(Person):
        def answers(self) -> list[str]:
            forged = self.back(code="attackers", state="guessed")
            return [forged, self.back(code=self.code())]

    world, account = ConsentWorld(), make_account()
    person = world.person(Attacked)
    assert world.consent(account, person=person).outcome is Outcome.DONE
    assert len(person.verdicts) == 2
    assert [seen.form["code"] for seen in world.server.seen] != ["attackers"]


def test_a_code_of_another_issuer_is_not_sent_anywhere():
    class MixedUp(Person):
        def answers(self) -> list[str]:
            return [self.back(code="theirs", iss="https://evil.example")]

    world = ConsentWorld(issuer="http://127.0.0.1:9400")
    result = world.consent(make_account(), person=world.person(MixedUp))
    assert result.outcome is Outcome.REFUSED
    assert "RFC 9207" in result.error
    assert world.server.seen == []


def test_a_missing_refresh_token_fails_at_once_with_the_providers_remedy():
    behaviour = make_behaviour(
        refresh_token={
            "rotation": "reusable",
            "missing": "this provider gives one at the first consent only",
        },
        access_removal={"url": "https://as.example/apps"},
    )
    world, account = ConsentWorld(behaviour=behaviour), make_account()
    world.consent(account)
    before = world.refresh_token(account)
    world.server.issues_refresh_token = False
    world.store.forget_requests()
    result = world.consent(account)
    assert (result.outcome, result.reason, result.code) == (Outcome.FAILED, "RefreshTokenMissing", 5)
    assert "first consent only" in result.hint
    assert "https://as.example/apps" in result.hint
    assert "reconciler consent team/drive" in result.hint
    assert world.store.writes() == []
    assert world.refresh_token(account) == before


def test_an_odd_answer_with_a_refresh_token_alone_is_made_whole():
    world, account = ConsentWorld(), make_account()
    world.server.extra = {"access_token": 7}
    world.server.on_request = lambda form: (
        world.server.extra.clear() if form["grant_type"] == "refresh_token" else None
    )
    result = world.consent(account)
    assert result.outcome is Outcome.DONE
    assert world.server.is_current(world.refresh_token(account))


@pytest.mark.parametrize(
    ("fault", "words", "code"),
    [
        (Fault.NOT_SENT, "connection refused", 4),
        (Fault.LOST_AFTER, "cut", 4),
        (answer(500, b"<html>", {}), "HTTP 500", 4),
        (answer(200, {}), "HTTP 200", 4),
        (answer(401, {"error": "invalid_client"}), "invalid_client", 4),
        (answer(400, {"error": "invalid_grant"}), "invalid_grant", 4),
        (answer(429, {}, {"retry-after": "5"}), "HTTP 429", 4),
        (NoAnswer(Loss.UNCLEAR, "timed out after 30 s"), "timed out", 4),
    ],
)
def test_an_exchange_that_fails_says_why_and_changes_nothing(fault, words, code):
    world, account = ConsentWorld(), make_account()
    world.server.faults.append(fault)
    result = world.consent(account)
    assert (result.outcome, result.code) == (Outcome.FAILED, code)
    assert words in result.error
    assert result.hint
    assert world.store.writes() == []


def test_our_refused_client_is_named_with_its_secret():
    world, account = ConsentWorld(), make_account()
    world.server.clients = {"client": "another"}
    result = world.consent(account)
    assert result.reason == "ClientRefused"
    assert "clients/team/sandbox#client_secret" in result.hint


def test_who_consented_is_recorded():
    world, account = ConsentWorld(behaviour=make_behaviour(identity=USERINFO)), make_account()
    world.consent(account)
    grant, status = world.grant(account), world.status(account)
    assert grant is not None
    assert grant.subject == "ana"
    assert status is not None
    assert status.subject not in ("", "ana")


@pytest.mark.parametrize("source", ["introspection", "token-response"])
def test_who_consented_is_found_where_the_base_says(source):
    world, account = ConsentWorld(behaviour=make_behaviour(identity={"source": source})), make_account()
    world.server.extra = {"sub": "ana"} if source == "token-response" else {}
    world.consent(account)
    grant = world.grant(account)
    assert grant is not None
    assert grant.subject == "ana"


@pytest.mark.parametrize("pinned", ["ana", "ana@example.com"])
def test_another_person_than_the_pinned_one_is_refused(pinned):
    world = ConsentWorld(behaviour=make_behaviour(identity=USERINFO))
    account = make_account(identity=pinned)
    refused = world.consent(account, person=world.person(subject="bob"))
    assert (refused.outcome, refused.reason, refused.code) == (Outcome.REFUSED, "IdentityChanged", 5)
    assert "bob@example.com" in refused.error
    assert world.store.writes() == []
    assert world.consent(account).outcome is Outcome.DONE


def test_another_person_than_last_time_is_refused_unless_it_is_declared():
    world = ConsentWorld(behaviour=make_behaviour(identity=USERINFO))
    account = make_account()
    world.consent(account)
    before = world.refresh_token(account)
    refused = world.consent(account, person=world.person(subject="bob"))
    assert refused.reason == "IdentityChanged"
    assert world.refresh_token(account) == before
    declared = make_account(identity="bob@example.com")
    assert world.consent(declared, person=world.person(subject="bob")).outcome is Outcome.DONE


def test_who_consented_for_another_client_or_was_forgotten_binds_nobody():
    """A `sub` may be another one for each client (OpenID Connect Core §8.1), and what is forgotten is forgotten."""
    world, account = ConsentWorld(behaviour=make_behaviour(identity=USERINFO)), make_account()
    bob = world.person(subject="bob")
    world.consent(account)
    world.server.clients = {"client-2": "client-secret"}
    second = ClientCredentials("client-2", Secret("client-secret"), ClientAuth.POST)
    provider = replace(world.provider, client=second)
    assert world.consent(account, person=bob, provider=provider).outcome is Outcome.DONE
    forget(world.run, account.address, now=world.clock.now())
    assert world.consent(account, person=world.person(), provider=provider).outcome is Outcome.DONE


def test_what_removing_the_account_will_mean_is_still_known_after_a_consent():
    world, account = ConsentWorld(), make_account(deletion_policy=DeletionPolicy.REVOKE)
    world.consent(account)
    status = world.status(account)
    assert status is not None
    assert status.deletion_policy == "Revoke"


@pytest.mark.parametrize("folder", ["tokens", "grants"])
def test_nobody_is_asked_where_the_store_would_not_take_the_grant(folder):
    world, account = ConsentWorld(), make_account()
    world.store.deny(LAYOUT.folder(folder), "write")
    person = world.person()
    with pytest.raises(PathDenied, match=folder):
        world.consent(account, person=person)
    assert person.link == ""


def test_userinfo_is_asked_again_where_it_stumbles():
    world, account = ConsentWorld(behaviour=make_behaviour(identity=USERINFO)), make_account()
    world.server.get_faults.extend([answer(503, {}), NoAnswer(Loss.UNCLEAR, "cut")])
    assert world.consent(account).warnings == ()
    grant = world.grant(account)
    assert grant is not None
    assert grant.subject == "ana"


def test_an_identity_that_cannot_be_told_is_a_warning_where_nobody_is_expected():
    world, account = ConsentWorld(behaviour=make_behaviour(identity={"source": "id-token"})), make_account()
    result = world.consent(account)
    assert result.outcome is Outcome.DONE
    assert "no ID token" in result.warnings[0]


def test_an_identity_that_cannot_be_told_is_refused_where_somebody_is_expected():
    world = ConsentWorld(behaviour=make_behaviour(identity={"source": "id-token"}))
    result = world.consent(make_account(identity="ana"))
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert world.store.writes() == []


def test_a_pinned_identity_that_can_never_be_told_is_said_before_anybody_is_asked():
    world = ConsentWorld()
    person = world.person()
    with pytest.raises(ProviderFailed, match="identity"):
        world.consent(make_account(identity="ana"), person=person)
    assert person.link == ""


def test_a_consent_replaces_an_open_intent():
    world, account = ConsentWorld(), make_account()
    world.consent(account)
    grant = world.grant(account)
    assert grant is not None
    intent = Intent("op-x", Phase.SENT, "fp", world.run.holder, timedelta(minutes=15), "test")
    path = LAYOUT.grant(account.address)
    world.store.write(path, grant.with_intent(intent).to_document(), cas=world.store.read(path).version)
    assert world.consent(account).outcome is Outcome.DONE
    after = world.grant(account)
    assert after is not None
    assert after.intent is None
    assert world.server.is_current(after.refresh_token)


def test_what_another_owner_wrote_is_not_asked_for():
    world, account = ConsentWorld(), make_account()
    world.store.write_metadata(LAYOUT.token(account.address), {"managed-by": "reconciler/other"})
    person = world.person()
    with pytest.raises(ObjectFailed, match="other"):
        world.consent(account, person=person)
    assert person.link == ""


def test_client_credentials_need_nobody():
    world, account = ConsentWorld(), make_account(grant=GrantType.CLIENT_CREDENTIALS)
    person = world.person()
    result = world.consent(account, person=person)
    assert (result.outcome, result.code) == (Outcome.SKIPPED, 0)
    assert "client_credentials" in result.message
    assert person.link == ""


def test_a_suspended_account_takes_no_grant():
    world = ConsentWorld()
    result = world.consent(make_account(suspend=True))
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "Suspended")


def test_a_provider_without_a_page_or_a_redirect_uri_is_said():
    world = ConsentWorld(redirect_uris=())
    with pytest.raises(ProviderFailed, match="redirect URI"):
        world.consent(make_account())
    with pytest.raises(ProviderFailed, match="authorization endpoint"):
        world.consent(make_account(), provider=world.without_authorization())


def test_a_public_redirect_uri_is_pasted():
    world = ConsentWorld(redirect_uris=("https://accounts.acme.example/callback",))
    person = world.person()
    assert world.consent(make_account(), person=person).outcome is Outcome.DONE
    assert person.asked["redirect_uri"] == "https://accounts.acme.example/callback"


def test_a_loopback_redirect_uri_can_be_pasted_too():
    world = ConsentWorld()
    person = world.person()
    assert world.consent(make_account(), person=person, paste=True).outcome is Outcome.DONE
    assert person.asked["redirect_uri"] == "http://127.0.0.1/callback"


def test_a_public_client_consents_with_pkce_alone():
    world, account = ConsentWorld(), make_account()
    world.server.clients = {"client": None}
    public = ClientCredentials("client", None, ClientAuth.NONE)
    assert world.consent(account, provider=replace(world.provider, client=public)).outcome is Outcome.DONE


def test_a_consent_in_two_requests_with_a_restart_between_them():
    world, account = ConsentWorld(), make_account()
    pending = begin_consent(world.run, account, world.provider, redirect_uri=WEB)
    assert isinstance(pending, PendingConsent)
    assert world.store.writes() == []
    kept = Document(encode_pending(pending).plain())
    person = world.person()
    person.open_link(pending.url)
    (back,) = person.answers()
    result = finish_consent(
        world.run, account, world.provider, pending=decode_pending(kept), callback_url=back
    )
    assert (result.outcome, result.code) == (Outcome.DONE, 0), result
    assert world.server.is_current(world.refresh_token(account))
    assert world.server.seen[0].form["redirect_uri"] == WEB


def test_a_consent_whose_account_was_changed_meanwhile_sends_its_code_nowhere():
    world, account = ConsentWorld(), make_account(scopes=("read",))
    pending = begin_consent(world.run, account, world.provider, redirect_uri=WEB)
    assert isinstance(pending, PendingConsent)
    person = world.person()
    person.open_link(pending.url)
    (back,) = person.answers()
    widened = make_account(scopes=("read", "write"), consent_digest="4444444444444444")
    result = finish_consent(world.run, widened, world.provider, pending=pending, callback_url=back)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert "has changed" in result.error
    assert "reconciler consent team/drive" in result.hint
    assert world.server.seen == []
    assert world.store.writes() == []


def test_a_forged_callback_finishes_nothing():
    world, account = ConsentWorld(), make_account()
    pending = begin_consent(world.run, account, world.provider, redirect_uri=WEB)
    assert isinstance(pending, PendingConsent)
    forged = f"{WEB}?code=attackers&state=guessed"
    result = finish_consent(world.run, account, world.provider, pending=pending, callback_url=forged)
    assert (result.outcome, result.code) == (Outcome.REFUSED, 5)
    assert world.server.seen == []


def test_nothing_is_begun_where_no_person_is_needed():
    world, account = ConsentWorld(), make_account(grant=GrantType.CLIENT_CREDENTIALS)
    result = begin_consent(world.run, account, world.provider, redirect_uri=WEB)
    assert isinstance(result, Result)
    assert result.outcome is Outcome.SKIPPED


def test_no_secret_is_in_what_is_said():
    world, account = ConsentWorld(), make_account()
    person = world.person()
    result = world.consent(account, person=person)
    shown = repr(result) + repr(world.run.events)
    secrets = [world.published(account), *world.server.families, person.asked["state"]]
    assert not [secret for secret in secrets if secret and secret in shown]
    assert isinstance(world.run, Run)


# ------------------------------------------------------------------------------------------------- who it was, by proof

ID_TOKEN = {"source": "id-token", "email_claim": "email", "tenant_claim": "tid"}
OPENID = ("openid", "read")


def signing(**claims: Any) -> ConsentWorld:
    world = ConsentWorld(behaviour=make_behaviour(identity=ID_TOKEN), issuer="http://127.0.0.1:9400")
    world.server.signer = Signer(claims=claims)
    return world


def test_subject_address_and_tenant_of_a_signed_id_token_are_recorded():
    world, account = signing(tid="acme"), make_account(scopes=OPENID)
    result = world.consent(account)
    assert (result.outcome, result.warnings) == (Outcome.DONE, ()), result
    grant = world.grant(account)
    assert grant is not None
    assert (grant.subject, grant.email, grant.tenant) == ("ana", "ana@example.com", "acme")


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "another"}, "another client"),
        ({"nonce": "another"}, "another request"),
        ({"nonce": ...}, "another request"),
        ({"exp": 0}, "expired"),
    ],
)
def test_an_id_token_that_does_not_hold_is_refused_whoever_is_expected(claims, words):
    world, account = signing(**claims), make_account(scopes=OPENID, owner=None)
    result = world.consent(account)
    assert (result.outcome, result.reason, result.code) == (Outcome.REFUSED, "IdentityChanged", 4)
    assert words in result.error
    assert world.store.writes() == []


def test_a_signature_that_its_server_does_not_publish_is_refused():
    world, account = signing(), make_account(scopes=OPENID)
    assert world.server.signer is not None
    world.server.signer.published = False
    result = world.consent(account)
    assert "does not publish" in result.error
    assert world.store.writes() == []


def test_keys_that_cannot_be_fetched_are_asked_for_again_and_then_a_warning_or_a_refusal():
    world, account = signing(), make_account(scopes=OPENID)
    world.server.keys_faults.extend([Fault.NOT_SENT, answer(503, {})])
    assert world.consent(account).warnings == ()
    world.server.keys_faults.extend([Fault.NOT_SENT] * 3)
    refused = world.consent(account)
    assert (refused.outcome, refused.code) == (Outcome.FAILED, 4)
    assert "the server's keys: connection refused" in refused.error
    first = make_account("team/first", scopes=OPENID)
    world.server.keys_faults.extend([Fault.NOT_SENT] * 3)
    assert "who consented is not known" in world.consent(first).warnings[0]


def test_a_signature_that_cannot_be_checked_is_said():
    world, account = signing(), make_account(scopes=OPENID)
    provider = world.provider
    without = replace(provider, endpoints=replace(provider.endpoints, jwks=None))
    result = world.consent(account, provider=without)
    assert result.outcome is Outcome.DONE
    assert "signature was not checked" in result.warnings[0]


def test_a_clock_that_is_wrong_is_said_with_by_how_much_and_what_to_do():
    world, account = signing(), make_account(scopes=OPENID)
    ahead = int(world.clock.now().timestamp()) + 7200
    assert world.server.signer is not None
    world.server.signer.claims = {"iat": ahead, "exp": ahead + 3600}
    result = world.consent(account)
    assert "clock is 2 h behind the provider's" in result.error
    assert "set this machine's clock" in result.hint
    assert world.store.writes() == []


def test_another_person_than_the_owner_is_refused_where_the_provider_vouches_for_them():
    world, account = signing(), make_account(scopes=OPENID, owner="ana@example.com")
    refused = world.consent(account, person=world.person(subject="bob"))
    assert (refused.reason, refused.code) == ("IdentityChanged", 5)
    assert "bob@example.com consented, and the account's owner is ana@example.com" in refused.error
    assert "sign in as ana@example.com" in refused.hint
    assert "identity: bob@example.com" in refused.hint
    assert world.store.writes() == []
    said = make_account(scopes=OPENID, owner="ana@example.com", identity="bob@example.com")
    assert world.consent(said, person=world.person(subject="bob")).outcome is Outcome.DONE


def test_an_owner_is_no_bar_where_nobody_vouches_for_an_address():
    world, account = signing(email_verified=...), make_account(scopes=OPENID, owner="ana@example.com")
    assert world.consent(account, person=world.person(subject="bob")).outcome is Outcome.DONE


def test_the_owner_is_told_to_the_provider_where_it_is_an_address():
    world, person = signing(), ConsentWorld().person()
    world.consent(make_account(scopes=OPENID), person=person)
    assert person.asked["login_hint"] == "ana@example.com"


def test_an_injected_code_is_noticed_by_its_nonce_even_where_the_server_ignores_pkce():
    """RFC 9700 §4.5.3: the attacker's own code, in our callback with our state, at a server that drops PKCE."""
    world, account = signing(), make_account(scopes=OPENID, owner=None)

    class Injected(Person):
        def answers(self) -> list[str]:
            stolen = self.server.authorize(
                client_id="client", redirect_uri=self.asked["redirect_uri"], challenge=None,
                subject="mallory", scope=OPENID, nonce="the attacker's",
            )  # fmt: skip
            return [self.back(code=stolen.reveal())]

    result = world.consent(account, person=world.person(Injected))
    assert result.outcome is Outcome.REFUSED
    assert "another request (nonce)" in result.error
    assert world.store.writes() == []


def test_an_injected_code_is_refused_by_a_server_that_keeps_pkce():
    world, account = ConsentWorld(), make_account()

    class Injected(Person):
        def answers(self) -> list[str]:
            stolen = self.server.authorize(
                client_id="client",
                redirect_uri=self.asked["redirect_uri"],
                challenge="the attacker's",
                subject="mallory",
            )
            return [self.back(code=stolen.reveal())]

    result = world.consent(account, person=world.person(Injected))
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert "invalid_grant" in result.error
    assert world.store.writes() == []


@pytest.mark.parametrize("source", ["none", "token-response"])
def test_a_nonce_is_checked_whatever_the_identity_is_read_from(source):
    world = ConsentWorld(behaviour=make_behaviour(identity={"source": source}))
    world.server.signer = Signer(claims={"nonce": "another"})
    world.server.extra = {"sub": "ana"}
    result = world.consent(make_account(scopes=OPENID))
    assert "another request (nonce)" in result.error
    assert world.store.writes() == []


# ---------------------------------------------------------------------------------------- wider, narrower, one by one

ADDS = {"incremental": True, "incremental_parameters": {"include_granted_scopes": "true"}}


class Adds(Person):
    """At a server that adds to what this person granted the client before."""

    before: tuple[str, ...] = ("read",)

    def code(self) -> str:
        united = " ".join(sorted({*self.before, *self.asked["scope"].split()}))
        adds = self.asked.get("include_granted_scopes") == "true"
        self.asked = {**self.asked, "scope": united if adds else self.asked["scope"]}
        return super().code()


def widened(world: ConsentWorld) -> Any:
    assert world.consent(make_account(scopes=("read",))).outcome is Outcome.DONE
    return make_account(scopes=("read", "write"))


def test_only_what_is_new_is_asked_for_where_the_server_adds_to_what_it_granted():
    world = ConsentWorld(behaviour=make_behaviour(scopes=ADDS))
    account, person = widened(world), world.person(Adds)
    result = world.consent(account, person=person)
    grant = world.grant(account)
    assert "scope=write&" in person.link
    assert (result.outcome, result.warnings) == (Outcome.DONE, ()), result
    assert grant is not None
    assert grant.scopes == grant.requested_scopes == ("read", "write")


def test_a_first_consent_asks_for_all_and_joins_nothing_of_other_accounts():
    world, person = ConsentWorld(behaviour=make_behaviour(scopes=ADDS)), ConsentWorld().person()
    world.consent(make_account(scopes=("read", "write")), person=person)
    assert "include_granted_scopes" not in person.asked
    assert person.asked["scope"] == "read write"


def test_a_server_that_adds_nothing_costs_no_scope_and_is_asked_for_all_at_once():
    world = ConsentWorld(behaviour=make_behaviour(scopes=ADDS))
    account = widened(world)
    before = world.refresh_token(account)
    world.store.forget_requests()
    alone = world.consent(account)
    assert (alone.outcome, alone.reason, alone.code) == (Outcome.FAILED, "ScopesNotGranted", 5)
    assert world.store.writes() == []
    assert world.refresh_token(account) == before
    person = world.person(follows=lambda guidance: True)
    assert world.consent(account, person=person).outcome is Outcome.DONE
    assert [guidance.what for guidance in person.guided] == [
        "The new scopes were not added to those granted before"
    ]
    assert person.asked["scope"] == "read write"
    assert "include_granted_scopes" not in person.asked


def test_a_grant_that_was_refused_is_added_to_by_nobody():
    world = ConsentWorld(behaviour=make_behaviour(scopes=ADDS))
    account, person = widened(world), world.person()
    path = LAYOUT.grant(account.address)
    grant = world.grant(account)
    assert grant is not None
    verdict = Verdict(ErrorClass.NEEDS_CONSENT, Reason.GRANT_REVOKED, NOW, NOW, confirmed=True)
    world.store.write(path, replace(grant, verdict=verdict).to_document(), cas=world.store.read(path).version)
    world.consent(account, person=person)
    assert person.asked["scope"] == "read write"


def test_what_is_granted_besides_is_named():
    class Generous(Person):
        def code(self) -> str:
            self.asked = {**self.asked, "scope": f"{self.asked['scope']} admin"}
            return super().code()

    world = ConsentWorld()
    result = world.consent(make_account(scopes=("read",)), person=world.person(Generous))
    assert result.warnings == ("granted besides, though not asked for: admin",)
