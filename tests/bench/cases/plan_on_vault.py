"""`plan` of a whole organisation on a real Vault, beside a bare hvac loop that reads the same accounts' metadata."""

from dataclasses import replace

from tests.bench.cases.case import Bench, Case
from tests.bench.commands import THREADS, command, floor, is_empty, vault_place
from tests.bench.finding import Comparison, Finding, Side, at_least_rate, memory_goal
from tests.bench.measure import alternate
from tests.bench.worlds import World

MOUNT = "plan-kv"


def measure(bench: Bench) -> list[Finding]:
    count = bench.size.accounts
    world = World(
        folder=bench.folder,
        accounts=count,
        server="https://sso.example",
        store=vault_place(bench.vault, mount=MOUNT),
    )
    world.write_manifests()
    world.seed(init=["--trust", "tofu"])
    keys = bench.folder / "keys"
    keys.write_text("\n".join(f"reconciler/tokens/{team}/{name}" for team, name in world.names))
    samples = alternate(
        {
            "ours": command(world, "plan", check=is_empty(world)),
            "floor": floor(
                *("read-vault", MOUNT, str(THREADS), str(keys)), count=count, environment=world.environment
            ),
            "same": floor(
                *("same-reads", MOUNT, str(THREADS), str(keys)), count=count, environment=world.environment
            ),
        },
        rounds=bench.size.rounds,
        warm=bench.size.warm,
    )
    finding = Comparison(
        title=f"plan on Vault, {count:,} accounts",
        ours=Side(
            name="reconciler",
            words=f"`reconciler plan --jobs {THREADS}`: manifests, lists, metadata, trust, an empty plan",
            samples=samples["ours"],
        ),
        floors=(
            Side(
                name="floor",
                words=f"hvac with its own transport, {THREADS} threads: the accounts' metadata and nothing else",
                samples=samples["floor"],
            ),
            Side(
                name="same requests",
                words="the same metadata reads over plain sockets, no manifest, no plan: what the server takes",
                samples=samples["same"],
            ),
        ),
        count=count,
    )
    return [replace(finding, goals=(at_least_rate(1.5, finding), memory_goal(finding)))]


CASE = Case(name="vault", measure=measure, vault=True)
