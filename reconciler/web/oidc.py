"""Signing in at the organisation's own identity provider: authorization code with PKCE, state, nonce and a validated ID
token (OpenID Connect Core §3.1, RFC 9700 §2.1).

Rules:
- the issuer is the operator's, from a flag; what it says of itself must bear its name, and its token endpoint is the one
  place where the login's client secret goes;
- what a login was begun with is sealed in the browser that began it, for that session and ten minutes, and is gone with
  its callback: a cookie that a neighbour's page planted signs nobody in;
- the callback is judged like every other (`decide/authorization`): state, `iss`, error and code;
- what the ID token leaves out (address, groups) is asked at userinfo, which must speak of the same person (OpenID Connect
  Core §5.3.2, §5.4);
- signing keys are fetched when they are first needed and, at most once a minute, where a token does not hold by them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.decide.answer_document import read_json_object
from reconciler.decide.authorization import (
    AuthorizationRequest,
    CallbackRefused,
    judge_callback,
    s256,
)
from reconciler.decide.id_token import read_keys
from reconciler.decide.identity import IdentityProblem
from reconciler.decide.issuer_metadata import (
    IssuerMetadata,
    MetadataProblem,
    judge_metadata_answer,
    metadata_urls,
)
from reconciler.decide.trust import permit
from reconciler.errors import ProviderFailed, ProviderUnreachable, ReconcilerError, clean
from reconciler.model.answer import HttpAnswer
from reconciler.model.behaviour import ClientAuth
from reconciler.model.endpoint import parse_url
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from reconciler.model.trust import Binding
from reconciler.ports import Clock, Entropy, MetadataEndpoint, TokenEndpoint
from reconciler.web.access import Login
from reconciler.web.id_token import IdTokenRefused, login_of, read_claims, together
from reconciler.web.sealing import Sealer
from reconciler.web.site import OidcSettings

CALLBACK = "/login/callback"
LASTS = timedelta(minutes=10)
_PURPOSE = "login"
_KEPT = 3600.0
_ASKED_AGAIN = 60.0


class LoginFailed(ReconcilerError):
    """The person is not in; `message` says why, in words for them."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`kept` is for the browser's cookie."""

    url: str
    kept: str


class OidcLogin:
    """`metadata` and `endpoint` reach the issuer and nothing else of ours."""

    def __init__(
        self,
        settings: OidcSettings,
        *,
        public: str,
        metadata: MetadataEndpoint,
        endpoint: TokenEndpoint,
        clock: Clock,
        entropy: Entropy,
        sealer: Sealer,
    ) -> None:
        self._settings = settings
        self._redirect = f"{public}{CALLBACK}"
        self._metadata, self._endpoint = metadata, endpoint
        self._clock, self._entropy, self._sealer = clock, entropy, sealer
        self._loopback = settings.issuer.startswith("http://")
        self._lock = threading.Lock()
        self._issuer: tuple[IssuerMetadata, float] | None = None
        self._keys: tuple[Mapping[str, Any], float] | None = None

    @property
    def shown_issuer(self) -> str:
        return clean(self._settings.issuer.partition("://")[2].partition("/")[0])

    def begin(self, *, then: str, sid: str) -> Begun:
        """`then`: our own path to go to afterwards; `sid`: the session that begins. ProviderFailed, ProviderUnreachable."""
        found = self._about_issuer()
        page = found.endpoints.get("authorization")
        if page is None:
            raise ProviderFailed("the login's issuer names no page to sign in at")
        state, nonce = self._entropy.token(24), self._entropy.token(24)
        verifier = Secret(self._entropy.token(48))
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._settings.client_id,
                "redirect_uri": self._redirect,
                "scope": " ".join(self._settings.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": s256(verifier),
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        kept = self._sealer.seal(
            {"state": state, "nonce": nonce, "verifier": verifier.reveal(), "then": then, "sid": sid},
            purpose=_PURPOSE,
            until=self._clock.now() + LASTS,
        )
        return Begun(f"{page}{'&' if '?' in page else '?'}{query}", kept)

    def finish(self, callback_url: str, *, kept: str | None, sid: str) -> tuple[Login, str]:
        """Who signed in, and where they wanted to go. LoginFailed, ProviderFailed, ProviderUnreachable."""
        begun = self._sealer.open(kept, purpose=_PURPOSE, now=self._clock.now())
        if begun is None or begun.get("sid") != sid:
            raise LoginFailed(
                "this browser did not begin to sign in, or did so too long ago", hint="sign in again"
            )
        found = self._about_issuer()
        request = AuthorizationRequest(
            url="",
            redirect_uri=self._redirect,
            state=Secret(begun["state"]),
            verifier=Secret(begun["verifier"]),
            nonce=Secret(begun["nonce"]),
            issuer=self._settings.issuer,
            issuer_in_response=found.issuer_in_response,
        )
        verdict = judge_callback(callback_url, request=request)
        if isinstance(verdict, CallbackRefused):
            words = f" ({verdict.description})" if verdict.description else ""
            raise LoginFailed(f"nobody is signed in: {verdict.message}{words}", hint="sign in again")
        id_token, access_token = self._exchange(found, code=verdict.code, verifier=Secret(begun["verifier"]))
        claims = self._claims(id_token, nonce=begun["nonce"], found=found)
        more = self._userinfo(claims, found=found, token=access_token)
        return login_of(together(claims, more), groups_claim=self._settings.groups_claim), begun["then"]

    # ------------------------------------------------------------------------------------------------------ the issuer

    def _about_issuer(self) -> IssuerMetadata:
        with self._lock:
            known, now = self._issuer, self._clock.monotonic()
            if known is not None and now - known[1] < _KEPT:
                return known[0]
        problem = MetadataProblem("the login's issuer was not asked")
        for url in metadata_urls(self._settings.issuer, loopback=self._loopback):
            found = judge_metadata_answer(
                self._settings.issuer, self._metadata.fetch(url), loopback=self._loopback
            )
            if isinstance(found, IssuerMetadata):
                with self._lock:
                    self._issuer = (found, self._clock.monotonic())
                return found
            problem = found
        raise ProviderUnreachable(
            f"signing in does not work now: {problem.message}", hint="try again in a minute"
        )

    def _exchange(
        self, found: IssuerMetadata, *, code: Secret, verifier: Secret
    ) -> tuple[Secret, Secret | None]:
        url = parse_url(found.endpoints["token"], allow_loopback_http=self._loopback)
        # The operator named the issuer by a flag, and the issuer its endpoint: nothing of Git is in between.
        binding = Binding("the login's client secret", frozenset({url.origin}))
        basic = "client_secret_basic" in found.auth_methods
        secret = self._settings.secret
        auth = ClientAuth.NONE if secret is None else (ClientAuth.BASIC if basic else ClientAuth.POST)
        outcome = self._endpoint.post(
            permit(url, binding),
            form={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect,
                "code_verifier": verifier,
            },
            client=ClientCredentials(self._settings.client_id, secret, auth),
            fresh_connection=True,
        )
        if not isinstance(outcome, HttpAnswer):
            raise ProviderUnreachable(f"nobody is signed in: {outcome.why}", hint="sign in again")
        document = read_json_object(outcome.body.reveal()) if outcome.status == 200 else None
        token = document.get("id_token") if document is not None else None
        if not isinstance(token, str) or not token:
            raise LoginFailed(
                f"nobody is signed in: the identity provider gave no ID token (HTTP {outcome.status})",
                hint="sign in again; if it stays so, the operator checks the client of this page",
            )
        access = document.get("access_token") if document is not None else None
        return Secret(token), Secret(access) if isinstance(access, str) and access else None

    def _userinfo(
        self, claims: Mapping[str, Any], *, found: IssuerMetadata, token: Secret | None
    ) -> Mapping[str, Any]:
        where, groups = found.endpoints.get("userinfo"), self._settings.groups_claim
        if where is None or token is None or ("email" in claims and groups in claims):
            return {}
        url = parse_url(where, allow_loopback_http=self._loopback)
        binding = Binding("the login's access token", frozenset({url.origin}))
        outcome = self._endpoint.get(permit(url, binding), bearer=token)
        if not isinstance(outcome, HttpAnswer) or outcome.status != 200:
            return {}
        document = read_json_object(outcome.body.reveal())
        if document is None:
            return {}
        if document.get("sub") != claims["sub"]:
            raise IdTokenRefused("userinfo speaks of another person than the login's ID token")
        return dict(document)

    def _claims(self, token: Secret, *, nonce: str, found: IssuerMetadata) -> Mapping[str, Any]:
        def read(keys: Mapping[str, Any]) -> Mapping[str, Any]:
            return read_claims(
                token,
                keys=keys,
                issuer=self._settings.issuer,
                client_id=self._settings.client_id,
                nonce=nonce,
                now=self._clock.now(),
            )

        try:
            return read(self._signing_keys(found, again=False))
        except IdTokenRefused:
            # The issuer may have rotated its keys since they were read.
            return read(self._signing_keys(found, again=True))

    def _signing_keys(self, found: IssuerMetadata, *, again: bool) -> Mapping[str, Any]:
        with self._lock:
            known, now = self._keys, self._clock.monotonic()
            age = _KEPT if known is None else now - known[1]
            if known is not None and age < (_ASKED_AGAIN if again else _KEPT):
                return known[0]
        where = found.endpoints.get("jwks")
        if where is None:
            raise ProviderFailed("the login's issuer publishes no keys (jwks_uri)")
        keys = read_keys(self._metadata.fetch(parse_url(where, allow_loopback_http=self._loopback)))
        if isinstance(keys, IdentityProblem):
            raise ProviderUnreachable(f"nobody is signed in: {keys.message}", hint="sign in again")
        with self._lock:
            self._keys = (keys, self._clock.monotonic())
        return keys
