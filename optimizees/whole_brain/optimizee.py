"""Whole-brain models as an optimizee: many parameter sets in one call."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from l2l.errors import ConfigError, need
from l2l.optimizee import BatchResult, Optimizee, Result
from l2l.optimizees.whole_brain.analysis import flat
from l2l.optimizees.whole_brain.backends import backend
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizees.whole_brain.study import Study
from l2l.space import ParameterSpace

SERIES = 2**30  #: bytes of series that are kept at a time, at most


class WholeBrain(Optimizee):
    """A whole-brain model, simulated by the thousand on CPUs and GPUs; maximise its fitness.

    Regions are neural masses (AdEx mean field, Generic2dOscillator, Wong-Wang, Wilson-Cowan,
    Montbrio-Pazo-Roxin, Kuramoto, or a user's own), linked by a connectome with delays. Individuals
    hold what ``parameters`` declares: parameters of the model, of all regions or of each; ``speed``
    of conduction; ``subject``, the number of a connectome. With several connectomes and no
    ``subject``, each set is simulated for all of them and judged by the means of all columns.

    Fitness is a metric, such as the correlation of functional with structural connectivity
    (``corr_FC_SC``) or with a measured one (``corr_FC_target``), or a function of the user; all
    other metrics become columns of the history. What depends on chance depends on the individual's
    seed alone: neither on its batch, nor on threads, workers or nodes. A set that diverges has
    failed, and leaves the others as they are.

    Raises:
        ConfigError: If a name or a value is wrong; before anything is simulated.
        MissingExtra: If the backend's packages are not installed.
    """

    Parameters = WholeBrainParameters
    parameters: WholeBrainParameters
    space: ParameterSpace
    reusable = True
    figures: ClassVar[Mapping[str, str]] = {
        name: f"l2l.optimizees.whole_brain.figures:{name}" for name in ("traces", "regions")
    }

    def __init__(self, traj: Any = None, parameters: WholeBrainParameters | None = None) -> None:
        super().__init__(traj, parameters)
        backend(self.parameters.backend)
        need("numba", "numba", "numba")  # by metrics, whatever the backend
        need("scipy", "scipy", "scipy")
        self.study = Study(self.parameters)
        self.space = self.study.space

    def setup(self) -> None:
        """Compile all that has to be, so that its time is not that of the first evaluations."""
        began = time.perf_counter()
        study = self.study
        short = dataclasses.replace(
            study.simulation, duration=self.parameters.period, transient=0.0
        )
        short.run(study.ends()[0], study.observers())
        for population in study.populations:
            population.warm_up(study.contexts[0, population.name], study.samples, study.regions)
        if time.perf_counter() - began > 2:  # so long takes compiling, and not loading
            print(
                f"The kernels of {study.model.name} were compiled; "
                "from now on they are loaded from disk.",
                file=sys.stderr,
            )

    def max_batch(self, memory: int | None) -> int | None:
        """Return how many sets one call takes, so that their series fit in a part of the memory."""
        if memory is None or not self.study.kept:
            return self.parameters.batch
        return max(1, min(self.parameters.batch, memory // (4 * self.study.kept)))

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its parameters within their ranges, integers rounded."""
        return self.space.unflatten(self.space.repair(self.space.flatten([individual]))[0])

    def simulate(self, traj: Any) -> Result:
        """Simulate one individual."""
        one = traj.individual
        params = {name: np.asarray(one[name])[None] for name in self.space.names}
        found = self.simulate_batch(params, np.array([one.seed]))
        if not np.asarray(found.ok)[0]:
            raise FloatingPointError("the simulation diverged: a state is no longer finite")
        return Result(
            tuple(np.asarray(found.fitness)[0]),
            None if found.observation is None else np.asarray(found.observation)[0],
            {name: float(np.asarray(values)[0]) for name, values in found.metrics.items()},
        )

    def simulate_batch(self, params: Mapping[str, Any], seeds: Any) -> BatchResult:
        """Simulate individuals, ``(n,)`` or ``(n, regions)`` of each parameter."""
        subjects = self.study.subjects(params, len(seeds))
        n, each = subjects.shape
        rows = np.repeat(np.arange(n), each)  # a row a set and subject
        repeated = {name: np.asarray(values)[rows] for name, values in params.items()}
        repeated["subject"] = subjects.ravel()
        ok, columns = self._simulated(repeated, np.asarray(seeds)[rows])
        return self._judged(
            ok.reshape(n, each).all(axis=1),
            {k: v.reshape(n, each, *v.shape[1:]).mean(axis=1) for k, v in columns.items()},
        )

    def _simulated(self, params: Mapping[str, Any], seeds: Any) -> tuple[Any, dict[str, Any]]:
        """Return which sets did not diverge, and all columns; each set with its subject."""
        study = self.study
        ok, columns = np.zeros(len(seeds), bool), dict[str, Any]()
        for subject, chosen in self._parts(params["subject"]):
            part = {name: values[chosen] for name, values in params.items()}
            outcome = study.simulation.run(study.batch(part, seeds[chosen]), study.observers())
            ok[chosen] = outcome.ok
            for population in study.populations:
                context = study.contexts[subject, population.name]
                threads = study.simulation.threads
                for name, values in population.evaluate(outcome.results, context, threads).items():
                    room = np.full((len(seeds), *values.shape[1:]), np.nan)
                    columns.setdefault(name, room)[chosen] = values
        return ok, columns

    def _parts(self, subjects: Any) -> Iterator[tuple[int, Any]]:
        """Return a subject and some of its sets, until none is left.

        Series that are kept may be large: so many sets are simulated before they are analysed.
        """
        most = max(self.study.simulation.threads, SERIES // max(self.study.kept, 1))
        for subject in np.unique(subjects):
            chosen = np.flatnonzero(subjects == subject)
            for at in range(0, len(chosen), most):
                yield int(subject), chosen[at : at + most]

    def _judged(self, ok: Any, columns: dict[str, Any]) -> BatchResult:
        """Return fitness, observation and metrics of sets."""
        observation = None
        if (name := self.study.observation) is not None:
            observation = columns[name].reshape(len(ok), -1)
            if columns[name].ndim > 1:  # too many for columns of the history
                del columns[name]
        for name in self.study.objectives:
            if columns[name].ndim > 1:
                raise ConfigError(f"fitness: {name} gave many numbers, expected one for each set")
        fitness = np.stack([columns[name] for name in self.study.objectives], axis=1)
        return BatchResult(fitness, ok, observation, flat(columns))
