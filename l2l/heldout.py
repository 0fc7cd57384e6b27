"""Held-out tests: what individuals are worth on tasks that no optimizer sees, and the numbers of
these evaluations.

A test is an evaluation with a negative id, from which its role can be told; see :func:`ids_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError, L2LError, RunChanged, nearest
from l2l.evaluation import Floats, Ints, Status

if TYPE_CHECKING:
    from l2l.records import Block

#: What is tested: the best individual of a generation, and the one the optimizer recommends.
BEST, RECOMMENDED = 0, 1
#: How people call them.
ROLES = {BEST: "best of the generation", RECOMMENDED: "recommended"}


def ids_of(generation: int, role: int, parts: int) -> Ints:
    """Return the ids ``(parts,)`` of the tests of one individual, one a part of the tasks.

    They are the same wherever a run is interrupted, and fall from -1 on as a run goes on.
    """
    return -1 - 2 * (generation * parts + np.arange(parts)) - role


def role_of(ids: Ints) -> NDArray[np.uint8]:
    """Return the roles ``(n,)`` of tests with these ids."""
    return ((-1 - ids) % 2).astype(np.uint8)


def check_parts(tests: Block, parts: int) -> None:
    """Raise RunChanged if recorded tests, at least one, are numbered for other parts than these."""
    later = tests["generation"] > 0  # the first one's ids are the same whatever the number is
    if later.any():
        number, part, generation = (tests[k][later][0] for k in ("id", "index", "generation"))
        then = int(((-1 - number) // 2 - part) // generation)
    else:
        then = max(parts, int(tests["index"].max()) + 1)
    if then != parts:
        raise RunChanged(
            f"the run can't go on, because its held-out tasks have changed: {then} parts then, "
            f"{parts} now. Undo the change of n_test or n_tasks, or start a new run"
        )


def check_every(every: Any, mode: str) -> None:
    """Raise ConfigError if a run of a mode can't be tested every so many generations."""
    if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
        raise ConfigError(f"test_every must be a whole number of at least 1, got {every!r}")
    if mode != "generational":
        raise ConfigError(
            f"test_every needs mode: generational, got mode: {mode}, which has no generations to "
            "test. Leave out test_every, or the mode"
        )


def check_testing(every: Any, mode: str, optimizee: Any, inner: int | None) -> None:
    """Raise ConfigError if a run can't be tested every so many generations; None: it is not."""
    from l2l.optimizee import family_of

    if every is None:
        return
    check_every(every, mode)
    if family_of(optimizee) is None:
        raise ConfigError(
            f"test_every needs an optimizee with held-out tasks, {type(optimizee).__name__} has "
            "none: give it a TaskFamily as its attribute `tasks`, or leave out test_every"
        )
    if inner is not None:
        raise ConfigError(
            f"test_every needs an optimizee that takes one parameter set a call, "
            f"{type(optimizee).__name__} takes {inner} (n_inner_params)"
        )


@dataclass(frozen=True)
class HeldOutTests:
    """Results on held-out tasks, in the order in which they were due; a row an evaluation.

    Attributes:
        generation: ``(n,)`` the generation after which the test was.
        role: ``(n,)`` 0 the best individual of that generation, 1 the one the optimizer recommends.
        part: ``(n,)`` which part of the held-out tasks was faced.
        fitness: ``(n, m)`` as returned, NaN where the status is not ok.
        status: ``(n,)`` of :class:`~l2l.evaluation.Status`.
        seed: ``(n,)`` of the randomness of each evaluation.
        duration: ``(n,)`` in s.
        parameters: ``(n, d)`` in their own units.
        metrics: ``(n,)`` each, NaN where there is none.
    """

    generation: NDArray[np.int32]
    role: NDArray[np.uint8]
    part: NDArray[np.int32]
    fitness: Floats
    status: NDArray[np.uint8]
    seed: NDArray[np.uint32]
    duration: Floats
    parameters: Floats
    metrics: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, block: Block, objectives: int, width: int) -> HeldOutTests:
        """Return the tests in a block; with ``objectives`` and ``width`` columns if it is empty."""
        if not block:
            none = np.zeros(0)
            return cls(
                generation=none.astype(np.int32), role=none.astype(np.uint8),
                part=none.astype(np.int32), fitness=np.zeros((0, objectives)),
                status=none.astype(np.uint8), seed=none.astype(np.uint32), duration=none,
                parameters=np.zeros((0, width)),
            )  # fmt: skip
        names = ("generation", "fitness", "status", "seed", "duration", "parameters")
        metrics = {k.partition("/")[2]: v for k, v in block.items() if k.startswith("metrics/")}
        return cls(
            role=role_of(block["id"]), part=block["index"], metrics=metrics,
            **{name: block[name] for name in names},
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.generation)

    def __repr__(self) -> str:
        return f"HeldOutTests({len(self)} evaluations, generations {self.generations().tolist()})"

    def generations(self, role: int | None = None) -> NDArray[np.int32]:
        """Return the generations that were tested ``(g,)``; of all roles if ``role`` is None."""
        return np.unique(self.generation if role is None else self.generation[self.role == role])

    def curve(self, role: int = BEST, what: str = "fitness") -> tuple[Ints, Floats, Floats]:
        """Return how the result on held-out tasks goes with the generations.

        Args:
            role: 0 the best individual of each generation, 1 the one the optimizer recommends.
            what: ``fitness``, or the name of a metric.

        Returns:
            Generations ``(g,)``, and mean and standard deviation over the parts that ended ok,
            ``(g, m)`` each of fitness and ``(g,)`` each of a metric; NaN where none did.
        """
        values = self.fitness if what == "fitness" else self.metrics.get(what)
        if values is None:
            known = ["fitness", *self.metrics]
            raise L2LError(f"no held-out {what!r} is recorded; {nearest(what, known)}")
        generations = self.generations(role).astype(np.int64)
        mean = np.full((len(generations), *values.shape[1:]), np.nan)
        std = mean.copy()
        chosen = (self.role == role) & (self.status == Status.OK)
        chosen &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        for place, generation in enumerate(generations):
            rows = values[chosen & (self.generation == generation)]
            if len(rows):
                mean[place], std[place] = rows.mean(axis=0), rows.std(axis=0)
        return generations, mean, std
