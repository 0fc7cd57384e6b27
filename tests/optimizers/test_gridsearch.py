from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.optimizers.gridsearch import GridSearch, GridSearchParameters

#: Values go to search coordinates and back, which rounds twice.
ULP = {"rtol": 1e-14, "atol": 1e-14}


def grid(space, param_grid=None, **options):
    return GridSearch(space, GridSearchParameters(param_grid, **options))


def at(optimizer, position):
    """Put a grid to a position."""
    optimizer.restore({**optimizer.state(), "position": position})


def all_values(optimizer, most=10**5):
    """Return all points of a grid as values."""
    rows = []
    while optimizer.done is None:
        points = optimizer.ask()
        rows.append(optimizer.space.from_search(points))
        optimizer.tell(Evaluations.of(points, np.zeros(len(points))))
        assert sum(map(len, rows)) <= most
    return np.concatenate(rows)


def meshgrid(*axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


@pytest.mark.parametrize("batch", [1, 7, 4096])
@pytest.mark.parametrize("coordinates", ["unit", "raw"])
def test_equals_an_explicit_meshgrid(coordinates, batch):
    space = ParameterSpace(
        [Parameter("a", -5.0, 5.0), Parameter("w", 0.0, 2.0, shape=(2,)), Parameter("b", 1.0, 9.0)],
        coordinates,
    )
    named = {"a": (-5.0, 5.0, 4), "w": (0.5, 2.0, 3), "b": (2, 2, 0)}
    w = np.linspace(0.5, 2.0, 4)
    expected = meshgrid(np.linspace(-5, 5, 5), w, w, [2.0])
    assert np.allclose(all_values(grid(space, named, batch=batch)), expected, **ULP)


def test_classic_grid_of_an_unbounded_array():
    """As a run script of upstream has it: GridSearchParameters(param_grid={'coords': ...})."""
    space = ParameterSpace.from_individual({"coords": np.zeros(2)})
    values = all_values(grid(space, {"coords": (-5.12, 5.12, 30)}))
    axis = np.linspace(-5.12, 5.12, 31)
    assert np.allclose(values, meshgrid(axis, axis), **ULP)
    assert values.min() == -5.12  # both ends to the last bit
    assert values.max() == 5.12


def test_integers_and_choices_take_all_their_values():
    space = ParameterSpace(
        [
            Parameter("n", 2, 5, kind="int"),
            Parameter("k", 1, 6, kind="int", scale="log"),
            Parameter("rule", kind="categorical", choices=("a", "b", "c")),
        ]
    )
    values = space.repair(all_values(grid(space)))
    assert np.array_equal(values, meshgrid(range(2, 6), range(1, 7), range(3)))


def test_named_integers_are_rounded_and_choices_listed():
    space = ParameterSpace(
        [
            Parameter("n", 0, 10, kind="int"),
            Parameter("rule", kind="categorical", choices=("a", "b", "c")),
        ]
    )
    optimizer = grid(space, {"n": (1, 4, 20), "rule": ["c", "a"]})
    assert np.array_equal(space.repair(all_values(optimizer)), meshgrid([1, 2, 3, 4], [2, 0]))


def test_log_scale_is_even_in_the_logarithm():
    space = ParameterSpace([Parameter("tau", 0.1, 1000.0, scale="log")])
    decades = [0.1, 1, 10, 100, 1000]
    assert np.allclose(all_values(grid(space, n_points=5))[:, 0], decades, rtol=1e-13)
    assert np.allclose(
        all_values(grid(space, {"tau": (1, 100, 2)}))[:, 0], [1, 10, 100], rtol=1e-13
    )


def test_default_grid_is_inside_the_bounds_with_both_ends():
    low, high = np.array([-1.0, 0.3]), np.array([0.7, 0.9])
    space = ParameterSpace([Parameter("w", low, high, shape=(2,))])
    optimizer = grid(space, n_points=4)
    assert optimizer.total == 16
    expected = meshgrid(*(np.linspace(a, b, 4) for a, b in zip(low, high, strict=True)))
    assert np.allclose(all_values(optimizer), expected, **ULP)


def test_a_point_far_inside_a_grid_of_10_to_the_8_costs_no_memory():
    """Also where one axis alone has 10^8 values."""
    spaces = [
        (
            {"a": (0, 1, 9999), "b": (2, 3, 9999)},
            ParameterSpace({"a": (0.0, 1.0), "b": (2.0, 3.0)}),
        ),
        (None, ParameterSpace([Parameter("n", 1, 10**8, kind="int")])),
    ]
    tracemalloc.start()
    for named, space in spaces:
        optimizer = grid(space, named, batch=1000)
        assert optimizer.total == 10**8
        for position in (0, 123_456_789 // 2, 10**8 - 1000):
            at(optimizer, position)
            points = optimizer.ask()
            assert points.shape == (1000, space.size)
        assert np.allclose(
            space.repair(space.from_search(points[-1:])),
            space.repair(space.from_search(space.upper[None])),
        )
        optimizer.tell(Evaluations.of(points, np.zeros(1000)))
        assert optimizer.done == "all 100000000 points of the grid"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6  # bytes; a batch of 1000 points takes 16 kB


def test_large_integers_are_exact():
    space = ParameterSpace([Parameter("n", 1, 10**8, kind="int")])
    optimizer = grid(space, batch=50)
    at(optimizer, 77_777_777)
    values = space.repair(space.from_search(optimizer.ask()))
    assert np.array_equal(values[:, 0], np.arange(77_777_778, 77_777_828))


def test_the_position_is_the_whole_state_of_the_grid():
    optimizer = grid(ParameterSpace({"a": (0.0, 1.0)}), batch=3)
    before = optimizer.state()
    optimizer.tell(Evaluations.of(optimizer.ask(), np.zeros(3)))
    after = optimizer.state()
    changed = {name for name in after if not np.array_equal(after[name], before[name])}
    assert changed == {"position", "best_point", "best_score"}
    assert after["position"] == 3
    all_values(optimizer)
    with pytest.raises(L2LError, match="no points left"):
        optimizer.ask()


@pytest.mark.parametrize(
    ("param_grid", "text"),
    [
        ({"aa": (0, 1, 2)}, "no parameter 'aa'; did you mean 'a'"),
        ({"a": (0, 1)}, "takes \\(lower, upper, n_steps\\) with n_steps >= 0, got \\(0, 1\\)"),
        ({"a": (0, 1, 2.5)}, "n_steps >= 0"),
        ({"a": (0, 1, -1)}, "n_steps >= 0"),
        ({"a": (0, "x", 1)}, "n_steps >= 0"),
        ({"a": (0, np.inf, 1)}, "n_steps >= 0"),
        ({"a": 3}, "n_steps >= 0"),
        ({"a": (0, 2, 4)}, "'a' is bounded by 0.0 and 1.0"),
        ({"rule": "xy"}, "takes a list of choices, got 'xy'"),
        ({"rule": ["x", "z"]}, "can't be 'z'"),
        ({"tau": (0, 1, 2)}, "'tau' is bounded by"),
        ([("a", 0, 1)], "must be a dict"),
    ],
)
def test_errors(param_grid, text):
    space = ParameterSpace(
        [
            Parameter("a", 0.0, 1.0),
            Parameter("tau", 0.1, 10.0, scale="log"),
            Parameter("rule", kind="categorical", choices=("x", "y")),
        ]
    )
    with pytest.raises(ConfigError, match=text):
        grid(space, param_grid)


def test_errors_of_the_space():
    with pytest.raises(ConfigError, match="'x' has no bounds, so param_grid must say"):
        grid(ParameterSpace.from_individual({"x": 1.0}))
    with pytest.raises(ConfigError, match=r"fewer than 2\^63 points, got 10\^300"):
        grid(ParameterSpace([Parameter("w", 0.0, 1.0, shape=(300,))]))
    unbounded_log = ParameterSpace([Parameter("tau", scale="log")])
    with pytest.raises(ConfigError, match="has a log scale"):
        grid(unbounded_log, {"tau": (0, 1, 2)})
