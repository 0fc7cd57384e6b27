"""What is analysed: the series of some quantities, and the metrics that are wanted of each."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.errors import ConfigError, about, nearest
from l2l.optimizees.whole_brain.analysis import (
    METRICS,
    Context,
    Metric,
    check,
    evaluate,
    metrics,
)
from l2l.optimizees.whole_brain.analysis.moments import OF_MOMENTS, of_moments
from l2l.optimizees.whole_brain.model import Floats, Model
from l2l.optimizees.whole_brain.observe import Bold, Connectivity, Observer, Series, Statistics

#: From a quantity's unit to the Hz that metrics take.
TO_HZ = {"kHz": 1e3}
SETTLING = 20_000.0  #: ms in which the BOLD signal settles, left out unless `skip` says otherwise
BOLD = "bold"  #: what columns of the BOLD signal end with


@dataclass(frozen=True)
class Population:
    """A quantity whose series is analysed.

    Attributes:
        name: What its columns end with; empty for none.
        output: A state, or what else can be observed in the model.
        scale: Factor to Hz.
        period: Between samples, in ms.
        metrics: What is wanted of it.
        bold: Options of :class:`Bold`, where its BOLD signal is analysed in its place.
    """

    name: str
    output: str
    scale: float
    period: float
    metrics: Mapping[str, Metric]
    bold: Mapping[str, Any] | None = None

    @property
    def summarised(self) -> bool:
        """Whether moments are enough, so that memory does not grow with simulated time."""
        return set(self.metrics) <= OF_MOMENTS

    def observers(self) -> list[Observer]:
        """Return what keeps its series, or its moments."""
        kept: list[Observer] = [Series(self.key, self.output)]
        if self.summarised:
            kept = [Statistics(self.key, self.output), Connectivity(f"{self.key}_fc", self.output)]
        if self.bold is None:
            return kept
        for observer in kept:
            observer.output = ""  # they see the BOLD signal
        return [Bold(kept, output=self.output, **self.bold)]

    @property
    def key(self) -> str:
        """Name of its series among the results."""
        return f"series {self.name}"

    def column(self, metric: str) -> str:
        """Return the name of a metric's column."""
        return f"{metric}_{self.name}" if self.name else metric

    def check(self, context: Context, duration: float, regions: int) -> None:
        """Raise ConfigError if a metric can't be computed of so many ms."""
        skip = float((self.bold or {}).get("skip", 0.0))
        samples = int(duration / self.period + 1e-6) - int(skip / self.period + 1e-9)
        with about("metrics"):
            check(self.metrics, context, samples, regions)

    def warm_up(self, context: Context, samples: int, regions: int) -> None:
        """Compile what metrics need, by a silent brain."""
        if not self.summarised:
            evaluate(self.metrics, {self.name: np.zeros((1, samples, regions))}, context)

    def evaluate(
        self, results: Mapping[str, Floats], context: Context, threads: int = 1
    ) -> dict[str, Floats]:
        """Return the columns of what the observers found, ``(sets,)`` or ``(sets, k)`` each."""
        if not self.summarised:
            series = results[self.key]
            if self.scale != 1:
                series = series * np.float32(self.scale)
            return evaluate(self.metrics, {self.name: series}, context, threads)
        mean, sd = (results[f"{self.key}_{what}"] * self.scale for what in ("mean", "sd"))
        found = of_moments(self.metrics, mean, sd, results[f"{self.key}_fc"], context)
        return {self.column(name): values for name, values in found.items()}


def populations(
    model: Model,
    observe: Any,
    bold: Mapping[str, Any] | None,
    period: float,
    wanted: Sequence[str],
) -> list[Population]:
    """Return the populations of a model that are analysed.

    Args:
        model: The neural mass model.
        observe: Names of quantities by the names of populations; a quantity; or None for the one
            that regions send first.
        bold: ``{"tr": 2000.0, "convention": "friston"}``, or None.
        period: Between samples of the simulation, in ms.
        wanted: Metrics of all populations, or with the name of one: ``mean_FC``, ``mean_FC_e``.

    Raises:
        ConfigError: If a name is unknown.
    """
    quantities = _quantities(model, observe)
    names = [*quantities, *([BOLD] if bold is not None else [])]
    shares = _shares(wanted, names)
    found = []
    for name, output in quantities.items():
        with about("observe"):
            model.output(output)
        found.append(
            Population(name, output, TO_HZ.get(_unit(model, output), 1.0), period, shares[name])
        )
    if bold is not None:
        if BOLD in quantities:
            raise ConfigError(f"observe: {BOLD} is the name of the BOLD signal; take another")
        options = dict(bold)
        known = [n for n in inspect.signature(Bold).parameters if n != "observers"]
        for name, value in options.items():
            if name not in known:
                raise ConfigError(f"bold: there is no {name!r}; {nearest(name, known)}")
            if name in ("tr", "step", "scale", "skip") and (
                not isinstance(value, (int, float)) or not np.isfinite(value) or value < 0
            ):
                raise ConfigError(f"bold: {name} must be a number from 0, got {value!r}")
        options.setdefault("scale", model.bold_scale)
        options.setdefault("skip", SETTLING)
        tr = float(options.setdefault("tr", 2000.0))
        output = str(options.pop("output", model.bold))
        with about("bold"):
            model.output(output)
        found.append(Population(BOLD, output, 1.0, tr, shares[BOLD], options))
    return [population for population in found if population.metrics]


def _quantities(model: Model, observe: Any) -> dict[str, str]:
    if observe is None:
        first = model.sent[0] if model.sent[0] in model.state_names else model.state_names[0]
        return {"": first}
    return (
        {"": observe} if isinstance(observe, str) else {str(k): str(v) for k, v in observe.items()}
    )


def _unit(model: Model, output: str) -> str:
    return next((state.unit for state in model.states if state.name == output), "")


def _shares(wanted: Iterable[str], names: Sequence[str]) -> dict[str, dict[str, Metric]]:
    """Return the metrics of each population."""
    shares: dict[str, dict[str, Metric]] = {name: {} for name in names}
    for metric in wanted:
        if metric in METRICS or ":" in metric:
            for name in names:
                shares[name] |= metrics([metric])
            continue
        own = next((n for n in names if n and metric.endswith(f"_{n}")), "")
        base = metric.removesuffix(f"_{own}")
        if not own or base not in METRICS:
            known = [*METRICS, *(f"{m}_{n}" for m in METRICS for n in names if n)]
            raise ConfigError(f"there is no metric {metric!r}; {nearest(metric, known)}")
        shares[own] |= metrics([base])
    return shares
