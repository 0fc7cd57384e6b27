"""TVB: any model of an installed tvb-library, run by its own Simulator."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ConfigError, about
from l2l.optimizee import Optimizee, OptimizeeParameters, Result
from l2l.optimizees.command.declared import space_from
from l2l.optimizees.tvb import names
from l2l.optimizees.tvb.fitness import Judge
from l2l.optimizees.tvb.simulation import Brain
from l2l.optimizees.whole_brain.analysis import Context
from l2l.optimizees.whole_brain.connectome import SCALINGS, Connectome, read, read_target
from l2l.options import option
from l2l.space import ParameterSpace

_DEFAULT = "connectivity_76.zip"  #: of tvb-data, as TVB's own default


class TVBParameters(OptimizeeParameters):
    """Parameters of :class:`TVB`."""

    model: str = option(
        "Generic2dOscillator", "class of tvb.simulator.models, or module:Class", path="reference"
    )
    parameters: Any = option(
        None, "what is searched for: {coupling_a: [0.0, 0.1], speed: [1.0, 10.0]}"
    )
    fixed: Any = option(None, "what else differs from TVB's defaults: {a: -1.5, noise: 1.0e-5}")
    connectome: str | None = option(
        None, "zip, npz or folder; the 76 regions of tvb-data if none", path=True
    )
    scale_weights: str = option("none", "what the weights are divided by", choices=SCALINGS)
    coupling: str = option("Linear", "class of tvb.simulator.coupling")
    integrator: str = option("heun", "scheme; stochastic with noise", choices=("heun", "euler"))
    dt: float = option(0.1, "step", above=0, unit="ms")
    duration: float = option(2000.0, "simulated time", above=0, unit="ms")
    transient: float = option(500.0, "left out of it, at its start", low=0, unit="ms")
    monitor: str = option(
        "TemporalAverage", "class of tvb.simulator.monitors", choices=tuple(names.MONITORS)
    )
    period: float | None = option(
        None, "between samples; 1, of Bold 2000, of Raw dt", above=0, unit="ms"
    )
    observe: str | None = option(None, "state, or a sum that TVB offers: V + W; its first if none")
    initial: Any = option(None, "states with a given start: {V: 0.1}; TVB draws the others")
    fitness: str = option(
        "corr_FC_SC",
        "a metric of whole_brain.analysis, or module:function, file.py:function",
        path="reference",
    )
    metrics: Any = option(("mean_FC",), "further ones to record, a list", path="reference")
    target: str | None = option(
        None, "functional connectivity for corr_FC_target, .npy or text", path=True
    )

    def check(self) -> None:
        """Check what needs no look at files, nor at TVB."""
        if self.transient >= self.duration:
            raise ConfigError(
                f"transient must be shorter than duration, {self.duration:g} ms; "
                f"got {self.transient:g}"
            )
        for name in ("fixed", "initial"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Mapping):
                raise ConfigError(f"{name}: expected names and values, got {given!r}")
        given = self.metrics
        if isinstance(given, str) or not all(isinstance(name, str) for name in given or ()):
            raise ConfigError(f"metrics: expected a list of names, got {given!r}")
        self._check_times()

    def _check_times(self) -> None:
        if self.monitor == "Raw" and self.period is not None:
            raise ConfigError("period: the monitor Raw keeps each step; SubSample has a period")
        if not _divides(self.dt, self.sampled):
            raise ConfigError(
                f"period must be a multiple of dt, {self.dt:g} ms; got {self.sampled:g} ms"
            )
        # TVB feeds the haemodynamic response with averages over 4 ms
        if self.monitor == "Bold" and not (_divides(self.dt, 4.0) and _divides(4.0, self.sampled)):
            raise ConfigError(
                "the monitor Bold needs a dt of which 4 ms is a multiple, and a period that is a "
                f"multiple of 4 ms; got {self.dt:g} and {self.sampled:g} ms"
            )

    @property
    def sampled(self) -> float:
        """Time between samples in ms."""
        return self.period or names.MONITORS[self.monitor] or self.dt


class TVB(Optimizee):
    """A whole-brain model of The Virtual Brain, simulated by tvb-library; maximise its fitness.

    Fitness is a metric of :mod:`l2l.optimizees.whole_brain.analysis`: the correlation of functional
    with structural connectivity (``corr_FC_SC``), or with a measured one (``corr_FC_target``), or
    what a function of the user returns. Individuals hold what ``parameters`` declares: parameters
    of the model, of the coupling (``coupling_a``), ``speed``, ``noise``.

    The individual's seed draws the initial history and the noise: the same seed, the same result.
    One evaluation is one simulation, on one core. A simulation that diverges has failed.

    Raises:
        ConfigError: If model, coupling, a name or a value is wrong; before anything is simulated.
        MissingExtra: If tvb-library is not installed.
    """

    Parameters = TVBParameters
    parameters: TVBParameters
    space: ParameterSpace

    def __init__(self, traj: Any = None, parameters: TVBParameters | None = None) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        model, coupling = names.model_class(p.model), names.coupling_class(p.coupling)
        self.space = space_from(p.parameters)
        self.fixed = dict(p.fixed or {})
        with about("parameters"):
            names.check_names(self.space.names, model, coupling, "parameters")
        with about("fixed"):
            names.check_names(self.fixed, model, coupling, "fixed")
            if both := sorted(set(self.fixed) & set(self.space.names)):
                raise ConfigError(f"fixed: {both[0]} is searched for as well")
        names.check_states(p.initial or {}, model, "initial")
        connectome = _connectome(p.connectome).scaled(p.scale_weights)
        n = connectome.n_regions
        target = None if p.target is None else read_target(p.target, n)
        about_it = Context(p.sampled, connectome.weights, connectome.lengths, target)
        self.judge = Judge(p.fitness, tuple(p.metrics or ()), about_it)
        self.judge.check(int((p.duration - p.transient) / p.sampled + 1e-6), n)
        self.brain = Brain(
            p.model, p.coupling, connectome, p.integrator, p.dt, p.duration, p.transient,
            p.monitor, p.sampled, names.observed(model, p.observe), dict(p.initial or {}),
        )  # fmt: skip
        self._try_out()

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its parameters within their ranges, integers rounded."""
        return self.space.unflatten(self.space.repair(self.space.flatten([individual]))[0])

    def simulate(self, traj: Any) -> Result:
        """Simulate one individual."""
        one = traj.individual
        return self.judge.result(self.brain.run({**self.fixed, **one.params}, one.seed))

    def _try_out(self) -> None:
        """Let TVB build a simulation, without a step of it, so that it refuses values now."""
        for place in (0.0, 1.0):
            (corner,) = self.space.decode(np.full((1, self.space.size), place))
            try:
                self.brain.simulator({**self.fixed, **corner}, 1)
            except ConfigError:
                raise
            except Exception as error:
                raise ConfigError(
                    f"TVB refuses {self.parameters.model} with {corner}: "
                    f"{type(error).__name__}: {error}"
                ) from error


def _connectome(path: str | None) -> Connectome:
    """Return the connectome in a file, or the one of tvb-data."""
    if path is not None:
        return read(path)
    found = importlib.util.find_spec("tvb_data")
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            "no connectome is given, and the package tvb-data, whose 76 regions are the default, "
            "is not installed. Set `connectome:` to a file, or: pip install tvb-data"
        )
    return read(Path(found.submodule_search_locations[0]) / "connectivity" / _DEFAULT)


def _divides(step: float, time: float) -> bool:
    """Whether a time is a whole multiple of a step, but for rounding."""
    return round(time / step) >= 1 and abs(time / step - round(time / step)) < 1e-6
