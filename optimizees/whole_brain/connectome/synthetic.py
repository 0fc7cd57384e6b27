"""A made-up connectome with the statistics of measured ones, for tests, examples and benchmarks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome.connectome import Connectome, Floats

#: Half the width, length and height of a brain in mm.
HALF_AXES = (65.0, 85.0, 55.0)
#: No tract is shorter, in mm: of 68 cortical regions the closest are that far apart.
SHORTEST = 8.0
#: The probability of a tract falls to 1/e in this part of the longest distance.
REACH = 0.25
#: So does the median of the weights; around it they are log-normal with this standard deviation.
DECAY, SPREAD = 0.25, 1.0


def synthetic(
    n_regions: int, seed: int = 0, density: float = 0.27, longest: float = 250.0
) -> Connectome:
    """Make a connectome: symmetric, sparse, weights heavy-tailed and falling with length.

    Regions are points in two hemispheres. Close ones are linked more often, and each at least to
    its nearest. The largest weight is 1. The defaults fit the two published connectomes that TVB
    studies use (68 and 76 regions: 27 % of all entries are tracts, the longest 253 mm).

    Args:
        n_regions: Number of regions, at least 2.
        seed: The same seed gives the same connectome, on every machine.
        density: Tracts as a part of all ``n * n`` entries, from 0 to 1; as close as a symmetric
            matrix without a diagonal comes to it.
        longest: Length of the longest tract in mm.
    """
    if n_regions < 2:
        raise ConfigError(f"n_regions must be at least 2, got {n_regions}")
    if not 0 < density <= 1:
        raise ConfigError(f"density must be above 0 and at most 1, got {density}")
    if not longest > SHORTEST:
        raise ConfigError(f"longest must be above {SHORTEST:g} mm, got {longest}")
    rng = np.random.default_rng(seed)
    points = _points(n_regions, rng)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    rows, columns = np.triu_indices(n_regions, 1)
    far = distances[rows, columns]
    # The largest of -distance + Gumbel noise: a draw without replacement by exp(-distance).
    score = rng.gumbel(size=far.size) - far / (REACH * far.max())
    closest = _nearest(distances, rows, columns)
    score[closest] = np.inf
    count = max(np.count_nonzero(closest), round(density * n_regions**2 / 2))
    links = np.argsort(-score, kind="stable")[:count]
    length = far[links] * (longest / far[links].max())
    spread = rng.lognormal(0.0, SPREAD, size=far.size)[links]
    weights, lengths = np.zeros((2, n_regions, n_regions))
    weights[rows[links], columns[links]] = spread * np.exp(-length / (DECAY * longest))
    lengths[rows[links], columns[links]] = np.maximum(length, SHORTEST)
    weights /= weights.max()
    sides = ["l" if x < 0 else "r" for x in points[:, 0]]
    labels = tuple(f"{side}{i}" for i, side in enumerate(sides))
    return Connectome(weights + weights.T, lengths + lengths.T, labels)


def _points(n: int, rng: np.random.Generator) -> Floats:
    """Return points on the surface of an ellipsoid, the first half of them on the left."""
    directions = rng.normal(size=(n, 3))
    directions[:, 0] = np.abs(directions[:, 0]) * np.where(np.arange(n) < n // 2, -1.0, 1.0)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return np.asarray(directions * HALF_AXES)


def _nearest(
    distances: Floats, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return which pairs of regions are a region and its nearest one."""
    own = distances + np.where(np.eye(len(distances)) > 0, np.inf, 0.0)
    nearest = own.argmin(axis=1)
    return np.asarray((nearest[rows] == columns) | (nearest[columns] == rows))
