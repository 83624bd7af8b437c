"""Where a page's commands are run: a home, a work folder with the examples, and nothing of the user's own.

Every command is a bash of its own; folder and exported variables are carried on to the next. `9400` and `8080`, the ports
that the guide writes for the sandbox and for the Accounts page, become free ones, in commands and in files.
"""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.story import Block, Command, Page, commands, missing_output
from tests.house.tree import ROOT
from tests.servers.process import free_port

WRITTEN_PORT, PAGE_PORT = "9400", "8080"
_DEADLINE = 60
_PRESS = """import sys
from reconciler.sandbox import person
person.press_allow(sys.argv[1], subject={subject!r}, visit_callback=True)
"""
_SHELL = """cd "$(cat {state}/folder)" || exit 99
[ -f {state}/variables ] && . {state}/variables
{command}
code=$?
pwd > {state}/folder
export -p | grep -v -E ' (PWD|OLDPWD|SHLVL|_)=' > {state}/variables
exit $code
"""


@dataclass
class Stage:
    """`environment` is everything that the commands see."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    page_port: int = field(default_factory=free_port)
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "home").mkdir()
        (self.folder / "bin").mkdir()
        work = self.folder / "work"
        shutil.copytree(ROOT / "examples", work / "examples")
        for file in work.rglob("*.yaml"):
            file.write_text(self.local(file.read_text(encoding="utf-8")), encoding="utf-8")
        (self.folder / "state" / "folder").write_text(str(work))
        path = os.pathsep.join(
            [str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        own = {
            "HOME": str(self.folder / "home"),
            "PATH": path,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "110",
        }
        self.environment = {**own, **self.environment}

    def local(self, text: str) -> str:
        return text.replace(WRITTEN_PORT, str(self.port)).replace(PAGE_PORT, str(self.page_port))

    def play(self, page: Page) -> None:
        """Everything that the page tells, in its order. AssertionError names the line that is not so."""
        for block in page.blocks:
            where = f"{page.file.name}:{block.line}"
            if "env" in block.directives:
                name, _, value = block.directives["env"].partition("=")
                self.environment[name] = self.local(value)
            if "file" in block.directives:
                self._write(block)
            if block.language != "console":
                continue
            for command in commands(block):
                if "background" in block.directives:
                    self._begin(command)
                else:
                    self._expect(command, block, where=where)

    def close(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait(10)
            assert process.stdout is not None
            process.stdout.close()

    # -------------------------------------------------------------------------------------------- one thing each

    def _write(self, block: Block) -> None:
        here = Path((self.folder / "state" / "folder").read_text().strip())
        target = here / block.directives["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.local(block.text), encoding="utf-8")

    def _begin(self, command: Command) -> None:
        process = subprocess.Popen(
            ["bash", "-c", "exec " + self.local(command.text)],
            cwd=(self.folder / "state" / "folder").read_text().strip(),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline(), f"`{command.text}` ended before it was ready"

    def _expect(self, command: Command, block: Block, *, where: str) -> None:
        if "person" in block.directives or "answer" in block.directives:
            code, seen = self._at_a_terminal(command, block)
        else:
            code, seen = self._run(command)
        place = f"{where}, line {command.line}: $ {command.text}"
        assert code == command.exit_code, f"{place}\nexit {code}, the page says {command.exit_code}\n{seen}"
        missing = missing_output(command, seen)
        assert missing is None, f"{place}\nthe page shows, and nobody saw:\n{missing}\nwhat was seen:\n{seen}"

    def _script(self, command: Command) -> list[str]:
        return ["bash", "-c", _SHELL.format(state=self.folder / "state", command=self.local(command.text))]

    def _run(self, command: Command) -> tuple[int, str]:
        done = subprocess.run(
            self._script(command),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_DEADLINE,
        )
        return done.returncode, done.stdout

    def _at_a_terminal(self, command: Command, block: Block) -> tuple[int, str]:
        """A person is there: stdin and stderr are a terminal, and the browser is a script that presses Allow."""
        press = self.folder / "bin" / "press.py"
        press.write_text(_PRESS.format(subject=block.directives.get("person", "")))
        environment = {**self.environment, "BROWSER": f"{sys.executable} {press} %s"}
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                self._script(command),
                env=environment,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            os.close(theirs)
            theirs = -1
            seen = _read_all(ours, process, answer=block.directives.get("answer"))
            return process.wait(_DEADLINE), seen
        finally:
            os.close(ours)
            if theirs >= 0:
                os.close(theirs)


def _read_all(terminal: int, process: subprocess.Popen[bytes], *, answer: str | None) -> str:
    """Until the other side hangs up. `answer` is typed at every prompt. A process that goes on for too long is killed."""
    seen, ends = b"", time.monotonic() + _DEADLINE
    while True:
        if time.monotonic() > ends:
            process.kill()
            return seen.decode(errors="replace") + "\n(killed: it went on for too long)"
        if not select.select([terminal], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            got = os.read(terminal, 65536)
        except OSError:  # Linux says EIO where the other side is closed
            break
        if not got:
            break
        seen += got
        if answer is not None and seen.endswith(b": "):
            os.write(terminal, f"{answer}\n".encode())
    return seen.decode(errors="replace").replace("\r\n", "\n")
