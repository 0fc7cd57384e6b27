"""What the options of the whole-brain optimizee describe: model, subjects, simulation, metrics."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ConfigError, about, nearest
from l2l.optimizees.command.declared import space_from
from l2l.optimizees.whole_brain.analysis import METRICS, Context
from l2l.optimizees.whole_brain.analysis.metrics import MANY
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.checked import (
    amplitudes,
    number,
    per_region,
    pulse,
    rehearse,
    threads_of,
)
from l2l.optimizees.whole_brain.connectome import Connectome, read, read_target, synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Observer
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizees.whole_brain.populations import Population, populations
from l2l.optimizees.whole_brain.simulation import Simulation

log = logging.getLogger("l2l")
#: What can be searched for beside the parameters of the model.
ENGINE = ("speed", "subject")
#: What of a context is not a setting.
_OWN = ("period", "weights", "lengths", "target_fc")


class Study:
    """What is simulated and how it is judged.

    Args:
        parameters: The options.

    Attributes:
        model: The neural mass model.
        space: What is searched for.
        fixed: What else differs from the model's defaults, beside the preset.
        connectomes: One a subject.
        populations: What is analysed.
        contexts: What metrics need to know, by the number of the subject and the population's name.
        simulation: How it is simulated.
        objectives: The columns that are the fitness.
        observation: The column that is the observation, or None.

    Raises:
        ConfigError: If a name or a value is wrong.
    """

    def __init__(self, parameters: WholeBrainParameters) -> None:
        self.parameters = p = parameters
        with about("model"):
            self.model = load(p.model)
            self.preset = self.model.preset(p.preset)
        self.space = space_from(p.parameters)
        self.connectomes = _connectomes(p.connectome, p.scale_weights)
        self.fixed = dict(p.fixed or {})
        self._check_names()
        self.fixed = self._numbers(self.fixed)
        amplitudes(self.model, self.space, self.fixed, self.model.defaults(p.preset), noise=p.noise)
        self.populations = self._populations()
        self.contexts = self._contexts()
        self.simulation = self._simulation()
        self._check_metrics()
        self._check_step()
        self.objectives = [self._column("fitness", name) for name in p.fitnesses]
        self.observation = None
        if p.observation is not None:
            self.observation = self._column("observation", p.observation)
        for name in self.objectives:
            if name.removesuffix(f"_{self._suffix(name)}") in MANY:
                raise ConfigError(f"fitness: {name} is many numbers, expected a metric of one")
        with about("parameters"):
            rehearse(self.simulation, self.ends(), self.observers())

    @property
    def regions(self) -> int:
        """Number of regions."""
        return self.connectomes[0].n_regions

    @property
    def samples(self) -> int:
        """Samples of a set that are analysed, of all that is not BOLD."""
        return self.simulation.samples - self.simulation.skipped

    @property
    def kept(self) -> int:
        """Bytes of the series that are kept of one set."""
        periods = [one.period for one in self.populations if not one.summarised]
        whole = self.samples * self.parameters.period
        size = int(np.dtype(self.simulation.dtype).itemsize)
        return sum(int(whole / period) for period in periods) * self.regions * size

    def observers(self) -> list[Observer]:
        """Return what is observed of each set."""
        return [one for population in self.populations for one in population.observers()]

    def subjects(self, params: Mapping[str, Any], sets: int) -> Any:
        """Return the subjects that each set is simulated for, ``(sets, subjects of each)``.

        Where nothing says which, these are all of them: the set is judged by its mean.
        """
        given = params.get("subject", self.fixed.get("subject"))
        if given is None:
            return np.broadcast_to(np.arange(len(self.connectomes)), (sets, len(self.connectomes)))
        return np.broadcast_to(np.asarray(given, np.int64), (sets,))[:, None]

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

    def ends(self) -> list[Batch]:
        """Return the two individuals at the ends of all ranges."""
        batches = []
        for end in ("low", "high"):
            params = {}
            for p in self.space.parameters:
                value = getattr(p, end)
                if p.choices:
                    value = (min if end == "low" else max)(p.choices)
                params[p.name] = np.full((1, *p.shape), value)
            batches.append(self.batch(params, [1]))
        return batches

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

        for parameter in self.space.parameters:
            if parameter.name in ENGINE and parameter.shape:
                raise ConfigError(f"parameters: {parameter.name} is one number of all regions")
            for choice in parameter.choices or ():
                with about("parameters", parameter.name):
                    number("choices", choice)
            if parameter.name == "subject" and not (parameter.choices or parameter.kind == "int"):
                raise ConfigError(
                    "parameters: subject is the number of a connectome; give whole numbers: "
                    f"[0, {len(self.connectomes) - 1}]"
                )

    def _numbers(self, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is fixed as numbers, of all regions or of each."""
        found = {}
        for name, value in fixed.items():
            with about("fixed", name):
                whole = name in ENGINE
                found[name] = (
                    number(name, value) if whole else per_region(name, value, self.regions)
                )
        return found

    def _check_metrics(self) -> None:
        for population in self.populations:
            for k in range(len(self.connectomes)):
                context = self.contexts[k, population.name]
                population.check(context, self.samples * self.parameters.period, self.regions)

    def _check_step(self) -> None:
        """Warn of a step that is known to be too long for the model."""
        simulation, limits = self.simulation, self.model.steps
        if simulation.dt > limits.get(simulation.integrator, np.inf):
            known = " or ".join(f"{name} with at most {dt:g} ms" for name, dt in limits.items())
            log.warning(
                "%s with steps of %g ms is not exact for the model %s: take %s",
                simulation.integrator,
                simulation.dt,
                self.model.name,
                known,
            )

    def _suffix(self, column: str) -> str:
        """Return the name of the population that a column is of."""
        names = [one.name for one in self.populations if one.name]
        return next((name for name in names if column.endswith(f"_{name}")), "")

    def _column(self, option: str, name: str) -> str:
        """Return the column that an option names; a lone population need not be named."""
        key = name.rpartition(":")[2]
        single = len(self.populations) == 1 and self.populations[0].name
        if single and key in METRICS:
            key = f"{key}_{single}"
        known = {one.column(metric) for one in self.populations for metric in one.metrics}
        if key not in known:
            raise ConfigError(f"{option}: there is no {key!r}; {nearest(key, known)}")
        return key

    def _populations(self) -> list[Population]:
        p = self.parameters
        further = _all_metrics(p) if p.metrics == "all" else list(p.metrics or ())
        observed = [] if p.observation is None else [p.observation]
        wanted = list(dict.fromkeys([*p.fitnesses, *further, *observed]))
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
            stimulus=None
            if p.stimulus is None
            else pulse(p.stimulus, self.model, self.regions, p.duration, p.dt),
            threads=threads_of(p.threads),
            backend=p.backend,
        )


def _all_metrics(p: WholeBrainParameters) -> list[str]:
    """Return all metrics that need nothing that is not given, but those of all pairs and phFCD."""
    given = {"weights", "lengths", *(p.analysis or {})} | ({"target_fc"} if p.target else set())
    without = {"FC", "FCD", "phFCD", "ks_phFCD", "mean_phFCD", "var_phFCD"}
    return [n for n, m in METRICS.items() if set(m.needs) <= given and n not in without]


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
        sizes = [one.n_regions for one in found]
        if len(set(sizes)) > 1:
            raise ConfigError(f"all subjects must have the same number of regions, got {sizes}")
        return found


def _connectome(given: str) -> Connectome:
    kind, _, rest = given.partition(":")
    if kind != "synthetic":
        return read(Path(given).expanduser())
    numbers = rest.split(":")
    if len(numbers) > 2 or not all(one.isdecimal() for one in numbers):
        raise ConfigError(f"expected synthetic:REGIONS or synthetic:REGIONS:SEED, got {given!r}")
    return synthetic(*map(int, numbers))
