"""A tiny run, killed at each of its system calls in turn. Run as a program (see test_killpoints).

One process imports everything and then forks a child for each kill, which makes a kill cost
milliseconds. The library killpoint.so must be preloaded.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from helpers.models import Fit, FitParameters, Stateful

import l2l
import l2l.store.folder as folder
from l2l.store import provenance

killpoint = ctypes.CDLL(None)
killpoint.killpoint_count.restype = ctypes.c_long


provenance.collect = functools.cache(provenance.collect)  # outside the folder, and slow


def tiny_run(run: Path, mode: str = "generational") -> None:
    folder.SEAL_FROM = 1  # seal after every generation
    optimizer = "random_search" if mode == "async" else "genetic_algorithm"
    tested = mode == "tested"
    l2l.optimize(
        Fit(parameters=FitParameters(n_test=2)) if tested else Stateful(),
        {"name": optimizer, "pop_size": 3}, weights=(-1.0,), seed=2,
        mode="generational" if tested else mode, test_every=1 if tested else None,
        generations=2, executor="inline", run=run, resume=True, progress=False,
    )  # fmt: skip


def in_child(run: Path, k: int = -1, mode: str = "generational") -> tuple[int, int]:
    """Do the tiny run in a child, to be killed at its k-th call; return signal and calls made."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            killpoint.killpoint_arm(str(run.parent).encode(), ctypes.c_long(k))
            tiny_run(run, mode)
            os.write(write, str(killpoint.killpoint_count()).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    os.close(write)
    counted = os.read(read, 100)
    os.close(read)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"killed at {k}: the run raised an error")
    return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), int(counted or 0)


def check(run: Path, expected: str, what: str) -> None:
    """Go on after a kill, and compare."""
    killed, _ = in_child(run)
    assert killed == 0
    digest = l2l.load(run).digest()
    assert digest == expected, f"{what}: {digest} instead of {expected}"
    left = sorted(p.name for p in run.parent.iterdir())
    assert left == ["run"], f"{what}: left behind {left}"


def kill_new(base: Path, expected: str, calls: int, stride: int) -> None:
    """Kill a new run at each of its calls."""
    for k in range(1, calls + 1, stride):
        run = base / f"first-{k}" / "run"
        run.parent.mkdir()
        killed, _ = in_child(run, k)
        assert killed == signal.SIGKILL, f"{k} of {calls}: {killed}"
        check(run, expected, f"killed at call {k} of {calls}")
        shutil.rmtree(run.parent)


def kill_resumed(base: Path, expected: str, calls: int, stride: int) -> None:
    """Kill a run that was killed half-way at each call of its take-over and what follows."""
    half = base / "half" / "run"
    half.parent.mkdir()
    in_child(half, calls // 2)
    again = base / "again" / "run"
    shutil.copytree(half.parent, again.parent)
    _, calls = in_child(again)
    for k in range(1, calls + 1, stride):
        run = base / f"second-{k}" / "run"
        shutil.copytree(half.parent, run.parent)
        killed, _ = in_child(run, k)
        assert killed == signal.SIGKILL, f"resumed, {k} of {calls}: {killed}"
        check(run, expected, f"resumed and killed at call {k} of {calls}")
        shutil.rmtree(run.parent)
    print(f"{calls} system calls of a resumed run")


def killed_twice(base: Path, mode: str, calls: int, stride: int) -> Iterator[tuple[Path, str]]:
    """Kill a run at some of its calls and its resume at another one, and let it end; each time.

    Yields its folder, and what was done to it in words.
    """
    for k in range(1, calls + 1, stride):
        run = base / f"{mode}-{k}" / "run"
        run.parent.mkdir()
        for at in (k, calls - k // 2):
            in_child(run, at, mode)
        killed, _ = in_child(run, mode=mode)
        assert killed == 0
        what = f"killed at call {k} of {calls}"
        yield run, what
        assert [p.name for p in run.parent.iterdir()] == ["run"], what
        shutil.rmtree(run.parent)


def kill_asynchronous(base: Path, expected: str, calls: int, stride: int) -> None:
    """Kill an asynchronous run at every third of its calls."""
    del expected, calls  # of a generational run
    first = base / "async" / "run"
    first.parent.mkdir()
    _, calls = in_child(first, mode="async")
    for run, what in killed_twice(base, "async", calls, 3 * stride):
        assert l2l.load(run).id.tolist() == list(range(6)), what
        assert l2l.replay(run, optimizee=Stateful()).exact, what
    print(f"{calls} system calls of an asynchronous run")


def kill_tested(base: Path, expected: str, calls: int, stride: int) -> None:
    """Kill a run with held-out tests at every fifth of its calls."""
    del expected, calls  # of an untested run
    calm = base / "tested" / "run"
    calm.parent.mkdir()
    _, calls = in_child(calm, mode="tested")
    whole = l2l.load(calm)
    assert len(whole.tests) == 2 * 2 * 2
    for run, what in killed_twice(base, "tested", calls, 5 * stride):
        found = l2l.load(run)
        assert found.digest() == whole.digest(), what
        assert len(found.tests) == len(whole.tests), what
    print(f"{calls} system calls of a run with held-out tests")


def main(base: Path, which: str, stride: int) -> None:
    tiny_run(base / "warm")  # imports and caches everything
    calm = base / "calm" / "run"
    calm.parent.mkdir(parents=True)
    _, calls = in_child(calm)
    expected = l2l.load(calm).digest()
    assert calls > 50, calls
    print(f"{calls} system calls of a new run")
    ways = {"new": kill_new, "resumed": kill_resumed, "async": kill_asynchronous}
    how = {**ways, "tested": kill_tested}[which]
    how(base, expected, calls, stride)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
