"""Reads and writes what is bound under `trust/`: the store's side of `decide/trust`.

Rules (DESIGN §8, facts/vault-kv.md):
- the reconciler's own login may create a binding and never change one: a first use is one write with `cas=0`, and a
  403 or a conflict means "bound already": read it, and compare;
- changing, revoking and the settings are a person's acts, under a login of their own;
- revoking writes a version that says so; nothing here deletes, since a deleted key could be bound anew;
- an unclear write is settled by reading back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.decide.trust import shown_origins
from reconciler.engine.run import Run
from reconciler.errors import (
    CasConflict,
    HeldByAnother,
    PathDenied,
    RecordInvalid,
    StoreUnreachable,
    TrustRefused,
    WriteUnclear,
    clean,
)
from reconciler.model.endpoint import Origin
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.trust import Binding, TrustSettings, TrustView
from reconciler.model.trust_codec import (
    binding_path,
    decode_binding,
    decode_settings,
    encode_binding,
    encode_settings,
)
from reconciler.ports import MetadataStore

_TRIES = 3


def read_trust(store: MetadataStore, layout: Layout, *, credentials: Iterable[str]) -> TrustView:
    """The settings and the bindings of `credentials`: one read a key.

    A binding that cannot be read stands in `unreadable`. RecordInvalid or PathDenied for the settings themselves:
    without them nothing can be judged.
    """
    settings, _ = _read_settings(store, layout)
    bindings, unreadable = {}, {}
    for credential in sorted(set(credentials)):
        try:
            bindings[credential] = read_binding(store, layout, credential=credential)
        except (RecordInvalid, PathDenied) as problem:
            unreadable[credential] = problem.message
    return TrustView(settings, bindings, unreadable)


def read_binding(store: MetadataStore, layout: Layout, *, credential: str) -> Binding:
    """What is bound to one credential; version 0 where nothing ever was."""
    stored = store.read(binding_path(layout, credential))
    if stored.document is not None:
        return decode_binding(stored.document, credential=credential, version=stored.version)
    if stored.version == 0:
        return Binding(credential)
    # Somebody deleted the newest version: a person's trust is gone, and a first use must not take its place.
    return Binding(credential, revoked=True, version=stored.version)


def bind_first_use(run: Run, *, credential: str, origins: frozenset[Origin]) -> Binding:
    """Bind `origins` where nothing is bound yet; what is bound already is read and compared. TrustRefused where it differs."""
    if not origins:
        raise ValueError("nothing to bind")
    document = encode_binding(Binding(credential, origins), at=run.clock.now(), by=_who(run))
    path = binding_path(run.layout, credential)
    for _ in range(_TRIES):
        try:
            version = run.store.write(path, document, cas=0)
        except (CasConflict, PathDenied) as refused:
            return _compare(run, credential, origins=origins, refused=refused)
        except WriteUnclear:
            found = read_binding(run.store, run.layout, credential=credential)
            if found.version == 0:
                continue
            return _covering(found, origins)
        run.events.info("trust.bound", credential=clean(credential), origins=shown_origins(origins))
        return Binding(credential, origins, version=version)
    raise StoreUnreachable(f"{path}: the store does not say whether it was written")


def trust(run: Run, *, credential: str, origins: frozenset[Origin]) -> Binding:
    """On a person's word, bind `origins` as well as what is bound already; after a revocation, `origins` alone."""
    if not origins:
        raise ValueError("nothing to trust")
    found = read_binding(run.store, run.layout, credential=credential)
    for _ in range(_TRIES):
        wanted = origins if found.revoked else found.origins | origins
        if found.version and not found.revoked and wanted == found.origins:
            return found
        written = _write(run, replace(found, origins=wanted, revoked=False))
        if written is not None:
            return written
        found = read_binding(run.store, run.layout, credential=credential)
    raise HeldByAnother(f"trust in {clean(credential)} is being changed by somebody else")


def revoke_trust(run: Run, *, credential: str) -> Binding:
    """From now on nothing may receive the credential, until it is trusted anew."""
    found = read_binding(run.store, run.layout, credential=credential)
    for _ in range(_TRIES):
        if found.revoked:
            return found
        written = _write(run, replace(found, origins=frozenset(), revoked=True))
        if written is not None:
            return written
        found = read_binding(run.store, run.layout, credential=credential)
    raise HeldByAnother(f"trust in {clean(credential)} is being changed by somebody else")


def list_bindings(store: MetadataStore, layout: Layout) -> tuple[tuple[Binding, ...], tuple[str, ...]]:
    """Everything that is bound, by credential, and words on what could not be read. One read a binding."""
    found, problems = [], []
    folder = layout.folder("trust", "bindings")
    for key in store.list_keys(folder):
        stored = store.read(folder.child(key))
        if stored.document is None:
            problems.append(f"{folder}/{key}: its newest version is deleted: nothing is trusted by it")
            continue
        try:
            credential = str(stored.document.get("credential"))
            if binding_path(layout, credential).name != key:
                raise RecordInvalid("it stands under another credential's key")
            found.append(decode_binding(stored.document, credential=credential, version=stored.version))
        except RecordInvalid as problem:
            problems.append(f"{folder}/{key}: {problem.message}")
    return tuple(sorted(found, key=lambda one: one.credential)), tuple(problems)


def read_settings(store: MetadataStore, layout: Layout) -> TrustSettings:
    """The stored settings; the defaults where none were ever written."""
    return _read_settings(store, layout)[0]


def write_settings(run: Run, settings: TrustSettings) -> int:
    """Replace the settings and return their version. ValueError for a host or namespace that is none."""
    document = encode_settings(settings, at=run.clock.now(), by=_who(run))
    path = run.layout.trust_settings
    try:
        cas = _read_settings(run.store, run.layout)[1]
    except RecordInvalid:
        cas = run.store.read(path).version  # what cannot be read is replaced on a person's word
    try:
        return _put(run, path, document, cas=cas)
    except CasConflict:
        raise HeldByAnother("the settings of trust are being changed by somebody else") from None


def _read_settings(store: MetadataStore, layout: Layout) -> tuple[TrustSettings, int]:
    stored = store.read(layout.trust_settings)
    if stored.document is not None:
        return decode_settings(stored.document), stored.version
    if stored.version:
        raise RecordInvalid(
            f"{layout.trust_settings}: the newest version is deleted",
            hint="an operator must undelete it, or write it anew: reconciler trust settings",
        )
    return TrustSettings(), 0


def _compare(
    run: Run, credential: str, *, origins: frozenset[Origin], refused: CasConflict | PathDenied
) -> Binding:
    found = read_binding(run.store, run.layout, credential=credential)
    if found.version == 0:
        raise TrustRefused(
            f"{clean(credential)} is bound to nothing, and this login may not bind it",
            hint=f"give the role `create` on the data of {run.layout.trust}/*",
        ) from refused
    return _covering(found, origins)


def _covering(found: Binding, origins: frozenset[Origin]) -> Binding:
    """`found` itself where it lets all of `origins` receive the credential."""
    if found.revoked or not origins <= found.origins:
        raise TrustRefused(
            f"TRUST CHANGE: {clean(found.credential)} is bound to {shown_origins(found.origins)} since a moment ago"
            f" and would be sent to {shown_origins(origins - found.origins)}"
        )
    return found


def _write(run: Run, binding: Binding) -> Binding | None:
    """One version more; None where somebody else was first."""
    path = binding_path(run.layout, binding.credential)
    document = encode_binding(binding, at=run.clock.now(), by=_who(run))
    try:
        version = _put(run, path, document, cas=binding.version)
    except CasConflict:
        return None
    run.events.info(
        "trust.revoked" if binding.revoked else "trust.changed",
        credential=clean(binding.credential),
        origins=shown_origins(binding.origins),
    )
    return replace(binding, version=version)


def _put(run: Run, path: StorePath, document: Document, *, cas: int) -> int:
    for _ in range(_TRIES):
        try:
            return run.store.write(path, document, cas=cas)
        except PathDenied as denied:
            raise PathDenied(
                denied.message,
                hint=f"changing trust needs a login with `update` on the data of {run.layout.trust}/*",
            ) from None
        except WriteUnclear:
            stored = run.store.read(path)
            if stored.document is not None and stored.document.plain() == document.plain():
                return stored.version
            if stored.version != cas:
                raise CasConflict(f"{path}: somebody else wrote it") from None
    raise StoreUnreachable(f"{path}: the store does not say whether it was written")


def _who(run: Run) -> str:
    return clean(f"reconciler/{run.owner} {run.tool} on {run.holder.host}".replace("  ", " "), cap=120)
