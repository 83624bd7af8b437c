"""One story that every renderer tells: a plan with a little of everything, a run, and a status. Also a hostile one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.decide.changes import GuardHit, GuardName
from reconciler.decide.plan import Plan, PlanOptions, make_plan
from reconciler.decide.results import Outcome, Result, RunReport
from reconciler.decide.status_view import StatusReport
from reconciler.engine.status import make_status
from reconciler.model.behaviour import AccessRemoval, ConsoleRules
from reconciler.model.desired import Desired, DesiredAccount, DesiredClient
from reconciler.model.endpoint import Origin, parse_url
from reconciler.model.location import Location, Problem
from reconciler.model.names import account_address, provider_address
from reconciler.model.observed import Observed, ObservedAccount
from reconciler.model.state import AccountState, GrantType, Reason
from reconciler.model.trust import Binding, TrustMode, TrustSettings, TrustView
from tests.decide.health_world import DAY, HOUR, MINUTE, NOW, key
from tests.decide.plan_world import applied_account, applied_provider, secret, stored
from tests.simulators.manifests import make_account, make_behaviour, make_desired, make_provider, secret_ref

TOOL = "reconciler 0.1.0"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

GOOGLE = make_provider("marketing/google", base="google", base_shipped=True, line=3, client_id="1234.apps")
ML = make_provider(
    "sales/ml",
    base="mercadolivre",
    client=DesiredClient(id="ml-client", secret_ref=secret_ref("clients/sales/ml")),
    redirect_uris=("https://accounts.acme.example/callback",),
    behaviour=make_behaviour(
        access_removal=AccessRemoval(url="https://ml.example/apps", steps="Apps > Remove"),
        console=ConsoleRules(url="https://ml.example/devcenter"),
    ),
    line=3,
)
CRM = make_provider("sales/crm", behaviour=make_behaviour(server="https://crm-new.example"), line=1)

DRIVE = make_account("marketing/drive", provider="marketing/google", line=19, owner="ana@acme.example")
CALENDAR = make_account("marketing/calendar", provider="marketing/google", line=31)
MAIL = make_account("marketing/mail", provider="marketing/google", line=40, scopes=("mail.read", "mail.send"))
ADS = make_account("marketing/ads", provider="marketing/google", line=52)
STORE_BR = make_account("sales/store-br", provider="sales/ml", line=14, owner="bia@acme.example")
FEED = make_account(
    "sales/feed", provider="sales/ml", grant=GrantType.CLIENT_CREDENTIALS, line=27, owner=None
)
LEADS = make_account("sales/leads", provider="sales/crm", line=9)
OLD = make_account("sales/old", provider="sales/ml", line=60)


def declared() -> Desired:
    return make_desired(GOOGLE, ML, CRM, DRIVE, CALENDAR, MAIL, ADS, STORE_BR, FEED, LEADS)


def observed(desired: Desired) -> Observed:
    seen = stored(
        applied_provider(GOOGLE),
        applied_provider(ML, manifest_digest="before", redirect_uri="https://old.acme.example/callback"),
        applied_provider(CRM, endpoints={"token": "https://crm.example/token"}),
        replace(_account(CALENDAR), tokens=key(56 * MINUTE, custom=_metadata(CALENDAR))),
        _account(MAIL, requested_scopes=("mail.read",), granted_scopes=("mail.read",)),
        _account(ADS),
        _account(
            STORE_BR,
            state=AccountState.NEEDS_CONSENT,
            reason=Reason.GRANT_REVOKED,
            since=NOW - 2 * DAY,
            code="invalid_grant",
            lifetime=MINUTE,
            not_before=NOW + HOUR,
        ),
        _account(LEADS),
        _account(OLD),
        desired=desired,
        trust=TrustView(
            TrustSettings(mode=TrustMode.TOFU, loopback=True),
            {
                "clients/sales/crm": Binding(
                    "clients/sales/crm", frozenset({_origin("https://crm.example/token")}), version=1
                )
            },
        ),
    )
    google = secret_ref("clients/marketing/google").path
    return replace(
        seen, store="vault oauth/reconciler", secrets={**seen.secrets, google: secret(google, versions=5)}
    )


def _account(account: DesiredAccount, **changes: Any) -> ObservedAccount:
    client = {GOOGLE.address: "1234.apps", ML.address: "ml-client"}.get(account.provider, "client-1")
    return applied_account(account, client_id=client, **changes)


def _metadata(account: DesiredAccount) -> dict[str, str]:
    status = _account(account).status
    assert status is not None
    return status.to_metadata()


def _origin(text: str) -> Origin:
    return parse_url(text).origin


def plan(*, prune: bool = False) -> Plan:
    desired = declared()
    return make_plan(desired, observed(desired), PlanOptions(prune=prune))


def invalid() -> Desired:
    return replace(
        declared(),
        problems=(
            Problem(
                Location("manifests/sales/google.yaml", 7, 13),
                "unknown key 'secretref'",
                "did you mean 'secretRef'?",
                "provider/sales/google",
            ),
        ),
        broken=frozenset({provider_address("sales", "google")}),
    )


def invalid_plan() -> Plan:
    desired = invalid()
    return make_plan(desired, observed(desired), PlanOptions())


def empty_plan() -> Plan:
    desired = make_desired(GOOGLE, ADS)
    seen = stored(applied_provider(GOOGLE), _account(ADS), desired=desired)
    return make_plan(desired, seen, PlanOptions())


def run() -> RunReport:
    made = plan()
    held = "held: provider/sales/crm is not ready: the provider refuses our client (invalid_client)"
    results = [
        Result(
            ML.address,
            "register",
            Outcome.DONE,
            message="registered, written to oauth/reconciler/providers/sales/ml",
        ),
        Result(
            CALENDAR.address,
            "refresh",
            Outcome.DONE,
            message="refreshed, good until 15:04 (1 h), written to oauth/reconciler/tokens/marketing/calendar (version 88)",
        ),
        *(
            Result(
                account_address("sales", f"crm-{n}"),
                "refresh",
                Outcome.HELD,
                "ProviderNotReady",
                held,
                hint="secret/clients/sales/crm is version 2; version 1 was the last that worked",
                location=Location("manifests/sales/crm.yaml", 10 + n),
                code=4,
            )
            for n in range(4)
        ),
        Result(
            FEED.address,
            "refresh",
            Outcome.FAILED,
            "ProviderUnreachable",
            "no clear answer from the provider",
            error="timed out after 30 s",
            location=FEED.location,
            code=4,
            warnings=("the answer said nothing of its lifetime; 1 h is assumed",),
        ),
    ]
    return RunReport(results=tuple(results), attention=made.attention, now=NOW)


def guarded_run() -> RunReport:
    guard = GuardHit(
        GuardName.BULK_REMOVAL,
        "--allow-bulk-removal",
        "11 of 41 objects would be removed; without a person at most 10",
        (OLD.address,),
    )
    skipped = Result(
        OLD.address, "forget", Outcome.SKIPPED, "BulkRemoval", "not done, because of guard BulkRemoval"
    )
    return RunReport(results=(skipped,), guards=(guard,), now=NOW)


def status() -> StatusReport:
    desired = declared()
    return make_status(desired, observed(desired), PlanOptions())


EVIL = "a|b`c`\n::error::x <img src=x onerror=1> [l](javascript:1) @team https://evil.example \u202e\x1b[31m*b* $x$ #1 %0A"


def hostile() -> tuple[Plan, RunReport, StatusReport]:
    """The story with foreign text wherever foreign text can stand."""
    desired = replace(
        declared(),
        accounts={
            a: replace(account, owner=EVIL, description=EVIL, location=Location(f"manifests/{EVIL}.yaml", 1))
            for a, account in declared().accounts.items()
        },
        problems=(Problem(Location(f"m/{EVIL}.yaml", 1, 1), f"unknown key '{EVIL}'", EVIL, EVIL),),
    )
    seen = observed(desired)
    accounts = {
        a: replace(account, status=replace(account.status, code=EVIL, granted_scopes=(EVIL,), owner=EVIL))
        for a, account in seen.accounts.items()
        if account.status is not None
    }
    options = PlanOptions()
    made = make_plan(desired, replace(seen, accounts=accounts), options)
    report = RunReport(
        results=(Result(FEED.address, "refresh", Outcome.FAILED, EVIL, EVIL, error=EVIL, hint=EVIL, code=4),),
        attention=made.attention,
        problems=desired.problems,
        now=NOW,
    )
    return made, report, make_status(desired, replace(seen, accounts=accounts), options)
