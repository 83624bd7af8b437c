"""Wiring of `reconciler base new` and `base test`: an HTTP client, a provider made from the base, a person or a scripted one.

Rules:
- loopback is admitted where the operator named a loopback server on the command line, or where the sandbox is ours;
- a client's secret goes to origins that the shipped catalogue spells out, or that --trust-origin or --server names: by
  hand, outside Git, as every act of trust;
- no store is opened: a trial keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient
from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.manifests import load_text
from reconciler.cli.base_reading import one_base
from reconciler.cli.base_words import not_like_that, refuse_contradictions, said_of_the_server
from reconciler.cli.calling import make_client, make_run
from reconciler.cli.session import Session
from reconciler.cli.verb_secret import secret_value
from reconciler.decide.conformance import Promise
from reconciler.decide.desired import resolve
from reconciler.decide.issuer_metadata import IssuerMetadata
from reconciler.decide.trust import permit
from reconciler.decide.trust_origins import origins_of, shipped_origins
from reconciler.engine.conformance import Trial
from reconciler.engine.discover import fetch_metadata, find_endpoints
from reconciler.errors import NeedsPerson, TrustRefused, UsageError, clean
from reconciler.model.behaviour import Behaviour, ClientAuth, Endpoints
from reconciler.model.catalogue import Catalogue
from reconciler.model.desired import DesiredAccount, DesiredProvider
from reconciler.model.endpoint import Origin, TrustedUrl, parse_origin, parse_url
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.store_path import Layout, own_path
from reconciler.model.trust import Binding, TrustSettings
from reconciler.ports import SecretStore
from reconciler.ports_people import Interaction

_CREDENTIAL = "the client of this trial"
_STRANGER = "reconciler-base-test"
_PERSON_SECONDS = 600.0
_NO_STORE = cast(SecretStore, None)
"""A trial touches none: whatever reached for it would be an error of ours, and fail."""


@dataclass(frozen=True, slots=True)
class _Declared:
    provider: DesiredProvider
    account: DesiredAccount
    shipped: bool


@contextmanager
def asking_issuers(session: Session, issuer: str) -> Iterator[IssuerMetadata]:
    """What the issuer says of itself. ProviderFailed, ProviderUnreachable, UsageError where it says nothing usable."""
    loopback = _is_loopback(issuer)
    declared = _declare("custom", load_catalogue().bases["custom"], server={"issuer": issuer})
    with _client(session, loopback=loopback) as client:
        with said_of_the_server():
            found = fetch_metadata(declared.provider, HttpMetadataEndpoint(client), loopback=loopback)
        yield found


def run_trial(
    session: Session, name: str, *, manifests: str, options: Mapping[str, Any]
) -> tuple[str, list[Promise]]:
    """(the token endpoint's origin, what came of each promise)."""
    refuse_contradictions(options)
    found = one_base(name, manifests)
    if options["sandbox"]:
        from reconciler.cli.base_sandbox import sandbox_for

        with sandbox_for(found.behaviour) as stage:
            declared = _declare(name, stage.behaviour, options=options)
            with _client(session, loopback=True) as client:
                credentials = ClientCredentials(
                    stage.client_id,
                    stage.client_secret,
                    stage.auth,
                    declared.provider.behaviour.basic_encoding,
                )
                trial = _trial(
                    session,
                    client,
                    declared=declared,
                    credentials=credentials,
                    loopback=True,
                    origins=frozenset({stage.origin}),
                )
                promises = trial.whole(stage.person, burn=options["burn"])
                return str(stage.origin), [*promises, *stage.left_out]
    server = options["server"]
    behaviour = found.behaviour if server is None else _rehomed(found.behaviour, server)
    loopback = server is not None and _is_loopback(server)
    declared = replace(_declare(name, behaviour, options=options), shipped=found.shipped and server is None)
    with _client(session, loopback=loopback) as client:
        if options["client_id"] is None:
            stranger = ClientCredentials(_STRANGER, None, ClientAuth.NONE)
            trial = _trial(
                session, client, declared=declared, credentials=stranger, loopback=loopback, origins=None
            )
            return str(trial.provider.endpoints.token.url.origin), [trial.stranger()]
        credentials = _credentials(session, declared.provider.behaviour, options)
        origins = _named_origins(options, loopback=loopback)
        trial = _trial(
            session, client, declared=declared, credentials=credentials, loopback=loopback, origins=origins
        )
        with _person(session, trial.provider, trial.account) as person:
            promises = trial.whole(person, burn=options["burn"])
        return str(trial.provider.endpoints.token.url.origin), promises


def _trial(
    session: Session,
    client: HttpClient,
    *,
    declared: _Declared,
    credentials: ClientCredentials,
    loopback: bool,
    origins: frozenset[Origin] | None,
) -> Trial:
    """`origins`: named by hand; None: no credential is sent at all."""
    run = make_run(session, _NO_STORE, Layout(own_path("none")), key=b"", client=client, jobs=1)
    provider = declared.provider
    with said_of_the_server():
        found = find_endpoints(
            provider,
            status=None,
            metadata=HttpMetadataEndpoint(client),
            now=run.clock.now(),
            loopback=loopback,
        )
    wanted = frozenset(origins_of(provider, found.endpoints, loopback=loopback).values())
    allowed = (
        wanted
        if origins is None
        else origins | (shipped_origins(provider) if declared.shipped else frozenset())
    )
    missing = sorted(str(origin) for origin in wanted - allowed)
    if missing:
        raise TrustRefused(
            f"the client's secret would go to {', '.join(missing)}, which the catalogue does not spell out",
            hint=f"if that is meant: {' '.join(f'--trust-origin {origin}' for origin in missing)}",
        )
    binding = Binding(_CREDENTIAL, allowed)

    def trusted(role: str) -> TrustedUrl | None:
        text = found.endpoints.get(role)
        return None if text is None else permit(parse_url(text, allow_loopback_http=loopback), binding)

    token, refresh, page = trusted("token"), trusted("refresh"), found.endpoints.get("authorization")
    assert token is not None  # noqa: S101 - find_endpoints raises where there is none
    endpoints = ReadyEndpoints(
        token=token,
        refresh=refresh or token,
        authorization=None if page is None else parse_url(page, allow_loopback_http=loopback),
        revocation=trusted("revocation"),
        exchange=trusted("exchange"),
        probe=trusted("probe"),
    )
    ready = ReadyProvider(
        desired=provider,
        endpoints=endpoints,
        client=credentials,
        issuer=provider.behaviour.issuer,
        issuer_in_response=found.issuer_in_response,
    )
    return Trial(run, ready, declared.account)


def _declare(
    name: str,
    behaviour: Behaviour,
    *,
    options: Mapping[str, Any] | None = None,
    server: Mapping[str, Any] | None = None,
) -> _Declared:
    """A provider and an account of it, declared as anybody would."""
    given = options or {"parameters": (), "redirect_uri": None, "scopes": ()}
    parameters = dict(_pair(text) for text in given["parameters"])
    spec: dict[str, Any] = {"base": "tried", "parameters": parameters, "client": {"id": "tried"}}
    spec["server"] = {**(server or {}), "clientAuth": "none"} if server else {"clientAuth": "none"}
    if given["redirect_uri"]:
        spec["redirectUri"] = given["redirect_uri"]
    account = {"provider": "tried", "scopes": list(given["scopes"])}
    documents = [_document("Provider", spec), _document("Account", account)]
    catalogue = Catalogue({"tried": behaviour})
    desired = resolve(load_text("---\n".join(documents).encode(), file=f"base {name}"), catalogue, root=name)
    if desired.problems or not desired.accounts:
        raise not_like_that(name, desired.problems)
    (provider,), (made,) = desired.providers.values(), desired.accounts.values()
    whole = provider.behaviour.model_copy(update={"client_auth": behaviour.client_auth})
    return _Declared(replace(provider, behaviour=whole, overridden=frozenset()), made, shipped=True)


def _document(kind: str, spec: Mapping[str, Any]) -> str:
    head = {"apiVersion": "oauth2.reconciler/v1", "kind": kind, "metadata": {"name": "tried"}, "spec": spec}
    return json.dumps(head) + "\n"


def _rehomed(behaviour: Behaviour, issuer: str) -> Behaviour:
    """The same manners at another address."""
    update = {
        "issuer": issuer,
        "discovery": True,
        "endpoints": Endpoints(),
        "parameters": {},
        "api_origins": (),
    }
    return behaviour.model_copy(update=update)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--parameter {clean(text)} has no value", hint="write --parameter NAME=VALUE")
    return name, value


def _credentials(session: Session, behaviour: Behaviour, options: Mapping[str, Any]) -> ClientCredentials:
    public = options["public"] or behaviour.client_auth is ClientAuth.NONE
    secret: Secret | None = None if public else secret_value(interactive=session.console.interactive)
    auth = ClientAuth.NONE if public else behaviour.client_auth
    return ClientCredentials(options["client_id"], secret, auth, behaviour.basic_encoding)


def _named_origins(options: Mapping[str, Any], *, loopback: bool) -> frozenset[Origin]:
    named = [*options["origins"]]
    try:
        found = {parse_origin(text, allow_loopback_http=loopback) for text in named}
        if options["server"] is not None:
            found.add(parse_url(options["server"], allow_loopback_http=loopback).origin)
    except ValueError as problem:
        raise UsageError(f"no origin: {problem}", hint="write it like https://idp.example.com") from None
    return frozenset(found)


def _is_loopback(url: str) -> bool:
    try:
        return parse_url(url, allow_loopback_http=True).origin.is_loopback
    except ValueError as problem:
        raise UsageError(
            f"{clean(url)} is no issuer: {problem}", hint="like https://idp.example.com"
        ) from None


@contextmanager
def _client(session: Session, *, loopback: bool) -> Iterator[HttpClient]:
    with ExitStack() as closing:
        client = make_client(session, TrustSettings(loopback=loopback))
        closing.callback(client.close)
        yield client


@contextmanager
def _person(session: Session, provider: ReadyProvider, account: DesiredAccount) -> Iterator[Interaction]:
    from reconciler.cli.person import TerminalPerson

    if not session.console.interactive:
        raise NeedsPerson("a person must consent, and there is no terminal", hint="run it at a terminal")
    person = TerminalPerson(
        account,
        provider.desired,
        console=session.console,
        browser=True,
        seconds=_PERSON_SECONDS,
        stop=session.stop,
    )
    try:
        yield person
    finally:
        person.close()
