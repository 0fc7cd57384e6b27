"""Elementary functions of registers: single precision by polynomials, double by the C library.

Importing this module gives the functions of :mod:`l2l.optimizees.whole_brain.maths` their meaning
on registers. Sources: the coefficients of exp, log, sin and cos are those of S. Moshier's Cephes
(single precision); those of erfc were fitted for this module.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# mypy: disable-error-code="call-arg, var-annotated"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import overload

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.cpu import simd
from l2l.optimizees.whole_brain.cpu.simd import Vector

F = np.float32
INLINE: Any = {"forceinline": True, "error_model": "numpy"}
inlined = njit(**INLINE)

_LOG2E, _LN2_HIGH, _LN2_LOW = F(1.44269504088896341), F(0.693359375), F(-2.12194440e-4)


@inlined
def _exp(x):
    x = maths.minimum(maths.maximum(x, F(-87.3)), F(88.3))
    n = simd.floor(x * _LOG2E + F(0.5))
    x = x - n * _LN2_HIGH
    x = x - n * _LN2_LOW
    z = x * x  # powers of it, not of x: half as many steps that wait for each other
    y = F(1.9875691500e-4) * x + F(1.3981999507e-3)
    y = y * z + (F(8.3334519073e-3) * x + F(4.1665795894e-2))
    y = y * z + (F(1.6666665459e-1) * x + F(5.0000001201e-1))
    y = y * z + x + F(1.0)
    return y * simd.from_bits((simd.to_whole(n) + 127) << 23)


@inlined
def _log(x):
    bits = simd.to_bits(x)
    e = simd.whole_to_single(bits >> 23) - F(126.0)
    m = simd.from_bits((bits & 0x007FFFFF) | 0x3F000000)  # in [0.5, 1)
    small = m < F(0.707106781186547524)
    e = simd.select(small, e - F(1.0), e)
    m = simd.select(small, m + m, m) - F(1.0)
    z = m * m
    y = F(7.0376836292e-2) * m + F(-1.1514610310e-1)
    y = y * m + F(1.1676998740e-1)
    y = y * m + F(-1.2420140846e-1)
    y = y * m + F(1.4249322787e-1)
    y = y * m + F(-1.6668057665e-1)
    y = y * m + F(2.0000714765e-1)
    y = y * m + F(-2.4999993993e-1)
    y = y * m + F(3.3333331174e-1)
    y = y * m * z
    y = y + e * _LN2_LOW
    y = y - F(0.5) * z
    result = m + y + e * _LN2_HIGH
    return simd.select(x > F(0.0), result, F(np.nan) + x * F(0.0))


@inlined
def sin_of_quarter(x):
    """Return the sine, for |x| <= pi/4."""
    z = x * x
    y = F(-1.9515295891e-4) * z + F(8.3321608736e-3)
    y = y * z + F(-1.6666654611e-1)
    return y * z * x + x


@inlined
def cos_of_quarter(x):
    """Return the cosine, for |x| <= pi/4."""
    z = x * x
    y = F(2.443315711809948e-5) * z + F(-1.388731625493765e-3)
    y = y * z + F(4.166664568298827e-2)
    return y * (z * z) - F(0.5) * z + F(1.0)


@inlined
def quadrant(x, shift):
    """Return sin(x + shift pi/2); good to about |x| = 8,000."""
    n = simd.floor(x * F(0.63661977236758134) + F(0.5))
    r = x - n * F(1.5703125)
    r = r - n * F(4.837512969970703e-4)
    r = r - n * F(7.549789948768648e-8)
    q = simd.to_whole(n) + shift
    odd = simd.whole_to_single(q & 1) > F(0.5)
    negative = simd.whole_to_single(q & 2) > F(0.5)
    y = simd.select(odd, cos_of_quarter(r), sin_of_quarter(r))
    return simd.select(negative, -y, y)


@inlined
def _sin(x):
    return quadrant(x, 0)


@inlined
def _cos(x):
    return quadrant(x, 1)


@inlined
def _tanh(x):
    z = x * x
    y = F(-5.70498872745e-3) * z + F(2.06390887954e-2)
    y = y * z + F(-5.37397155531e-2)
    y = y * z + F(1.33314422036e-1)
    y = y * z + F(-3.33332819422e-1)
    small = y * z * x + x
    e = _exp(F(2.0) * maths.minimum(simd.magnitude(x), F(10.0)))
    large = F(1.0) - F(2.0) / (e + F(1.0))
    return simd.select(simd.magnitude(x) < F(0.625), small, simd.select(x < F(0.0), -large, large))


@inlined
def _erfc(x):
    # The exponential waits for nothing here; a model that needs exp(-x * x), too, has it twice for
    # the price of one. The rest is a polynomial in t, fitted for |x| < 9.5 (4e-8 relative).
    t = F(1.0) / (F(1.0) + F(0.5) * simd.magnitude(x))
    y = F(-5.88906469e-2) * t + F(2.83701327e-1)
    y = y * t + F(-4.85382356e-1)
    y = y * t + F(2.75976577e-1)
    y = y * t + F(-2.51765734e-2)
    y = y * t + F(2.02069356e-1)
    y = y * t + F(2.43261130e-1)
    y = y * t + F(2.82353467e-1)
    y = y * t + F(2.82087677e-1)
    result = _exp(-x * x) * (t * y)
    return simd.select(x < F(0.0), F(2.0) - result, result)


def _one(function: Any, single: Any, double: Any) -> None:
    @overload(function, jit_options=INLINE, strict=False)
    def of_vector(x: Any) -> Callable[[Any], Any] | None:
        if not isinstance(x, Vector):
            return None
        chosen = single if x.element is types.float32 else double
        return lambda x: chosen(x)


for _function, _single, _double in (
    (maths.exp, _exp, simd.exp_double),
    (maths.log, _log, simd.log_double),
    (maths.sin, _sin, simd.sin_double),
    (maths.cos, _cos, simd.cos_double),
    (maths.tanh, _tanh, simd.tanh_double),
    (maths.erfc, _erfc, simd.erfc_double),
    (maths.sqrt, simd.root, simd.root),
    (maths.absolute, simd.magnitude, simd.magnitude),
    (maths.floor, simd.floor, simd.floor),
):
    _one(_function, _single, _double)


@overload(maths.where, jit_options=INLINE, strict=False)
def _where(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(condition, Vector):
        return lambda condition, a, b: simd.select(condition, a, b)
    return None


@overload(maths.minimum, jit_options=INLINE, strict=False)
def _minimum(a: Any, b: Any) -> Any:
    if isinstance(a, Vector):
        return lambda a, b: simd.select(a > b, b, a)  # a NaN stays one
    return (lambda a, b: simd.select(b > a, a, b)) if isinstance(b, Vector) else None


@overload(maths.maximum, jit_options=INLINE, strict=False)
def _maximum(a: Any, b: Any) -> Any:
    if isinstance(a, Vector):
        return lambda a, b: simd.select(a < b, b, a)
    return (lambda a, b: simd.select(b < a, a, b)) if isinstance(b, Vector) else None
