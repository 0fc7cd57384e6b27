"""What both families have in common: sizes, a curriculum, and training tasks that repeat."""

from __future__ import annotations

from typing import TypeVar

from l2l.tasks import Ramp, TaskFamily

T = TypeVar("T")


class Family(TaskFamily[T]):
    """A family of learning tasks.

    Args:
        examples: For learning, in a task.
        n_tasks: Tasks of one evaluation.
        n_test: Held-out tasks in all.
        curriculum: Generations until the full range of tasks is reached; 0: from the start.
        repeat: Generations after which the training tasks come again; 0: never.
    """

    def __init__(
        self, examples: int, n_tasks: int, n_test: int, curriculum: int = 0, repeat: int = 0
    ) -> None:
        self.examples, self.n_tasks, self.n_test = examples, n_tasks, n_test
        self.ramp = Ramp(curriculum) if curriculum else None
        self.repeat = repeat

    def difficulty(self, generation: int) -> float:
        """Return the share of the full range that a generation sees."""
        return 1.0 if self.ramp is None else self.ramp(generation)

    def train(self, seed: int, generation: int) -> list[T]:
        """Return the training tasks of a generation."""
        return super().train(seed, generation % self.repeat if self.repeat else generation)
