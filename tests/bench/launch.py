"""Starts one command and writes what it cost, from a process so small that it leaves no mark on the figures.

`python -I -S launch.py COST OUT ERR FOLDER COMMAND…`. Linux counts the peak memory of whoever forks into the child's own
until it has grown past it: started from the bench itself, no command would seem smaller than the bench. Imports nothing
that it need not.
"""

import os
import sys
import time


def main(cost: str, out: str, err: str, folder: str, *command: str) -> int:
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, write, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, write, 0o600),
    ]
    os.chdir(folder)
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], list(command), os.environ, file_actions=files)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - began
    figures = (wall, used.ru_utime, used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
    with open(cost, "w") as report:
        report.write(" ".join(map(str, figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
