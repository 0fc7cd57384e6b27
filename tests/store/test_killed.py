"""Creating, writing, sealing and taking over, killed at each system call that changes something."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.stores import block, config, failing, state_of

from l2l.store import folder
from l2l.store.doctor import examine
from l2l.store.folder import Store
from l2l.store.reader import Records

CALLS = (
    "write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,"
    "unlinkat,openat,ftruncate,sendfile,copy_file_range,mkdir,mkdirat"
)
PR_SET_PTRACER, ANY = 0x59616D61, ctypes.c_ulong(-1)


def work(run: Path, generations: int, acknowledge: Callable[[int], None] = lambda i: None) -> None:
    """Go on with a run, or begin it: three evaluations a generation, and a seal after each."""
    store = Store.open(run) if run.exists() else Store.create(run, config(2))
    snapshot = store.last_snapshot()
    generation = snapshot.generation if snapshot else 0
    if not snapshot:
        store.snapshot(state_of(0, 2), 0, 0, force=True)
    while generation < generations:
        known = set(store.since(3 * generation)["id"].tolist())
        for number in range(3 * generation, 3 * generation + 3):
            if number not in known:
                bad = number % 3 == 2
                made = failing([number], d=2) if bad else (block([number], 2), [])
                made[0]["generation"][:] = generation
                store.append(*made)
                store.sync()
            acknowledge(number)
        generation += 1
        store.snapshot(state_of(generation, 2), generation, 3 * generation, force=True)
        store.seal()
    store.close()


@contextlib.contextmanager
def traced(run: Path, generations: int, k: int) -> Iterator[tuple[int, int]]:
    """Do the work in a child that is killed at its k-th call; yield its pid and what it said."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY, 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            work(run, generations, lambda number: os.write(write, bytes([number])))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    os.waitpid(child, os.WUNTRACED)
    strace = subprocess.Popen(
        ["strace", "-qq", "-o", "/dev/null", "-p", str(child), "-e", f"trace={CALLS}", "-e",
         f"inject={CALLS}:signal=KILL:when={k}"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while "TracerPid:\t0" in Path(f"/proc/{child}/status").read_text():
            if strace.poll() is not None:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                pytest.skip("strace may not trace here")
            time.sleep(0.001)
        os.kill(child, signal.SIGCONT)
        _, status = os.waitpid(child, 0)
        yield status, max([-1, *os.read(read, 1000)])
    finally:
        os.close(read)
        strace.kill()
        strace.wait()


def check(run: Path, generations: int, acknowledged: int, expected: str, k: int) -> None:
    """Whatever was acknowledged is there; and going on leads to the same end."""
    if run.exists():
        with Records(run) as records:
            assert set(records.column("id").tolist()) >= set(range(acknowledged + 1)), k
            assert not [text for text in records.damage if "no whole frame" not in text], k
    else:
        assert acknowledged == -1, k
    work(run, generations)
    with Records(run) as records:
        assert records.digest() == expected, k
        assert records.stands == (generations, 3 * generations)
        assert len(records.failures()) == generations
        assert (records.last_snapshot().state["x"] == state_of(generations, 2)["x"]).all()
    assert examine(run).intact, k
    names = sorted(p.name for p in run.iterdir() if p.is_file())
    assert names[0] == "history.h5"
    assert names[2:] == ["provenance.json", "run.yaml"], k
    assert os.listdir(run.parent) == ["run"], k


def kill_everywhere(base: Path, start: Callable[[Path], None], generations: int) -> int:
    """Kill the work at each of its calls; return how many there are."""
    calm = base / "calm" / "run"
    work(calm, generations)
    expected = Records(calm).digest()
    k = 0
    while True:
        k += 1
        run = base / "killed" / "run"
        run.parent.mkdir()
        start(run)
        with traced(run, generations, k) as (status, acknowledged):
            if os.WIFEXITED(status):
                assert os.WEXITSTATUS(status) == 0
                return k - 1
            assert os.WTERMSIG(status) == signal.SIGKILL
        check(run, generations, acknowledged, expected, k)
        shutil.rmtree(run.parent)


def half_done(run: Path) -> None:
    """Leave a run as a process does that is killed in its last generation."""
    child = os.fork()
    if not child:
        try:
            work(run, 1)
            store = Store.open(run)
            store.append(block([3, 4], 2, generation=1))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(Records(run)) == 5


@pytest.mark.campaign  # tests/run/test_killpoints.py does the same to a whole run, faster
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(
    ("start", "generations"), [(lambda run: None, 1), (half_done, 2)], ids=["new", "taken over"]
)
def test_killed_at_every_system_call(start, generations, monkeypatch):
    monkeypatch.setattr(folder, "LARGE", 1 if generations == 1 else 1 << 20)
    shm = "/dev/shm"  # what the fsyncs cost is not the question here
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as base:
        calls = kill_everywhere(Path(base), start, generations)
    assert calls > 60
    print(f"killed at each of {calls} calls")
