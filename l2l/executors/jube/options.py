"""Options of the ``jube`` executor."""

from __future__ import annotations

from l2l.cluster.jubesite import SiteOptions
from l2l.executors.base import ExecutorOptions
from l2l.options import option


class JubeOptions(SiteOptions, ExecutorOptions):
    """Options of the ``jube`` executor."""

    packages: int = option(
        1, "workpackages (jobs) that a generation is shared among", low=1, high=50
    )
    workers_per_job: int | None = option(
        None, "evaluations at the same time in each process of a job; default: its CPUs / threads",
        low=1,
    )  # fmt: skip

    @property
    def tasks(self) -> int:
        """Processes of one job."""
        return (self.nodes or 1) * (self.tasks_per_node or 1)
