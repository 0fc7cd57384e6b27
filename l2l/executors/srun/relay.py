"""The relay between an MPI rank and its launcher, in the hands of the rank's supervisor.

A simulator that calls ``MPI_Abort`` tells the launcher, which kills everything at once: the
supervisor too, before it can say what has happened. So the simulator talks to its supervisor, which
passes everything on but that.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Mapping

from l2l.workshop import LAUNCHERS, PMI_FD

_ABORT = re.compile(rb"cmd=abort\b(?:.*?exitcode=(-?\d+))?", re.DOTALL)


class Relay:
    """Passes the words of PMI (1 and 2) on, between a worker and the launcher.

    Args:
        environment: Of the launcher. If it names no descriptor there is nothing to pass on.

    Attributes:
        ranks: Environment variables by which a worker is the MPI rank that this process is.
        aborted: Exit code with which the worker has called ``MPI_Abort``; None if it has not.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.ranks = {k: text for k, text in environment.items() if k.startswith(LAUNCHERS)}
        self.aborted: int | None = None
        self._launcher: socket.socket | None = None
        if PMI_FD in self.ranks:
            self._launcher = socket.socket(fileno=int(self.ranks[PMI_FD]))
            self._worker, self._theirs = socket.socketpair()
            self.ranks[PMI_FD] = str(self._theirs.fileno())

    def sockets(self) -> list[socket.socket]:
        """Return what can be waited for."""
        return [] if self._launcher is None else [self._launcher, self._worker]

    def serve(self, sock: socket.socket) -> bool:
        """Pass on what has arrived at one side; False if that has gone."""
        if self._launcher is None:
            return False
        try:
            data = sock.recv(1 << 16)
            if sock is self._launcher:
                self._worker.sendall(data)
            elif abort := _ABORT.search(data):
                self.aborted = int(abort[1] or -1)
            else:
                self._launcher.sendall(data)
        except OSError:
            return False
        return bool(data)

    def close(self) -> None:
        """Close all but the launcher's descriptor, which is not ours."""
        if self._launcher is not None:
            with contextlib.suppress(OSError):
                self._launcher.detach()
            self._launcher = None
            self._worker.close()
            self._theirs.close()
