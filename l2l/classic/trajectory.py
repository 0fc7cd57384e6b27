"""The trajectory of classic run scripts: parameters before the run, results after it."""

from __future__ import annotations

import functools
from typing import Any

from l2l.errors import L2LError, nearest
from l2l.optimizee import Individual
from l2l.trajectory import Trajectory as History

__all__ = ["Individual", "ParameterGroup", "Results", "Trajectory"]


class ParameterGroup(dict[str, Any]):
    """Named values whose entries are attributes, and may be groups themselves."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"no parameter {name!r}; {nearest(name, self)}")

    def at(self, dotted: str) -> Any:
        """Return the entry at ``a.b.c``."""
        return functools.reduce(getattr, dotted.split("."), self)

    def put(self, dotted: str, value: Any) -> None:
        """Set the entry at ``a.b.c``, making groups on the way."""
        *groups, last = dotted.split(".")
        here = self
        for group in groups:
            here = here.setdefault(group, ParameterGroup())
        here[last] = value


class Results:
    """Results by generation: ``all_results[g]`` is a list of ``(index, fitness)``."""

    def __init__(self, history: History | None, added: ParameterGroup) -> None:
        self._history = history
        self._added = added

    @property
    def all_results(self) -> dict[int, list[tuple[int, tuple[float, ...]]]]:
        """``(index, fitness)`` of each evaluation, by generation."""
        results: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
        for entry in self._history or ():
            fitness = tuple(entry.fitness.tolist())
            results.setdefault(entry.generation, []).append((entry.index, fitness))
        return results

    def __getattr__(self, name: str) -> Any:
        return getattr(self._added, name)


class Trajectory:
    """What a classic script shares with its optimizee and optimizer.

    Before a run it takes parameters (``f_add_parameter`` and relatives) and offers an example
    ``individual``. After ``end_experiment``, or from ``load_trajectory``, it holds the results;
    ``history`` is the same run as :class:`l2l.Trajectory`.
    """

    def __init__(self, name: str = "trajectory", history: History | None = None) -> None:
        self.name = name
        self.individual = Individual({})
        self.parameters = ParameterGroup()
        self.history = history
        self.optimizer: Any = None  # the one that was made last with this trajectory
        self._added = ParameterGroup()

    # -- parameters ---------------------------------------------------------------------------

    @property
    def par(self) -> ParameterGroup:
        """Short for ``parameters``."""
        return self.parameters

    def f_add_parameter_group(self, name: str, comment: str = "") -> None:
        """Add an empty group of parameters."""
        self.parameters.put(name, ParameterGroup())

    def f_add_parameter_to_group(self, group_name: str, key: str, val: Any) -> None:
        """Add a parameter to a group."""
        self.parameters.put(f"{group_name}.{key}", val)

    def f_add_parameter(self, key: str, val: Any, comment: str = "") -> None:
        """Add a parameter; dots in its name make groups."""
        self.parameters.put(key, val)

    f_add_derived_parameter = f_add_parameter

    def f_add_result(self, key: str, val: Any, comment: str = "") -> None:
        """Keep a value beside the results of the run (in memory)."""
        self._added.put(key, val)

    def __getitem__(self, dotted: str) -> Any:
        return self.parameters.at(dotted.removeprefix("parameters."))

    def __getattr__(self, name: str) -> Any:
        parameters = self.__dict__.get("parameters", {})
        if name in parameters:
            return parameters[name]
        raise AttributeError(
            f"the trajectory has no {name!r}; parameters: {', '.join(parameters) or 'none'}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Workers get the parameters; history and optimizer stay here."""
        return {**self.__dict__, "history": None, "optimizer": None}

    # -- results ------------------------------------------------------------------------------

    @property
    def results(self) -> Results:
        """Results by generation, and whatever was added with ``f_add_result``."""
        return Results(self.history, self._added)

    @property
    def individuals(self) -> dict[int, list[Individual]]:
        """The individuals of each generation."""
        generations: dict[int, list[Individual]] = {}
        for entry in self._run():
            one = Individual(
                entry.individual, generation=entry.generation, ind_idx=entry.index, seed=entry.seed
            )
            generations.setdefault(entry.generation, []).append(one)
        return generations

    @property
    def current_results(self) -> list[tuple[int, tuple[float, ...]]]:
        """``(index, fitness)`` of the last generation."""
        every = self.results.all_results
        return every[max(every)] if every else []

    def _run(self) -> History:
        if self.history is None:
            raise L2LError("the trajectory has no results yet: run the experiment first")
        return self.history
