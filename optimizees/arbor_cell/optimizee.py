"""ArborCell: find the conductances of a cell so that it responds as a recorded one does.

Use case 2 of Yegenoglu et al. 2022, "Exploring parameter and hyper-parameter spaces of neuroscience
models on high performance computers with learning to learn", Front. Comput. Neurosci. 16:885207.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from l2l.errors import ConfigError, need
from l2l.optimizee import BatchResult, Optimizee, OptimizeeParameters
from l2l.optimizees.arbor_cell import losses
from l2l.optimizees.arbor_cell.description import Description, read
from l2l.optimizees.arbor_cell.reference import read_response
from l2l.optimizees.arbor_cell.setup import Floats, Setup
from l2l.optimizees.arbor_cell.units import number
from l2l.options import option

KINDS = ("features", "spikes", "mean_square")


class ArborCellParameters(OptimizeeParameters):
    """Parameters of :class:`ArborCell`."""

    cell: str | None = option(
        None, "file that describes the cell; the one that comes with l2l if none", path=True
    )
    fitness: str = option(
        "features",
        "features: by eFEL (extra efel); spikes: equations 4 and 5 of the paper; mean_square: its "
        "equation 2",
        choices=KINDS,
    )
    objectives: str = option(
        "one",
        "one number; or each feature (features), stimulus (mean_square), or L and S of each "
        "stimulus (spikes), which the weights of the run weigh",
        choices=("one", "each"),
    )
    penalty: float = option(
        250.0, "of a feature that a response lacks, in tolerances; no feature counts more", above=0
    )
    threads: int = option(1, "threads of Arbor", low=1)


class ArborCell(Optimizee):
    """A cell with a morphology in Arbor; fit its conductances to recorded responses, maximise.

    The file ``cell`` says which parameters there are. Fitness is minus a loss, 0 at best: with
    ``objectives: one`` the mean over the stimuli (mean_square, mV^2), over L and S of the stimuli
    (spikes, mV), or over the squared residuals of the features (features, in tolerances); with
    ``objectives: each`` minus each of them (features: of their squares).

    An observation is what should become 0: the features' residuals in tolerances, or the
    difference of the voltages in means over 5 ms. Metrics: ``mean_square`` (mV^2, over all stimuli)
    and ``spike_difference`` (mean absolute difference of the numbers of spikes), where all
    responses are known; ``missing`` (features). A negative conductance, or a voltage that is no
    number, is a failed evaluation. Nothing is random: the seed does not count.

    Raises:
        MissingExtra: If Arbor, or eFEL where it is needed, are not installed.
        ConfigError: If the cell's file is wrong.
    """

    Parameters = ArborCellParameters
    figures: ClassVar[Mapping[str, str]] = {
        "traces": "l2l.optimizees.arbor_cell.figures:traces",
        "recovery": "l2l.optimizees.arbor_cell.figures:recovery",
    }

    def __init__(self, traj: Any = None, parameters: ArborCellParameters | None = None) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        need("arbor", "arbor", "arbor")
        if p.fitness == "features":
            need("efel", "efel", "efel")
        from l2l.optimizees.arbor_cell.checks import resolve

        description = read(p.cell)
        self.cell: Setup = resolve(description)
        self.space = self.cell.space
        self.truth = _truth(description, self.space.names)
        self.threshold = number(description.spike_threshold, "mV", "spike_threshold")
        self.reference = _reference(description, self.cell)
        if self.reference is None and p.fitness != "features":
            raise ConfigError(f"fitness {p.fitness!r} needs a response of each of the stimuli")
        self.features: list[Any] = []
        if p.fitness == "features":
            from l2l.optimizees.arbor_cell.features import wanted

            given = [clamp.features for clamp in description.stimuli]
            self.features = wanted(self.cell, given, self.reference, self.threshold)

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with all parameters within their ranges."""
        space = self.cell.space
        return space.unflatten(space.repair(space.flatten([individual]))[0])

    def simulate_batch(self, params: Mapping[str, Any], seeds: Any) -> BatchResult:
        """Run all individuals and stimuli in one recipe; nothing depends on the seeds."""
        columns = [np.asarray(params[name], dtype=np.float64) for name in self.cell.space.names]
        values = np.stack(columns, axis=1)
        traces = self.responses(values)
        ok = np.isfinite(traces).all(axis=(1, 2))
        return self.judged(traces, ok)

    def responses(self, values: Floats) -> Floats:
        """Return the voltage ``(n, stimuli, samples)`` in mV for parameters ``(n, d)``.

        NaN for those with a negative conductance, of which Arbor makes NaN only later or never.
        """
        from l2l.optimizees.arbor_cell.model import responses

        setup = self.cell
        sensible = setup.sensible(values)
        traces = np.full((len(values), len(setup.stimuli), len(setup.times)), np.nan)
        if sensible.any():
            traces[sensible] = responses(setup, values[sensible], self.parameters.threads)
        return traces

    def judged(self, traces: Floats, ok: Any) -> BatchResult:
        """Return fitness, observations and metrics of traces; those that are not ``ok`` NaN."""
        loss, observation, metrics = self._losses(traces[ok])
        if self.parameters.objectives == "one":
            loss = loss.mean(axis=1, keepdims=True)
        return BatchResult(
            fitness=_spread(0.0 - loss, ok),  # no minus zeros
            ok=ok,
            observation=_spread(observation, ok),
            metrics={name: _spread(values, ok) for name, values in metrics.items()},
        )

    def _losses(self, traces: Floats) -> tuple[Floats, Floats, dict[str, Floats]]:
        """Return losses ``(n, m)``, observations ``(n, k)`` and metrics ``(n,)`` of ok traces."""
        kind, metrics = self.parameters.fitness, {}
        if self.reference is not None:
            squares = losses.mean_squares(traces, self.reference)
            metrics["mean_square"] = squares.mean(axis=1)
            counts = losses.spike_counts(traces, self.threshold)
            wanted = losses.spike_counts(self.reference, self.threshold)
            metrics["spike_difference"] = np.abs(counts - wanted).mean(axis=1)
        if kind == "features":
            from l2l.optimizees.arbor_cell.features import residuals

            seen, missing = residuals(
                self.cell, self.features, traces, self.threshold, self.parameters.penalty
            )
            metrics["missing"] = missing.sum(axis=1)
            return np.square(seen), seen, metrics
        assert self.reference is not None
        observation = losses.windows(traces, self.reference, self.cell.sampling)
        if kind == "spikes":
            return losses.spike_losses(traces, self.reference, self.threshold), observation, metrics
        return squares, observation, metrics

    @property
    def n_objectives(self) -> int:
        """How many numbers the fitness has, and so the weights of a run."""
        p, stimuli = self.parameters, len(self.cell.stimuli)
        each = {"features": len(self.features), "spikes": 2 * stimuli, "mean_square": stimuli}
        return 1 if p.objectives == "one" else each[p.fitness]


def _spread(values: Floats, ok: Any) -> Floats:
    """Return values of the ok lanes at their places, NaN elsewhere."""
    full = np.full((len(ok), *values.shape[1:]), np.nan)
    full[ok] = values
    return full


def _reference(description: Description, setup: Setup) -> Floats | None:
    """Return the responses ``(stimuli, samples)``, or None if one of them is not known."""
    paths = [description.response_of(clamp) for clamp in description.stimuli]
    found = [read_response(path, setup.times) for path in paths if path is not None]
    return np.stack(found) if len(found) == len(paths) else None


def _truth(description: Description, names: list[str]) -> dict[str, float]:
    """Return the true parameters, where the file knows them."""
    truth = {str(name): number(value, "", "truth") for name, value in description.truth.items()}
    if truth and set(truth) != set(names):
        raise ConfigError(
            f"{description.path}: truth must have each parameter once: {', '.join(names)}; got "
            f"{', '.join(truth)}"
        )
    return {name: truth[name] for name in names if truth}
