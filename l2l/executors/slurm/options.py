"""Options of the slurm executor."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

from l2l import units
from l2l.errors import ConfigError
from l2l.executors.remote import RemoteOptions
from l2l.options import option


class SlurmOptions(RemoteOptions):
    """Options of the slurm executor. Those of pilots have no effect inside an allocation."""

    workers_per_node: int | None = option(
        None, "workers of a node; default: its cores in the job, divided by `threads`", low=1
    )
    hyperthreads: bool = option(False, "whether each hyper-thread counts as a core")
    heartbeat: int = option(
        12, "time without a sign of life after which a node counts as gone", low=3, unit="s"
    )
    address: str | None = option(
        None, "address of this machine that nodes can reach; default: all are tried"
    )
    python: str = option(sys.executable, "Python interpreter on the nodes")
    pilots: bool | None = option(
        None, "whether workers come as jobs of their own; default: outside of an allocation"
    )
    max_blocks: int = option(1, "pilots: largest number of jobs at the same time", low=1)
    nodes: int = option(1, "pilots: nodes of a job", low=1)
    walltime: int | str = option(
        "1:00:00", "pilots: wall-time of a job: 90 (minutes), '1:30:00' or 1h30m", low=1
    )
    partition: str | None = option(None, "pilots: partition")
    account: str | None = option(None, "pilots: account")
    qos: str | None = option(None, "pilots: quality of service")
    constraint: str | None = option(None, "pilots: features that nodes must have")
    gres: str | None = option(None, "pilots: generic resources of a node")
    gpus_per_node: int | str | None = option(None, "pilots: GPUs of a node (4, a100:4)", low=1)
    mem: str | None = option(None, "pilots: memory of a node, as Slurm writes it")
    setup: Any = option(None, "pilots: lines of shell before workers start (module load ...)")
    extra: Any = option(None, "pilots: further options of sbatch, one a line (--mail-type=END)")

    def check(self) -> None:
        """Validate what has a form of its own."""
        super().check()
        seconds_of(self.walltime)
        for name in ("setup", "extra"):
            for line in self.lines(name):
                if not isinstance(line, str):
                    raise ConfigError(f"SlurmOptions.{name} takes lines of text, got {line!r}")
        for line in self.lines("extra"):
            if not line.startswith("-"):
                raise ConfigError(
                    f"SlurmOptions.extra takes options of sbatch, such as --exclusive, got {line!r}"
                )

    def lines(self, name: str) -> list[str]:
        """Return the lines of ``setup`` or ``extra``, given as a text or a list."""
        value = getattr(self, name)
        if isinstance(value, str):
            return value.splitlines()
        if value is not None and not isinstance(value, (list, tuple)):
            raise ConfigError(f"SlurmOptions.{name} takes a text or a list, got {value!r}")
        return list(value or ())

    @property
    def gpus_of_node(self) -> int | str | None:
        """GPUs to share out: ``gpus``, or all that pilots ask for."""
        if self.gpus is not None or self.gpus_per_node is None:
            return self.gpus
        number = str(self.gpus_per_node).rpartition(":")[2]
        return int(number) if number.isdigit() else None


def seconds_of(walltime: int | str) -> float:
    """Return a wall-time in s: 30 (minutes), 30:00, 1:30:00, 2-12, 2-12:30:00, or 2h30m.

    Raises:
        ConfigError: If it is none.
    """
    text = str(walltime)
    if re.fullmatch(r"([\d.]+ *(d|h|min|m|s) *)+", text):
        return _checked(units.seconds(text), walltime)
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if match is None:
        raise ConfigError(
            "expected a wall-time such as 90 (minutes), 12h, 1:30:00 or 2-12:00:00, "
            f"got {walltime!r}"
        )
    days, first, second, third = match.groups()
    if days is not None or third is not None:
        hours, minutes, seconds = int(first), int(second or 0), int(third or 0)
    else:
        hours, minutes, seconds = 0, int(first), int(second or 0)
    total = ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
    return _checked(total, walltime)


def time_limit(walltime: int | str) -> str:
    """Return a wall-time as sbatch takes it."""
    text = str(walltime)
    return str(math.ceil(seconds_of(text) / 60)) if re.search("[a-z]", text) else text


def _checked(total: float, walltime: int | str) -> float:
    if total < 60:
        raise ConfigError(f"Slurm counts wall-times in minutes: at least 1:00, got {walltime!r}")
    return float(total)
