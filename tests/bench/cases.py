"""What is measured, beside which floor, and what must come of it.

Each function makes its world, runs the command and its floor in turn and returns a `Finding`. A run counts only where the
command's own report says that all of the work was done, and at the end the sandbox must have seen just that many exchanges.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.sandbox import RemoteSandbox
from tests.bench.measure import BenchFailed, Command, Sample, Spread, alternate
from tests.bench.worlds import World, sqlite_store, vault_store, write_grants
from tests.servers.vault_server import VaultServer

THREADS = 8
MIB = 1024 * 1024
MOUNT = "kv"
PLATFORM = "platform"
LIFE_SECONDS = 3 * 3600


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything: accounts that are planned, accounts that are refreshed; counted and uncounted runs of each
    command."""

    accounts: int = 10_000
    refreshed: int = 1_000
    rounds: int = 5
    warm: int = 1


@dataclass(frozen=True, kw_only=True)
class Goal:
    """`words` is the goal, `figure` what was measured."""

    words: str
    figure: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One comparison. `count` items were worked on in each run; 0 where there are none to count."""

    title: str
    ours: str
    """The command, in words."""
    floor: str
    """What stands beside it, in words."""
    count: int
    samples: list[Sample] = field(repr=False)
    floor_samples: list[Sample] = field(repr=False)
    goals: tuple[Goal, ...] = ()

    @property
    def speed_up(self) -> Spread:
        """How much faster than the floor, pair by pair: above 1 is faster."""
        return Spread.of([b.wall / a.wall for a, b in zip(self.samples, self.floor_samples, strict=True)])

    @property
    def wall(self) -> float:
        return Spread.of([sample.wall for sample in self.samples]).middle

    @property
    def peak_mib(self) -> float:
        return max(sample.peak for sample in self.samples) / MIB

    def cpu_each(self, samples: list[Sample]) -> float:
        """Milliseconds of client CPU for one item, median."""
        return Spread.of([sample.cpu for sample in samples]).middle * 1000 / max(self.count, 1)


def start_up(size: Size, folder: Path) -> Finding:
    environment = World(folder=folder, accounts=0, server="").environment
    samples = alternate(
        {
            "ours": Command(argv=[*_reconciler(), "--version"], environment=environment),
            "floor": Command(argv=[sys.executable, "-c", "pass"], environment=environment),
        },
        rounds=size.rounds * 2,
        warm=size.warm,
    )
    wall = Spread.of([sample.wall for sample in samples["ours"]]).middle * 1000
    return Finding(
        title="Start-up",
        ours="`reconciler --version`",
        floor="`python -c pass`",
        count=0,
        samples=samples["ours"],
        floor_samples=samples["floor"],
        goals=(Goal(words="≤ 150 ms", figure=f"{wall:.0f} ms", met=wall <= 150),),
    )


def on_sqlite(size: Size, folder: Path) -> list[Finding]:
    """`validate` and `plan` over the same manifests, with an embedded store."""
    world = World(
        folder=folder, accounts=size.accounts, server="https://sso.example", store=sqlite_store(folder)
    )
    world.write_manifests()
    world.seed(init=["--trust", "tofu"])
    read = _floor("read-yaml", str(world.manifests), count=size.accounts + len(world.teams))
    validate = alternate(
        {"ours": _ours(world, "validate", check=_is_valid(world)), "floor": read},
        rounds=size.rounds,
        warm=size.warm,
    )
    rows = _floor("read-sqlite", str(folder / "store" / "store.db"))
    plan = alternate(
        {"ours": _ours(world, "plan", check=_is_empty(world)), "floor": rows},
        rounds=size.rounds,
        warm=size.warm,
    )
    return [
        _with_time_goal(
            Finding(
                title=f"validate, {size.accounts:,} accounts",
                ours="`reconciler validate`",
                floor="libyaml by PyYAML's CSafeLoader over the same files, nothing checked",
                count=size.accounts,
                samples=validate["ours"],
                floor_samples=validate["floor"],
            )
        ),
        _with_time_goal(
            Finding(
                title=f"plan on SQLite, {size.accounts:,} accounts",
                ours="`reconciler plan`, embedded store, an empty plan",
                floor="bare sqlite3, the rows of the same keys one by one; no manifest is read",
                count=size.accounts,
                samples=plan["ours"],
                floor_samples=plan["floor"],
            )
        ),
    ]


def plan_on_vault(size: Size, folder: Path, server: VaultServer) -> Finding:
    world = World(
        folder=folder,
        accounts=size.accounts,
        server="https://sso.example",
        store=_place(server, mount="plan-kv"),
    )
    world.write_manifests()
    world.seed(init=["--trust", "tofu"])
    keys = folder / "keys"
    keys.write_text("\n".join(f"reconciler/tokens/{team}/{name}" for team, name in world.names))
    floor = _floor(
        "read-vault", "plan-kv", str(THREADS), str(keys), count=size.accounts, environment=world.environment
    )
    samples = alternate(
        {"ours": _ours(world, "plan", check=_is_empty(world)), "floor": floor},
        rounds=size.rounds,
        warm=size.warm,
    )
    finding = Finding(
        title=f"plan on Vault, {size.accounts:,} accounts",
        ours=f"`reconciler plan --jobs {THREADS}`: manifests, lists, metadata, trust, an empty plan",
        floor=f"hvac with its own transport, {THREADS} threads: the accounts' metadata and nothing else",
        count=size.accounts,
        samples=samples["ours"],
        floor_samples=samples["floor"],
    )
    ratio = finding.speed_up.middle
    rate = Goal(words="≥ 1.5 × the floor's rate", figure=f"{ratio:.2f} ×", met=ratio >= 1.5)
    return _with_goals(finding, rate, _memory(finding))


def refresh_on_vault(size: Size, folder: Path, server: VaultServer, *, rotation: str) -> Finding:
    """The sandbox as a process of its own; both sides have grants of the same client, each its own."""
    count, mount = size.refreshed, f"{rotation}-kv"
    with RemoteSandbox.spawn("--rotation", rotation, "--access-token-seconds", str(LIFE_SECONDS)) as sandbox:
        client = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
        world = World(
            folder=folder,
            accounts=count,
            server=sandbox.url,
            client_id=client["client_id"],
            client_secret=client["client_secret"],
            rotation=rotation,
            store=_place(server, mount=mount),
        )
        world.write_manifests()
        grants = sandbox.add_grants(client["client_id"], count=count, expires_in=LIFE_SECONDS)
        world.seed(
            init=["--trust", "tofu", "--loopback"], grants=write_grants(folder / "grants.json", grants)
        )
        names = folder / "names"
        names.write_text("\n".join(f"account-{number:05}" for number in range(count)))
        for number, grant in enumerate(sandbox.add_grants(client["client_id"], count=count)):
            held = {"refresh_token": grant["refresh_token"]}
            server.call("POST", f"{mount}/data/{PLATFORM}/account-{number:05}", json={"data": held})
        floor = _floor(
            *("refresh", mount, PLATFORM, str(THREADS), f"{sandbox.url}/token"),
            *(client["client_id"], client["client_secret"], str(names)),
            count=count,
            environment=world.environment,
        )
        ours = _ours(world, "refresh", "--force", check=_all_done(count))
        before = sandbox.counters()["exchanges"].get("refresh_token", 0)
        samples = alternate({"ours": ours, "floor": floor}, rounds=size.rounds, warm=size.warm)
        seen = sandbox.counters()["exchanges"]["refresh_token"] - before
    expected = 2 * count * (size.rounds + size.warm)
    if seen != expected:
        raise BenchFailed(f"the sandbox saw {seen} refreshes instead of {expected}")
    return _judged_refresh(rotation, count, samples["ours"], samples["floor"])


def _judged_refresh(rotation: str, count: int, ours: list[Sample], floor: list[Sample]) -> Finding:
    guarded = rotation == "single-use"
    finding = Finding(
        title=f"refresh, {rotation} grants, {count:,} accounts",
        ours=f"`reconciler refresh --force --jobs {THREADS}`: {'three guarded writes' if guarded else 'one guarded write'} each",
        floor=f"hvac + requests-oauthlib, {THREADS} threads, one unguarded write each",
        count=count,
        samples=ours,
        floor_samples=floor,
    )
    ratio, wanted = finding.speed_up.middle, 0.8 if guarded else 1.5
    goals = [
        Goal(words=f"≥ {wanted} × the floor's rate", figure=f"{ratio:.2f} ×", met=ratio >= wanted),
    ]
    if guarded:
        own, others = finding.cpu_each(ours), finding.cpu_each(floor)
        goals.append(
            Goal(
                words="less client CPU a refresh than the floor",
                figure=f"{own:.2f} ms against {others:.2f} ms",
                met=own < others,
            )
        )
    return _with_goals(finding, *goals)


# ------------------------------------------------------------------------------------------------------ commands


def _reconciler() -> list[str]:
    script = Path(sys.executable).with_name("reconciler")
    return [str(script)] if script.exists() else [sys.executable, "-m", "reconciler"]


def _ours(world: World, *arguments: str, check: Callable[[str], None]) -> Command:
    jobs = [] if arguments[0] == "validate" else ["--jobs", str(THREADS)]
    return Command(
        argv=[*_reconciler(), *arguments, "-f", str(world.manifests), "-o", "json", *jobs],
        environment=world.environment,
        folder=world.folder,
        check=check,
    )


def _floor(name: str, *arguments: str, count: int = 0, environment: dict[str, str] | None = None) -> Command:
    def check(output: str) -> None:
        if int(output) < count:
            raise BenchFailed(f"the floor {name} did {output.strip()} of {count}")

    own = environment or World(folder=Path(), accounts=0, server="").environment
    return Command(
        argv=[sys.executable, str(Path(__file__).with_name("floors.py")), name, *arguments],
        environment=own,
        check=check,
    )


def _place(server: VaultServer, *, mount: str) -> dict[str, str]:
    """A mount of the world's own, and a token that may use it."""
    server.mount_kv(mount)
    allowed = ["create", "read", "update", "delete", "list"]
    server.write_policy(mount, {f"{mount}/*": allowed})
    return vault_store(server.address, server.create_token(policies=[mount], ttl="6h"), mount=mount)


# -------------------------------------------------------------------------------------------------------- checks


def _is_valid(world: World) -> Callable[[str], None]:
    def check(output: str) -> None:
        summary = json.loads(output)["summary"]
        _expect(summary["accounts"] == world.accounts and not summary["problems"], summary)

    return check


def _is_empty(world: World) -> Callable[[str], None]:
    def check(output: str) -> None:
        plan = json.loads(output)
        whole = plan["summary"]["unchanged"] == world.accounts + len(world.teams)
        idle = not (plan["changes"] or plan["maintenance"] or plan["attention"] or plan["blocked"])
        _expect(whole and idle, plan["summary"])

    return check


def _all_done(count: int) -> Callable[[str], None]:
    def check(output: str) -> None:
        report = json.loads(output)
        done = sum(result["outcome"] == "done" for result in report["results"])
        _expect(done == count and not report["attention"], report["summary"])

    return check


def _expect(true: bool, said: object) -> None:
    if not true:
        raise BenchFailed(f"not all of the work was done: {said}")


# --------------------------------------------------------------------------------------------------------- goals


def _with_time_goal(finding: Finding) -> Finding:
    seconds = finding.wall
    return _with_goals(
        finding, Goal(words="≤ 4 s", figure=f"{seconds:.2f} s", met=seconds <= 4), _memory(finding)
    )


def _memory(finding: Finding) -> Goal:
    return Goal(words="peak ≤ 250 MiB", figure=f"{finding.peak_mib:.0f} MiB", met=finding.peak_mib <= 250)


def _with_goals(finding: Finding, *goals: Goal) -> Finding:
    return replace(finding, goals=goals)
