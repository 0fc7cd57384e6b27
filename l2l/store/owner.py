"""Who holds a run: a process, told apart from every other by boot and start time."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

Owner = dict[str, Any]


@functools.cache
def boot_id() -> str:
    """Return what tells one boot of this machine from the next."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _output(["sysctl", "-n", "kern.boottime"])


def process_start(pid: int) -> str | None:
    """Return when a process began (clock ticks since boot on Linux); None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        return _output(["ps", "-o", "lstart=", "-p", str(pid)]) or None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]  # a zombie writes no more


def _namespace() -> str:
    """Return in which container this process counts pids; empty where there are none."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def this_process() -> Owner:
    """Return the owner that this process is."""
    return {
        "host": socket.gethostname(),
        "boot_id": boot_id(),
        "namespace": _namespace(),
        "pid": os.getpid(),
        "start": process_start(os.getpid()),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "slurm_restart": os.environ.get("SLURM_RESTART_COUNT", "0"),
        "time": time.time(),
    }


def is_this_process(owner: Owner) -> bool:
    """Whether an owner is the process that asks."""
    me = this_process()
    return all(me[key] == owner.get(key) for key in ("boot_id", "namespace", "pid", "start"))


def is_alive(owner: Owner, journal: Path) -> bool:
    """Whether an owner lives, or may live: what can't be found out counts as alive.

    Args:
        owner: As the journal names it.
        journal: The journal, on which its holder keeps a lock where the file system has locks.
    """
    if owner.get("boot_id") == boot_id():
        if owner.get("namespace") == _namespace():
            return process_start(int(owner["pid"])) == owner.get("start")
        return not _unlocked(journal)  # in another container on this machine
    if owner.get("host") == socket.gethostname():
        return False  # this machine has been started anew since
    job = owner.get("slurm_job")
    me = this_process()
    if job and job == me["slurm_job"] and owner.get("slurm_restart") != me["slurm_restart"]:
        return False  # the same job, requeued: Slurm has ended its earlier self
    if not job:
        return True
    from l2l.cluster import slurm

    return slurm.lives(str(job))


def describe(owner: Owner) -> str:
    """Return an owner in words."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner.get("time", 0)))
    job = f", Slurm job {owner['slurm_job']}" if owner.get("slurm_job") else ""
    return f"process {owner.get('pid')} on {owner.get('host')}{job}, since {since}"


def lock(fd: int) -> None:
    """Lock an open journal, for those who can't see this process; no error if it can't be done."""
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlocked(journal: Path) -> bool:
    """Whether nobody holds the lock of a journal."""
    try:
        fd = os.open(journal, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
