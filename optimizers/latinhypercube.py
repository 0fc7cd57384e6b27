"""Latin hypercube: n points of which each coordinate takes each of n strata exactly once."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.errors import L2LError
from l2l.optimizer import OptimizerParameters
from l2l.optimizers.common.sampling import Sampler
from l2l.options import option
from l2l.space import Floats

#: Strata that are permuted in one go, where a column has fewer.
BLOCK = 1 << 16


class LatinHypercubeParameters(OptimizerParameters):
    """Parameters of :class:`LatinHypercube`."""

    n_samples: int = option(100, "points of the whole design", low=1)
    batch: int = option(4096, "largest number of points of one generation", low=1)
    centred: bool = option(False, "put points in the middle of their strata, not anywhere in them")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)


class LatinHypercube(Sampler):
    """A Latin hypercube sample (McKay, Beckman & Conover 1979, Technometrics 21, section 2.3).

    Each coordinate of the unit cube is divided into ``n_samples`` strata, and each stratum has one
    point: coordinate j of point i is (permutation_j(i) + u_ij) / n, with u uniform in [0, 1).
    The permutations are made anew for each generation, one column (or a few short ones) at a
    time, so that a large design in several generations is never in memory as a whole. It ends
    with its last point.

    Raises:
        ConfigError: If a parameter has no bounds.
    """

    Parameters = LatinHypercubeParameters
    finite = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.total = int(self.parameters.n_samples)

    def points(self, position: int) -> Floats:
        """Return points ``(n, d)``, at most ``batch``, from number ``position`` on."""
        p, d = self.parameters, self.space.size
        if position >= p.n_samples:
            raise L2LError(f"the Latin hypercube has no points left: {self.done}")
        end = min(position + p.batch, p.n_samples)
        points = np.full((end - position, d), 0.5)
        if not p.centred:
            bits = np.random.PCG64([self.key, 1])
            bits.advance(position * d)  # one draw a number
            np.random.Generator(bits).random(out=points)
        rng = np.random.Generator(np.random.PCG64([self.key, 0]))
        for start in range(0, d, width := max(1, BLOCK // p.n_samples)):
            k = min(width, d - start)
            strata = rng.permuted(np.tile(np.arange(p.n_samples), (k, 1)), axis=1)
            points[:, start : start + k] += strata[:, position:end].T
        points /= p.n_samples
        return np.minimum(points, np.nextafter(1.0, 0.0), out=points)  # rounding only

    @property
    def cohort(self) -> int:
        """Points that count as one generation where they are asked for one by one."""
        return int(min(self.parameters.batch, self.parameters.n_samples))

    @property
    def done(self) -> str | None:
        """Why there is nothing left to do, or None."""
        n = self.parameters.n_samples
        return f"all {n} points of the Latin hypercube" if self.position >= n else None
