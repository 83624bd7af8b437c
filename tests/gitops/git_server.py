"""A git server in a folder: a bare repository with a hook, and people who clone it and push. Real git, no network."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_SECONDS = 300


@dataclass(frozen=True)
class Pushed:
    """What the pusher saw; `accepted` False: git refused it (somebody was first)."""

    accepted: bool
    seen: str


@dataclass
class GitServer:
    """`environment` is the hook's and every command's."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "LC_ALL": "C.UTF-8",
            **self.environment,
        }
        self.git("init", "--quiet", "--bare", "--initial-branch", "main", str(self.bare), at=self.folder)

    @property
    def bare(self) -> Path:
        return self.folder / "oauth.git"

    def install(self, hook: Path, settings: str) -> None:
        """`hook` as post-receive, with its settings beside it."""
        target = self.bare / "hooks" / "post-receive"
        target.write_bytes(hook.read_bytes())
        target.chmod(0o755)
        secret = self.bare / "hooks" / "reconciler.env"
        secret.touch(0o600)
        secret.write_text(settings)

    def clone(self, name: str) -> Clone:
        where = self.folder / name
        self.git("clone", "--quiet", str(self.bare), str(where), at=self.folder)
        self.git("config", "user.name", name, at=where)
        self.git("config", "user.email", f"{name}@example.com", at=where)
        self.git("checkout", "--quiet", "-B", "main", at=where)
        if self.git("rev-parse", "--verify", "--quiet", "origin/main", at=where, check=False).returncode == 0:
            self.git("reset", "--quiet", "--hard", "origin/main", at=where)
        return Clone(self, where)

    def git(self, *words: str, at: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words],
            cwd=at,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=check,
        )


@dataclass
class Clone:
    server: GitServer
    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def push(self, branch: str = "main", *, message: str = "a change") -> Pushed:
        """Commit everything that there is, and push it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        done = self.git("push", "origin", f"HEAD:refs/heads/{branch}", check=False)
        seen = "\n".join(line.removeprefix("remote: ").rstrip() for line in done.stdout.splitlines())
        return Pushed(done.returncode == 0, seen)

    def catch_up(self) -> None:
        self.git("pull", "--quiet", "--rebase", "origin", "main")

    def git(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.server.git(*words, at=self.folder, check=check)
