"""What a verb sees of the store: one door to an observation.

Rules: trust's settings count as the environment narrows them, in every verb alike; a verb that only reads gets a store
without any way to write or to read a secret.
"""

from __future__ import annotations

from collections.abc import Collection

from reconciler.cli.calling_settings import with_tightened_trust
from reconciler.cli.session import Session, open_for_reading
from reconciler.engine.observe import observe
from reconciler.model.desired import Desired
from reconciler.model.names import Address
from reconciler.model.observed import Observed
from reconciler.model.store_path import Layout
from reconciler.ports import Events, MetadataStore


def look(
    session: Session,
    desired: Desired,
    *,
    store: MetadataStore,
    layout: Layout,
    jobs: int = 2,
    accounts: Collection[Address] | None = None,
    events: Events | None = None,
) -> Observed:
    """As `engine/observe`, of a store that is open."""
    seen = observe(store, layout, desired, jobs=jobs, accounts=accounts, events=events)
    return with_tightened_trust(session.settings, seen)


def look_for_reading(session: Session, desired: Desired, *, jobs: int) -> Observed:
    """Everything, for a verb that shows it: the store is opened for reading alone, and a terminal sees how far it is."""
    with open_for_reading(session) as (store, layout), session.events.showing_progress():
        return look(session, desired, store=store, layout=layout, jobs=jobs, events=session.events)
