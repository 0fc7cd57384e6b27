"""The allocation of a batch system that this process is in: its nodes, and when it ends."""

from __future__ import annotations

import functools
import itertools
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from l2l.errors import L2LError

#: Unix time at which the job ends, in s; our batch scripts set it.
JOB_END = "L2L_JOB_END"


@dataclass(frozen=True)
class Allocation:
    """What a job of Slurm has been given.

    Attributes:
        job: Its id.
        nodes: Names of its nodes, in Slurm's order.
        cpus: CPUs of the job on each of the nodes.
        restarts: How often it has been requeued.
        cpus_per_task: What was asked for with ``--cpus-per-task``, or None.
        memory_per_node: In bytes, or None where memory is not allocated by node.
        memory_per_cpu: In bytes, or None where memory is not allocated by CPU.
    """

    job: str
    nodes: tuple[str, ...]
    cpus: tuple[int, ...]
    restarts: int = 0
    cpus_per_task: int | None = None
    memory_per_node: int | None = None
    memory_per_cpu: int | None = None

    @classmethod
    def here(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Return the allocation that this process is in, from its environment; None if none."""
        if not (job := environment.get("SLURM_JOB_ID")):
            return None
        listed = environment.get("SLURM_JOB_NODELIST") or environment.get("SLURM_NODELIST")
        nodes = tuple(expand(listed)) if listed else ("localhost",)
        given = counts(environment.get("SLURM_JOB_CPUS_PER_NODE", "1"))
        return cls(
            job=job,
            nodes=nodes,
            cpus=tuple(given + given[-1:] * (len(nodes) - len(given)))[: len(nodes)],
            restarts=_number(environment, "SLURM_RESTART_COUNT") or 0,
            cpus_per_task=_number(environment, "SLURM_CPUS_PER_TASK"),
            memory_per_node=_megabytes(environment, "SLURM_MEM_PER_NODE"),
            memory_per_cpu=_megabytes(environment, "SLURM_MEM_PER_CPU"),
        )


def expand(hostlist: str) -> list[str]:
    """Return the names in a list of Slurm's, such as ``n[01-03,7],login2,r[0-1]c[1-2]``.

    Raises:
        L2LError: If it is not such a list.
    """
    names = [name for part in _parts(hostlist.strip()) for name in _names(part)]
    if not names:
        raise L2LError(f"expected a list of nodes such as n[1-4], got {hostlist!r}")
    return names


def counts(text: str) -> list[int]:
    """Return the numbers that ``4(x2),8`` stands for: 4, 4, 8."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\(x(\d+)\))?\s*", part)
        if match is None:
            raise L2LError(f"expected numbers such as 4(x2),8 of Slurm, got {text!r}")
        found += [int(match[1])] * int(match[2] or 1)
    return found


def time_left() -> float | None:
    """Return the time until the job ends that this process is in, in s.

    Returns None outside a job, and where nobody knows or there is no limit. Slurm is asked at most
    once, and only where neither our batch script nor Slurm itself have told it.
    """
    for name in (JOB_END, "SLURM_JOB_END_TIME"):
        if re.fullmatch(r"\d+(\.\d+)?", told := os.environ.get(name, "")):
            return float(told) - time.time()
    job = os.environ.get("SLURM_JOB_ID")
    end = _end_of(job) if job else None
    return None if end is None else end - time.time()


@functools.cache
def _end_of(job: str) -> float | None:
    from l2l.cluster import slurm

    try:
        done = slurm.call(["squeue", "--noheader", f"--jobs={job}", "--format=%L"])
    except L2LError:
        return None
    left = seconds(done.stdout.strip().partition("\n")[0])
    return None if left is None else time.time() + left


def seconds(text: str) -> int | None:
    """Return a duration of Slurm's (``[days-][[HH:]MM:]SS``) in s; None for UNLIMITED and such."""
    match = re.fullmatch(r"(?:(\d+)-)?((?:\d+:){0,2}\d+)", text)
    if match is None:
        return None
    total = 0
    for part in match[2].split(":"):
        total = total * 60 + int(part)
    return int(match[1] or 0) * 86400 + total


def _parts(text: str) -> Iterator[str]:
    """Split at the commas that are not inside brackets."""
    depth, part = 0, ""
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            yield part
            part = ""
        else:
            part += letter
    yield part


def _names(part: str) -> Iterator[str]:
    pieces = re.split(r"\[([^\]]*)\]", part)
    choices = [[p] if i % 2 == 0 else list(_numbers(p)) for i, p in enumerate(pieces)]
    return ("".join(name) for name in itertools.product(*choices) if any(name))


def _numbers(text: str) -> Iterator[str]:
    """Yield what ``01-03,7`` stands for; leading zeros are kept."""
    for one in text.split(","):
        first, _, last = one.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise L2LError(f"expected numbers such as 1-4,7 in a list of nodes, got [{text}]")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() else None


def _megabytes(environment: Mapping[str, str], name: str) -> int | None:
    number = _number(environment, name)
    return number * 2**20 if number else None
