"""Learner: what an inner loop is to the optimizee, and what all that learn sinusoids share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.learning_to_learn.sinusoids import Sinusoid
from l2l.space import ParameterSpace

T = TypeVar("T")
Floats = NDArray[np.float64]


class Learner(ABC, Generic[T]):
    """Something that learns a task from its examples, as its outer parameters tell it to.

    Attributes:
        space: The outer parameters.
        amount: How much it learns before it is judged.
        unit: What this amount counts.
        default: The individual that one would set by hand.
        grid: The individuals of a small search by hand; the best of them is the default, tuned.
    """

    space: ParameterSpace
    amount: int
    unit: str
    default: Mapping[str, Any]
    grid: Sequence[Mapping[str, Any]]

    @abstractmethod
    def errors(
        self, params: Mapping[str, Floats], tasks: Sequence[T], amounts: Sequence[int]
    ) -> Floats:
        """Return output minus target after some amounts of learning.

        Args:
            params: The outer parameters of n individuals, ``(n, ...)`` each.
            tasks: What each of them learns, each task by itself.
            amounts: How much of it, ascending; 0 is before learning.

        Returns:
            ``(n, tasks, amounts, points judged)``.
        """

    @abstractmethod
    def floats(self, tasks: int) -> int:
        """Return about how many numbers an individual with so many tasks needs in memory."""

    def losses(
        self, individual: Mapping[str, Any], tasks: Sequence[T], amounts: Sequence[int]
    ) -> Floats:
        """Return the mean squared errors ``(tasks, amounts)`` of one individual.

        Infinite or NaN where learning diverges.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            errors = self.errors(columns(individual), tasks, amounts)[0]
            return np.asarray(np.mean(errors**2, axis=-1))


def columns(individual: Mapping[str, Any]) -> dict[str, Floats]:
    """Return one individual as the parameters of a batch of one."""
    return {name: np.asarray(value, dtype=np.float64)[None] for name, value in individual.items()}


def examples(tasks: Sequence[Sinusoid]) -> tuple[Floats, Floats]:
    """Return inputs and targets ``(tasks, examples)`` for learning."""
    return np.stack([task.x for task in tasks]), np.stack([task(task.x) for task in tasks])


def judged(tasks: Sequence[Sinusoid]) -> tuple[Floats, Floats]:
    """Return inputs and targets ``(tasks, points)`` by which learning is judged."""
    return (
        np.stack([task.x_judged for task in tasks]),
        np.stack([task(task.x_judged) for task in tasks]),
    )
