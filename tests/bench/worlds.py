"""The worlds that are measured: a repository of manifests, and the store as it stands after everybody consented.

A world's accounts are spread over teams of 500; a team has its own folder, provider and client secret. Ten accounts share
a file. Everything that a store holds is written by the tool's own code (`tests/bench/seed.py`), in a process of its own, so
that the process which measures stays small.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.measure import BenchFailed
from tests.servers.process import clean_environment

TEAM = 500
A_FILE = 10
HEAD = "apiVersion: oauth2.reconciler/v1"
CLIENT_SECRET = "bench-client-secret"
COMPILED = Path(tempfile.gettempdir()) / f"reconciler-bench-bytecode-{os.getpid()}"
OWNERS = ("ana@example.com", "ben@example.com", "chen@example.com")


@dataclass(frozen=True, kw_only=True)
class World:
    """`environment` is what the command line needs to find the store; `names` are its accounts as `team/name`."""

    folder: Path
    accounts: int
    server: str
    """Where the providers' endpoints are, an origin."""
    client_id: str = "bench-client"
    client_secret: str = field(default=CLIENT_SECRET, repr=False)
    rotation: str = "reusable"
    team: int = TEAM
    """Accounts of one team."""
    store: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def environment(self) -> dict[str, str]:
        """What a user has, for commands and floors alike: modules are compiled once, as pip does when it installs them,
        even where this process was told to write no bytecode. The uncounted run is the one that compiles."""
        own = {"HOME": str(self.folder), "NO_COLOR": "1", "PYTHONPYCACHEPREFIX": str(COMPILED)}
        inherited = clean_environment()
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return {**inherited, **self.store, **own}

    @property
    def teams(self) -> list[str]:
        return [f"team-{number:02}" for number in range(-(-self.accounts // self.team))]

    @property
    def names(self) -> list[tuple[str, str]]:
        return [(f"team-{number // self.team:02}", f"account-{number:05}") for number in range(self.accounts)]

    # ---------------------------------------------------------------------------------------------- manifests

    def write_manifests(self) -> None:
        for team in self.teams:
            (self.manifests / team).mkdir(parents=True, exist_ok=True)
            (self.manifests / team / "provider.yaml").write_text(self._provider(team))
        names = self.names
        for start in range(0, len(names), A_FILE):
            for team, batch in _by_team(names[start : start + A_FILE]):
                file = self.manifests / team / f"accounts-{start:05}.yaml"
                file.write_text(
                    "---\n".join(self._account(name, number) for number, name in enumerate(batch, start))
                )

    def _provider(self, team: str) -> str:
        return f"""{HEAD}
kind: Provider
metadata:
  name: sso
spec:
  base: custom
  client:
    id: {self.client_id}
    secretRef: {{path: clients/{team}/sso, key: client_secret}}
  redirectUri: http://127.0.0.1/callback
  server:
    endpoints:
      authorization: {self.server}/authorize
      token: {self.server}/token
    refreshToken: {{rotation: {self.rotation}}}
"""

    def _account(self, name: str, number: int) -> str:
        return f"""{HEAD}
kind: Account
metadata:
  name: {name}
  labels: {{tier: "{number % 3}"}}
spec:
  description: what a program of this team reads at night, number {number}
  provider: sso
  owner: {OWNERS[number % len(OWNERS)]}
  scopes: [profile]
"""

    # ------------------------------------------------------------------------------------------------- stores

    def seed(self, *, init: Sequence[str], grants: str = "") -> None:
        """Make the store, register the providers, and write what consents leave behind; `grants` is a file."""
        if init:
            self._child(sys.executable, "-m", "reconciler", "init-store", *init)
        self._child(sys.executable, "-m", "tests.bench.seed", str(self.manifests), self.client_secret, grants)

    def _child(self, *argv: str) -> None:
        done = subprocess.run(
            argv, env={**self.environment, "PYTHONPATH": os.getcwd()}, capture_output=True, text=True
        )
        if done.returncode:
            raise BenchFailed(f"{' '.join(argv[1:4])}: exit {done.returncode}\n{done.stderr[-3000:]}")


def _by_team(names: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    for team in dict.fromkeys(team for team, _ in names):
        yield team, [name for one, name in names if one == team]


def sqlite_store(folder: Path) -> dict[str, str]:
    return {"RECONCILER_STORE": f"sqlite://{folder}/store/store.db"}


def vault_store(address: str, token: str, *, mount: str) -> dict[str, str]:
    return {"RECONCILER_STORE": f"vault://{mount}/reconciler", "VAULT_ADDR": address, "VAULT_TOKEN": token}


def write_grants(file: Path, grants: Sequence[Mapping[str, object]]) -> str:
    """What the seed reads: one grant of the sandbox for each account, in the accounts' order."""
    file.write_text(json.dumps(list(grants)))
    return str(file)
