"""What runs in the processes of Parsl's pool: they are supervisors.

The process that they are forked from imports this, and ends with its manager.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from l2l.executors import supervisor

_PR_SET_PDEATHSIG = 1
_SERVER = os.getpid()


def evaluate(call: bytes, key: str, bundle: bytes | None) -> bytes | None:
    """Evaluate a chunk; see :func:`l2l.executors.supervisor.evaluate`."""
    return supervisor.evaluate(key, bundle, call)


def _die_with(parent: int) -> None:
    """Have this process killed when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _die_with_server() -> None:
    if os.getppid() == _SERVER:
        _die_with(_SERVER)


# Also Parsl's own processes: without this, one of them would outlive a manager that was killed,
# and keep the others alive.
if "forkserver" in " ".join(sys.orig_argv):
    _die_with(os.getppid())
os.register_at_fork(after_in_child=_die_with_server)
