"""The contract of a family of tasks, as checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from l2l.optimizee import family_of
from l2l.tasks import TaskFamily
from l2l.testing.tools import check

#: Of the training tasks that are looked at.
_SEEDS, _GENERATIONS = range(1, 6), (0, 1, 1000)


def check_tasks(make: Callable[[], Any]) -> None:
    """The family of an optimizee draws tasks that its seeds tell, and keeps some apart.

    Args:
        make: The optimizee's class, or what makes one.

    Raises:
        AssertionError: At the first check that fails.
    """
    family, again = _family(make), _family(make)
    training = [
        (family.train(seed, g), again.train(seed, g)) for seed in _SEEDS for g in _GENERATIONS
    ]
    held_out = [(family.held_out(k), again.held_out(k)) for k in range(family.n_parts)]
    for what, drawn in (("training", training), ("held-out", held_out)):
        for one, other in drawn:
            n = len(one)
            check(n == family.n_tasks, f"{n} {what} tasks were drawn, n_tasks is {family.n_tasks}")
            check(
                same(one, other),
                f"two copies of the family drew different {what} tasks from the same seed: draw "
                "from the generator that sample() gets, and from nothing else",
            )
    first = training[0][0]
    check(
        not all(same(first, tasks) for tasks, _ in training),
        "all seeds and generations have the same training tasks: draw them from the generator",
    )
    trained_on = [task for tasks, _ in training for task in tasks]
    for part, (tasks, _) in enumerate(held_out):
        for task in tasks:
            check(
                not any(same(task, other) for other in trained_on),
                f"a held-out task (part {part}) is drawn for training, too: {task!r:.200}. Keep "
                "them apart in sample() and sample_test()",
            )
    for generation in _GENERATIONS:
        difficulty = family.difficulty(generation)
        check(
            0.0 <= difficulty <= 1.0,
            f"difficulty of generation {generation} must be within 0..1, got {difficulty!r}",
        )


def _family(make: Callable[[], Any]) -> TaskFamily[Any]:
    family = family_of(make())
    assert family is not None
    return family


def same(one: Any, other: Any) -> bool:
    """Whether two tasks are the same: numbers, arrays, and containers and objects of these."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        numbers = one.dtype.kind in "fc"
        return bool(np.array_equal(one, other, equal_nan=numbers))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Sequence) and not isinstance(one, (str, bytes)):
        return len(one) == len(other) and all(map(same, one, other))
    if dataclasses.is_dataclass(one):
        fields = dataclasses.fields(one)
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields)
    own_equality: Any = type(one).__eq__
    if own_equality is object.__eq__ and hasattr(one, "__dict__"):
        return same(vars(one), vars(other))
    return bool(one == other)
