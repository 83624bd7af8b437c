"""Fills a store with what consents leave behind, by the tool's own code: `python -m tests.bench.seed MANIFESTS SECRET GRANTS`.

Providers are registered as `reconcile` does it. With GRANTS (a file with one grant of the sandbox for each account) every
account is consented by the engine's own path, and can be refreshed. Without, only what `plan` looks at is written: the
access token and the metadata beside it.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.cli.calling import Calling, calling
from reconciler.cli.main import run
from reconciler.cli.session import Session, make_session, open_made_store, read_desired
from reconciler.decide.projection import blank_status, in_state, with_grant
from reconciler.engine.observe import observe
from reconciler.engine.publish import commit_consented_grant, publish_tokens, write_status
from reconciler.engine.ready import ready_provider
from reconciler.engine.secrets import set_secret
from reconciler.model.desired import Desired, DesiredAccount
from reconciler.model.grant import GrantRecord, TokenSet
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, Reason
from reconciler.model.status import ownership_mark

THREADS = 8
LIFETIME = timedelta(hours=3)


def main(arguments: list[str]) -> int:
    manifests, secret, grants = arguments
    session = make_session({"verbose": False, "no_color": True, "no_input": True, "log_format": "text"})
    desired = read_desired(manifests)
    assert not desired.problems, desired.problems
    put_secrets(session, desired, Secret(secret))
    only = [word for address in desired.providers for word in ("--only", str(address))]
    assert run(["reconcile", "-f", manifests, "-o", "json", *only]) == 0, "the providers are not registered"
    providers = replace(desired, accounts={})
    with calling(session, look=lambda store, layout: observe(store, layout, providers)) as work:
        ready = ready_providers(work, desired)
        accounts = sorted(desired.accounts.values(), key=lambda account: account.address)
        if grants:
            consent_all(work, accounts, ready, grants=json.loads(Path(grants).read_text()))
        else:
            publish_all(work, accounts, ready)
    return 0


def put_secrets(session: Session, desired: Desired, secret: Secret) -> None:
    with open_made_store(session) as (store, layout):
        for provider in desired.providers.values():
            ref = provider.client.secret_ref
            assert ref is not None, provider.address
            set_secret(store, layout, path=ref.path, key=ref.key, value=secret)


def ready_providers(work: Calling, desired: Desired) -> dict[Address, ReadyProvider]:
    trust = work.observed.trust
    assert trust is not None, work.observed.trust_unreadable
    return {
        address: ready_provider(
            work.run, provider, observed=work.observed.providers[address], trust=trust, ports=work.ports
        )
        for address, provider in desired.providers.items()
    }


def consent_all(
    work: Calling,
    accounts: list[DesiredAccount],
    ready: dict[Address, ReadyProvider],
    *,
    grants: list[dict[str, Any]],
) -> None:
    def one(pair: tuple[DesiredAccount, dict[str, Any]]) -> None:
        account, grant = pair
        tokens = token_set(
            work, access=grant["access_token"], refresh=grant["refresh_token"], seconds=grant["expires_in"]
        )
        provider = ready[account.provider]
        commit_consented_grant(
            work.run,
            account=account,
            provider=provider,
            record=record_of(work, account, provider, tokens),
            tokens=tokens,
        )

    each(one, list(zip(accounts, grants, strict=True)))


def publish_all(work: Calling, accounts: list[DesiredAccount], ready: dict[Address, ReadyProvider]) -> None:
    """What a consent leaves under `tokens/`, in two writes."""

    def one(account: DesiredAccount) -> None:
        tokens = token_set(
            work,
            access=f"access-{account.address.name}",
            refresh=f"refresh-{account.address.name}",
            seconds=int(LIFETIME.total_seconds()),
        )
        provider = ready[account.provider]
        record = record_of(work, account, provider, tokens)
        publish_tokens(
            work.run, account.address, tokens=tokens, scope=record.scopes, cas=0, grant_version=None
        )
        now = work.run.clock.now()
        blank = blank_status(account, owner_mark=ownership_mark(work.run.owner), now=now)
        status = with_grant(
            blank,
            record,
            version=1,
            behaviour=provider.desired.behaviour,
            key=work.run.fingerprint_key,
        )
        status = replace(in_state(status, AccountState.READY, Reason.FRESH, now=now), lifetime=LIFETIME)
        write_status(work.run, account.address, status=status, old=None)

    each(one, accounts)


def token_set(work: Calling, *, access: str, refresh: str, seconds: int) -> TokenSet:
    lifetime = timedelta(seconds=seconds)
    return TokenSet(
        access_token=Secret(access),
        token_type="Bearer",
        expires_at=work.run.clock.now() + lifetime,
        refresh_token=Secret(refresh),
        scope=("profile",),
        lifetime=lifetime,
    )


def record_of(
    work: Calling, account: DesiredAccount, provider: ReadyProvider, tokens: TokenSet
) -> GrantRecord:
    return GrantRecord(
        grant=account.grant,
        refresh_token=tokens.refresh_token,
        origin=str(provider.endpoints.token.url.origin),
        client_id=provider.client.client_id,
        scopes=account.scopes,
        requested_scopes=account.scopes,
        consent_digest=account.consent_digest,
        consented_at=work.run.clock.now(),
    )


def each(work: Callable[[Any], None], items: list[Any]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, items):
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
