"""What a case is: a name for `--cases`, whether it needs a Vault, and the function that measures.

`measure` takes a `Bench` and returns findings; it raises `BenchFailed` where the work was not done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.finding import Finding, Size
from tests.servers.vault_server import VaultServer


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a case is given: how much to do, an empty folder of its own, and a Vault where it asked for one."""

    size: Size
    folder: Path
    server: VaultServer | None = None

    @property
    def vault(self) -> VaultServer:
        assert self.server is not None, "the case did not ask for a Vault"
        return self.server


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    measure: Callable[[Bench], list[Finding]]
    vault: bool = False
