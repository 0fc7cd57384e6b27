"""An optimizee that fails in every way there is, and what is needed to run it."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from l2l.evaluation import Job, Outcome, Status, seeds
from l2l.executors.base import Executor, Task
from l2l.optimizee import BatchResult, Optimizee, Result
from l2l.processes import members
from l2l.space import Parameter, ParameterSpace

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


def raises(_: Any) -> Any:
    print("about to raise")
    raise ZeroDivisionError("on purpose")


def exits(_: Any) -> Any:
    sys.exit("leaving")


def hangs(_: Any) -> Any:
    print("going to sleep")
    time.sleep(600)


def spins_deaf(_: Any) -> Any:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("deaf now")
    while True:
        pass


def exit_0(_: Any) -> Any:
    print("last words")
    os._exit(0)


def exit_3(_: Any) -> Any:
    print("last words")
    os._exit(3)


def segfaults(_: Any) -> Any:
    print("last words")
    ctypes.string_at(0)


def aborts(_: Any) -> Any:
    os.abort()


def is_killed(_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


def closes_everything(_: Any) -> Any:
    os.closerange(0, 100)
    time.sleep(0.01)
    return 1.0


def forked_child_returns(traj: Any) -> Any:
    """Both the child and the parent come back; only the parent may answer."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return traj.individual.x


def allocates(_: Any) -> Any:
    blocks = []
    while True:
        blocks.append(np.ones(2**21))
        time.sleep(0.005)


def child_allocates(_: Any) -> Any:
    code = "import time\nb = [bytearray(b'x' * 2**24) for _ in range(30)]\ntime.sleep(600)"
    subprocess.run([sys.executable, "-S", "-c", code], check=False)


def prints_100_mb(_: Any) -> Any:
    line = "x" * 999
    for _i in range(100_000):
        print(line)
    print("the end of it")
    raise RuntimeError("talked too much")


def leaves_child(traj: Any) -> Any:
    subprocess.Popen(SLEEPER)
    return traj.individual.x


def leaves_child_in_own_group(traj: Any) -> Any:
    subprocess.Popen(SLEEPER, process_group=0)
    return traj.individual.x


def leaves_daemon(traj: Any) -> Any:
    """A grandchild in a session of its own, whose parent is gone, without our environment."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(sys.executable, SLEEPER, {})
        os._exit(0)
    time.sleep(0.05)
    return traj.individual.x


def takes_a_moment(traj: Any) -> Any:
    time.sleep(0.05)
    return traj.individual.x


def busy_with_children(_: Any) -> Any:
    """Two grandchildren, one of them in a session of its own."""
    subprocess.Popen(SLEEPER, start_new_session=True)
    subprocess.run(SLEEPER, check=False)


#: Faults whose evaluation never returns by itself.
ENDLESS = ("hangs", "spins_deaf", "allocates", "child_allocates", "busy_with_children")

RETURNS: dict[str, Any] = {
    "nan": float("nan"),
    "inf": float("inf"),
    "none": None,
    "text": "0.5",
    "three": (1.0, 2.0, 3.0),
    "nan_of_two": (1.0, float("nan")),
    "metric_text": Result(1.0, metrics={"m": "much"}),
    "observation_nan": Result(1.0, observation=[1.0, float("nan")]),
}

ACTIONS: dict[str, Callable[[Any], Any]] = {
    function.__name__: function
    for function in (
        raises, exits, hangs, spins_deaf, exit_0, exit_3, segfaults, aborts, is_killed,
        closes_everything, forked_child_returns, allocates, child_allocates, prints_100_mb,
        takes_a_moment, busy_with_children, leaves_child, leaves_child_in_own_group, leaves_daemon,
    )
}  # fmt: skip

FAULTS = ("none_of_these", *ACTIONS, *(f"returns_{name}" for name in RETURNS))

SPACE = ParameterSpace(
    [Parameter("fault", kind="categorical", choices=FAULTS), Parameter("x", 0.0, 1.0)]
)


class Faulty(Optimizee):
    """Its parameter ``fault`` says what goes wrong; else its fitness is ``x``."""

    space = SPACE

    def simulate(self, traj: Any) -> Any:
        fault = traj.individual.fault
        if fault in ACTIONS:
            return ACTIONS[fault](traj)
        if fault.startswith("returns_"):
            return RETURNS[fault.removeprefix("returns_")]
        return traj.individual.x


class RaisesOnce(Optimizee):
    """Fails in its first draw."""

    space = ParameterSpace({"x": (0.0, 1.0)})

    def __init__(self, marker: str) -> None:
        super().__init__()
        self.marker = marker

    def simulate(self, traj: Any) -> Any:
        if not os.path.exists(self.marker):
            open(self.marker, "w").close()
            raise OSError("the file system was away for a moment")
        return traj.individual.x


class BadConstructor(Optimizee):
    """Can't be made, in the way its argument says."""

    space = ParameterSpace({"x": (0.0, 1.0)})

    def __init__(self, how: str) -> None:
        super().__init__()
        if how == "raises":
            raise LookupError("no data here")
        if how == "segfaults":
            ctypes.string_at(0)
        if how == "hangs":
            time.sleep(600)


class Leaky(Optimizee):
    """Keeps state in itself and draws from all global generators."""

    space = ParameterSpace({"x": (0.0, 1.0)})
    reusable = False

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__()
        self.delay = delay
        self.seen: list[float] = []
        self.first = True

    def simulate(self, traj: Any) -> Any:
        if self.delay:
            time.sleep(self.delay * (traj.individual.seed % 7) / 7)
        self.seen.append(traj.individual.x)
        os.chdir("/")
        noise = random.random() + np.random.normal() + np.random.rand()
        return Result(sum(self.seen) + noise, metrics={"n": len(self.seen), "noise": noise})


class Warm(Optimizee):
    """Reusable: says how often it was set up and used, and where."""

    space = ParameterSpace({"x": (0.0, 1.0)})
    reusable = True

    def __init__(self) -> None:
        super().__init__()
        self.setups = self.uses = 0

    def setup(self) -> None:
        self.setups += 1

    def simulate(self, traj: Any) -> Any:
        self.uses += 1
        metrics = {"setups": self.setups, "uses": self.uses, "pid": os.getpid()}
        return Result(traj.individual.x, metrics=metrics)


class Batched(Optimizee):
    """Evaluates batches; lanes with ``x`` in certain places are at fault."""

    space = ParameterSpace({"x": (0.0, 1.0), "n": (1, 3)})

    def __init__(self, culprit: float = 2.0, how: str = "raises") -> None:
        super().__init__()
        self.culprit, self.how = culprit, how

    def simulate_batch(self, params: Any, seeds: Any) -> Any:
        x = params["x"]
        assert x.dtype == np.float64
        assert params["n"].dtype == np.int64
        assert seeds.dtype == np.uint32
        fitness, ok = np.array(x), None
        if (x == self.culprit).any():
            if self.how in ACTIONS:
                ACTIONS[self.how](None)
            if self.how == "nan":
                fitness[x == self.culprit] = np.nan
            if self.how == "not_ok":
                ok = x != self.culprit
        metrics = {
            "size": np.full(len(x), len(x)),
            "spread_n": np.full(len(x), np.ptp(params["n"])),
        }
        return BatchResult(fitness, ok, metrics=metrics, observation=np.stack([x, x], axis=1))


# -- running ----------------------------------------------------------------------------------


def make_jobs(
    space: ParameterSpace, individuals: Sequence[dict[str, Any]], *, first: int = 0, draw: int = 0
) -> list[Job]:
    """Return one job an individual."""
    values = space.flatten(individuals)
    numbers = range(first, first + len(values))
    found = seeds(7, numbers, draw)
    return [
        Job(i, 0, i, draw, int(s), row) for i, s, row in zip(numbers, found, values, strict=True)
    ]


def task_of(reference: str, space: ParameterSpace = SPACE, **kwargs: Any) -> Task:
    """Return the task of an optimizee of this module, by reference."""
    arguments = kwargs.pop("arguments", {})
    return Task((f"helpers.faults:{reference}", arguments), space, **kwargs)


def finish(executor: Executor, jobs: Sequence[Job], limit: float = 30.0) -> dict[int, Outcome]:
    """Run jobs and return their outcomes by id; fail instead of hanging."""
    end = time.monotonic() + limit
    outcomes: dict[int, Outcome] = {}
    executor.submit(jobs)
    while len(outcomes) < len(jobs):
        assert time.monotonic() < end, f"only {len(outcomes)} of {len(jobs)} after {limit} s"
        for outcome in executor.collect(0.5):
            assert outcome.job.id not in outcomes, "given back twice"
            outcomes[outcome.job.id] = outcome
    assert executor.collect(0.0) == []
    return outcomes


#: What a simulator may do -> how its evaluation ends, whatever executor runs it.
STATUSES = {
    "raises": Status.FAILED, "exits": Status.FAILED, "prints_100_mb": Status.FAILED,
    "exit_0": Status.CRASHED, "segfaults": Status.CRASHED, "is_killed": Status.CRASHED,
    "closes_everything": Status.CRASHED, "hangs": Status.TIMEOUT, "spins_deaf": Status.TIMEOUT,
    "allocates": Status.MEMORY, "child_allocates": Status.MEMORY, "returns_nan": Status.INVALID,
    "returns_none": Status.INVALID, "returns_text": Status.INVALID,
    "returns_three": Status.INVALID, "leaves_child_in_own_group": Status.OK,
    "leaves_daemon": Status.OK,
}  # fmt: skip


def check_faults(make: Callable[..., Executor]) -> None:
    """Each fault has its status, and costs nobody else.

    Args:
        make: Makes an executor: ``make(timeout=..., memory_limit=...)``.
    """
    for late in (True, False):
        faults = [f for f, status in STATUSES.items() if (status is Status.TIMEOUT) is late]
        kinds = [kind for fault in faults for kind in (fault, "none_of_these")]
        with make(timeout=2.0 if late else 60.0, memory_limit="400MiB") as executor:
            executor.start(task_of("Faulty"))
            jobs = make_jobs(SPACE, [{"fault": kind, "x": 0.5} for kind in kinds])
            outcomes = finish(executor, jobs, limit=120.0)
        for number, kind in enumerate(kinds):
            outcome, status = outcomes[number], STATUSES.get(kind, Status.OK)
            assert outcome.status is status, f"{kind}: {outcome}"
            assert (outcome.message == "") == (status is Status.OK), f"{kind}: {outcome}"
        if late:
            assert "going to sleep" in outcomes[kinds.index("hangs")].output
        else:
            assert "in raises\n" in outcomes[kinds.index("raises")].traceback


def survivors(token: str) -> set[int]:
    """Return the processes that an executor's workers have left behind."""
    return members((), f"{token}:")
