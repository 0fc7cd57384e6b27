"""The functions of registers against SciPy and NumPy in double precision."""

import numba
import numpy as np
import pytest
from scipy import special

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.cpu import functions as _  # noqa: F401 (what gives maths its meaning)
from l2l.optimizees.whole_brain.cpu.memory import address, load, store

RNG = np.random.default_rng(0)


def on_registers(function):
    """Return a function of arrays that a function of registers computes."""

    @numba.njit(error_model="numpy")
    def compiled(x, out):
        from_, to = address(x), address(out)
        for at in range(0, x.size, 16):
            store(to, at, function(load(from_, at, 16)))

    def call(x):
        out = np.empty_like(x)
        compiled(x, out)
        return out

    return call


def samples(low, high, dtype, count=2**16):
    """Numbers all over an interval, its ends included."""
    x = RNG.uniform(low, high, count)
    x[:2] = low, high
    return x.astype(dtype)


def ulps(found, x, exact):
    """Return the largest error, in units of the last place of the exact value."""
    expected = exact(x.astype(np.float64))
    place = np.spacing(np.abs(expected).astype(x.dtype)).astype(np.float64)
    return (np.abs(found - expected) / place).max()


#: Function, exact one, interval, and the largest error in single and in double precision. Of erfc,
#: it is the rounding of x * x, which exp takes; in double precision the references are no better.
CASES = [
    (maths.exp, np.exp, -10.0, 10.0, 1.5, 1.0),
    (maths.exp, np.exp, -87.0, 88.0, 1.5, 1.0),
    (maths.log, np.log, 1e-30, 1e3, 1.5, 1.0),
    (maths.log, np.log, 0.5, 2.0, 1.5, 1.0),
    (maths.tanh, np.tanh, -0.7, 0.7, 2.0, 4.0),
    (maths.tanh, np.tanh, -12.0, 12.0, 2.0, 4.0),
    (maths.erfc, special.erfc, -6.0, 1.0, 8.0, 16.0),
    (maths.erfc, special.erfc, 0.0, 3.0, 16.0, 16.0),
    (maths.erfc, special.erfc, 3.0, 9.0, 100.0, 100.0),
    (maths.sqrt, np.sqrt, 0.0, 1e6, 0.5, 0.5),
    (maths.floor, np.floor, -1e6, 1e6, 0.0, 0.0),
    (maths.absolute, np.abs, -1.0, 1.0, 0.0, 0.0),
]


@pytest.fixture(scope="module")
def compiled():
    kept = {}

    def get(function):
        return kept.setdefault(function, on_registers(function))

    return get


@pytest.mark.parametrize(("function", "exact", "low", "high", "single", "double"), CASES)
def test_errors_in_units_of_the_last_place(compiled, function, exact, low, high, single, double):
    for dtype, limit in ((np.float32, single), (np.float64, double)):
        x = samples(low, high, dtype)
        error = ulps(compiled(function)(x), x, exact)
        assert error <= limit


@pytest.mark.parametrize("function", [maths.sin, maths.cos])
def test_sine_and_cosine_for_angles_of_many_turns(compiled, function):
    exact = getattr(np, function.__name__)
    limits = [(np.float32, 1, 1e-7), (np.float32, 1000, 1e-7), (np.float64, 1000, 2e-16)]
    for dtype, turns, limit in limits:
        x = samples(-2 * np.pi * turns, 2 * np.pi * turns, dtype)
        error = np.abs(compiled(function)(x) - exact(x.astype(np.float64))).max()
        assert error <= limit


def test_beyond_the_range_of_single_precision(compiled):
    x = np.full(16, -np.inf, np.float32)
    x[1:5] = -1e4, 1e4, np.inf, np.nan
    large = compiled(maths.exp)(x)
    assert (large[:2] < 1.3e-38).all()  # it ends at exp(-87.3)
    assert (large[2:4] > 2e38).all()  # and at exp(88.3)
    tails = compiled(maths.erfc)(x)
    np.testing.assert_allclose(tails[:4], [2.0, 2.0, 0.0, 0.0], atol=1e-37)
    np.testing.assert_array_equal(compiled(maths.tanh)(x)[:4], [-1, -1, 1, 1])
    assert np.isnan(compiled(maths.log)(np.minimum(x, 0))[[0, 1, 4]]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_number_stays_so(compiled, dtype):
    """A set that diverges must be seen to do so."""
    nothing = np.full(16, np.nan, dtype)
    for function in (maths.exp, maths.log, maths.tanh, maths.erfc, maths.sqrt, maths.sin):
        assert np.isnan(compiled(function)(nothing)).all(), function.__name__
    for limited in (lambda x: maths.maximum(x, 0.0), lambda x: maths.minimum(x, 1.0)):
        assert np.isnan(on_registers(numba.njit(limited))(nothing)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators(dtype):
    def formula(x):
        y = maths.where(x < 0.5, x * x - 1, -x / 3)
        return maths.minimum(maths.maximum(y, -0.9), 0.1) + x**3 - (1 - x) * y

    x = samples(-2.0, 2.0, dtype)
    found = on_registers(numba.njit(formula))(x)
    expected = formula(x.astype(np.float64))
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=40 * np.finfo(dtype).eps
    )  # of up to 17
