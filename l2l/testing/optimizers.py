"""The contract of an optimizer, as checks.

``make`` is the optimizer's class, or anything that is called like it:
``make(space, weights=..., seed=...)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.evaluation import Evaluations, Status
from l2l.optimizer import Optimizer
from l2l.space import Floats, Parameter, ParameterSpace
from l2l.testing.asynchronous import ASYNCHRONOUS, bowl
from l2l.testing.tools import check, during, global_random, global_state, same, stored

Make = Callable[..., Optimizer]
#: Returns fitness ``(n,)`` or ``(n, m)`` of points ``(n, d)`` in search coordinates.
Fitness = Callable[[Floats], Any]


def example_spaces() -> dict[str, ParameterSpace]:
    """Return small bounded spaces of all sorts, by a name that says which."""
    x = Parameter("x", -5.0, 5.0)
    tau = Parameter("tau", 0.1, 1000.0, scale="log", unit="ms")
    n = Parameter("n", 1, 6, kind="int")
    steps = Parameter("steps", 1, 1000, kind="int", scale="log")
    rule = Parameter("rule", kind="categorical", choices=("hebb", "bcm", "oja"))
    w = Parameter("w", np.full((2, 2), -1.0), np.array([[1.0, 2.0], [3.0, 4.0]]), shape=(2, 2))
    sorts = {
        "one dimension": [x],
        "float": [Parameter("x", -5.0, 5.0, shape=(4,))],
        "log": [x, tau],
        "int": [n, steps],
        "one int": [n],
        "categorical": [rule, Parameter("gate", kind="categorical", choices=(False, True))],
        "array": [w],
        "mixed": [x, tau, n, rule, w],
    }
    return {name: ParameterSpace(parameters) for name, parameters in sorts.items()}


def check_optimizer(
    make: Make, space: ParameterSpace | None = None, *, generations: int = 6
) -> None:
    """Run an optimizer through all checks.

    Args:
        make: Its class, or what makes one: ``make(space, weights=..., seed=...)``.
        space: In which; all of :func:`example_spaces` if None, less those that the optimizer
            refuses with a ConfigError when it is made.
        generations: Length of each trial.

    Raises:
        AssertionError: At the first check that fails.
    """
    spaces = example_spaces() if space is None else {"the given": space}
    accepted = 0
    for name, tried in spaces.items():
        try:
            made = make(tried, weights=(1.0,), seed=0)
        except ConfigError:
            if space is not None:
                raise
            continue
        accepted += 1
        for contract in (*CONTRACT, *(ASYNCHRONOUS if made.asynchronous else ())):
            with during(f"{contract.__name__} in the space {name!r}"):
                contract(make, tried, generations)
    check(accepted, f"the optimizer accepts none of the spaces {list(spaces)}")


# -- playing --------------------------------------------------------------------------------------


def evaluated(
    optimizer: Optimizer, points: Floats, fitness: Fitness = bowl, first_id: int = 0
) -> Evaluations:
    """Return the evaluations of points ``(n, d)`` as the outer loop tells them.

    Integers and choices are rounded first, and the points' own coordinates serve as observation.
    Fitness that is not finite marks an evaluation that failed.
    """
    space = optimizer.space
    asked = space.from_search(points)
    values = space.repair(asked)
    differs = (values != asked).any(axis=1)
    run = points.copy()
    run[differs] = space.to_search(values[differs])
    evaluations = Evaluations.of(points, fitness(run), first_id)
    evaluations.evaluated = run
    evaluations.observation = np.where(evaluations.ok[:, None], run, np.nan)
    return evaluations


def play(
    optimizer: Optimizer, fitness: Fitness = bowl, generations: int = 6, first_id: int = 0
) -> list[Floats]:
    """Return the points ``(n, d)`` of each generation that an optimizer asks for."""
    trace = []
    for _ in range(generations):
        if optimizer.done is not None:
            check(isinstance(optimizer.done, str), f"done must say why, got {optimizer.done!r}")
            break
        points = optimizer.ask()
        check_points(points, optimizer.space)
        trace.append(points.copy())
        optimizer.tell(evaluated(optimizer, points, fitness, first_id))
        first_id += len(points)
    return trace


def check_points(points: Any, space: ParameterSpace) -> None:
    """Check what one ``ask`` returned."""
    d = space.size
    check(isinstance(points, np.ndarray), f"ask must return an array, got {type(points).__name__}")
    check(points.dtype == np.float64, f"ask must return float64, got {points.dtype}")
    shape = points.shape
    check(len(shape) == 2 and shape[1] == d, f"expected points of shape (n, {d}), got {shape}")
    check(len(points) > 0, "ask must return at least one point, or done must say why not")
    check(np.isfinite(points).all(), "points must be finite numbers")
    outside = (points < space.lower) | (points > space.upper)
    check(
        not outside.any(),
        f"{outside.any(axis=1).sum()} of {len(points)} points lie outside the bounds, "
        f"for example {points[outside][:1]} (search coordinates)",
    )


def _equal(one: list[Floats], other: list[Floats]) -> bool:
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in pairs)


# -- the contract ---------------------------------------------------------------------------------


def check_determinism(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """The same seed gives the same points."""
    one, other = (play(make(space, weights=(1.0,), seed=7), bowl, generations) for _ in "ab")
    check(_equal(one, other), "two optimizers with the same seed asked for different points")


def check_randomness(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """The global generators are neither used nor changed."""
    traces = []
    for seed in (1, 2):
        with global_random(seed):
            before = global_state()
            traces.append(play(make(space, weights=(1.0,), seed=7), bowl, generations))
            check(global_state() == before, "random or np.random is in another state than before")
    check(_equal(*traces), "the points depend on the state of random or np.random")


def check_state(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """At every generation, a stored state makes another optimizer go on bit-identically."""
    optimizer = make(space, weights=(1.0,), seed=7)
    states, copies, trace, first_ids = [], [], [], [0]
    for _ in range(generations):
        states.append(optimizer.state())
        copies.append(stored(states[-1]))
        check(same(states[-1], copies[-1]), "the state does not survive being stored")
        points = play(optimizer, bowl, 1, first_ids[-1])
        trace += points
        first_ids.append(first_ids[-1] + sum(len(p) for p in points))
    for number, (state, copy) in enumerate(zip(states, copies, strict=True)):
        check(same(state, copy), f"the state of generation {number} was changed by later calls")
        other = make(space, weights=(1.0,), seed=99)
        other.restore(copy)
        check(same(other.state(), copy), "restore(state), then state(), gives another state")
        rest = play(other, bowl, generations - number, first_ids[number])
        check(
            _equal(rest, trace[number:]),
            f"restored at generation {number}, it asks for other points than without a break",
        )


def check_failures(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """Evaluations that fail, and generations that fail as a whole, do no harm."""

    def some(points: Floats) -> Floats:
        fitness = bowl(points)
        fitness[1::3] = np.nan
        return fitness

    def none(points: Floats) -> Floats:
        return np.full(len(points), np.nan)

    for name, middle in (("some", some), ("all", none)):
        with during(f"{name} evaluations failed"):
            optimizer = make(space, weights=(1.0,), seed=7)
            for fitness in (bowl, middle, middle, bowl, some):
                play(optimizer, fitness, max(1, generations // 4))
            check(same(stored(optimizer.state()), optimizer.state()), "the state is broken")


def check_statuses(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """It is the status that says whether an evaluation counts, whichever it is."""
    traces = []
    for statuses in ([Status.INVALID], list(Status)[1:]):
        optimizer = make(space, weights=(1.0,), seed=7)
        trace = []
        for _ in range(generations):
            if optimizer.done is not None:
                break
            points = optimizer.ask()
            trace.append(points.copy())
            evaluations = evaluated(optimizer, points)
            for place in range(1, len(points), 3):
                evaluations.status[place] = statuses[place % len(statuses)]
                evaluations.fitness[place] = np.nan
            optimizer.tell(evaluations)
        traces.append(trace)
    check(_equal(*traces), "the points depend on how evaluations failed")


def check_ties(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """Equal fitness everywhere does no harm."""
    play(make(space, weights=(1.0,), seed=7), lambda points: np.zeros(len(points)), generations)


def check_weights(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """Fitness times weights is maximised, with one objective and with two."""

    def two(sign: float) -> Fitness:
        return lambda points: np.stack([bowl(points), sign * points.sum(axis=1)], axis=1)

    up, down = (
        play(make(space, weights=(w,), seed=7), lambda p, w=w: w * bowl(p), generations)  # type: ignore[misc]
        for w in (1.0, -1.0)
    )
    check(_equal(up, down), "maximising f and minimising -f give different points")
    up, down = (
        play(make(space, weights=(1.0, w), seed=7), two(w), generations) for w in (0.5, -0.5)
    )
    check(_equal(up, down), "the sign of the second weight does not mean what it should")


def check_ownership(make: Make, space: ParameterSpace, generations: int = 6) -> None:
    """What was asked and told may be overwritten afterwards."""
    expected = play(make(space, weights=(1.0,), seed=7), bowl, generations)
    optimizer, trace = make(space, weights=(1.0,), seed=7), []
    for _ in range(generations):
        if optimizer.done is not None:
            break
        points = optimizer.ask()
        trace.append(points.copy())
        evaluations = evaluated(optimizer, points)
        optimizer.tell(evaluations)
        for array in (points, evaluations.asked, evaluations.evaluated, evaluations.fitness):
            array[:] = np.nan
    check(_equal(trace, expected), "the optimizer goes on using arrays it was told")


#: The checks of every optimizer, each ``check(make, space, generations)``.
CONTRACT = (
    check_determinism,
    check_randomness,
    check_state,
    check_failures,
    check_statuses,
    check_ties,
    check_weights,
    check_ownership,
)
