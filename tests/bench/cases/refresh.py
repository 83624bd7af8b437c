"""`refresh` of grants on a real Vault and the sandbox, beside the loop that a platform engineer would write.

The sandbox is a process of its own; both sides have grants of the same client, each its own. At the end the sandbox must
have seen just as many exchanges as were counted. A third side sends the very requests of our command and does nothing else:
on processors that client and servers share, nobody who keeps these promises can be faster than that.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from reconciler.sandbox import RemoteSandbox
from tests.bench.cases.case import Bench, Case
from tests.bench.commands import THREADS, all_done, command, floor, vault_place
from tests.bench.finding import Comparison, Finding, Goal, Side, at_least_rate
from tests.bench.measure import BenchFailed, Sample, alternate
from tests.bench.worlds import World, write_grants
from tests.servers.vault_server import VaultServer

PLATFORM = "platform"
"""The folder of the mount in which the floor keeps its records."""
SAME = "same"
"""The folder of those who send the same requests."""
LIFE_SECONDS = 3 * 3600


def measure_reusable(bench: Bench) -> list[Finding]:
    finding = _compare(bench, rotation="reusable", writes="one guarded write")
    return [replace(finding, goals=(at_least_rate(1.5, finding),))]


def measure_single_use(bench: Bench) -> list[Finding]:
    finding = _compare(bench, rotation="single-use", writes="three guarded writes")
    return [replace(finding, goals=(at_least_rate(0.8, finding), _less_cpu(finding)))]


def _compare(bench: Bench, *, rotation: str, writes: str) -> Comparison:
    samples = _measured(bench, rotation=rotation)
    return Comparison(
        title=f"refresh, {rotation} grants, {bench.size.refreshed:,} accounts",
        ours=Side(
            name="reconciler",
            words=f"`reconciler refresh --force --jobs {THREADS}`: {writes} each",
            samples=samples["ours"],
        ),
        floors=(
            Side(
                name="floor",
                words=f"hvac + requests-oauthlib, {THREADS} threads, one unguarded write each",
                samples=samples["floor"],
            ),
            Side(
                name="same requests",
                words=f"the metadata read, read, token call and {writes} of the command over plain sockets, {THREADS}"
                " threads, and nothing else: what the servers take",
                samples=samples["same"],
            ),
        ),
        count=bench.size.refreshed,
    )


def _measured(bench: Bench, *, rotation: str) -> dict[str, list[Sample]]:
    count, mount = bench.size.refreshed, f"{rotation}-kv"
    with RemoteSandbox.spawn("--rotation", rotation, "--access-token-seconds", str(LIFE_SECONDS)) as sandbox:
        client = sandbox.add_client(redirect_uris=["http://127.0.0.1/callback"])
        world = World(
            folder=bench.folder,
            accounts=count,
            server=sandbox.url,
            client_id=client["client_id"],
            client_secret=client["client_secret"],
            rotation=rotation,
            store=vault_place(bench.vault, mount=mount),
        )
        world.write_manifests()
        grants = sandbox.add_grants(client["client_id"], count=count, expires_in=LIFE_SECONDS)
        world.seed(
            init=["--trust", "tofu", "--loopback"], grants=write_grants(bench.folder / "grants.json", grants)
        )
        names = bench.folder / "names"
        names.write_text("\n".join(name for _, name in world.names))
        platform, same = (sandbox.add_grants(client["client_id"], count=count) for _ in range(2))
        _hand_over(bench.vault, mount, world.names, platform=platform, same=same)
        login = (client["client_id"], client["client_secret"], str(names))
        commands = {
            "ours": command(world, "refresh", "--force", check=all_done(count)),
            "floor": floor(
                *("refresh", mount, PLATFORM, str(THREADS), f"{sandbox.url}/token", *login),
                count=count,
                environment=world.environment,
            ),
            "same": floor(
                *("same-refresh", mount, SAME, str(THREADS), f"{sandbox.url}/token", *login, rotation),
                count=count,
                environment=world.environment,
            ),
        }
        before = sandbox.counters()["exchanges"].get("refresh_token", 0)
        samples = alternate(commands, rounds=bench.size.rounds, warm=bench.size.warm)
        seen = sandbox.counters()["exchanges"]["refresh_token"] - before
    expected = len(commands) * count * (bench.size.rounds + bench.size.warm)
    if seen != expected:
        raise BenchFailed(f"the sandbox saw {seen} refreshes instead of {expected}")
    return samples


def _hand_over(
    server: VaultServer,
    mount: str,
    names: Sequence[tuple[str, str]],
    *,
    platform: Sequence[Mapping[str, Any]],
    same: Sequence[Mapping[str, Any]],
) -> None:
    """Records for the others: the platform's own small ones, and copies of ours, so that the same is written."""

    def one(row: tuple[tuple[str, str], Mapping[str, Any], Mapping[str, Any]]) -> None:
        (team, name), first, second = row
        held = {"refresh_token": first["refresh_token"]}
        server.call("POST", f"{mount}/data/{PLATFORM}/{name}", json={"data": held})
        for kind in ("grants", "tokens"):
            ours, copy = f"reconciler/{kind}/{team}/{name}", f"{SAME}/{kind}/{name}"
            known = server.call("GET", f"{mount}/metadata/{ours}")["data"]
            kept = {key: known[key] for key in ("custom_metadata", "max_versions")}
            server.call("POST", f"{mount}/metadata/{copy}", json=kept)
            record = server.call("GET", f"{mount}/data/{ours}")["data"]["data"]
            if kind == "grants":
                record["refresh_token"] = second["refresh_token"]
            server.call("POST", f"{mount}/data/{copy}", json={"data": record})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, zip(names, platform, same, strict=True)))


def _less_cpu(finding: Comparison) -> Goal:
    own, others = finding.cpu_each(finding.ours), finding.cpu_each(finding.floors[0])
    return Goal(
        words="less client CPU a refresh than the floor",
        figure=f"{own:.2f} ms against {others:.2f} ms",
        met=own < others,
    )


REUSABLE = Case(name="reusable", measure=measure_reusable, vault=True)
SINGLE_USE = Case(name="single-use", measure=measure_single_use, vault=True)
