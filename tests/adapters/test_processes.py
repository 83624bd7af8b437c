"""Who we are and who is provably dead, on this very machine."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.processes import is_dead, this_process

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/stat"), reason="only Linux proves a process dead"
)


def test_this_process_is_alive():
    here = this_process()
    assert here.pid == os.getpid()
    assert all([here.host, here.boot, here.pid_namespace, here.started])
    assert not is_dead(here)


def test_a_process_that_ended_is_dead():
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    stat = Path(f"/proc/{child.pid}/stat").read_text()
    started = stat.rpartition(")")[2].split()[19]
    holder = replace(this_process(), pid=child.pid, started=started)
    assert not is_dead(holder)
    child.kill()
    # Nobody has waited for it yet: a zombie holds nothing any more.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(holder)
    child.wait()
    child.stdout.close()
    assert is_dead(holder)


def test_a_pid_that_was_given_to_another_process_is_told_apart_by_its_start():
    assert is_dead(replace(this_process(), started="1"))


@pytest.mark.parametrize("part", ["host", "boot", "pid_namespace"])
def test_nobody_is_provably_dead_on_another_host_boot_or_namespace(part):
    elsewhere = replace(this_process(), pid=999_999_999, **{part: "elsewhere"})
    assert not is_dead(elsewhere)


@pytest.mark.parametrize("part", ["host", "boot", "pid_namespace", "started"])
def test_what_a_holder_could_not_tell_of_itself_proves_nothing(part):
    assert not is_dead(replace(this_process(), pid=999_999_999, **{part: ""}))
