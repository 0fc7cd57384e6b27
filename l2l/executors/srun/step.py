"""What runs in a job step: ``python -m l2l.executors.srun.step``, one process a rank.

It is the supervisor of a worker that is the MPI rank: so time limits, memory limits, crashes and
output are those of every executor, and a simulator that goes down takes nobody along.
The jobs come in on the standard input, which ``srun`` gives to all ranks; when it ends, the outer
loop wants no more. See :mod:`l2l.executors.srun.lines` for what goes back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import selectors
import shutil
import struct
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from l2l import wire
from l2l.evaluate import put_away
from l2l.evaluation import Outcome, Status
from l2l.executors.base import ExecutorOptions, Task
from l2l.executors.crew import Crew
from l2l.executors.srun.lines import Kind, Speaker
from l2l.executors.srun.relay import Relay
from l2l.executors.supervisor import node_name, pack, unbundle
from l2l.guard import Call

SIZES = struct.Struct("<QQ")  #: lengths of bundle and call, which follow
BEAT = 2.0  #: time between signs of life, in s
_LOOK = 0.25  # longest wait, in s
_LINGER = 10.0  # longest life of a rank that has failed, in s


def main(arguments: Sequence[str]) -> int:
    """Evaluate the jobs of one call; return the exit code of the rank.

    Args:
        arguments: The token of the lines that are said.
    """
    rank = int(os.environ.get("SLURM_PROCID", "0"))
    speaker = Speaker(os.dup(1), arguments[0], rank)
    os.dup2(2, 1)  # what anybody prints must not get between the lines
    names = [os.environ.get(f"SLURM_{name}", "?") for name in ("JOB_ID", "STEP_ID")]
    speaker.say(Kind.HELLO, f"{node_name()} {'.'.join(names)}".encode())
    try:
        bundle, call = _received()
        task, options = unbundle(bundle)
        evaluation = Evaluation(_own(task, rank), ExecutorOptions(**options), speaker, rank)
        with contextlib.closing(evaluation):
            return evaluation.run(call)
    except BrokenPipeError:  # nobody listens any more
        return 1
    except Exception:
        speaker.say(Kind.BROKEN, traceback.format_exc().encode())
        return 1


def _received() -> tuple[bytes, bytes]:
    """Return bundle and call from the standard input."""
    first, second = SIZES.unpack(_read(SIZES.size))
    return _read(first), _read(second)


def _read(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(0, min(size - len(data), 1 << 20))
        if not piece:
            sys.exit(1)  # the outer loop has gone, or wants it no more
        data += piece
    return bytes(data)


def _own(task: Task, rank: int) -> Task:
    """Return the task with working folders of this rank alone."""
    above = task.scratch or Path(tempfile.gettempdir())
    task = dataclasses.replace(task, scratch=above / f"l2l-{node_name()}-{os.getpid()}")
    if task.keep is not None and rank > 0:
        task = dataclasses.replace(task, keep=task.keep / f"rank{rank}")
    return task


class Evaluation:
    """One call in one worker, which is the MPI rank that this process was started as."""

    def __init__(self, task: Task, options: ExecutorOptions, speaker: Speaker, rank: int) -> None:
        self.task = task
        self.speaker = speaker
        self.rank = rank
        self.relay = Relay()
        self.crew = Crew(task, options, 1, self._land, self._give_back, self.relay.ranks)
        self._pending: deque[Call] = deque()
        self._outcomes: list[Outcome] = []
        self._next_beat = 0.0
        self._wanted = True
        self._selector = selectors.DefaultSelector()
        self._selector.register(0, selectors.EVENT_READ)
        for sock in self.relay.sockets():
            self._selector.register(sock, selectors.EVENT_READ)

    def run(self, call: bytes) -> int:
        """Evaluate a call, say what came of it, and let the worker end; return the exit code."""
        calls = wire.CallReader(self.task.space.size)
        calls.feed(call)
        self._pending.append(calls.next() or [])
        self._selector.register(self.crew, selectors.EVENT_READ)
        while not self._outcomes and self._wanted:
            self._feed()
            self._wait(_LOOK)
            if self.relay.aborted is None:
                self.crew.serve(self.crew.wait(0.0))
            if self._outcomes:
                self._wait(0.0)  # what the worker told its launcher before it replied
            if self.relay.aborted is not None:
                self._end_aborted(f"called MPI_Abort with exit code {self.relay.aborted}")
        self._selector.unregister(self.crew)
        if not self._wanted:
            return 1
        self.speaker.say(Kind.DONE, pack(node_name(), self._outcomes))
        if all(outcome.status is Status.OK for outcome in self._outcomes):
            self._farewell()
            return 0
        end = time.monotonic() + _LINGER  # others may have to say more about it
        while self._wanted and time.monotonic() < end:
            self._wait(_LOOK)
        return 1

    def _feed(self) -> None:
        self.crew.hire(1)
        for guard in self.crew.guards.values():
            if self._pending and guard.greeted and not guard.queue:
                self.crew.hand_over(guard, [self._pending.popleft()])

    def _wait(self, longest: float) -> None:
        """Wait (at most so many s) for anything to happen; pass it on, and give signs of life."""
        for key, _ in self._selector.select(longest):
            source: Any = key.fileobj
            if source == 0:
                self._wanted = bool(os.read(0, 1 << 16)) and self._wanted
            elif source is not self.crew and not self.relay.serve(source):
                self._selector.unregister(source)
        if (now := time.monotonic()) >= self._next_beat:
            self._next_beat = now + BEAT
            self.speaker.say(Kind.BEAT)

    def _end_aborted(self, message: str) -> None:
        """End the worker in place of the launcher: ``MPI_Abort`` may return."""
        for guard in list(self.crew.guards.values()):
            if guard.queue:
                self.crew.condemn(guard, Status.CRASHED, message)
            else:  # it has even replied
                guard.output.drain()
                job, output = self._outcomes[0].job, guard.output.text()
                self._outcomes = [Outcome(job, Status.CRASHED, message=message, output=output)]
                self.crew.dismiss(guard)

    def _farewell(self) -> None:
        """Let the worker end by itself: ``MPI_Finalize`` waits for all other ranks."""
        for guard in self.crew.guards.values():
            guard.dismiss()
            while self._wanted and not guard.exited():
                guard.output.drain()
                self._wait(_LOOK)

    # -- what comes back ----------------------------------------------------------------------

    def _land(self, call: Call, outcomes: list[Outcome]) -> None:
        """Take outcomes. What ranks but the first one return is nobody's business."""
        for outcome in outcomes:
            returned = outcome.status in (Status.INVALID, Status.FAILED) and not outcome.traceback
            if self.rank > 0 and returned:
                outcome.status = Status.OK
            if outcome.status is not Status.OK:
                put_away(self.task, outcome.job)
        self._outcomes = outcomes

    def _give_back(self, calls: Iterable[Call]) -> None:
        """Take a call that its worker did not begin."""
        self._pending.extend(calls)

    def close(self) -> None:
        """End the worker and all that it has started."""
        self.crew.close()
        self.relay.close()
        self._selector.close()
        assert self.task.scratch is not None
        shutil.rmtree(self.task.scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
