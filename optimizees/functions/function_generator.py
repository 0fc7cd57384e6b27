"""FunctionGenerator: a sum of test functions, with noise if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import ConfigError
from l2l.optimizees.functions.terms import (
    AckleyParameters,
    ChasmParameters,
    EasomParameters,
    FunctionParameters,
    GaussianParameters,
    LangermannParameters,
    MichalewiczParameters,
    PermutationParameters,
    RastriginParameters,
    RosenbrockParameters,
    ShekelParameters,
)

__all__ = [
    "AckleyParameters",
    "ChasmParameters",
    "EasomParameters",
    "FunctionGenerator",
    "FunctionParameters",
    "GaussianParameters",
    "LangermannParameters",
    "MichalewiczParameters",
    "PermutationParameters",
    "RastriginParameters",
    "RosenbrockParameters",
    "ShekelParameters",
]


class FunctionGenerator:
    """The sum of test functions, to be minimised.

    Args:
        fg_params: The parameters of each function, for instance ``[AckleyParameters()]``.
        dims: Number of coordinates.
        bound: Lower and upper bound of every coordinate; by default the widest of the functions'.
        noise: Whether each value has Gaussian noise added to it.
        mu: Mean of the noise.
        sigma: Standard deviation of the noise.

    Raises:
        ConfigError: If a function does not fit to ``dims``.
    """

    def __init__(
        self,
        fg_params: Sequence[FunctionParameters],
        dims: int = 2,
        bound: Sequence[float] | None = None,
        noise: bool = False,
        mu: float = 0.0,
        sigma: float = 0.01,
    ) -> None:
        self.functions = tuple(fg_params)
        if not self.functions:
            raise ConfigError("fg_params needs the parameters of at least one function, got none")
        for function in self.functions:
            function.fits(dims)
        self.dims, self.noise, self.mu, self.sigma = dims, noise, mu, sigma
        if bound is None:
            low, high = zip(*(function.bound(dims) for function in self.functions), strict=True)
            bound = (min(low), max(high))
        self.bound = [float(bound[0]), float(bound[1])]

    def cost_function(self, x: ArrayLike, random_state: Any = None) -> Any:
        """Return the value of a point ``(dims,)``, a float, or those of points ``(..., dims)``.

        Args:
            x: The coordinates.
            random_state: A ``numpy.random`` generator (of the new or the old kind) that the noise
                is drawn from.
        """
        points = np.asarray(x, dtype=np.float64)
        if points.ndim == 0 or points.shape[-1] != self.dims:
            raise ValueError(f"expected points of shape (..., {self.dims}), got {points.shape}")
        value: Any = sum(function.value(points) for function in self.functions)
        if self.noise:
            if random_state is None:
                raise ValueError("a noisy function needs a random_state to draw the noise from")
            value = value + random_state.normal(self.mu, self.sigma, value.shape)
        return float(value) if points.ndim == 1 else value

    __call__ = cost_function

    def get_params(self) -> dict[str, Any]:
        """Return dimension, noise and functions as plain data."""
        noise = {"mu": self.mu, "sigma": self.sigma} if self.noise else {}
        functions = [{type(f).__name__: f._asdict()} for f in self.functions]
        return {"dims": self.dims, **noise, "functions": functions}

    def plot(self, random_state: Any = None) -> Any:
        """Draw a 2-D function, see :func:`l2l.optimizees.functions.tools.plot`."""
        from l2l.optimizees.functions.tools import plot

        return plot(self, random_state)
