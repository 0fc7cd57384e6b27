"""Ten test functions, all to be minimised.

Formulas: D. Bingham & S. Surjanovic, Virtual Library of Simulation Experiments,
https://www.sfu.ca/~ssurjano/optimization.html, and M. Jamil & X.-S. Yang 2013, "A literature survey
of benchmark functions for global optimisation problems", Int. J. Math. Model. Numer. Optim. 4:150.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import ConfigError
from l2l.options import Options, option

Floats = NDArray[np.float64]


class FunctionParameters(Options):
    """Base of the parameters of one test function, and the function itself.

    Attributes:
        box: Lower and upper bound of every coordinate.
    """

    box: ClassVar[tuple[float, float]]

    def bound(self, dims: int) -> tuple[float, float]:
        """Return the usual bounds of every coordinate in ``dims`` dimensions."""
        return self.box

    def fits(self, dims: int) -> None:
        """Raise ConfigError if the function has no form in ``dims`` dimensions."""

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        raise NotImplementedError


class RastriginParameters(FunctionParameters):
    """Rastrigin: a bowl with regular ripples; minimum 0 at 0."""

    box = (-5.0, 5.0)

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        return _total(x**2 + 10 - 10 * np.cos(2 * np.pi * x))


class RosenbrockParameters(FunctionParameters):
    """Rosenbrock: a bent flat valley; minimum 0 at (1, ..., 1)."""

    box = (-2.0, 2.0)

    def fits(self, dims: int) -> None:
        """Raise ConfigError in less than two dimensions."""
        _expect(dims >= 2, self, "at least 2 dimensions", dims)

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        left, right = x[..., :-1], x[..., 1:]
        return _total(100 * (right - left**2) ** 2 + (1 - left) ** 2)


class AckleyParameters(FunctionParameters):
    """Ackley: a deep hole among shallow ones; minimum 0 at 0."""

    box = (-2.0, 2.0)

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        hole = -20 * np.exp(-0.2 * np.sqrt(np.mean(x**2, axis=-1)))
        ripples = -np.exp(np.mean(np.cos(2 * np.pi * x), axis=-1))
        return np.asarray(hole + ripples + 20 + np.e)


class ChasmParameters(FunctionParameters):
    """Chasm: two plains, and between them a narrow cut that falls gently; minimum 0 at 0."""

    box = (-2.0, 2.0)

    def fits(self, dims: int) -> None:
        """Raise ConfigError in other than two dimensions."""
        _expect(dims == 2, self, "2 dimensions", dims)

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., 2)``."""
        across, along = 1000 * np.abs(x[..., 0]), np.abs(x[..., 1])
        return np.asarray(across / (across + 1) + along / 100)


class EasomParameters(FunctionParameters):
    """Easom: a plain with one narrow hole; minimum -1 at (pi, ..., pi) in any dimension."""

    box = (-10.0, 10.0)

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        depth = np.prod(-np.cos(x), axis=-1) * np.exp(-_total((x - np.pi) ** 2))
        return np.asarray(-depth)


class MichalewiczParameters(FunctionParameters):
    """Michalewicz: steep valleys that cross; minimum -1.8013 at (2.20, 1.57) in 2-D with m = 10."""

    box = (0.0, float(np.pi))
    m: Any = option("default", "steepness of the valleys; 'default' is 10")

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        m = 10 if isinstance(self.m, str) else self.m
        number = np.arange(1, x.shape[-1] + 1)
        return -_total(np.sin(x) * np.sin(number * x**2 / np.pi) ** (2 * m))


class PermutationParameters(FunctionParameters):
    """Perm (Neumaier): minimum 0 at (1, 2, ..., d); the smaller beta, the harder."""

    beta: float = option(0.005, "how much the minimum differs from its permutations", low=0)

    def bound(self, dims: int) -> tuple[float, float]:
        """Return -dims, dims."""
        return (-float(dims), float(dims))

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        j = np.arange(1, x.shape[-1] + 1, dtype=np.float64)
        sums = [_total((j**k + self.beta) * ((x / j) ** k - 1)) for k in j]
        return np.asarray(np.sum(np.square(sums), axis=0))


class GaussianParameters(FunctionParameters):
    """The density of a normal distribution, upside down; the minimum is at the mean."""

    box = (-5.0, 5.0)
    sigma: Any = option(doc="covariance matrix, (dims, dims)")
    mean: Any = option(doc="place of the minimum, (dims,)")

    def fits(self, dims: int) -> None:
        """Raise ConfigError unless sigma and mean have ``dims`` dimensions."""
        shapes = np.atleast_2d(self.sigma).shape, np.atleast_1d(self.mean).shape
        _expect(shapes == ((dims, dims), (dims,)), self, f"sigma and mean of {dims}-D", shapes)

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        sigma, off = np.atleast_2d(np.asarray(self.sigma, dtype=np.float64)), x - self.mean
        peak = 1 / np.sqrt(np.linalg.det(2 * np.pi * sigma))
        return np.asarray(-peak * np.exp(-0.5 * _total(off @ np.linalg.inv(sigma) * off)))


class _Holes(FunctionParameters):
    """Base of functions with m centres ``A`` ``(m, dims)`` and a number ``c`` ``(m,)`` for each."""

    box = (0.0, 10.0)
    defaults: ClassVar[tuple[ArrayLike, ArrayLike]]
    A: Any = option("default", "centres, (m, dims); 'default' in 2-D only")
    c: Any = option("default", "a number for each centre, (m,); 'default' in 2-D only")

    def holes(self) -> tuple[Floats, Floats]:
        """Return centres ``(m, dims)`` and numbers ``(m,)``."""
        given = isinstance(self.A, str), isinstance(self.c, str)
        _expect(given[0] == given[1], self, "both A and c, or neither", (self.A, self.c))
        centres, numbers = self.defaults if all(given) else (self.A, self.c)
        return np.asarray(centres, dtype=np.float64), np.asarray(numbers, dtype=np.float64)

    def fits(self, dims: int) -> None:
        """Raise ConfigError unless A and c fit together and to ``dims``."""
        centres, numbers = self.holes()
        fit = centres.shape == (len(numbers), dims) and numbers.ndim == 1
        _expect(fit, self, f"A of shape (m, {dims}), c of shape (m,)", (self.A, self.c))

    def distances(self, x: Floats) -> tuple[Floats, Floats]:
        """Return squared distances ``(..., m)`` to the centres, and their numbers."""
        centres, numbers = self.holes()
        return _total((x[..., None, :] - centres) ** 2), numbers


class ShekelParameters(_Holes):
    """Shekel's foxholes: hole i is at A[i], about 1 / c[i] deep."""

    defaults = (
        [[3, 5], [5, 2], [2, 1], [3, 3], [2, 7], [1, 4], [7, 9]],
        [0.2, 0.4, 1.0, 0.4, 0.6, 0.2, 0.2],
    )

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        squares, c = self.distances(x)
        return -_total(1 / (squares + c))


class LangermannParameters(_Holes):
    """Langermann: waves of height c[i] around A[i]; default in 2-D -4.1558 at (2.793, 1.597)."""

    defaults = ([[3, 5], [5, 2], [2, 1], [1, 4], [7, 9]], [1, 2, 5, 2, 3])

    def value(self, x: Floats) -> Floats:
        """Return values ``(...)`` of points ``(..., dims)``."""
        squares, c = self.distances(x)
        return _total(c * np.exp(-squares / np.pi) * np.cos(np.pi * squares))


def _total(terms: Floats) -> Floats:
    return np.asarray(np.sum(terms, axis=-1))


def _expect(true: bool, function: FunctionParameters, what: str, got: object) -> None:
    if not true:
        raise ConfigError(f"{type(function).__name__} needs {what}, got {got}")
