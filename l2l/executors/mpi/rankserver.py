"""What the ranks of an MPI program do that are not rank 0: they are supervisors until it ends."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import threading
import time
from typing import Any, NoReturn

from l2l.executors import supervisor
from l2l.executors.mpi.lifeline import TICK, Lifeline
from l2l.executors.mpi.world import BACKOFF, abort, flush, or_abort

_FAREWELL = 300.0  # time that the last lines of rank 0 may take, in s


def serve(mpi: Any) -> NoReturn:
    """Evaluate what rank 0 sends until its program ends; then end this one.

    Nothing of the user's program runs in this process any more, not even what it has registered
    for its end: all that is rank 0's business.
    """
    # Rank 0 decides when to stop. The handler does nothing, but is not inherited by workers, as
    # an ignored signal would be.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, _not_yet)
    try:
        _work(mpi)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        abort(mpi.COMM_WORLD, "", 1)
    flush()
    # MPI tells its launcher only in C's exit() that all is well; os._exit() would leave that out.
    ctypes.CDLL(None).exit(0)
    os._exit(0)


def _not_yet(number: int, frame: Any) -> None:
    pass


def _work(mpi: Any) -> None:
    from mpi4py.futures import MPICommExecutor

    comm = mpi.COMM_WORLD.Dup()
    comm.gather(supervisor.node_name())
    done = threading.Event()
    listen = functools.partial(_listen, comm, done)
    watch = threading.Thread(target=or_abort, args=(comm, listen), daemon=True)
    watch.start()
    with MPICommExecutor(mpi.COMM_WORLD, root=0, backoff=BACKOFF):
        pass
    supervisor.forget()
    done.set()
    watch.join()
    # The end of MPI waits for rank 0, which may be killed just now.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(_FAREWELL))
    mpi.Finalize()


def _listen(comm: Any, done: threading.Event) -> None:
    """Do what rank 0 says beside the work; end this process if nothing is heard of it any more."""

    def hear(rank: int, words: tuple[str, str]) -> None:
        what, key = words
        if what == "forget":
            supervisor.forget(key)
            lifeline.say(rank, "forgotten", key)
        elif what == "bye":
            lifeline.let_go(rank)
        elif what == "end":
            supervisor.forget()
            os._exit(0)

    lifeline = Lifeline(comm, [0], hear)
    leaving = False
    while lifeline.others:
        lifeline.tick()
        time.sleep(TICK)
        if done.is_set() and not leaving:
            leaving = True
            lifeline.say_bye(0)
        if lifeline.silent:
            print(f"l2l: rank {comm.rank} ends: rank 0 has gone", file=sys.stderr, flush=True)
            supervisor.forget()
            os._exit(1)
    lifeline.flush()
