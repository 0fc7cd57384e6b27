"""MPI: the ranks of one MPI program are supervisors of workers.

``mpiexec -n 5 l2l run config.yaml --executor mpi`` starts the same program five times. Rank 0 runs
the outer loop; the others become supervisors in :meth:`MPIExecutor.join`, before anything of the
run is touched, and end with rank 0.
"""

from __future__ import annotations

import dataclasses
import logging
from concurrent.futures import Future
from typing import Any, ClassVar

from l2l.errors import ConfigError, Interrupted
from l2l.executors import supervisor
from l2l.executors.base import Executor, ExecutorOptions
from l2l.executors.inline import InlineExecutor, InlineOptions
from l2l.executors.mpi.ranks import Ranks, join_ranks
from l2l.executors.remote import RemoteExecutor, RemoteOptions

_CLOSING = 10.0  # longest wait for the workers to end, in s

log = logging.getLogger("l2l")


class MPIOptions(RemoteOptions):
    """Options of the mpi executor."""

    absent: ClassVar[dict[str, str]] = {
        "workers": "MPI says how many there are, the ranks but one: mpiexec -n 5 gives 4 workers"
    }


class MPIExecutor(RemoteExecutor):
    """Runs evaluations under the ranks of this MPI program, each with one worker process.

    A simulation that crashes or hangs takes its worker process with it, and neither its rank nor
    MPI notices. A rank that goes away ends the whole program, for MPI can't go on without it.
    """

    Options = MPIOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self._ranks = join_ranks()
        self._key = ""
        self._sent: set[Future[Any]] = set()

    @classmethod
    def join(cls, options: ExecutorOptions) -> Executor:
        """Return the executor of rank 0; all other ranks stay in here until the program ends.

        Where there is no other rank, evaluations run inline.

        Raises:
            ConfigError: If the MPI world has not the size with which it was started.
            MissingExtra: If there is no mpi4py.
        """
        if join_ranks() is not None:
            return cls(options)
        log.warning(
            "mpi: there is one rank only, so evaluations run inline, in this process: limits are "
            "not enforced and no crash is survived (mpiexec -n 5 gives 4 workers)"
        )
        names = {field.name for field in dataclasses.fields(ExecutorOptions)}
        return InlineExecutor(InlineOptions(**{name: getattr(options, name) for name in names}))

    @property
    def ranks(self) -> Ranks:
        """The other ranks. Raises ConfigError if there are none."""
        if self._ranks is None:
            raise ConfigError("expected at least two MPI ranks; MPIExecutor.join() does with one")
        return self._ranks

    @property
    def workers(self) -> int:
        """Number of ranks, this one left out."""
        return self.ranks.workers

    def _wait(self, longest: float) -> list[Future[Any]]:
        """Return chunks that have come back; wait for one, at most ``longest`` s.

        Raises:
            Interrupted: If a rank has gone: the run can be resumed.
        """
        arrived = super()._wait(longest)
        if self.ranks.lost and not arrived:
            self.ranks.told = True
            raise Interrupted(
                f"{self.ranks.lost}. MPI can't go on without it; what has landed is written, and "
                "the run can be resumed"
            )
        return arrived

    # -- the engine ---------------------------------------------------------------------------

    def _open(self) -> None:
        self.ranks  # noqa: B018

    def _send(self, key: str, bundle: bytes | None, call: bytes) -> Future[Any]:
        self._key = key
        future = self.ranks.submit(supervisor.evaluate, key, bundle, call)
        self._sent.add(future)
        future.add_done_callback(self._sent.discard)
        return future

    def _slots(self) -> int:
        return self.workers

    def _explain(self, error: BaseException) -> str | None:
        return None  # the futures of a rank that has gone never end

    def _shut(self) -> None:
        for future in list(self._sent):
            future.cancel()
        if self._key:
            self.ranks.forget(self._key, within=_CLOSING)
        self._key = ""
