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

    Works in the parameters' own units, as the fields of classic parameters mean them.

    Args:
        traj: The trajectory of ``prepare_experiment``.
        optimizee_create_individual: Returns a random individual, a dict.
        optimizee_fitness_weights: One an objective; fitness times weights is maximised.
        parameters: Parameters of the algorithm.
        optimizee_bounding_func: Puts an individual inside its bounds, or None.
    """

    algorithm: ClassVar[type[Algorithm]]

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
        self.parameters = self._checked(given.get("parameters"))
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

    def _checked(self, parameters: Any) -> OptimizerParameters:
        kind = self.algorithm.Parameters
        if parameters is None:
            return kind()
        if not isinstance(parameters, kind):
            raise ConfigError(
                f"{type(self).__name__} takes {kind.__name__}, got {type(parameters).__name__}"
            )
        return parameters

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


def classic_optimizer(algorithm: type[Algorithm]) -> type[ClassicOptimizer]:
    """Return the classic constructor of an algorithm, ``<Name>Optimizer``."""
    name = f"{algorithm.__name__}Optimizer"
    fields = {"algorithm": algorithm, "__module__": algorithm.__module__,
              "__doc__": f"Classic constructor of :class:`{algorithm.__name__}`."}  # fmt: skip
    return type(name, (ClassicOptimizer,), fields)
