"""One job step, as the outer loop sees it: an ``srun`` process and what its ranks say."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from l2l.evaluation import Job, Outcome, Status
from l2l.executors.srun.lines import Kind, Listener
from l2l.executors.supervisor import unpack
from l2l.guard import START_LIMIT

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_SETTLE = 1.0  # others may know better why a rank has failed, in s
_WORDS = 8192  # characters of what srun says that are kept
_BUSY = (b"temporarily disabled", b"Requested nodes are busy")


class Step:
    """One call in a job step.

    Args:
        number: Place among the steps at the same time.
        command: ``srun`` and its arguments, without the program.
        environment: Of ``srun``.
        frame: What all ranks get on their standard input.
        call: The jobs.
        ranks: Number of ranks.

    Attributes:
        since: When it was launched, on the monotonic clock in s.
        launch: How long it took until all ranks had said hello, in s.
        name: ``job.step``; empty until a rank has said it.
        busy: Whether Slurm lets it wait for room.
        unheard: Whether nothing was heard of a rank any more.
        broken: Why a rank can't do its work.
        ended: Whether ``srun`` has ended.
        landed: Whether its outcomes have been taken.
        until: When it must have ended if they have, on the monotonic clock in s.
        presses: How often it was told to, since.
    """

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        frame: Sequence[bytes],
        call: list[Job],
        ranks: int,
    ) -> None:
        token = f"l2l-{secrets.token_hex(8)}"
        self.number, self.call, self.ranks = number, call, ranks
        self.since = time.monotonic()
        self.name, self.broken = "", ""
        self.busy = self.unheard = self.ended = self.landed = False
        self.until, self.presses = 0.0, 0
        self.launch = math.inf
        self.nodes: dict[int, str] = {}
        self.heard: dict[int, float] = {}
        self._first_hello: float | None = None
        self._outcomes: dict[int, list[Outcome]] = {}
        self._first_failure: float | None = None
        self._listener = Listener(token)
        self._said = b""
        self.backlog = [memoryview(piece) for piece in frame]
        self.process = subprocess.Popen(
            [*command, sys.executable, "-P", "-m", "l2l.executors.srun.step", token],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the outer loop
            preexec_fn=_end_with_parent,
        )
        for pipe in self.pipes().values():
            os.set_blocking(pipe.fileno(), False)

    def pipes(self) -> dict[str, Any]:
        """Return the open pipes to ``srun``, by name."""
        found = {name: getattr(self.process, name) for name in ("stdin", "stdout", "stderr")}
        return {name: pipe for name, pipe in found.items() if not pipe.closed}

    @property
    def began(self) -> bool:
        """Whether all ranks have said hello."""
        return len(self.nodes) == self.ranks

    # -- talking ------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Send as much as ``srun`` takes; whether there is more."""
        try:
            while self.backlog:
                sent = os.write(self.process.stdin.fileno(), self.backlog[0][: 1 << 16])  # type: ignore[union-attr]
                self.backlog[0] = self.backlog[0][sent:]
                if not self.backlog[0]:
                    del self.backlog[0]
        except BlockingIOError:
            pass
        except OSError:
            self.backlog.clear()
        return bool(self.backlog)

    def read(self, name: str) -> bool:
        """Take what has arrived at a pipe; False at the end of it."""
        try:
            data = os.read(getattr(self.process, name).fileno(), 1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if name == "stderr":
            self._said = (self._said + data)[-_WORDS:]
            self.busy = self.busy or any(text in data for text in _BUSY)
            return bool(data)
        now = time.monotonic()
        for rank, kind, content in self._listener.feed(data):
            self.heard[rank] = now
            self._take(rank, kind, content, now)
        return bool(data)

    def _take(self, rank: int, kind: Kind, content: bytes, now: float) -> None:
        if kind is Kind.HELLO:
            self.nodes[rank], self.name = content.decode().split(" ")
            if self._first_hello is None:
                self._first_hello = now
            if self.began:
                self.launch = now - self.since
        elif kind is Kind.DONE:
            _, outcomes = unpack(content, self.call)
            self._outcomes[rank] = outcomes
            if self._first_failure is None and _failed(outcomes):
                self._first_failure = now
        elif kind is Kind.BROKEN:
            self.broken = f"rank {rank} on {self.nodes.get(rank)}:\n{content.decode()}"

    @property
    def words(self) -> str:
        """The end of what ``srun`` has said."""
        return self._said.decode(errors="replace").strip()

    # -- judging ------------------------------------------------------------------------------

    def outcomes(self, now: float, heartbeat: float) -> list[Outcome] | None:
        """Return what has come of the call; None if that is open.

        A single outcome where a batch failed as a whole.
        """
        complete = len(self._outcomes) == self.ranks
        settled = self._first_failure is not None and now > self._first_failure + _SETTLE
        if complete or settled or (self.ended and self._first_failure is not None):
            return self._verdict()
        silent = self._silent(now, heartbeat)
        self.unheard = bool(silent)
        if silent or (self.ended and self.began):
            return [self._lost(job, silent) for job in self.call]
        return None

    def _verdict(self) -> list[Outcome]:
        """Return the outcomes of rank 0, or of the rank that is to blame."""
        failed = [rank for rank, outcomes in self._outcomes.items() if _failed(outcomes)]
        rank = min(failed, key=lambda r: (_doubt(self._outcomes[r][0]), r), default=0)
        outcomes = self._outcomes[rank]
        for outcome in outcomes:
            outcome.worker = self.number
            if rank in failed and self.ranks > 1 and outcome.status is not Status.OK:
                where = f"rank {rank} of {self.ranks} on {self.nodes[rank]}"
                outcome.message = f"{where}: {outcome.message}"
        if rank > 0 and rank in failed:  # its own returns mean nothing
            return [o for o in outcomes if o.status is not Status.OK][:1]
        return outcomes

    def _silent(self, now: float, heartbeat: float) -> list[int]:
        """Return the ranks that have not been heard of for too long."""
        if self._first_hello is None:
            return []
        late = [rank for rank, heard in self.heard.items() if now > heard + heartbeat]
        if now > self._first_hello + START_LIMIT:
            late += [rank for rank in range(self.ranks) if rank not in self.heard]
        return late

    def _lost(self, job: Job, silent: Sequence[int]) -> Outcome:
        nodes = sorted({self.nodes.get(rank, "?") for rank in silent or self.nodes})
        what = f"job step {self.name} on {', '.join(nodes)}"
        why = "nothing was heard of it any more" if silent else self._how_srun_ended()
        outcome = Outcome(job, Status.LOST, message=f"{what} has gone: {why}")
        outcome.worker = self.number
        outcome.duration = time.monotonic() - (self._first_hello or self.since)
        outcome.started = time.time() - outcome.duration
        return outcome

    def _how_srun_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        code = self.process.returncode
        how = f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"code {code}"
        return "; ".join([f"srun ended ({how})", *self.words.splitlines()[-5:]])

    # -- ending -------------------------------------------------------------------------------

    def dismiss(self) -> None:
        """Close the standard input: the ranks end what they do."""
        self.backlog.clear()
        if not self.process.stdin.closed:  # type: ignore[union-attr]
            self.process.stdin.close()  # type: ignore[union-attr]

    def signal(self, number: signal.Signals) -> None:
        """Send ``srun`` a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Let go of everything."""
        for pipe in self.pipes().values():
            pipe.close()


def _failed(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.status is not Status.OK for outcome in outcomes)


def _doubt(outcome: Outcome) -> int:
    """Return how likely it is that a failure is the consequence of another rank's."""
    if outcome.status is Status.TIMEOUT:
        return 2  # it waited for the other
    return 1 if "mpi4py.MPI.Exception" in outcome.traceback else 0


def _end_with_parent() -> None:
    """Have ``srun`` get SIGTERM when the outer loop ends, whatever ends that."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
