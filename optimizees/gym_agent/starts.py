"""The family of tasks of an environment: where its episodes start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from l2l.tasks import TaskFamily


class Starts(TaskFamily[int]):
    """Start states; a task is a seed of the environment's ``reset``, 1..2^32-1.

    Args:
        n_tasks: Episodes of an evaluation.
        n_test: Held-out starts, at least; rounded up to whole evaluations.
        shared: Whether all individuals of a generation start alike.
    """

    def __init__(self, n_tasks: int, n_test: int, *, shared: bool) -> None:
        self.n_tasks = n_tasks
        self.n_test = n_tasks * -(-n_test // n_tasks)
        self.shared = shared

    def sample(self, rng: np.random.Generator, difficulty: float) -> int:
        """Return a start."""
        return int(rng.integers(1, 2**32))


def episode_seeds(seed: int, n: int) -> Sequence[int]:
    """Return the seeds of ``n`` episodes, 1..2^32-1; the first ones do not depend on ``n``."""
    words = np.random.SeedSequence(seed).generate_state(n)
    return [max(1, int(word)) for word in words]
