"""The ranks of an MPI program: rank 0 runs the outer loop, the others evaluate for it.

Jobs and outcomes travel by mpi4py.futures. Beside it a thread of every rank looks after a
:class:`Lifeline`. MPI is initialised by :func:`join_ranks`, and nowhere else.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NoReturn

from l2l.errors import Interrupted
from l2l.executors import supervisor
from l2l.executors.mpi.lifeline import SILENCE, TICK, Lifeline
from l2l.executors.mpi.rankserver import serve
from l2l.executors.mpi.world import BACKOFF, abort, assemble, check_size, library, or_abort

_joined: list[Ranks | None] = []


def join_ranks() -> Ranks | None:
    """Return the other ranks to rank 0, or None if it is alone. They themselves do not return.

    All ranks must come here; may be called again.

    Raises:
        ConfigError: If MPI can't be used, or its world has not the size with which it was started.
        MissingExtra: If there is no mpi4py.
    """
    if not _joined:
        mpi = library()
        check_size(mpi)
        world = mpi.COMM_WORLD
        if world.size == 1:
            _joined.append(None)
        else:
            assemble(world)
            if world.rank:
                serve(mpi)
            _joined.append(Ranks(mpi))
    return _joined[0]


class Ranks:
    """The other ranks, as rank 0 sees them.

    Attributes:
        workers: Their number.
        lost: What has become of one that is gone; empty as long as there is none.
        told: Whether the run was told so, and ends for that reason.
    """

    def __init__(self, mpi: Any) -> None:
        from mpi4py.futures import MPICommExecutor

        self._world = mpi.COMM_WORLD
        self.workers: int = self._world.size - 1
        self.lost = ""
        self.told = False
        comm = self._world.Dup()
        self._names = comm.gather(supervisor.node_name())
        self._lifeline = Lifeline(comm, list(range(1, self._world.size)), self._hear)
        pool: Any = MPICommExecutor(self._world, root=0, backoff=BACKOFF)
        self._pool = pool.__enter__()
        self._pool.bootup()
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._forgotten: dict[str, int] = {}
        self._leaving = False
        # As concurrent.futures and mpi4py do it, and before mpi4py: atexit comes after threads.
        threading._register_atexit(self._leave)  # type: ignore[attr-defined]
        watch = threading.Thread(target=or_abort, args=(self._world, self._watch))
        watch.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called in the next rank that is free."""
        future: Future[Any] = self._pool.submit(function, *arguments)
        return future

    def forget(self, key: str, within: float) -> None:
        """Have all ranks end their workers for a task; wait for it, at most so many s."""
        self._forgotten[key] = 0
        self._orders.put(key)
        end = time.monotonic() + within
        while self._forgotten[key] < self.workers and not self.lost and time.monotonic() < end:
            time.sleep(0.005)
        del self._forgotten[key]

    def _hear(self, rank: int, words: tuple[str, str]) -> None:
        what, of = words
        if what == "forgotten" and of in self._forgotten:
            self._forgotten[of] += 1
        elif what == "bye":
            self._lifeline.say_bye(rank)
            self._lifeline.let_go(rank)

    def _leave(self) -> None:
        """Let the others go; called when the main thread has run the last line of its program."""
        self._leaving = True
        if not self.lost:
            self._pool.shutdown(wait=False)

    def _watch(self) -> None:
        """Look after the others until all have said goodbye, which they do when rank 0 leaves."""
        while self._lifeline.others:
            with contextlib.suppress(queue.Empty):
                key = self._orders.get(timeout=TICK)
                for rank in self._lifeline.others:
                    self._lifeline.say(rank, "forget", key)
            self._lifeline.tick()
            if not self.lost and (silent := self._lifeline.silent):
                where = f"rank {silent[0]} on {self._names[silent[0]]}"
                self.lost = f"{where} has gone: nothing heard for {SILENCE:g} s"
            if self.lost and self._leaving:  # else the end of mpi4py and of MPI waits for ever
                self._give_up()
        self._lifeline.flush()

    def _give_up(self) -> NoReturn:
        """End this program, and the others by it: one that has gone can't say goodbye."""
        for rank in self._lifeline.others:
            self._lifeline.say(rank, "end")
        end = time.monotonic() + 20 * TICK
        while time.monotonic() < end:  # those that end by themselves exit with code 0
            self._lifeline.tick()
            time.sleep(TICK)
        code = Interrupted.exit_code if self.told else 1
        abort(self._world, "" if self.told else self.lost, code)
