"""The fifteen benchmark functions, by number and by name."""

from __future__ import annotations

from typing import Any

from l2l.errors import ConfigError, nearest
from l2l.optimizees.functions.function_generator import (
    AckleyParameters,
    ChasmParameters,
    EasomParameters,
    FunctionGenerator,
    FunctionParameters,
    GaussianParameters,
    LangermannParameters,
    MichalewiczParameters,
    PermutationParameters,
    RastriginParameters,
    RosenbrockParameters,
    ShekelParameters,
)

_GAUSSIANS: tuple[FunctionParameters, ...] = (
    GaussianParameters(sigma=[[1.5, 0.1], [0.1, 0.3]], mean=[-1.0, -1.0]),
    GaussianParameters(sigma=[[0.25, 0.3], [0.3, 1.0]], mean=[1.0, 1.0]),
    GaussianParameters(sigma=[[0.5, 0.25], [0.25, 1.3]], mean=[2.0, -2.0]),
)

#: Name, functions that are summed, dimension; the place in the table is the function's number.
FUNCTIONS: tuple[tuple[str, tuple[FunctionParameters, ...], int], ...] = (
    ("Rastrigin2d", (RastriginParameters(),), 2),
    ("Rastrigin10d", (RastriginParameters(),), 10),
    ("Rosenbrock2d", (RosenbrockParameters(),), 2),
    ("Rosenbrock10d", (RosenbrockParameters(),), 10),
    ("Ackley2d", (AckleyParameters(),), 2),
    ("Ackley10d", (AckleyParameters(),), 10),
    ("Chasm", (ChasmParameters(),), 2),
    ("Gauss2d", _GAUSSIANS[:1], 2),
    ("Shekel2d", (ShekelParameters(),), 2),
    ("Langermann2d", (LangermannParameters(),), 2),
    ("Michalewicz2d", (MichalewiczParameters(),), 2),
    ("Permutation2d", (PermutationParameters(beta=0.005),), 2),
    ("Easom2d", (EasomParameters(),), 2),
    ("Easom10d", (EasomParameters(),), 10),
    ("3Gaussians2d", _GAUSSIANS, 2),
)

Benchmark = tuple[tuple[str, FunctionGenerator], dict[str, Any]]


class BenchmarkedFunctions:
    """Makes the benchmark functions; all are to be minimised.

    Attributes:
        function_name_index_map: The number of each name.
    """

    def __init__(self) -> None:
        self.function_name_index_map = {name: i for i, (name, *_) in enumerate(FUNCTIONS)}

    def get_function_by_index(
        self, id_: int, noise: bool = False, mu: float = 0.0, sigma: float = 0.01
    ) -> Benchmark:
        """Return ``((name, function), description)`` of the function with number ``id_``, 0..14.

        Args:
            id_: The number.
            noise: Whether values have Gaussian noise.
            mu: Mean of the noise.
            sigma: Standard deviation of the noise.
        """
        if not 0 <= id_ < len(FUNCTIONS):
            raise ConfigError(
                f"benchmark functions have numbers 0 to {len(FUNCTIONS) - 1}, got {id_}"
            )
        name, terms, dims = FUNCTIONS[id_]
        function = FunctionGenerator(terms, dims, noise=noise, mu=mu, sigma=sigma)
        return (name, function), {"benchmark_id": id_, **function.get_params()}

    def get_function_by_name(
        self, name: str, noise: bool = False, mu: float = 0.0, sigma: float = 0.01
    ) -> Benchmark:
        """Return the function with that name, see :meth:`get_function_by_index`."""
        if name not in self.function_name_index_map:
            hint = nearest(name, self.function_name_index_map)
            raise ConfigError(f"there is no benchmark function {name!r}; {hint}")
        return self.get_function_by_index(self.function_name_index_map[name], noise, mu, sigma)
