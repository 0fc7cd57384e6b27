"""Tasks: what an optimizee learns on, and what its learning is judged by.

An optimizee learns on tasks T of a family F; the outer loop searches for what serves the whole
family (Yegenoglu et al. 2022, Front. Comput. Neurosci. 16:885207, section 2.1). Training tasks are
drawn anew in each generation; held-out ones are always the same, and no optimizer sees them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from l2l.errors import ConfigError

if TYPE_CHECKING:
    from l2l.evaluation import Job

T = TypeVar("T")

#: The two kinds of tasks are drawn from random numbers that have nothing in common.
_TRAINING, _HELD_OUT = 1, 2


class TaskFamily(ABC, Generic[T]):
    """A family of tasks. A subclass says how to draw one.

    An optimizee has one as its attribute ``tasks``, and finds the tasks of an evaluation in
    ``traj.individual.tasks``. It is sent to the workers: what is large is loaded where it is used.

    Attributes:
        n_tasks: How many tasks an evaluation faces; fitness is the mean over them.
        n_test: How many held-out tasks there are, a multiple of ``n_tasks``.
        shared: Whether all individuals of a generation face the same training tasks, so that
            fitness compares them and not their luck; else each evaluation draws its own.
    """

    n_tasks: int = 1
    n_test: int = 10
    shared: bool = True

    @abstractmethod
    def sample(self, rng: np.random.Generator, difficulty: float) -> T:
        """Return a training task.

        Args:
            rng: All that is random comes from here.
            difficulty: 0 (easiest) to 1 (the tasks that the run is about).
        """

    def sample_test(self, rng: np.random.Generator) -> T:
        """Return a held-out task: one as :meth:`sample` draws them, or of a set kept apart."""
        return self.sample(rng, 1.0)

    def difficulty(self, generation: int) -> float:
        """Return the difficulty of the training tasks of a generation, 0..1: the curriculum."""
        return 1.0

    def train(self, seed: int, generation: int) -> list[T]:
        """Return the ``n_tasks`` training tasks that belong to a seed in a generation."""
        rng = np.random.default_rng([_TRAINING, seed, generation])
        difficulty = self.difficulty(generation)
        return [self.sample(rng, difficulty) for _ in range(self.n_tasks)]

    def held_out(self, part: int) -> list[T]:
        """Return ``n_tasks`` held-out tasks, the ``part``-th so many of them; always the same."""
        numbers = range(part * self.n_tasks, (part + 1) * self.n_tasks)
        return [self.sample_test(np.random.default_rng([_HELD_OUT, k])) for k in numbers]

    @property
    def n_parts(self) -> int:
        """How many evaluations it takes to face all held-out tasks."""
        return self.n_test // self.n_tasks

    def all_held_out(self) -> list[T]:
        """Return all ``n_test`` held-out tasks."""
        return [task for part in range(self.n_parts) for task in self.held_out(part)]

    def of(self, job: Job, run_seed: int) -> list[T]:
        """Return the tasks that a job faces, in a run with a given seed."""
        if job.test:
            return self.held_out(job.index)
        return self.train(run_seed if self.shared else job.seed, job.generation)


@dataclass(frozen=True)
class Ramp:
    """A curriculum whose difficulty grows in a straight line.

    Attributes:
        generations: After so many the end is reached.
        start: Difficulty of the first generation, 0..1.
        end: Difficulty at the end, 0..1.
    """

    generations: int
    start: float = 0.0
    end: float = 1.0

    def __call__(self, generation: int) -> float:
        """Return the difficulty of a generation."""
        done = min(1.0, generation / max(1, self.generations))
        return self.start + done * (self.end - self.start)


def check_family(family: TaskFamily[Any]) -> None:
    """Raise ConfigError if the numbers of a family do not fit together."""
    if family.n_tasks < 1 or family.n_test < 1 or family.n_test % family.n_tasks:
        raise ConfigError(
            f"{type(family).__name__}: n_test must be a multiple of n_tasks, both at least 1 (a "
            "held-out evaluation faces n_tasks tasks, as a training one does); got "
            f"{family.n_test} and {family.n_tasks}"
        )
