"""`docs/reference/store.md`: every path under the prefix, and every key of the metadata that `plan` reads."""

from collections.abc import Mapping
from datetime import UTC, datetime

from reconciler.model.account_status import AccountStatus
from reconciler.model.limits import ANSWER_LIMITS as ANSWERS
from reconciler.model.limits import GRANT_VERSIONS_KEPT, KIB, TOKEN_VERSIONS_KEPT
from reconciler.model.names import account_address, provider_address
from reconciler.model.provider_status import ProviderStatus
from reconciler.model.state import AccountState, Reason
from reconciler.model.store_path import Layout, own_path
from reconciler.model.trust_codec import binding_path
from tests.docs.pages.markdown import block, code, page, table

_PUBLISHED = """{
  "access_token": "…",
  "token_type": "Bearer",
  "expires_at": "2027-01-31T15:04:05Z",
  "scope": "files.read profile"
}"""
ACCOUNT_KEYS = {
    "managed-by": "ownership mark: `reconciler/<owner>`",
    "provider": "full address of the provider",
    "state": "state as of the last write; what the clock decides is not written",
    "reason": "reason, one of [these](states.md#reasons)",
    "since": "since when",
    "manifest-digest": "digest of the manifest that was last applied",
    "consent-digest": "digest of what the grant was consented to",
    "grant-version": "version of `grants/…` that this was written for",
    "lifetime": "life of the access token when it was published, in seconds",
    "delete-after": "how long the store keeps a version, where `output.deleteAfterExpiry` asks for it, in seconds",
    "rotation": "what becomes of a used refresh token",
    "granted-scopes": "space separated; long values are split over `granted-scopes`, `granted-scopes.1`, …",
    "requested-scopes": "what the consent asked for",
    "subject": "keyed fingerprint of the person's id, not the id",
    "on-behalf-of": "where no person consents: whose token it is, the manifest's `subject` or the client itself",
    "consented-at": "when the person consented",
    "refresh-expires-at": "when the refresh token dies whatever is done",
    "refresh-idle": "seconds without use after which it dies",
    "not-before": "no further try before",
    "client-id": "the client that the grant belongs to",
    "owner": "who is asked to consent",
    "source": "file and line of the manifest that was last applied",
    "protect": "`true` where the account is protected",
    "deletion-policy": "`Revoke` where removal takes the grant back at the provider",
    "code": "the provider's code behind the reason",
    "commit": "Git commit of the run that wrote this",
    "actor": "… who ran it",
    "run-url": "… and the CI run",
    "tool": "version that wrote it",
    "labels": "labels of the manifest",
    "imported-at": "when its grant was taken over with `import`",
    "imported-by": "… by whom, and for which commit",
    "unsettled": "`true` while a consent or an import is being stored",
}
PROVIDER_KEYS = {
    "managed-by": "ownership mark",
    "manifest-digest": "digest of the manifest that was last applied",
    "registration": "`static` or `dynamic`",
    "registered-at": "when it was first applied",
    "client-id": "the client id; it is no secret",
    "secret-path": "where the client secret, or the private key, is kept",
    "secret-version": "its version when it was last applied",
    "good-secret-version": "the version that last worked",
    "issuer": "issuer identifier",
    "endpoints": "every endpoint in use",
    "discovered-at": "when the issuer's metadata was last read",
    "pushed-only": "`true` where the issuer wants authorization requests pushed (RFC 9126)",
    "signing-algorithms": "how the issuer says that it signs ID tokens",
    "issuer-in-response": "`true` where callbacks carry `iss`",
    "redirect-uri": "as registered; the first",
    "more-redirect-uris": "… and the others",
    "record-version": "version of the registration record, for dynamic ones",
    "intent-op": "an open registration: its operation id",
    "intent-since": "… and since when",
    "client-secret-expires-at": "when the client secret dies",
    "client-digest": "digest of what was last registered",
    "removed-at": "since when it is no longer declared and set aside",
    "circuit-class": "an incident: how the refusals are judged",
    "circuit-reason": "… the reason",
    "circuit-since": "… since when",
    "circuit-probe-at": "… when it is tried again",
    "circuit-code": "… the provider's code",
    "circuit-accounts": "… how many accounts agreed, or got no clear answer in a row",
    "calls": "where the base has a `rate.limit`: how many requests the last span had, as far as refreshes made them",
    "called-at": "… and when the last was made",
    "protect": "`true` where the provider is protected",
    "deletion-policy": "`Orphan` or `Revoke`",
    "source": "file and line of the manifest that was last applied",
    "commit": "Git commit of the run that wrote this",
    "actor": "… who ran it",
    "run-url": "… and the CI run",
    "tool": "version that wrote it",
}


def store() -> str:
    layout = Layout(own_path("reconciler"))
    account, provider = account_address("sales", "crm"), provider_address("sales", "crm")
    rows = [
        (
            code(layout.provider(provider)),
            "a dynamically registered client: id, secret, registration access token. Metadata: the status of any provider",
            "reconciler",
        ),
        (
            code(layout.grant(account)),
            f"refresh token and what a refresh needs; during one an intent beside it. {GRANT_VERSIONS_KEPT} versions are kept",
            "reconciler",
        ),
        (
            code(layout.token(account)),
            f"access token, type, expiry, scope. Metadata: the account's status. {TOKEN_VERSIONS_KEPT} versions are kept",
            "reconciler writes, the namespace's workloads read",
        ),
        (
            code(layout.trust_settings),
            "mode, allowed hosts, secret prefixes, loopback switch",
            "`trust` writes, `plan` reads",
        ),
        (
            code(f"{layout.folder('trust', 'bindings')}/<digest>"),
            "which origins may receive one credential; the key is a digest of the credential's name",
            "reconciler may create, only `trust` may change, `plan` reads",
        ),
        (code(layout.format), "format of the store; its presence says that there is one", "`init-store`"),
        (
            code(f"{layout.notified}/<0-f>"),
            "what each destination of notices was last told of each object, and when; no message",
            "`notify`",
        ),
        (
            code(layout.web_key),
            "what the Accounts page signs links and seals sessions with; deleted, all links and sessions end",
            "`serve` and `consent-link` make and read it",
        ),
        (
            code(f"{layout.used_marks}/<day>-<mark>"),
            "one for each used callback, signed-out session and consent link (not the link itself); swept after its day",
            "`serve` and `consent-link`",
        ),
        (code(layout.fingerprint_key), "the key of all fingerprints", "`init-store`; reconciler reads"),
    ]
    example = binding_path(layout, "clients/sales/crm")
    return page(
        "Store layout",
        "Paths are shown for `RECONCILER_STORE=vault://<mount>/reconciler`, with the account and the provider `sales/crm`. In "
        "Vault's API each has a `data/` and a `metadata/` side; policies name them apart.",
        table(("path", "holds", "who"), rows),
        f"The binding of the secret `clients/sales/crm` stands at {code(example)}. Client secrets that people keep stand "
        "outside the prefix, by default under `clients/<namespace>/…`.",
        f"A record is at most {ANSWERS.record_bytes // KIB} KiB. Every data write is a check-and-set. Nothing is deleted but by "
        "`--prune`, and there only `--purge` destroys.",
        "## What workloads read\n\n`tokens/<namespace>/<account>` holds exactly this; the schema is "
        "[`schemas/stored-token.schema.json`](../../schemas/stored-token.schema.json):",
        block(_PUBLISHED, "json"),
        "Where a base keeps identifiers that nobody could call its API without (QuickBooks' `realmId`, Salesforce's "
        '`instance_url`), they stand beside these as `"values": {"realmId": "…"}`. No value is a secret.',
        "`scope` is space separated. Read the newest version each time a token is needed, or at the latest when `expires_at` is "
        "near: it is replaced before it dies.",
        "## Metadata of `tokens/<namespace>/<account>`\n\n" + _keys(_account(), ACCOUNT_KEYS),
        "## Metadata of `providers/<namespace>/<provider>`\n\n" + _keys(_provider(), PROVIDER_KEYS),
        "No value of either is a secret. Absent things are left out.",
    )


def _keys(present: Mapping[str, str], words: Mapping[str, str]) -> str:
    missing = present.keys() ^ words.keys()
    if missing:
        raise ValueError(f"metadata keys and their words differ: {sorted(missing)}")
    return table(("key", "meaning"), [(code(key), words[key]) for key in words])


def _account() -> dict[str, str]:
    """A status with everything set, as metadata."""
    now = datetime(2027, 1, 31, tzinfo=UTC)
    span = now - now.replace(day=30)
    return AccountStatus(
        managed_by="x", provider="x", state=AccountState.READY, reason=Reason.FRESH, since=now, manifest_digest="x",
        consent_digest="x", grant_version=1, lifetime=span,
        delete_after=span, rotation="x", granted_scopes=("x",), requested_scopes=("x",),
        subject="x", on_behalf_of="x",
        consented_at=now, refresh_expires_at=now, refresh_idle=span, not_before=now, client_id="x", owner="x",
        source="x", protect=True, deletion_policy="x", code="x", commit="x",
        actor="x", run_url="x", tool="x", labels={"x": "x"}, unsettled=True,
        imported_at=now, imported_by="x",
    ).to_metadata()  # fmt: skip


def _provider() -> dict[str, str]:
    from reconciler.model.provider_status import Circuit
    from reconciler.model.state import ErrorClass

    now = datetime(2027, 1, 31, tzinfo=UTC)
    return ProviderStatus(
        managed_by="x", manifest_digest="x", registration="x", registered_at=now, client_id="x", secret_path="x",
        secret_version=1, good_secret_version=1, issuer="x", endpoints={"x": "x"}, discovered_at=now,
        issuer_in_response=True, signing_algorithms=("x",),
        pushed_only=True, redirect_uri="x", more_redirect_uris=("x",), record_version=1, intent_op="x", intent_since=now,
        client_secret_expires_at=now, client_digest="x", removed_at=now, protect=True, source="x", commit="x",
        actor="x", run_url="x", tool="x", calls=1, called_at=now,
        circuit=Circuit(ErrorClass.CLIENT, Reason.CLIENT_REFUSED, now, now, "x", 1),
    ).to_metadata()  # fmt: skip
