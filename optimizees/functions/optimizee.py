"""Benchmark functions as optimizees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.optimizee import Optimizee, OptimizeeParameters
from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
from l2l.optimizees.functions.function_generator import FunctionGenerator
from l2l.options import option
from l2l.space import Parameter, ParameterSpace


class FunctionGeneratorOptimizee(Optimizee):
    """A function's value as fitness, to be minimised: give the optimizer a negative weight.

    An individual is ``{"coords": array of shape (dims,)}``. Where the function is noisy, the noise
    depends on the evaluation's seed: it differs between evaluations and repeats with the run.

    Args:
        traj: Not used.
        fg_instance: The function.
        seed: Of the individuals that ``create_individual`` draws; None: ``np.random`` draws them,
            which the run seeds.
    """

    def __init__(
        self,
        traj: Any = None,
        fg_instance: FunctionGenerator | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(traj)
        if not isinstance(fg_instance, FunctionGenerator):
            raise TypeError(f"fg_instance must be a FunctionGenerator, got {fg_instance!r}")
        self.function = fg_instance
        self.bound, self.dims = fg_instance.bound, fg_instance.dims
        low, high = self.bound
        self.space = ParameterSpace([Parameter("coords", low, high, shape=(self.dims,))])
        self.rng = None if seed is None else np.random.default_rng(seed)

    def create_individual(self) -> dict[str, Any]:
        """Return an individual that is uniform within the bounds."""
        if self.rng is None:
            return super().create_individual()
        low, high = self.bound
        return {"coords": self.rng.uniform(low, high, self.dims)}

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its coordinates clipped to the bounds."""
        low, high = self.bound
        return {**individual, "coords": np.clip(individual["coords"], low, high)}

    def simulate(self, traj: Any) -> tuple[float, ...]:
        """Return the function's value at ``traj.individual.coords``."""
        rng = np.random.default_rng(traj.individual.seed) if self.function.noise else None
        return (self.function.cost_function(traj.individual.coords, rng),)


class BenchmarkFunctionParameters(OptimizeeParameters):
    """Parameters of :class:`BenchmarkFunction`."""

    function: int | str = option("Ackley2d", "name or number (0..14) of the function")
    noise: bool = option(False, "whether values have Gaussian noise")
    mu: float = option(0.0, "mean of the noise")
    sigma: float = option(0.01, "standard deviation of the noise", low=0)


class BenchmarkFunction(FunctionGeneratorOptimizee):
    """One of the fifteen benchmark functions, by name or number; to be minimised.

    An individual is ``{"coords": array of shape (dims,)}`` within the function's bounds.
    """

    Parameters = BenchmarkFunctionParameters

    def __init__(
        self, traj: Any = None, parameters: BenchmarkFunctionParameters | None = None
    ) -> None:
        p = BenchmarkFunctionParameters() if parameters is None else parameters
        functions = BenchmarkedFunctions()
        noise = (p.noise, p.mu, p.sigma)
        (_, function), _ = (
            functions.get_function_by_name(p.function, *noise)
            if isinstance(p.function, str)
            else functions.get_function_by_index(p.function, *noise)
        )
        super().__init__(traj, function)
        self.parameters = p
