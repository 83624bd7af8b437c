"""Keeps one comment and one issue at a forge up to date: looks, decides by `decide/sticky`, does one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from reconciler.decide.sticky import Deed, keep_comment, keep_issue
from reconciler.ports_people import Forge


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done, and where it can be seen ('' where nothing was)."""

    deed: Deed
    url: str = ""


def apply_comment(forge: Forge, number: int, *, body: str) -> Kept:
    """The comment on pull request `number` says `body` from now on."""
    upkeep = keep_comment(forge.comments(number), body=body)
    match upkeep.deed:
        case Deed.NOTHING | Deed.CLOSE:
            return Kept(Deed.NOTHING)
        case Deed.CREATE:
            return Kept(Deed.CREATE, forge.create_comment(number, body))
        case Deed.UPDATE:
            assert upkeep.id is not None  # noqa: S101 - an update is of something
            return Kept(Deed.UPDATE, forge.update_comment(upkeep.id, body))
        case _:
            assert_never(upkeep.deed)


def apply_issue(forge: Forge, *, title: str, body: str, label: str, needed: bool) -> Kept:
    """The issue says who is needed from now on, and is closed where nobody is."""
    upkeep = keep_issue(forge.issues(label), title=title, body=body, needed=needed)
    if upkeep.deed is Deed.CREATE:
        return Kept(Deed.CREATE, forge.create_issue(title=title, body=body, label=label))
    if upkeep.id is None or upkeep.deed is Deed.NOTHING:
        return Kept(Deed.NOTHING)
    if upkeep.deed is Deed.CLOSE:
        return Kept(Deed.CLOSE, forge.close_issue(upkeep.id, body=body))
    return Kept(Deed.UPDATE, forge.update_issue(upkeep.id, title=title, body=body))
