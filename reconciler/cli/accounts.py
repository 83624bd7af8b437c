"""The account that a person typed, for verbs that work where no manifests are: a workload's machine has none.

Rules: `<namespace>/<name>` is enough by itself; a name alone is looked up in the manifests; a folder that somebody named and
that is not there is a mistake, the usual one may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import click
from click.core import ParameterSource

from reconciler.cli.session import Session, read_desired
from reconciler.decide.selection import resolve_one
from reconciler.errors import UsageError, clean
from reconciler.model.desired import Desired
from reconciler.model.names import Address, Kind, account_address, parse_address


@dataclass(slots=True)
class Manifests:
    """What is declared, read at its first use. `there`: whether there is anything to read."""

    session: Session
    root: str
    there: bool
    _desired: Desired | None = field(default=None, repr=False)

    @classmethod
    def of_command(cls, session: Session, root: str) -> Manifests:
        source = click.get_current_context().get_parameter_source("manifests")
        named = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
        return cls(session, root, there=named or Path(root).exists())

    @property
    def desired(self) -> Desired:
        """UsageError where there are none."""
        if not self.there:
            raise UsageError(
                f"there are no manifests at {clean(self.root)}", hint="name their folder with -f"
            )
        if self._desired is None:
            self._desired = read_desired(self.root)
        return self._desired

    @property
    def speak_of_us(self) -> bool:
        """Whether anything is declared: a folder of this name may hold what is no business of ours."""
        if not self.there:
            return False
        desired = self.desired
        return bool(desired.accounts or desired.providers or desired.broken)

    def account(self, text: str) -> Address:
        """UsageError where the text is no account's address, or could be several."""
        pattern = parse_address(text)
        if pattern.kind not in (None, Kind.ACCOUNT):
            raise UsageError(f"'{clean(text)}' is no account", hint="write account/<namespace>/<name>")
        if pattern.namespace is not None:
            return account_address(pattern.namespace, pattern.name)
        if not self.there:
            raise UsageError(
                f"'{clean(text)}' could be of any namespace, and there are no manifests to look it up in",
                hint=f"write <namespace>/{clean(text)}, or name the manifests' folder with -f",
            )
        desired = self.desired
        known = {*desired.accounts, *(a for a in desired.broken if a.kind is Kind.ACCOUNT)}
        return resolve_one(pattern, known, beside=desired.providers)
