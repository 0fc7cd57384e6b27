"""The classic constructors: ``XOptimizer(traj, optimizee_create_individual=..., ...)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from l2l.classic.trajectory import Trajectory
from l2l.errors import ConfigError, nearest
from l2l.loop import Bounding
from l2l.optimizer import Optimizer as Algorithm
from l2l.optimizer import OptimizerParameters

__all__ = ["ClassicOptimizer", "Optimizer", "OptimizerParameters", "classic_optimizer"]

#: Spellings of Listing 1 in the L2L paper -> those of the code.
PAPER_NAMES = {
    "optimizee_prepare": "optimizee_create_individual",
    "fitness_weights": "optimizee_fitness_weights",
}
ARGUMENTS = (
    "traj", "optimizee_create_individual", "optimizee_fitness_weights", "parameters",
    "optimizee_bounding_func",
)  # fmt: skip


class ClassicOptimizer:
    """An optimizer as a classic script makes it; the run itself is driven by its ``algorithm``.

    Works in the parameters' own units, as the fields of classic parameters mean them. Where it
    stands for several ``algorithms``, that is the one whose parameters it is given.

    Args:
        traj: The trajectory of ``prepare_experiment``.
        optimizee_create_individual: Returns a random individual, a dict.
        optimizee_fitness_weights: One an objective; fitness times weights is maximised.
        parameters: Parameters of the algorithm.
        optimizee_bounding_func: Puts an individual inside its bounds, or None.
    """

    algorithms: ClassVar[tuple[type[Algorithm], ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._arguments(args, kwargs)
        self.traj: Trajectory = given["traj"]
        self.create_individual: Callable[[], Mapping[str, Any]] = given[
            "optimizee_create_individual"
        ]
        if not callable(self.create_individual):
            raise ConfigError(
                "optimizee_create_individual must be a function that returns an individual, such "
                f"as optimizee.create_individual, got {self.create_individual!r}"
            )
        weights: float | Sequence[float] = given.get("optimizee_fitness_weights", (1.0,))
        self.optimizee_fitness_weights = tuple(np.atleast_1d(weights).tolist())
        self.algorithm, self.parameters = self.chosen(given.get("parameters"))
        self.bounding: Bounding | None = given.get("optimizee_bounding_func")
        self.best_individual: dict[str, Any] | None = None
        self.best_fitness: tuple[float, ...] | None = None
        if hasattr(self.traj, "optimizer"):
            self.traj.optimizer = self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "post_process" in cls.__dict__:
            raise ConfigError(
                f"{cls.__name__} overrides post_process, which l2l does not call. Write the "
                "algorithm as a subclass of l2l.Optimizer: ask() returns the next points (n, d), "
                "tell(evaluations) learns from them, state() and restore() make it resumable"
            )

    @classmethod
    def _arguments(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = dict(zip(ARGUMENTS, args, strict=False))
        for name, value in kwargs.items():
            name = PAPER_NAMES.get(name, name)
            if name not in ARGUMENTS:
                raise ConfigError(
                    f"{cls.__name__} has no argument {name!r}; "
                    f"{nearest(name, (*ARGUMENTS, *PAPER_NAMES))}"
                )
            if name in given:
                raise ConfigError(f"{cls.__name__} got {name!r} twice")
            given[name] = value
        for name in ARGUMENTS[:2]:
            if name not in given:
                raise ConfigError(f"{cls.__name__} needs {name}")
        return given

    def chosen(self, parameters: Any) -> tuple[type[Algorithm], OptimizerParameters]:
        """Return the algorithm that takes the parameters, and them; by default the first one."""
        if parameters is None:
            return self.algorithms[0], self.algorithms[0].Parameters()
        for algorithm in self.algorithms:
            if isinstance(parameters, algorithm.Parameters):
                return algorithm, parameters
        kinds = " or ".join(algorithm.Parameters.__name__ for algorithm in self.algorithms)
        raise ConfigError(f"{type(self).__name__} takes {kinds}, got {type(parameters).__name__}")

    def end(self, traj: Any = None) -> None:
        """Nothing is left to do here; ``end_experiment`` reports the best individual."""


class Optimizer(ClassicOptimizer):
    """The base class that upstream's own optimizers had; choose one of l2l's instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ConfigError(
            "Optimizer stands for an optimizer of your choice: import one, for example "
            "GeneticAlgorithmOptimizer from l2l.optimizers.evolution (all: l2l list optimizers). "
            "To write your own, subclass l2l.Optimizer"
        )


def classic_optimizer(*algorithms: type[Algorithm], name: str = "") -> type[ClassicOptimizer]:
    """Return the classic constructor of an algorithm, or of several that share one.

    Args:
        algorithms: The parameters that it is given say which.
        name: ``<Name>Optimizer`` of the first, by default.
    """
    names = ", ".join(f":class:`{algorithm.__name__}`" for algorithm in algorithms)
    fields = {"algorithms": algorithms, "__module__": algorithms[0].__module__,
              "__doc__": f"Classic constructor of {names}."}  # fmt: skip
    return type(name or f"{algorithms[0].__name__}Optimizer", (ClassicOptimizer,), fields)
