"""The contract of a neural mass model, as checks.

A model's own test is one call::

    from l2l.optimizees.whole_brain.testing import check_model

    def test_contract():
        check_model(MY_MODEL)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.model import Floats, Model, State
from l2l.optimizees.whole_brain.plain import check_source, functions_of
from l2l.testing.tools import check, during

REGIONS = 6


_SOUND: dict[int, Model] = {}
_OURS = "l2l.optimizees.whole_brain.models."  # they have tests of their own


def sound(model: Model) -> Model:
    """Return a model whose declaration, source and signatures are sound.

    It is what :func:`check_model` says without calling anything but the derivatives, once.

    Raises:
        ConfigError: At the first thing that is wrong.
    """
    if id(model) in _SOUND or model.derivatives.__module__.startswith(_OURS):
        return model
    try:
        _check_written(model)
        with during("derivatives"):
            _check_count(model)
    except AssertionError as error:
        raise ConfigError(f"the model {model.name} can't be used: {error}") from None
    _SOUND[id(model)] = model  # which keeps it, so that its id stays its own
    return model


def _check_written(model: Model) -> None:
    """What is declared and how functions are written is sound; none is called."""
    with during("declaration"):
        check_declaration(model)
    for written in functions_of(model):
        with during(f"source of {written.__name__}"):
            check_source(written)
    with during("signatures"):
        check_signatures(model)


def _check_count(model: Model) -> None:
    """The derivatives of all states come as a tuple, and so does what is sent."""
    values = [*(np.full(1, _initial(state)[0], float) for state in model.states)]
    inputs = [np.zeros(1) for _ in model.sent]
    parameters = [np.full(1, parameter.default, float) for parameter in model.parameters]
    calls = [(model.derivatives, [*values, *inputs, *parameters], len(values))]
    calls += [(model.send, values, len(inputs))] if model.send else []
    calls += [(f, [*values, *inputs, *parameters], 0) for f in model.observed.values()]
    for function, arguments, n in calls:
        try:
            with np.errstate(all="ignore"):
                _results(function, tuple(arguments), n)
        except ImportError:  # erfc needs SciPy in NumPy, and nowhere else
            return
        except (TypeError, ValueError, NameError) as error:
            check(False, f"{function.__name__}: {type(error).__name__}: {error}")


def check_model(model: Model, *, seed: int = 1, rtol: float = 1e-3) -> None:
    """Run a model through all checks.

    Args:
        model: The model.
        seed: States and inputs are drawn from it: states as they start, and some spread around it.
        rtol: Largest difference between derivatives in float32 and in float64, as a part of the
            largest derivative of the state.

    Raises:
        AssertionError: At the first check that fails; says what was expected and what came.
    """
    _check_written(model)
    states, inputs = draw(model, np.random.default_rng(seed))
    with during("derived"):
        parameters = check_derived(model)
    with during("derivatives"):
        check_arithmetic(model.derivatives, (*states, *inputs, *parameters), len(states), rtol)
        check_relaxation(model, (*states, *inputs, *parameters))
    if model.send is not None:
        with during("send"):
            check_arithmetic(model.send, tuple(states), len(model.sent), rtol)
    for name, function in model.observed.items():
        with during(f"observed {name!r}"):
            check_arithmetic(function, (*states, *inputs, *parameters), 0, rtol)


# -- what is declared ------------------------------------------------------------------------------


def check_declaration(model: Model) -> None:
    """Names are unique and known, numbers are finite and lie within their bounds."""
    names = [*model.state_names, *model.parameter_names, *model.observed]
    twice = sorted({name for name in names if names.count(name) > 1})
    check(not twice, f"states, parameters and observed quantities share the names {twice}")
    check(model.states, "a model needs a state")
    check(not isinstance(model.sent, str), f"sent is a tuple of names, got {model.sent!r}")
    check(model.sent, "sent is empty: expected the name of what regions send to each other")
    for name in names:
        check(name.isidentifier(), f"{name!r} is no name for a Python variable")
    known = {*model.state_names, *model.observed}
    check(
        not model.bold or model.bold in known, f"bold is {model.bold!r}, which is none of {known}"
    )
    if model.send is None:
        strange = sorted(set(model.sent) - set(model.state_names))
        check(not strange, f"sent names {strange}, which are no states, and there is no send")
    for state in model.states:
        _check_state(model, state)
    for parameter in model.parameters:
        low, high = _bounds(parameter.low, parameter.high)
        where = f"the default of {parameter.name} is {parameter.default}"
        check(np.isfinite(parameter.default), f"{where}, expected a finite number")
        check(low <= parameter.default <= high, f"{where}, outside of its bounds {low} to {high}")
    for name, changes in model.presets.items():
        strange = sorted(set(changes) - set(model.parameter_names))
        check(not strange, f"the preset {name!r} sets {strange}, which are no parameters")


def _check_state(model: Model, state: State) -> None:
    for role in ("noise", "relaxation"):
        name = getattr(state, role)
        check(
            name is None or name in model.parameter_names,
            f"the {role} of the state {state.name} is {name!r}, which is no parameter",
        )
    low, high = _bounds(state.low, state.high)
    first, last = _initial(state)
    numbers = all(isinstance(x, (int, float, np.number)) for x in (first, last))
    check(numbers, f"the state {state.name} starts at {state.initial!r}, which is no number")
    check(
        low <= first <= last <= high,
        f"the state {state.name} starts at {state.initial}, outside of its limits {low} to {high}",
    )
    check(
        state.period is None or (state.period > 0 and state.low is None and state.high is None),
        f"the state {state.name} lives on a circle: expected a period above 0 and no limits",
    )


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    return -np.inf if low is None else low, np.inf if high is None else high


def _initial(state: State) -> tuple[float, float]:
    return state.initial if isinstance(state.initial, tuple) else (state.initial, state.initial)


# -- what functions take ---------------------------------------------------------------------------


def check_signatures(model: Model) -> None:
    """Arguments are named as states and parameters, in their order, with the inputs between."""
    n, k = len(model.states), len(model.sent)
    for function in (model.derivatives, *model.observed.values()):
        names = list(inspect.signature(function).parameters)
        expected = [*model.state_names, *names[n : n + k], *model.parameter_names]
        wrong = [(a, b) for a, b in zip(names, expected, strict=False) if a != b]
        check(
            len(names) == len(expected) and not wrong,
            f"{function.__name__} must take {n} states, {k} inputs and {len(model.parameters)} "
            f"parameters by their names, in order; got {names}"
            + (f", and {wrong[0][0]} is where {wrong[0][1]} was expected" if wrong else ""),
        )
    if model.send is not None:
        names = list(inspect.signature(model.send).parameters)
        check(names == model.state_names, f"send must take {model.state_names}, got {names}")


# -- what functions return -------------------------------------------------------------------------


def draw(model: Model, rng: np.random.Generator) -> tuple[list[Floats], list[Floats]]:
    """Return states and inputs of some regions."""
    states: list[Floats] = []
    for state in model.states:
        low, high = _initial(state)
        width = max(high - low, 0.1 * abs(low), 0.01)
        values = rng.uniform(low, low + width, REGIONS)
        states.append(np.clip(values, *_bounds(state.low, state.high)))
    sent = states if model.send is None else model.send(*states)
    names = model.state_names if model.send is None else list(model.sent)
    inputs: list[Floats] = [0.5 * np.asarray(sent[names.index(name)])[::-1] for name in model.sent]
    return states, inputs


def check_derived(model: Model) -> list[Floats]:
    """Computed parameters are parameters, one number a region; returns all of them."""
    values = {name: np.full(REGIONS, value) for name, value in model.defaults().items()}
    if model.derived is not None:
        computed = model.derived(dict(values), synthetic(REGIONS, density=0.8))
        strange = sorted(set(computed) - set(values))
        check(not strange, f"computes {strange}, which are no parameters")
        for name, value in computed.items():
            check(
                np.shape(value) == (REGIONS,) and np.all(np.isfinite(value)),
                f"{name} must be {REGIONS} finite numbers, one a region; got {value!r}",
            )
            values[name] = np.asarray(value)
    return list(values.values())


def check_arithmetic(
    function: Callable[..., Any], arguments: tuple[Floats, ...], n: int, rtol: float
) -> None:
    """A function is finite, treats each region by itself, and holds in float32.

    Args:
        function: The function.
        arguments: What it is called with, an array a number.
        n: How many numbers it must return as a tuple; 0 for one number that is no tuple.
        rtol: Of float32.
    """
    every = _results(function, arguments, n)
    check(np.isfinite(every).all(), f"expected finite numbers, got {every}")
    for region in range(REGIONS):
        alone = _results(function, tuple(a[region : region + 1] for a in arguments), n)
        close = np.allclose(alone[:, 0], every[:, region], rtol=1e-10, atol=0)
        check(close, f"region {region} alone gives {alone[:, 0]}, among others {every[:, region]}")
    single = _results(function, tuple(a.astype(np.float32) for a in arguments), n)
    scale = np.abs(every).max(axis=1, keepdims=True)
    off = np.abs(single - every).max(axis=1) / np.maximum(scale[:, 0], 1e-30)
    check((off <= rtol).all(), f"float32 differs from float64 by {off} of the largest, not {rtol}")


def _results(function: Callable[..., Any], arguments: tuple[Floats, ...], n: int) -> Floats:
    result = function(*arguments)
    if n == 0:
        check(not isinstance(result, tuple), f"expected one number, got {result!r}")
        result = (result,)
    else:
        given = isinstance(result, tuple) and len(result) == n
        check(given, f"expected a tuple of {n} numbers, got {result!r}")
    return np.array([np.broadcast_to(r, arguments[0].shape) for r in result], dtype=np.float64)


def check_relaxation(model: Model, arguments: tuple[Floats, ...]) -> None:
    """The derivative of a state with a relaxation is -x / tau: backends update it exactly."""
    rates = model.derivatives(*arguments)
    offset = len(model.states) + len(model.sent)
    for k, state in enumerate(model.states):
        if state.relaxation is not None:
            tau = arguments[offset + model.parameter_names.index(state.relaxation)]
            check(
                np.allclose(rates[k], -arguments[k] / tau, rtol=1e-9),
                f"the derivative of {state.name} must be -{state.name} / {state.relaxation}",
            )
