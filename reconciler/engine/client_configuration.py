"""Reads, updates and deletes a client that we registered, at its own configuration endpoint (RFC 7592).

Rules:
- the configuration endpoint must be at an origin that may receive the client's credential, whoever named it;
- a new registration access token or client secret is stored before it is used or anything else is asked;
- an intent is written before an update or a delete, so that one that was interrupted is settled by asking, not guessed:
  an update reads the client first, a delete takes "not known here" for done;
- what the server refuses leaves everything as it was.
"""

from __future__ import annotations

from reconciler.decide.client_metadata import metadata_digest
from reconciler.decide.registration_answer import RegistrationError, judge_current, judge_deleted
from reconciler.engine.prepare import Reach
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.engine.registration_store import ReadRecord, announce, conclude, keep
from reconciler.engine.run import Run
from reconciler.errors import CasConflict, HeldByAnother, ProviderFailed, ProviderUnreachable, clean
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.names import Address
from reconciler.model.registration import ClientRegistration, IntentKind
from reconciler.ports import RegistrationEndpoint


class ClientGone(ProviderFailed):
    """A delete was announced earlier, and the server does not know the client any more."""


_GONE = (401, 403, 404, 410)
"""What servers say to a registration access token of a client that does not exist (RFC 7592 §2)."""


def update_client(
    run: Run, reach: Reach, *, read: ReadRecord, metadata: dict[str, object], ports: ProviderPorts
) -> ReadRecord:
    """Bring the client's metadata at its server to `metadata` (RFC 7592 §2.2). `read` holds the client."""
    address = reach.address
    client, url, endpoint = _managed(reach, read.client, ports=ports)
    earlier = None if read.intent is None else read.intent.kind
    try:
        # Until an earlier delete is settled, its own announcement stays.
        kind = earlier if earlier is IntentKind.DELETE else IntentKind.UPDATE
        held = announce(run, address, read=read, kind=kind, issuer=client.issuer)
        run.failpoint("update.intent-written")
        if earlier is not None:
            # The answer to an earlier update may have brought a new token or secret that never reached us.
            client = _read_client(run, reach, held=held, client=client, ports=ports)
            held = keep(run, address, read=held, client=client)
            url = _url(reach, client)
        body = {**metadata, "client_id": client.client_id}
        if client.client_secret is not None:
            body["client_secret"] = client.client_secret
        outcome = endpoint.send("PUT", url, body=body, bearer=client.registration_access_token)
        run.failpoint("update.answer-received")
        judged = judge_current(outcome, known=client, digest=metadata_digest(metadata))
        if isinstance(judged, RegistrationError):
            raise _refused(run, reach.address, held=held, client=client, problem=judged)
        updated = conclude(run, address, read=held, client=judged)
    except CasConflict:
        raise HeldByAnother(f"{address}: another run changes its registration") from None
    run.failpoint("update.committed")
    return updated


def read_client(
    run: Run, reach: Reach, *, read: ReadRecord, ports: ProviderPorts
) -> tuple[ReadRecord, ClientRegistration]:
    """Our client as its server describes it now (RFC 7592 §2.1); what changed is stored before it is returned."""
    client, _, _ = _managed(reach, read.client, ports=ports)
    address = reach.address
    found = _read_client(run, reach, held=None, client=client, ports=ports)
    if found == client:
        return read, found
    try:
        return keep(run, address, read=read, client=found), found
    except CasConflict:
        raise HeldByAnother(f"{address}: another run changes its registration") from None


def remove_client(run: Run, reach: Reach, *, read: ReadRecord, ports: ProviderPorts) -> ReadRecord:
    """Delete the client at its server (RFC 7592 §2.3). The record keeps the intent; the caller ends it, or the record."""
    address = reach.address
    client, _, _ = _managed(reach, read.client, ports=ports)
    interrupted = read.intent is not None and read.intent.kind is IntentKind.DELETE
    try:
        held = announce(run, address, read=read, kind=IntentKind.DELETE, issuer=client.issuer)
    except CasConflict:
        raise HeldByAnother(f"{address}: another run changes its registration") from None
    run.failpoint("deregister.intent-written")
    problem = delete_client(reach, client=client, ports=ports)
    run.failpoint("deregister.answer-received")
    if problem is None or (interrupted and problem.status in _GONE):
        return held
    words = f"{address}: {clean(client.issuer)} did not delete client {clean(client.client_id)}: {problem.message}"
    if not problem.definite:
        raise ProviderUnreachable(words)
    try:
        conclude(run, address, read=held, client=client)
    except CasConflict:
        raise HeldByAnother(f"{address}: another run changes its registration") from None
    raise ProviderFailed(words, hint="delete it there by hand, then: deletionPolicy: Orphan")


def delete_client(
    reach: Reach, *, client: ClientRegistration, ports: ProviderPorts
) -> RegistrationError | None:
    """One DELETE; None where the client is gone."""
    client, url, endpoint = _managed(reach, client, ports=ports)
    outcome = endpoint.send("DELETE", url, body=None, bearer=client.registration_access_token)
    return judge_deleted(outcome)


def _managed(
    reach: Reach, client: ClientRegistration | None, *, ports: ProviderPorts
) -> tuple[ClientRegistration, TrustedUrl, RegistrationEndpoint]:
    """What every request of RFC 7592 needs. ProviderFailed where the server offered no management."""
    address = reach.address
    if client is None:
        raise ProviderFailed(f"{address}: no client of ours is on record", hint="run: reconciler reconcile")
    if not client.can_be_managed or ports.registration is None:
        raise ProviderFailed(
            f"{address}: {clean(client.issuer)} lets nobody change or delete client {clean(client.client_id)}",
            hint="change it there by hand, or register another",
        )
    return client, _url(reach, client), ports.registration


def _url(reach: Reach, client: ClientRegistration) -> TrustedUrl:
    try:
        url = parse_url(client.registration_client_uri, allow_loopback_http=reach.loopback)
    except ValueError as problem:
        raise ProviderFailed(f"{reach.address}: its registration_client_uri: {problem}") from None
    return reach.permit(url)


def _read_client(
    run: Run,
    reach: Reach,
    *,
    held: ReadRecord | None,
    client: ClientRegistration,
    ports: ProviderPorts,
) -> ClientRegistration:
    client, url, endpoint = _managed(reach, client, ports=ports)
    outcome = endpoint.send("GET", url, body=None, bearer=client.registration_access_token)
    judged = judge_current(outcome, known=client, digest=client.metadata_digest)
    if isinstance(judged, RegistrationError):
        raise _refused(run, reach.address, held=held, client=client, problem=judged)
    return judged


def _refused(
    run: Run,
    address: Address,
    *,
    held: ReadRecord | None,
    client: ClientRegistration,
    problem: RegistrationError,
) -> ProviderFailed:
    """Take the intent back where nothing happened, and say what is the matter."""
    words = f"{address}: {clean(client.issuer)} does not answer for client {clean(client.client_id)}"
    if not problem.definite:
        return ProviderUnreachable(f"{words}: {problem.message}; the next run asks what became of it")
    deleted = held is not None and held.intent is not None and held.intent.kind is IntentKind.DELETE
    if held is not None:
        conclude(run, address, read=held, client=client)
    if deleted and problem.status in _GONE:
        return ClientGone(f"{words}: {problem.message}")
    if problem.retryable:
        return ProviderUnreachable(f"{words}: {problem.message}")
    hint = "compare spec with what this server lets clients register"
    if problem.status in _GONE:
        hint = "its registration access token is not accepted there (any more): change the client by hand"
    return ProviderFailed(f"{words}: {problem.message}", hint=hint)
