"""The options of the whole-brain optimizee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2l.errors import ConfigError
from l2l.optimizee import OptimizeeParameters
from l2l.optimizees.whole_brain.connectome import SCALINGS
from l2l.options import option

BACKENDS = ("auto", "numba", "numba-cuda", "numpy")


class WholeBrainParameters(OptimizeeParameters):
    """Parameters of :class:`WholeBrain`."""

    model: str = option(
        "generic2d", "neural mass model: a name, file.py:NAME or module:NAME", path="reference"
    )
    preset: str | None = option(None, "named set of the model's defaults, such as tvb_hpc")
    parameters: Any = option(
        None,
        "what is searched for: {G: [0.0, 1.0], speed: [1.0, 10.0]}; of all regions, or of each",
    )
    fixed: Any = option(None, "what else differs from the model's defaults: {tau_w_e: 417.0}")
    connectome: Any = option(
        "synthetic:76",
        "file or folder, or synthetic:REGIONS[:SEED]; a list for many subjects",
        path="or word:",
    )
    scale_weights: str = option("max", "what the weights are divided by", choices=SCALINGS)
    speed: float | None = option(
        None,
        "of conduction, where it is not searched for; no delays if none",
        above=0,
        unit="mm/ms",
    )
    wrap_delays_at: int | None = option(
        None, "take delays modulo so many steps, as in a published program", low=1, unit="steps"
    )
    integrator: str = option("euler", "scheme", choices=("euler", "heun"))
    dt: float = option(0.1, "step", above=0, unit="ms")
    duration: float = option(2000.0, "simulated time", above=0, unit="ms")
    transient: float = option(500.0, "left out of it, at its start", low=0, unit="ms")
    period: float = option(1.0, "between samples, each the mean over it", above=0, unit="ms")
    noise: bool = option(False, "whether states that have noise in the model get any")
    exact_noise: bool = option(True, "whether Ornstein-Uhlenbeck noise is exact; else by Euler")
    generator: str = option("hash", "of random numbers", choices=("hash", "philox"))
    seed: int | None = option(
        None, "the same noise for all sets; of each evaluation's own seed if none", low=1
    )
    initial: Any = option(None, "states that start elsewhere than in the model: {E: 0.005}")
    stimulus: Any = option(
        None, "{state: E, amplitude: 0.1, onset: 500, duration: 200, regions: [0, 5]}"
    )
    observe: Any = option(
        None, "what is analysed, by a name for the columns: {e: E, i: I}; one quantity if none"
    )
    bold: Any = option(
        None,
        "{tr: 2000, convention: friston, skip: 20000}: analyse BOLD as well, as `bold`, less the "
        "20 s in which it settles",
    )
    analysis: Any = option(None, "settings of metrics: {fcd_window: 60000, fcd_step: 5000}")
    fitness: Any = option(
        "corr_FC_SC", "a metric, or file.py:function, module:function; or a list", path="reference"
    )
    observation: str | None = option(
        None, "a metric for optimizers that learn from observations, such as FC", path="reference"
    )
    metrics: Any = option(("mean_FC",), "further ones to record, a list; or all", path="reference")
    target: Any = option(
        None,
        "functional connectivity to compare with, .npy or text; a list for many subjects",
        path=True,
    )
    precision: str = option("float32", "of the simulation", choices=("float32", "float64"))
    backend: str = option("auto", "what it runs on", choices=BACKENDS)
    threads: int | None = option(None, "on a CPU; what the executor gives a worker if none", low=1)
    batch: int = option(128, "most sets of one call, which is what a crash can cost", low=1)

    def check(self) -> None:
        """Check what needs no look at files, nor at the model."""
        for name in ("fixed", "initial", "stimulus", "bold", "analysis"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Mapping):
                raise ConfigError(f"{name}: expected names and values, got {given!r}")
        given = self.observe
        if given is not None and not isinstance(given, (str, Mapping)):
            raise ConfigError(f"observe: expected a name, or {{e: E, i: I}}; got {given!r}")
        given = self.metrics
        if isinstance(given, str) and given != "all":
            raise ConfigError(f"metrics: expected a list of names, or all; got {given!r}")
        for name, of in (("metrics", given), ("fitness", self.fitness)):
            listed = isinstance(of, (str, list, tuple)) or (of is None and name == "metrics")
            if not listed or not all(isinstance(one, str) for one in of or ()):
                raise ConfigError(f"{name}: expected the name of a metric, or a list; got {of!r}")
        if not self.fitnesses or len(set(self.fitnesses)) < len(self.fitnesses):
            raise ConfigError(
                f"fitness: expected a metric, or several that differ; got {self.fitness!r}"
            )

    @property
    def fitnesses(self) -> list[str]:
        """The names of all objectives."""
        return [self.fitness] if isinstance(self.fitness, str) else list(self.fitness or ())
