"""The functions that models are written with.

Here they are NumPy's. The CPU and GPU backends put their own in their place when they compile.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def exp(x: Any) -> Any:
    """Return e to the power of x."""
    return np.exp(x)


def log(x: Any) -> Any:
    """Return the natural logarithm."""
    return np.log(x)


def sqrt(x: Any) -> Any:
    """Return the square root."""
    return np.sqrt(x)


def sin(x: Any) -> Any:
    """Return the sine, of radians."""
    return np.sin(x)


def cos(x: Any) -> Any:
    """Return the cosine, of radians."""
    return np.cos(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


def erfc(x: Any) -> Any:
    """Return the complementary error function."""
    from scipy.special import erfc as scipy_erfc

    return scipy_erfc(x)


def where(condition: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where a condition holds and ``b`` elsewhere; both are computed."""
    return np.where(condition, a, b)


def minimum(a: Any, b: Any) -> Any:
    """Return the smaller one."""
    return np.minimum(a, b)


def maximum(a: Any, b: Any) -> Any:
    """Return the larger one."""
    return np.maximum(a, b)


def absolute(x: Any) -> Any:
    """Return the absolute value."""
    return np.abs(x)


def floor(x: Any) -> Any:
    """Return the largest whole number that is not larger."""
    return np.floor(x)
