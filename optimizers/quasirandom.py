"""Quasi-random search: points that fill the space more evenly than random ones."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from l2l.errors import ConfigError, MissingExtra
from l2l.optimizer import OptimizerParameters, State
from l2l.optimizers.common.sampling import Sampler
from l2l.options import option
from l2l.space import Floats

#: Most coordinates: of scipy's direction numbers; the memory of Halton's permutations grows fast.
LARGEST = {"sobol": 21201, "halton": 1000}
#: Bits of a Sobol point, the most of which scipy can go on anywhere; there are 2^32 points.
BITS = 32


class QuasiRandomParameters(OptimizerParameters):
    """Parameters of :class:`QuasiRandom`."""

    pop_size: int = option(128, "points of a generation; for sobol a power of 2 is best", low=1)
    sequence: str = option("sobol", "which: sobol or halton", choices=("sobol", "halton"))
    scramble: bool = option(True, "randomise the sequence, which keeps it as even (Owen 1998)")
    seed: int | None = option(None, "of the scrambling; the run's seed if none", low=0)


class QuasiRandom(Sampler):
    """Walks along a sequence of low discrepancy in the unit cube; never ends by itself.

    Sobol's (1967), with the direction numbers of Joe & Kuo (2008) and the scrambling of Matousek
    (1998); or Halton's (1960), with that of Owen (2017, arXiv:1706.02808). Both by scipy (extra
    ``scipy``). The state is the position in the sequence.

    Raises:
        ConfigError: If a parameter has no bounds, or there are more of them than the sequence has
            coordinates.
        MissingExtra: If scipy is missing.
    """

    Parameters = QuasiRandomParameters

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        which, d = self.parameters.sequence, self.space.size
        if d > LARGEST[which]:
            others = ", ".join(n for n, most in LARGEST.items() if most >= d) or "random_search"
            raise ConfigError(
                f"a {which} sequence has at most {LARGEST[which]} coordinates, the space has {d}; "
                f"try {others}"
            )
        self._engine = self._begin()

    def _begin(self) -> Any:
        """Return scipy's engine at the beginning of the sequence."""
        try:
            from scipy.stats import qmc
        except ImportError:
            raise MissingExtra("scipy", "scipy") from None
        p = self.parameters
        kind, options = (qmc.Sobol, {"bits": BITS}) if p.sequence == "sobol" else (qmc.Halton, {})
        seed = "rng" if "rng" in inspect.signature(kind).parameters else "seed"  # scipy < 1.15
        rng = np.random.Generator(np.random.PCG64(self.key))
        return kind(self.space.size, scramble=p.scramble, **{seed: rng}, **options)

    def points(self, position: int) -> Floats:
        """Return ``pop_size`` points ``(n, d)``, from number ``position`` on."""
        if self._engine.num_generated != position:  # asked before, or restored
            self._engine.reset()
            if position:
                self._engine.fast_forward(position)
        n = self.parameters.pop_size
        if position or n == 1:
            return np.asarray(self._engine.random(n), np.float64)
        # The first one apart: scipy warns of a beginning whose length is no power of 2.
        return np.concatenate([self._engine.random(1), self._engine.random(n - 1)])

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self._engine = self._begin()
