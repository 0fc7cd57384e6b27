"""Processes: how much memory a tree of them takes, and how to end all of it.

Nothing but the standard library is imported here, because this file is also run by itself, as the
janitor: a small process that outlives its driver by a moment, and ends what the kernel does not
(the children of workers that moved to a process group or a session of their own).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

MARK = "L2L_WORKER"  #: environment variable by which all descendants of a worker are known
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LINUX = sys.platform == "linux"
_PR_GET_CHILD_SUBREAPER = 37


def _read(path: str) -> bytes:
    """Return a file of /proc; nothing if it is gone or not ours."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""


def _table() -> Iterator[tuple[int, int, int]]:
    """Yield pid, parent and session of all processes that are not dead."""
    for name in os.listdir("/proc") if _LINUX else ():
        if name.isdigit():
            stat = _read(f"/proc/{name}/stat")
            fields = stat[stat.rfind(b")") + 2 :].split(None, 5)
            if len(fields) > 4 and fields[0] not in (b"Z", b"X"):
                yield int(name), int(fields[1]), int(fields[3])


def members(leaders: Collection[int], mark: str) -> set[int]:
    """Return the pids that belong to workers, themselves left out.

    They descend from one of ``leaders``, or are in its session, or have ``mark`` in their
    environment.
    """
    found: set[int] = set()
    children: dict[int, list[int]] = {}
    me, needle = os.getpid(), mark.encode()
    for pid, parent, session in _table():
        children.setdefault(parent, []).append(pid)
        if pid != me and (session in leaders or needle in _read(f"/proc/{pid}/environ")):
            found.add(pid)
    new = [*leaders, *found]
    while new:
        below = {pid for parent in new for pid in children.get(parent, ())} - found
        found |= below
        new = list(below)
    return found - {*leaders, me}


def end_trees(leaders: Collection[int], mark: str) -> None:
    """Kill workers, which lead their process groups and are not yet reaped, and all they started.

    They stop first and die last, so that nobody is adopted by anybody else meanwhile.
    """
    for leader in leaders:
        _send(leader, signal.SIGSTOP)
    sweep(leaders, mark)
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        _send(leader, signal.SIGKILL)


def sweep(leaders: Collection[int], mark: str, patience: float = 1.0) -> None:
    """Kill the members of workers until there are none, or patience (in s) ends."""
    end = time.monotonic() + patience
    while (alive := members(leaders, mark)) and time.monotonic() < end:
        for pid in alive:
            _send(pid, signal.SIGKILL)
        time.sleep(0.001)


def adopts() -> bool:
    """Whether what the children of this process leave behind becomes its own child (Linux)."""
    if not _LINUX:
        return False
    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer))
    return bool(answer.value)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


# -- memory -----------------------------------------------------------------------------------


def resident(leader: int, limit: int) -> int:
    """Return the memory of a process and its descendants, in bytes; 0 if it can't be known.

    Resident sizes are summed. Only where the sum exceeds ``limit`` and there is more than one
    process, what they share is counted once, which takes the kernel much longer to say.
    """
    pids = [leader]
    for pid in pids:
        pids.extend(child for child in children(pid) if child not in pids)
    total = sum(_resident(pid) for pid in pids)
    if total > limit and len(pids) > 1:
        total = sum(_proportional(pid) for pid in pids)
    return total


def children(pid: int) -> list[int]:
    """Return the pids of the children of a process."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [
        int(child)
        for thread in threads
        for child in _read(f"/proc/{pid}/task/{thread}/children").split()
    ]


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def _proportional(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def machine_memory() -> int:
    """Return the memory that this process may use, in bytes: the machine's, or its cgroup's."""
    total = os.sysconf("SC_PHYS_PAGES") * _PAGE
    for line in _read("/proc/self/cgroup").decode().splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            root, name = Path("/sys/fs/cgroup"), "memory.max"
        elif "memory" in kinds.split(","):
            root, name = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            text = _read(str(folder / name)).strip()
            if text.isdigit():
                total = min(total, int(text))
            if folder == root:
                break
    return total


# -- the janitor ------------------------------------------------------------------------------


def janitor_command(driver: int, mark: str) -> list[str]:
    """Return the command that waits for the end of ``driver`` and then ends what is marked."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(driver), mark]


def _wait_for_end(pid: int) -> None:
    """Return when our parent ``pid`` has ended."""
    with contextlib.suppress(OSError, AttributeError):
        handle = os.pidfd_open(pid)
        while os.getppid() == pid:
            select.select([handle], [], [], 60.0)
    while os.getppid() == pid:
        time.sleep(0.2)


def _janitor(arguments: Collection[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # a batch system sends them to all of a job
    driver, mark = arguments
    _wait_for_end(int(driver))
    for _ in range(3):  # again: a process may have been about to fork
        sweep((), mark)
        time.sleep(0.05)


if __name__ == "__main__":
    _janitor(sys.argv[1:])
