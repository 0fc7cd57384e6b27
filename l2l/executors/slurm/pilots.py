"""Pilots: jobs of the batch system that bring workers, from a node that may not run any."""

from __future__ import annotations

import logging
import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from l2l.cluster import slurm
from l2l.errors import L2LError
from l2l.executors.slurm.allocated import MISLEADING, manager_command, step_command, with_package
from l2l.executors.slurm.htex import Engine, Manager, tail
from l2l.executors.slurm.options import SlurmOptions, seconds_of, time_limit

_FAILURES = 3  # pilots in a row that may end without a result
_SILENT = 300.0  # longest time that a running pilot may be silent, in s
_OUTAGE = 600.0  # longest time that sbatch may refuse pilots while there is none, in s
_LONGEST_PAUSE = 300.0  # between two tries to get another pilot, in s
_MARGIN = 5.0  # a pilot gets no more work so long before its end, beside that of two chunks, in s

log = logging.getLogger("l2l")


@dataclass
class Pilot:
    """One block of nodes: a job.

    Attributes:
        job: Its number.
        landed: How many results there were when it was submitted.
        workers: It has, or is expected to have.
        seen: When its nodes were last connected, on the monotonic clock in s; None: never.
        running: When it was first seen to run without being connected; None: it was not.
        leaving: Whether it gets no more work.
    """

    job: str
    landed: int
    workers: int
    seen: float | None = None
    running: float | None = None
    leaving: bool = False


class Pilots:
    """Up to ``max_blocks`` pilots: as many as there is work for.

    Args:
        engine: To which they connect.
        options: What they ask for.
        logs: Folder for what they print.
        per_node: Workers that are expected on a node.

    Raises:
        L2LError: If none can be submitted.
    """

    def __init__(self, engine: Engine, options: SlurmOptions, logs: Path, per_node: int) -> None:
        self._engine = engine
        self._options = options
        self._logs = logs
        self._each = options.nodes * per_node
        self._length = seconds_of(options.walltime)
        self._queue = slurm.Queue()
        self._pilots: dict[str, Pilot] = {}
        self._connected = False  # whether any is
        self._failed = 0
        self._refused = 0  # submissions in a row
        self._refused_since = 0.0
        self._landed = 0
        self._words = ""
        self._next_try = 0.0
        self._submit()

    @property
    def expected(self) -> int:
        """Workers that there will be when all have come."""
        return self._each * self._options.max_blocks

    # -- watching -----------------------------------------------------------------------------

    def tend(self, managers: Sequence[Manager], wanted: int, landed: int, longest: float) -> None:
        """Look after all pilots: let go of those near their end, replace those that have gone.

        Args:
            managers: Nodes that are connected.
            wanted: Evaluations that wait or run.
            landed: Evaluations that have come back since the beginning.
            longest: How long the work of one worker usually takes, in s.

        Raises:
            L2LError: If pilots fail again and again; carries what the last one printed.
        """
        if landed > self._landed:
            self._failed, self._landed = 0, landed
        nodes: dict[str, list[Manager]] = {}
        for manager in managers:
            nodes.setdefault(manager.job, []).append(manager)
        self._connected = bool(nodes)
        for pilot in list(self._pilots.values()):
            if here := nodes.get(pilot.job):
                self._meet(pilot, here, longest)
        if silent := [pilot for pilot in self._pilots.values() if pilot.job not in nodes]:
            self._look_for(silent)
        self._grow(wanted)

    def _meet(self, pilot: Pilot, nodes: Sequence[Manager], longest: float) -> None:
        """Take note of a pilot that is connected; let it go if its end is near."""
        pilot.seen, pilot.running = time.monotonic(), None
        pilot.workers = sum(node.workers for node in nodes)
        margin = min(_MARGIN + 2 * longest, self._length / 2)
        if time.time() > min(node.end for node in nodes) - margin:
            if not pilot.leaving:
                log.info("pilot %s is about to reach its wall-time: no more work", pilot.job)
            pilot.leaving = True
            for node in nodes:
                if node.active:
                    self._engine.hold(node)
            if not any(node.tasks or node.active for node in nodes):
                self._dismiss(pilot)

    def _look_for(self, silent: Sequence[Pilot]) -> None:
        """Find out what has become of pilots that are not connected."""
        states = self._queue.states([pilot.job for pilot in self._pilots.values()])
        now = time.monotonic()
        for pilot in silent:
            state = states.get(pilot.job)
            if state is None:
                self._bury(pilot, "has ended")
            elif state == "RUNNING":
                pilot.running = pilot.running or now
                if now - pilot.running > _SILENT:
                    self._cancel([pilot.job])
                    self._bury(pilot, f"ran for {_SILENT:.0f} s without a sign of life")

    def _bury(self, pilot: Pilot, how: str) -> None:
        """Forget a pilot that has gone."""
        self._forget(pilot)
        if pilot.leaving:
            return
        self._words = tail(self._log_of(pilot.job))
        said = self._words.strip().splitlines()
        log.warning("pilot %s %s%s", pilot.job, how, f"; its last line: {said[-1]}" if said else "")
        if pilot.landed == self._landed:
            self._fail(f"pilot {pilot.job} {how}")

    def _fail(self, what: str) -> None:
        """Count failures in a row; after the second one, wait longer each time.

        Raises:
            L2LError: If there are too many, and no other pilot works.
        """
        self._failed += 1
        if self._failed > 1:
            self._pause(self._failed - 2, _LONGEST_PAUSE)
        if self._failed >= _FAILURES and not self._connected:
            raise L2LError(
                f"{self._failed} pilots in a row ended without a result; the last: {what}. Check "
                "the executor's options (partition, account, walltime, setup, python) with "
                f"`l2l doctor --executor slurm`. It printed:\n{self._words}"
            )

    # -- coming and going ---------------------------------------------------------------------

    def _grow(self, wanted: int) -> None:
        """Submit pilots for work that those there are can't begin."""
        staying = [pilot for pilot in self._pilots.values() if not pilot.leaving]
        have, n = sum(pilot.workers for pilot in staying), len(staying)
        while n < self._options.max_blocks and have < wanted and time.monotonic() > self._next_try:
            try:
                self._submit()
            except L2LError as error:
                self._put_off(error)
                return
            have, n, self._refused = have + self._each, n + 1, 0

    def _put_off(self, error: L2LError) -> None:
        """Try again later to get a pilot: a limit may be reached, or Slurm away for a while.

        Raises:
            L2LError: If that has lasted for long, and no pilot is left.
        """
        now = time.monotonic()
        if self._pilots or not self._refused:
            self._refused_since = now
        if now > self._refused_since + _OUTAGE:
            raise L2LError(f"no pilot is left, and none was to be had for {_OUTAGE:g} s: {error}")
        # Where nobody works, a minute counts.
        pause = self._pause(self._refused, _LONGEST_PAUSE if self._pilots else 3 * slurm.INTERVAL)
        self._refused += 1
        log.warning("no further pilot for now; the next try is in %g s: %s", pause, error)

    def _pause(self, times: int, longest: float) -> float:
        """Submit nothing for a while, twice as long each time; return for how long, in s."""
        pause = min(longest, slurm.INTERVAL * 2.0 ** min(times, 10))
        self._next_try = max(self._next_try, time.monotonic() + pause)
        return pause

    def _submit(self) -> None:
        job = slurm.submit(self._script())
        self._pilots[job] = Pilot(job, self._landed, self._each)
        length = timedelta(seconds=self._length)
        log.info("submitted pilot %s: nodes %d, wall-time %s", job, self._options.nodes, length)

    def _dismiss(self, pilot: Pilot) -> None:
        self._cancel([pilot.job])
        self._forget(pilot)

    def _forget(self, pilot: Pilot) -> None:
        del self._pilots[pilot.job]
        self._refused, self._next_try = 0, 0.0  # there is room for another one

    def _cancel(self, jobs: Sequence[str]) -> None:
        """Cancel pilots; where Slurm can't be asked, they end when they miss this process."""
        try:
            slurm.cancel(jobs)
        except L2LError as error:
            log.warning("pilots %s could not be cancelled: %s", ", ".join(jobs), error)

    def _log_of(self, job: str) -> Path:
        return self._logs / f"pilot-{job}.log"

    def close(self) -> None:
        """Cancel all pilots."""
        if self._pilots:
            self._cancel(list(self._pilots))
            self._pilots.clear()

    # -- what they do -------------------------------------------------------------------------

    def _script(self) -> str:
        """Return the batch script of a pilot."""
        options = self._options
        manager = manager_command(options.python, self._engine.file)
        exports = with_package({}) and {"PYTHONPATH": with_package({})["PYTHONPATH"]}
        lines = ["#!/bin/bash", *(f"#SBATCH {line}" for line in self._requests())]
        lines += options.lines("setup")
        for name, value in exports.items():
            lines.append(f"export {name}={shlex.quote(value)}${{{name}:+:${name}}}")
        lines += [
            f"export L2L_BLOCK_END=$(( $(date +%s) + {math.floor(self._length)} ))",
            "export L2L_MEM_PER_NODE=$SLURM_MEM_PER_NODE L2L_MEM_PER_CPU=$SLURM_MEM_PER_CPU",
            f"unset {' '.join(MISLEADING)}",
            f"exec {shlex.join(step_command(options.nodes, manager))}",
        ]
        return "\n".join(lines) + "\n"

    def _requests(self) -> list[str]:
        """Return what a pilot asks for."""
        options = self._options
        found = {name: getattr(options, name) for name in ("partition", "account", "qos")}
        found |= {"constraint": options.constraint, "gres": options.gres, "mem": options.mem}
        found |= {"gpus-per-node": options.gpus_per_node, "time": time_limit(options.walltime)}
        found |= {"nodes": options.nodes, "ntasks-per-node": 1, "job-name": "l2l-pilot"}
        found["output"] = f"{str(self._logs).replace('%', '%%')}/pilot-%j.log"
        if options.workers_per_node is not None:
            found["cpus-per-task"] = options.workers_per_node * options.threads
        asked = [f'--{name}="{value}"' for name, value in found.items() if value is not None]
        if options.workers_per_node is None:
            asked.append("--exclusive")
        return [*asked, "--no-requeue", "--no-kill", *options.lines("extra")]
