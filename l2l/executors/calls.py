"""How jobs become the calls of a worker: one each, or batches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from l2l.evaluation import Job
from l2l.executors.base import Task


def make_calls(task: Task, jobs: Sequence[Job], workers: int) -> list[list[Job]]:
    """Return jobs as calls, in order: single jobs, or about equal batches, one a worker.

    Where each worker pulls what it can get, jobs that come together are one batch. Jobs of one
    batch agree in the columns ``task.group_by`` and, where these are shared, in their tasks, and
    are at most ``task.max_batch``.
    Where ``simulate`` takes a fixed number of parameter sets, a call has so many jobs.
    """
    if not task.batched:
        return [[job] for job in jobs]
    if task.inner is not None:
        return [list(jobs[at : at + task.inner]) for at in range(0, len(jobs), task.inner)]
    groups: dict[tuple[float, ...], list[Job]] = {}
    for job in jobs:
        key = tuple(float(job.values[column]) for column in task.group_by)
        if task.shared:
            key = (*key, job.generation, job.index if job.test else -1)
        groups.setdefault(key, []).append(job)
    most = max(1, len(jobs) if task.pulled else math.ceil(len(jobs) / workers))
    if task.max_batch is not None:
        most = max(1, min(most, task.max_batch))
    calls = []
    for group in groups.values():
        size = math.ceil(len(group) / math.ceil(len(group) / most))
        calls += [group[at : at + size] for at in range(0, len(group), size)]
    return calls


def halves(call: list[Job]) -> list[list[Job]]:
    """Return the halves of a batch that failed as a whole, so that only the culprit is lost."""
    middle = len(call) // 2
    return [call[:middle], call[middle:]]
