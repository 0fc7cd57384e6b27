from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError

#: Search coordinates and back: some rounding at the scale of the bounds.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def random_parameter(rng, number):
    """Return a valid parameter of any sort."""
    name = f"p{number}"
    kind = rng.choice(["float", "int", "categorical"])
    shape = [(), (), (1,), (3,), (2, 2)][rng.integers(5)]
    if kind == "categorical":
        choices = [("a", "b", "c"), (False, True), (0.1, 10.0, 1e6), (None, "x"), ("only",)]
        return Parameter(name, kind="categorical", choices=choices[rng.integers(5)], shape=shape)
    scale = rng.choice(["linear", "log"])
    low = rng.uniform(1e-3, 5) if scale == "log" else rng.uniform(-1e3, 5)
    width = rng.uniform(0.1, 1e3, shape if rng.random() < 0.5 else ())
    if kind == "int":
        low, width = max(1.0, np.rint(low)) if scale == "log" else np.rint(low), np.ceil(width)
    return Parameter(name, low, low + width, shape, kind, scale)


def random_space(seed, coordinates="unit"):
    rng = np.random.default_rng(seed)
    parameters = [random_parameter(rng, i) for i in range(rng.integers(1, 6))]
    return ParameterSpace(parameters, coordinates)


SEEDS = range(40)


# -- round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_all_forms_of_a_point_are_the_same_point(seed):
    space, rng = random_space(seed), np.random.default_rng(seed)
    rows = space.sample(50, rng)
    assert rows.shape == (50, space.size)
    values = space.repair(space.from_search(rows))
    individuals = space.decode(rows)
    assert np.array_equal(space.flatten(individuals), values)
    assert np.array_equal(space.flatten([space.unflatten(row) for row in values]), values)
    back = space.to_search(values)
    assert ((back >= space.lower) & (back <= space.upper)).all()
    assert np.array_equal(space.encode(individuals), back)
    assert np.allclose(space.from_search(back), values, **CLOSE)


def whole(space):
    return np.concatenate([np.full(p.size, p.kind != "float") for p in space.parameters])


@pytest.mark.parametrize("seed", SEEDS)
def test_corners_of_the_cube_are_the_bounds(seed):
    space = random_space(seed)
    for corner, limit in ((0.0, "low"), (1.0, "high")):
        values = space.repair(space.from_search(np.full((1, space.size), corner)))[0]
        for p in space.parameters:
            expected = {"low": 0, "high": len(p.choices) - 1}[limit]
            if p.kind != "categorical":
                expected = np.broadcast_to(getattr(p, limit), p.shape).ravel()
            assert np.allclose(values[space.slice(p.name)], expected, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_raw_coordinates_are_the_values(seed):
    space = random_space(seed, "raw")
    assert not space.bounded
    rows = np.random.default_rng(seed).normal(0, 100, (20, space.size))
    assert np.array_equal(space.from_search(rows), rows)
    assert np.array_equal(space.to_search(rows), rows)
    assert np.isinf(space.lower).all()
    with pytest.raises(ConfigError, match="have no bounds"):
        space.sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("seed", SEEDS)
def test_repair_gives_valid_values_and_leaves_them_alone(seed):
    space, rng = random_space(seed), np.random.default_rng(seed)
    wild = rng.normal(0, 1000, (30, space.size))
    given = wild.copy()
    repaired = space.repair(wild)
    assert np.array_equal(wild, given)
    assert space.repair(repaired) is repaired
    assert (repaired[:, whole(space)] % 1 == 0).all()
    for p in space.parameters:
        part = repaired[:, space.slice(p.name)]
        low, high = (0, len(p.choices) - 1) if p.kind == "categorical" else (p.low, p.high)
        shape = np.broadcast_shapes(p.shape)
        assert (part >= np.broadcast_to(low, shape).ravel()).all()
        assert (part <= np.broadcast_to(high, shape).ravel()).all()


def test_repair_changes_only_what_is_wrong():
    space = ParameterSpace([Parameter("x", 0.0, 1.0), Parameter("n", 0, 9, kind="int")])
    given = np.array([[0.123456789, 3.0], [1.5, 3.4], [-2.0, 12.0]])
    assert np.array_equal(space.repair(given), [[0.123456789, 3], [1, 3], [0, 9]])


def test_repair_of_unbounded_integers_rounds():
    space = ParameterSpace.from_individual({"n": 3, "x": 0.5})
    assert np.array_equal(space.repair(np.array([[2.6, 0.1]])), [[3.0, 0.1]])
    valid = np.array([[2.0, 0.1]])
    assert space.repair(valid) is valid


@pytest.mark.parametrize("seed", SEEDS)
def test_description_and_pickle_make_the_same_space(seed):
    space = random_space(seed, ["unit", "raw"][seed % 2])
    text = json.dumps(space.describe())
    rows = np.random.default_rng(seed).random((5, space.size))
    for other in (
        ParameterSpace.from_description(json.loads(text)),
        pickle.loads(pickle.dumps(space)),
    ):
        assert json.dumps(other.describe()) == text
        assert np.array_equal(other.from_search(rows), space.from_search(rows))
        assert other.column_names == space.column_names


# -- what points mean -----------------------------------------------------------------------------


def test_individuals_have_the_types_of_their_parameters():
    space = ParameterSpace(
        [
            Parameter("x", 0.0, 1.0),
            Parameter("n", 1, 3, kind="int"),
            Parameter("w", 0.0, 1.0, shape=(2, 3)),
            Parameter("k", 1, 9, shape=(2,), kind="int"),
            Parameter("rule", kind="categorical", choices=("a", None, 2.5)),
            Parameter("rules", kind="categorical", choices=("a", "b"), shape=(2,)),
        ]
    )
    individual = space.decode(np.zeros((1, space.size)))[0]
    assert list(individual) == space.names
    assert {name: type(v) for name, v in individual.items()} == {
        "x": float, "n": int, "w": np.ndarray, "k": np.ndarray, "rule": str, "rules": np.ndarray,
    }  # fmt: skip
    assert individual["w"].shape == (2, 3)
    assert (individual["w"].dtype, individual["k"].dtype) == (np.float64, np.int64)
    assert individual["rules"].tolist() == ["a", "a"]
    assert space.column_names[2:5] == ["w[0,0]", "w[0,1]", "w[0,2]"]


def test_arrays_of_individuals_are_their_own():
    space = ParameterSpace([Parameter("w", 0.0, 1.0, shape=(2,))])
    row = np.array([0.25, 0.5])
    individual = space.unflatten(row)
    individual["w"][:] = 9
    assert row.tolist() == [0.25, 0.5]


def test_every_integer_and_choice_has_the_same_share():
    space = ParameterSpace(
        [
            Parameter("n", -2, 3, kind="int"),
            Parameter("c", kind="categorical", choices=tuple("abcdef")),
        ]
    )
    values = space.repair(space.from_search(space.sample(60_000, np.random.default_rng(0))))
    for column, first in ((0, -2), (1, 0)):
        counts = np.bincount(values[:, column].astype(int) - first, minlength=6)
        assert len(counts) == 6
        assert ((counts - 10_000) ** 2 / 10_000).sum() < 20.5  # chi-square, 5 df, p = 0.001


def test_log_scale_is_the_unit_interval_of_the_logarithm():
    space = ParameterSpace([Parameter("tau", 0.1, 1000.0, scale="log")])
    values = space.from_search(np.array([[0.0], [0.25], [0.5], [1.0]]))
    assert np.allclose(values[:, 0], [0.1, 1.0, 10.0, 1000.0], rtol=1e-12)


def test_one_bound_for_each_element():
    low, high = np.array([0.0, 10.0]), np.array([1.0, 30.0])
    space = ParameterSpace([Parameter("w", low, high, shape=(2,))])
    assert np.array_equal(space.from_search([[0.5, 0.5]]), [[0.5, 20.0]])


def test_a_space_with_and_without_bounds():
    space = ParameterSpace(
        [Parameter("x", 0.0, 10.0), Parameter("free"), Parameter("tau", scale="log")]
    )
    assert not space.bounded
    assert space.lower.tolist() == [0.0, -np.inf, -np.inf]
    assert np.allclose(space.to_search(np.array([[5.0, -3.0, np.e]])), [[0.5, -3.0, 1.0]])
    with pytest.raises(ConfigError, match="free, tau have no bounds"):
        space.sample(1, np.random.default_rng(0))


def test_a_space_from_an_example():
    individual = {"x": 1.5, "n": 3, "w": np.zeros((2, 2)), "k": np.arange(3), "flag": True}
    space = ParameterSpace.from_individual(individual)
    assert space.coordinates == "raw"
    assert [p.kind for p in space.parameters] == ["float", "int", "float", "int", "categorical"]
    back = space.unflatten(space.flatten([individual])[0])
    assert back.keys() == individual.keys()
    assert all(np.array_equal(back[name], individual[name]) for name in individual)
    assert back["flag"] is True


def test_short_forms():
    space = ParameterSpace(
        {
            "x": (0.0, 1.0),
            "n": (1, 5),
            "rule": ["a", "b"],
            "tau": {"low": 1.0, "high": 10.0, "scale": "log", "unit": "ms"},
            "w": Parameter("w", -1.0, 1.0, shape=(2,)),
        }
    )
    assert [p.kind for p in space.parameters] == ["float", "int", "categorical", "float", "float"]
    assert space.parameters[3].unit == "ms"
    assert space.size == 6


def test_choices_that_are_sequences_themselves():
    layers = ((10,), (10, 5), (20, 10))
    one = ParameterSpace([Parameter("net", kind="categorical", choices=layers)])
    assert one.decode([[0.5]])[0]["net"] == (10, 5)
    assert one.flatten([{"net": (20, 10)}]).tolist() == [[2.0]]
    pairs = ((1, 2), (3, 4))
    many = ParameterSpace([Parameter("net", kind="categorical", choices=pairs, shape=(2,))])
    individual = many.decode([[0.1, 0.9]])[0]
    assert individual["net"].tolist() == [(1, 2), (3, 4)]
    assert many.flatten([individual]).tolist() == [[0.0, 1.0]]


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"low": 0.0}, "give both bounds or none, got 0.0 and None"),
        ({"low": 1.0, "high": 1.0}, "finite low < high, got 1.0 and 1.0"),
        ({"low": 0.0, "high": np.inf}, "finite low < high"),
        ({"low": 0.0, "high": float("nan")}, "finite low < high"),
        ({"low": 0.0, "high": 1.0, "scale": "log"}, "log scale needs low > 0, got 0.0"),
        ({"low": [0.0, 1.0], "high": 2.0}, "bounds do not fit its shape \\(\\)"),
        ({"kind": "flaot"}, "kind can't be 'flaot'; did you mean 'float'"),
        ({"scale": "lgo"}, "scale can't be 'lgo'; did you mean 'log'"),
        ({"kind": "categorical"}, "a categorical parameter, and no other, has choices"),
        ({"choices": ("a",)}, "a categorical parameter, and no other, has choices"),
        ({"kind": "categorical", "choices": "ab", "scale": "log"}, "has no scale"),
    ],
)
def test_wrong_parameters(arguments, text):
    with pytest.raises(ConfigError, match=f"parameter 'p': .*{text}"):
        Parameter("p", **arguments)


def test_wrong_spaces():
    with pytest.raises(ConfigError, match="at least one parameter"):
        ParameterSpace([])
    with pytest.raises(ConfigError, match="named twice: x"):
        ParameterSpace([Parameter("x"), Parameter("y"), Parameter("x")])
    with pytest.raises(ConfigError, match="no field 'hihg'; did you mean 'high'"):
        ParameterSpace({"x": {"low": 0, "hihg": 1}})
    with pytest.raises(ConfigError, match="expected \\(low, high\\), a list of choices"):
        ParameterSpace({"x": 3})
    with pytest.raises(ConfigError, match="must return a dict"):
        ParameterSpace.from_individual(None)
    with pytest.raises(ConfigError, match="parameter 'x' must be a number or an array"):
        ParameterSpace.from_individual({"x": "text"})


def test_wrong_individuals():
    space = ParameterSpace(
        [Parameter("w", shape=(3,)), Parameter("rule", kind="categorical", choices=("hebb", "oja"))]
    )
    with pytest.raises(ConfigError, match=r"must have the parameters \['w', 'rule'\], got \['w'\]"):
        space.flatten([{"w": [1, 2, 3]}])
    with pytest.raises(ConfigError, match=r"'w' has shape \(3,\), got a value of shape \(2,\)"):
        space.flatten([{"w": [1, 2], "rule": "oja"}])
    with pytest.raises(ConfigError, match="'rule' can't be 'heb'; did you mean 'hebb'"):
        space.flatten([{"w": [1, 2, 3], "rule": "heb"}])
    with pytest.raises(ConfigError, match="no parameter 'rul'; did you mean 'rule'"):
        space.slice("rul")
