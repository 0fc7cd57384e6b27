"""Whole-brain models as an optimizee: many parameter sets in one call."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from l2l.errors import ConfigError, about, nearest
from l2l.optimizee import BatchResult, Optimizee, Result
from l2l.optimizees.command.declared import space_from
from l2l.optimizees.tvb.fitness import read_target
from l2l.optimizees.whole_brain.analysis import METRICS, Context
from l2l.optimizees.whole_brain.backends import backend
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, read, synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Observer
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizees.whole_brain.populations import Population, populations
from l2l.optimizees.whole_brain.simulation import Simulation, Stimulus
from l2l.space import ParameterSpace

#: What can be searched for beside the parameters of the model.
ENGINE = ("speed", "subject")
#: What of a context is not a setting.
_OWN = ("period", "weights", "lengths", "target_fc")


class WholeBrain(Optimizee):
    """A whole-brain model, simulated by the thousand on CPUs and GPUs; maximise its fitness.

    Regions are neural masses (AdEx mean field, Generic2dOscillator, Wong-Wang, Wilson-Cowan,
    Montbrio-Pazo-Roxin, Kuramoto, or a user's own), linked by a connectome with delays. Individuals
    hold what ``parameters`` declares: parameters of the model, of all regions or of each; ``speed``
    of conduction; ``subject``, the number of a connectome.

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
        p = self.parameters
        backend(p.backend)
        with about("model"):
            self.model = load(p.model)
            self.preset = self.model.preset(p.preset)
        self.space = space_from(p.parameters)
        self.fixed = dict(p.fixed or {})
        self.connectomes = _connectomes(p.connectome, p.scale_weights)
        self._check_names()
        self.populations = self._populations()
        self.contexts = self._contexts()
        self.simulation = self._simulation()
        samples = self.simulation.samples - self.simulation.skipped
        for population in self.populations:
            count = int(samples * p.period / population.period + 1e-6)
            population.check(self.contexts[0, population.name], count, self.regions)
        self._columns = {
            population.column(m) for population in self.populations for m in population.metrics
        }
        for name in self._objectives():
            if name not in self._columns:
                raise ConfigError(f"fitness: there is no {name!r}; {nearest(name, self._columns)}")

    @property
    def regions(self) -> int:
        """Number of regions."""
        return self.connectomes[0].n_regions

    def max_batch(self, memory: int | None) -> int | None:
        """Return how many sets one call takes."""
        return self.parameters.batch

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
        metrics = {name: float(np.asarray(v)[0]) for name, v in found.metrics.items()}
        return Result(tuple(np.asarray(found.fitness)[0]), metrics=metrics)

    def simulate_batch(self, params: Mapping[str, Any], seeds: Any) -> BatchResult:
        """Simulate individuals, ``(n,)`` or ``(n, regions)`` of each parameter."""
        subject = np.asarray(params.get("subject", self.fixed.get("subject", 0)), np.int64)
        subject = np.broadcast_to(subject, (len(seeds),))
        ok = np.zeros(len(seeds), bool)
        columns: dict[str, Any] = {}
        for one in np.unique(subject):
            chosen = np.flatnonzero(subject == one)
            part = {name: np.asarray(values)[chosen] for name, values in params.items()}
            outcome = self.simulation.run(
                self.batch(part, np.asarray(seeds)[chosen]),
                self.observers(),
            )
            ok[chosen] = outcome.ok
            for population in self.populations:
                context = self.contexts[int(one), population.name]
                found = population.evaluate(outcome.results, context)
                for name, values in found.items():
                    columns.setdefault(name, np.full(len(seeds), np.nan))[chosen] = values
        fitness = np.stack([columns[name] for name in self._objectives()], axis=1)
        return BatchResult(fitness, ok, metrics=columns)

    def observers(self) -> list[Observer]:
        """Return what is observed of each set."""
        return [one for population in self.populations for one in population.observers()]

    def batch(self, params: Mapping[str, Any], seeds: Any) -> Batch:
        """Return individuals as the batch that is simulated."""
        values = {**self.fixed, **params}
        speed = values.pop("speed", self.parameters.speed)
        subject = values.pop("subject", 0)
        if self.parameters.seed is not None:
            seeds = np.full(len(seeds), self.parameters.seed)
        return Batch(
            self.model,
            self.connectomes,
            seeds,
            {**self.preset, **values},
            np.inf if speed is None else speed,
            subject,
            self.parameters.initial,
        )

    # -- what the options say ---------------------------------------------------------------------

    def _check_names(self) -> None:
        known = [*self.model.parameter_names, *ENGINE]
        for where, names in (("parameters", self.space.names), ("fixed", self.fixed)):
            for name in names:
                if name not in known:
                    raise ConfigError(
                        f"{where}: the model {self.model.name} has no {name!r}; "
                        f"{nearest(name, known)}"
                    )
        if both := sorted(set(self.fixed) & set(self.space.names)):
            raise ConfigError(f"fixed: {both[0]} is searched for as well")
        if self.parameters.speed is not None and "speed" in {*self.fixed, *self.space.names}:
            raise ConfigError("speed is given twice: as an option, and as a parameter")
        for name in self.parameters.initial or {}:
            if name not in self.model.state_names:
                raise ConfigError(
                    f"initial: the model {self.model.name} has no state {name!r}; "
                    f"{nearest(name, self.model.state_names)}"
                )
        for parameter in self.space.parameters:
            if parameter.shape not in ((), (self.regions,)):
                raise ConfigError(
                    f"parameters: {parameter.name} has the shape {parameter.shape}; expected one "
                    f"number, or one for each of {self.regions} regions"
                )

    def _objectives(self) -> list[str]:
        """Return the columns that are the fitness."""
        single = len(self.populations) == 1 and self.populations[0].name
        return [
            f"{key}_{single}" if single and key in METRICS else key
            for key in (name.rpartition(":")[2] for name in self.parameters.fitnesses)
        ]

    def _populations(self) -> list[Population]:
        p = self.parameters
        further = _all_metrics(p) if p.metrics == "all" else list(p.metrics or ())
        wanted = list(dict.fromkeys([*p.fitnesses, *further]))
        return populations(self.model, p.observe, p.bold, p.period, wanted)

    def _contexts(self) -> dict[tuple[int, str], Context]:
        p = self.parameters
        targets = _list(p.target) or [None] * len(self.connectomes)
        if len(targets) != len(self.connectomes):
            raise ConfigError(
                f"target: {len(targets)} for {len(self.connectomes)} connectomes; give one for each"
            )
        settings = dict(p.analysis or {})
        known = [f.name for f in dataclasses.fields(Context) if f.name not in _OWN]
        with about("analysis"):
            for name in settings:
                if name not in known:
                    raise ConfigError(f"there is no {name!r}; {nearest(name, known)}")
            return {
                (k, population.name): Context(
                    population.period,
                    connectome.weights,
                    connectome.lengths,
                    None if targets[k] is None else read_target(targets[k], self.regions),
                    **settings,
                )
                for k, connectome in enumerate(self.connectomes)
                for population in self.populations
            }

    def _simulation(self) -> Simulation:
        p = self.parameters
        return Simulation(
            self.model,
            p.duration,
            dt=p.dt,
            period=p.period,
            transient=p.transient,
            integrator=p.integrator,
            stochastic=p.noise,
            exact_ou=p.exact_noise,
            precision=p.precision,
            generator=p.generator,
            wrap_delays_at=p.wrap_delays_at,
            stimulus=None if p.stimulus is None else self._stimulus(dict(p.stimulus)),
            threads=p.threads or int(os.environ.get("OMP_NUM_THREADS") or 1),
            backend=p.backend,
        )

    def _stimulus(self, given: dict[str, Any]) -> Stimulus:
        """Return a pulse on one state of some regions."""
        p, known = self.parameters, ("state", "amplitude", "onset", "duration", "regions")
        for name in given:
            if name not in known:
                raise ConfigError(f"stimulus: there is no {name!r}; {nearest(name, known)}")
        if given.get("state") not in self.model.state_names:
            raise ConfigError(
                f"stimulus: state must be one of {', '.join(self.model.state_names)}; "
                f"got {given.get('state')!r}"
            )
        pattern = np.zeros(self.regions)
        pattern[given.get("regions", slice(None))] = float(given.get("amplitude", 1.0))
        onset = float(given.get("onset", 0.0))
        end = onset + float(given.get("duration", p.duration - onset))
        times = np.arange(round(p.duration / p.dt)) * p.dt
        return Stimulus(given["state"], pattern, ((times >= onset) & (times < end)).astype(float))


def _all_metrics(p: WholeBrainParameters) -> list[str]:
    """Return all metrics of one number that need nothing that is not given."""
    given = {"weights", "lengths", *(p.analysis or {})} | ({"target_fc"} if p.target else set())
    many = {"FC", "FCD", "phFCD", "ks_phFCD", "mean_phFCD", "var_phFCD"}
    return [n for n, m in METRICS.items() if set(m.needs) <= given and n not in many]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _connectomes(given: Any, scale: str) -> list[Connectome]:
    """Return the connectomes of all subjects."""
    with about("connectome"):
        found = [_connectome(str(one)).scaled(scale) for one in _list(given)]
        if not found:
            raise ConfigError("expected a file, or synthetic:REGIONS")
        return found


def _connectome(given: str) -> Connectome:
    kind, _, rest = given.partition(":")
    if kind != "synthetic":
        return read(Path(given).expanduser())
    try:
        numbers = [int(number) for number in rest.split(":")]
        return synthetic(*numbers)
    except (ValueError, TypeError):
        raise ConfigError(
            f"expected synthetic:REGIONS or synthetic:REGIONS:SEED, got {given!r}"
        ) from None
