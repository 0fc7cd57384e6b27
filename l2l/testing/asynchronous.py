"""The contract of an optimizer that can be asked for one point at a time, as checks.

:func:`~l2l.testing.optimizers.check_optimizer` runs them where ``asynchronous`` is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from l2l.evaluation import Evaluations, Status
from l2l.optimizer import Optimizer
from l2l.space import Floats, ParameterSpace
from l2l.testing.tools import check, during, global_random, global_state, same, stored

Make = Callable[..., Optimizer]

#: Points in flight while an optimizer is played with.
WORKERS = 5


def bowl(points: Floats) -> Floats:
    """Return a smooth fitness ``(n,)`` with its maximum 0 where all coordinates are 0.3."""
    fitness: Floats = -np.square(points - 0.3).sum(axis=1)
    return fitness


@dataclass
class Game:
    """An optimizer asked and told one by one, as the asynchronous loop does it.

    Which point lands next is drawn from ``order``, never from the optimizer.

    Attributes:
        optimizer: The optimizer.
        order: Says which point lands next.
        fitness: Fitness ``(1,)`` or ``(1, m)`` of a point ``(1, d)``; NaN: it failed.
        status: Of what failed.
        workers: Points in flight at most.
        trace: The points that were asked for, in order.
        open: Points in flight, by id.
    """

    optimizer: Optimizer
    order: np.random.Generator
    fitness: Callable[[Floats], Any] = bowl
    status: Status = Status.INVALID
    workers: int = WORKERS
    spoil: bool = False
    trace: list[Floats] = field(default_factory=list)
    open: dict[int, Floats] = field(default_factory=dict)

    def step(self) -> bool:
        """Ask for a point, or tell a result where no more is there; False if all is over."""
        optimizer = self.optimizer
        if optimizer.done is None and len(self.open) < self.workers:
            point = optimizer.ask_one()
            if point is not None:
                self._take(point)
                return True
            check(
                bool(self.open) or optimizer.done is not None,
                "ask_one returns None although nothing is in flight and done is None",
            )
        if not self.open:
            return False
        self._tell(int(self.order.choice(sorted(self.open))))
        return True

    def play(self, steps: int) -> list[Floats]:
        """Play so many steps, or to the end; return all points asked for so far."""
        for _ in range(steps):
            if not self.step():
                break
        return self.trace

    def _take(self, point: Any) -> None:
        space = self.optimizer.space
        check(isinstance(point, np.ndarray), f"ask_one must return an array, got {point!r}")
        check(
            point.dtype == np.float64 and point.shape == (space.size,),
            f"expected a point of shape ({space.size},) of float64, got {point.shape} of "
            f"{point.dtype}",
        )
        inside = (point >= space.lower) & (point <= space.upper)
        check(bool(inside.all()), f"the point {point} lies outside the bounds")
        self.open[len(self.trace)] = point.copy()
        self.trace.append(point.copy())
        if self.spoil:
            point[:] = np.nan

    def _tell(self, number: int) -> None:
        point, space = self.open.pop(number)[None], self.optimizer.space
        asked = space.from_search(point)
        values = space.repair(asked)
        run = point if (values == asked).all() else space.to_search(values)
        evaluations = Evaluations.of(point, self.fitness(run), number)
        evaluations.evaluated = run.copy()
        if not evaluations.ok[0]:
            evaluations.status[0] = self.status
        else:
            evaluations.observation = run.copy()
        self.optimizer.tell_one(evaluations)
        if self.spoil:
            for array in (evaluations.asked, evaluations.evaluated, evaluations.fitness):
                array[:] = np.nan


def _game(make: Make, space: ParameterSpace, seed: int = 7, **options: Any) -> Game:
    weights = options.pop("weights", (1.0,))
    return Game(make(space, weights=weights, seed=seed), np.random.default_rng(11), **options)


def _equal(one: list[Floats], other: list[Floats]) -> bool:
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in pairs)


def _steps(make: Make, space: ParameterSpace, generations: int) -> int:
    """Return how many steps are so many generations, at most 160."""
    cohort = make(space, weights=(1.0,), seed=7).cohort
    check(isinstance(cohort, int) and cohort >= 1, f"cohort must be at least 1, got {cohort!r}")
    return int(min(2 * generations * cohort + WORKERS, 160))


# -- the contract -----------------------------------------------------------------------------


def check_asking_one(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """The same asks and tells give the same points, whatever the global generators hold."""
    steps, traces = _steps(make, space, generations), []
    for seed in (1, 2):
        with global_random(seed):
            before = global_state()
            traces.append(_game(make, space).play(steps))
            check(global_state() == before, "random or np.random is in another state than before")
    check(_equal(*traces), "the same asks and tells gave different points")


def check_state_in_flight(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """At any moment a stored state makes another optimizer go on bit-identically."""
    steps = _steps(make, space, generations)
    game, moments = _game(make, space), []
    every = max(1, steps // 8)
    for step in range(steps):
        if step % every == 0:
            state = game.optimizer.state()
            copy = stored(state)
            check(same(state, copy), "the state does not survive being stored")
            rng = np.random.default_rng(11)
            rng.bit_generator.state = game.order.bit_generator.state
            moments.append((step, state, copy, rng, dict(game.open), len(game.trace)))
        if not game.step():
            break
    for step, state, copy, rng, flying, asked in moments:
        check(same(state, copy), f"the state after {step} steps was changed by later calls")
        other = make(space, weights=(1.0,), seed=99)
        other.restore(copy)
        check(same(other.state(), copy), "restore(state), then state(), gives another state")
        rest = Game(other, rng, trace=game.trace[:asked], open=flying).play(steps - step)
        check(
            _equal(rest, game.trace),
            f"restored after {step} steps with {len(flying)} points in flight, it asks for other "
            "points than without a break",
        )


def check_nothing_to_ask(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """An ask that returns None changes nothing, and a cohort never changes."""
    game = _game(make, space, workers=10**6)
    cohort = game.optimizer.cohort
    for _ in range(min(3 * cohort, 60)):
        before = stored(game.optimizer.state())
        if game.optimizer.done is not None:
            break
        point = game.optimizer.ask_one()
        if point is None:
            check(
                same(stored(game.optimizer.state()), before), "ask_one gave None, and changed state"
            )
            check(bool(game.open), "ask_one returns None although nothing is in flight")
            break
        game._take(point)
    for number in sorted(game.open, reverse=True):
        game._tell(number)
    check(game.optimizer.cohort == cohort, "cohort has changed")


def check_one_by_one_failures(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """Failures do no harm, and it does not matter how an evaluation failed."""
    steps = _steps(make, space, generations)

    def some(point: Floats) -> Floats:
        return bowl(point) if np.sin(1e4 * point.sum()) < 0.4 else np.full(1, np.nan)

    def none(point: Floats) -> Floats:
        return np.full(1, np.nan)

    for fitness in (some, none):
        with during(f"{fitness.__name__} evaluations ended ok"):
            traces = [
                _game(make, space, fitness=fitness, status=status).play(steps)
                for status in (Status.INVALID, Status.LOST)
            ]
            check(_equal(*traces), "the points depend on how evaluations failed")


def check_one_by_one_weights(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """Fitness times weights is maximised, and equal fitness does no harm."""
    steps = _steps(make, space, generations)
    up = _game(make, space).play(steps)
    down = _game(make, space, weights=(-1.0,), fitness=lambda p: -bowl(p)).play(steps)
    check(_equal(up, down), "maximising f and minimising -f give different points")
    _game(make, space, fitness=lambda p: np.zeros(1)).play(steps)


def check_one_by_one_ownership(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """What was asked and told may be overwritten afterwards."""
    steps = _steps(make, space, generations)
    expected = _game(make, space).play(steps)
    spoilt = _game(make, space, spoil=True).play(steps)
    check(_equal(spoilt, expected), "the optimizer goes on using arrays it was told or gave away")


#: The checks of an asynchronous optimizer, each ``check(make, space, generations)``.
ASYNCHRONOUS = (
    check_asking_one,
    check_state_in_flight,
    check_nothing_to_ask,
    check_one_by_one_failures,
    check_one_by_one_weights,
    check_one_by_one_ownership,
)
