"""The job steps of one executor, watched together in the calling thread."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

from l2l import wire
from l2l.errors import L2LError
from l2l.evaluation import Outcome
from l2l.executors.srun.step import SIZES
from l2l.executors.srun.stepends import end_all, environment, hopeless, scancel
from l2l.executors.srun.steps import Step
from l2l.guard import START_LIMIT, Call

_LOOK = 0.25  # how often steps are judged, in s
_LAUNCHES = 16  # steps that may be on their way at the same time
_STARTS = 6  # steps that may fail to start in a row
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # after the first of them, and at most, in s
_WAIT, _LONGEST_WAIT = 3.0, 60.0  # for a step to begin, with and without room, in s
_UNHEARD = 600.0  # time that Slurm has to notice that a node has gone, in s
_STUCK = 10.0  # a step that has not begun after so long may wait for ever, in s
_OVERLAP = "--overlap"
_FAREWELL = 10.0  # time that a step gets to end when its outcomes are there, in s
_PATIENCE = 1.5  # the same where they are not wanted any more

Events = list[tuple[selectors.SelectorKey, int]]

log = logging.getLogger("l2l")


class StepCrew:
    """Up to ``size`` job steps at the same time.

    Args:
        arguments: Of ``srun``: the shape of a step.
        ranks: Number of ranks of a step.
        size: Number of steps.
        bundle: The task, as supervisors take it.
        heartbeat: Silence after which a rank counts as lost, in s.
        land: Called with a call that has ended and its outcomes (a single one if a batch failed
            as a whole).
        give_back: Called with calls that had not begun when their step went away.
        room: Called when Slurm lets a step wait for long: how many steps the job's nodes can hold,
            if it has lost some; else None.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        ranks: int,
        size: int,
        bundle: bytes,
        heartbeat: float,
        land: Callable[[Call, list[Outcome]], None],
        give_back: Callable[[Iterable[Call]], None],
        room: Callable[[], int | None],
    ) -> None:
        job = os.environ["SLURM_JOB_ID"]
        fixed = ["--exact", "--kill-on-bad-exit=1", "--export=ALL"]
        self.command = ["srun", f"--jobid={job}", *fixed, *arguments]
        self.environment = environment()
        self.ranks, self.size, self.heartbeat = ranks, size, heartbeat
        self.steps: dict[int, Step] = {}
        self._bundle = bundle
        self._land = land
        self._give_back = give_back
        self._room = room
        self._next_look = 0.0
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self._failing_since = self._not_before = 0.0
        self._freed = 0.0  # when a step has ended
        self._quickest = math.inf  # launch of a step, in s

    def running(self) -> list[Step]:
        """Return the steps whose outcomes are open."""
        return [step for step in self.steps.values() if not step.landed]

    # -- coming -------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether another step may be launched now.

        Not while Slurm lets one wait: that one comes first, and many that wait are many that ask.
        """
        waiting = [step for step in self.running() if not step.began]
        return (
            len(self.steps) < self.size
            and len(waiting) < _LAUNCHES
            and not any(step.busy for step in waiting)
            and time.monotonic() >= self._not_before
        )

    def launch(self, call: Call) -> None:
        """Start a step for a call.

        Raises:
            L2LError: If ``srun`` can't be started.
        """
        number = next(n for n in itertools.count() if n not in self.steps)
        packed = wire.pack_call(call)
        frame = [SIZES.pack(len(self._bundle), len(packed)), self._bundle, packed]
        try:
            step = Step(number, self.command, self.environment, frame, call, self.ranks)
        except OSError as error:
            raise L2LError(f"srun can't be started: {error}") from error
        self.steps[number] = step
        for name, pipe in step.pipes().items():
            what = selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ
            self._selector.register(pipe, what, (number, name))

    # -- what they say ------------------------------------------------------------------------

    def wait(self, longest: float) -> Events:
        """Return what has happened; wait for it, at most ``longest`` s or until it is time."""
        return self._selector.select(max(0.0, min(longest, _LOOK)))

    def serve(self, events: Events) -> None:
        """Do what the events ask for; judge steps, and remove those that have ended.

        Raises:
            L2LError: If steps can't start, or can't do their work.
        """
        for key, _ in events:
            number, name = key.data
            step = self.steps[number]
            if name == "stdin":
                if not step.flush():
                    self._selector.unregister(key.fileobj)
            elif not step.read(name):
                self._selector.unregister(key.fileobj)
                step.ended = step.ended or name == "stdout"
        now = time.monotonic()
        for step in list(self.steps.values()):
            self._judge(step, now)
        late = any(not s.began and now > s.since + _STUCK for s in self.running())
        if late and now > self._next_look:
            self._next_look = now + 2 * _STUCK
            self._unstick()

    def _unstick(self) -> None:
        """See to it that steps begin, after the job has lost nodes.

        Slurm (seen with 22.05) counts the CPUs of all steps that run at that moment as taken for
        the rest of the job. Steps that may overlap with others don't ask for free ones.
        """
        if (size := self._room()) is None:
            return
        self.size = size
        if _OVERLAP in self.command or sum(step.began for step in self.steps.values()) >= size:
            return
        log.warning("the job has lost nodes, and Slurm lets steps wait: %d at once from now", size)
        self.command += [_OVERLAP, "--cpu-bind=none"]
        for step in self.running():
            if not step.began:
                self._call_off(step)

    def _judge(self, step: Step, now: float) -> None:
        if step.broken:
            raise L2LError(f"a job step can't do its work: {step.broken}")
        if step.began:
            self._failed_starts = 0
            self._quickest = min(self._quickest, step.launch)
        elif not step.landed and self._overdue(step, now):
            self._call_off(step)
        if not step.landed and (outcomes := step.outcomes(now, self.heartbeat)):
            self._take(step, outcomes, now)
        if step.ended:
            self._remove(step)
            if not step.landed:
                self._start_failed(step, now)
        elif step.landed and now > step.until:
            self._press(step, now)

    def _take(self, step: Step, outcomes: list[Outcome], now: float) -> None:
        """Pass outcomes on; the step may end by itself, at once if nobody waits for more."""
        step.landed, step.until = True, now + _FAREWELL
        if any(outcome.fitness is None for outcome in outcomes):
            self._dismiss(step, now)
        if step.unheard:
            # While Slurm has not noticed, the end of `srun` would leave the step's CPUs on all
            # nodes taken for the rest of the job (seen with 22.05).
            step.until = now + _UNHEARD
        self._land(step.call, outcomes)

    def _start_failed(self, step: Step, now: float) -> None:
        """Give a call back whose step did not begin, and wait longer each time.

        A node that has gone makes starts fail until Slurm knows.
        """
        if self._failed_starts == 0:
            self._failing_since = now
        self._failed_starts += 1
        patience = _UNHEARD if "ommunication" in step.words else 0.0
        often = self._failed_starts >= _STARTS and now > self._failing_since + patience
        if hopeless(step.words) or often:
            raise L2LError(
                f"no job step can be started ({' '.join(self.command)}); srun says:\n{step.words}"
            )
        pause = min(_LONGEST_PAUSE, _PAUSE * 2.0 ** (self._failed_starts - 1))
        self._not_before = now + pause
        last = step.words.rpartition("\n")[2]
        log.warning("a job step did not start; the next try is in %g s: %s", pause, last)
        self._give_back([step.call])

    # -- going --------------------------------------------------------------------------------

    def _overdue(self, step: Step, now: float) -> bool:
        """Whether a step should have begun, as there was room: Slurm may forget to wake it."""
        if step.since < self._freed:
            return now > self._freed + max(_WAIT, 5 * self._quickest)
        return now > step.since + (_LONGEST_WAIT if self._freed else START_LIMIT)

    def call_off(self) -> None:
        """Give back the calls of steps that Slurm lets wait."""
        for step in self.running():
            if step.busy and not step.began:
                self._call_off(step)

    def _call_off(self, step: Step) -> None:
        self._dismiss(step, time.monotonic())
        step.signal(signal.SIGTERM)
        step.landed = True
        self._give_back([step.call])

    def _dismiss(self, step: Step, now: float) -> None:
        """Have the ranks of a step end what they do."""
        if step.backlog:
            self._selector.unregister(step.pipes()["stdin"])
        step.dismiss()
        step.until = now + _PATIENCE

    def _press(self, step: Step, now: float) -> None:
        """End a step that does not end by itself: ``srun`` first, then by Slurm."""
        step.until = now + 2 * _PATIENCE
        step.presses += 1
        if step.presses == 1:
            self._dismiss(step, now)
            step.signal(signal.SIGTERM)
        else:
            scancel([step])
            step.signal(signal.SIGKILL)

    def _remove(self, step: Step) -> None:
        """Forget a step whose ``srun`` ends."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            step.process.wait(1.0)
        step.read("stderr")
        for pipe in step.pipes().values():
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
        step.close()
        del self.steps[step.number]
        if step.began:
            self._freed = time.monotonic()

    def close(self) -> None:
        """End all steps, and leave nothing behind: quickly, and by force where that must be."""
        end_all(list(self.steps.values()), _PATIENCE)
        self.steps.clear()
        self._selector.close()
