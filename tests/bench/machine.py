"""What the figures were measured on: processor, memory, system, versions. Nothing that names the machine or a user."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "reconciler",
    "hvac",
    "requests",
    "requests-oauthlib",
    "httpcore",
    "pydantic",
    "PyYAML",
    "cryptography",
)


def describe_machine(vault: str) -> list[tuple[str, str]]:
    """(what, which) in the order of the page. `vault` is that server's own words, or why there is none."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        ("processor", f"{_processor()}, {os.cpu_count()} cores seen"),
        ("memory", f"{_memory_gib():.1f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("vault", vault),
        ("packages", packages),
        ("commit", _commit()),
        ("load before", f"{os.getloadavg()[0]:.2f} (average of the last minute)"),
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _commit() -> str:
    """The commit, and whether the measured package differs from it."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    changed = git("status", "--porcelain", "--", ":/reconciler", ":/tests/bench")
    return f"{commit} with uncommitted changes" if changed else commit
