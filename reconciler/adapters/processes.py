"""Which process we are, and whether another one is provably dead: so that a dead holder's intent need not be waited for.

Rules:
- a process is host, boot, pid namespace, pid and start time; a pid alone is reused, and every pod has a pid 1;
- dead is what is provably dead: the same host, boot and pid namespace as ours, and no such pid with that start time;
- where `/proc` does not tell (not Linux, hidden), nobody is provably dead, and a holder's deadline decides.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from reconciler.model.grant import Holder

_PROC = Path("/proc")
_UNKNOWN = ""


def this_process() -> Holder:
    """Ask anew after a fork: the pid is another one."""
    pid = os.getpid()
    return Holder(
        host=socket.gethostname(),
        boot=_text(_PROC / "sys/kernel/random/boot_id"),
        pid_namespace=_link(_PROC / "self/ns/pid"),
        pid=pid,
        started=_started(pid) or _UNKNOWN,
    )


def is_dead(holder: Holder) -> bool:
    """True only where this machine proves it."""
    here = this_process()
    place = (holder.host, holder.boot, holder.pid_namespace)
    if _UNKNOWN in (*place, holder.started) or place != (here.host, here.boot, here.pid_namespace):
        return False
    if here.started == _UNKNOWN:
        return False
    return _started(holder.pid) != holder.started


def _started(pid: int) -> str | None:
    """Start time in clock ticks since boot; None where there is no such process, or only its unreaped remains."""
    stat = _text(_PROC / str(pid) / "stat")
    # The second field is a name in parentheses that may hold anything, parentheses included.
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in ("Z", "X"):
        return None
    return fields[19]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return _UNKNOWN


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return _UNKNOWN
