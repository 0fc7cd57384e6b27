"""Write ``pyramid.swc``: ``python morphology.py > pyramid.swc``.

A small pyramidal cell made up for this project, no reconstruction of a real one: a soma, four basal
dendrites and an apical one that taper and branch, and an axon with an initial segment. All lengths
in um.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4  #: the SWC's tags
STEP = 12.0  #: distance of samples, in um
WOBBLE = 0.12  #: how much a branch turns from one sample to the next


@dataclass
class Tree:
    """An SWC in the making."""

    rng: np.random.Generator
    rows: list[tuple[int, int, float, float, float, float, int]] = field(default_factory=list)

    def add(self, tag: int, at: np.ndarray, radius: float, parent: int) -> int:
        """Append a sample, return its number."""
        x, y, z = map(float, at)
        self.rows.append((len(self.rows) + 1, tag, x, y, z, radius, parent))
        return len(self.rows)

    def place(self, number: int) -> np.ndarray:
        """Return where a sample is, ``(3,)``."""
        return np.array(self.rows[number - 1][2:5])

    def branch(
        self, tag: int, parent: int, direction: np.ndarray, length: float, r0: float, r1: float
    ) -> tuple[int, np.ndarray]:
        """Grow a tapering branch; return its last sample and where it points."""
        steps = max(2, round(length / STEP))
        at = self.place(parent)
        for i in range(steps):
            direction = direction + WOBBLE * self.rng.standard_normal(3)
            direction = direction / np.linalg.norm(direction)
            at = at + direction * length / steps
            parent = self.add(tag, at, r0 + (r1 - r0) * (i + 1) / steps, parent)
        return parent, direction

    def fork(
        self, tag: int, parent: int, direction: np.ndarray, length: float, r0: float, r1: float
    ) -> list[tuple[int, np.ndarray]]:
        """Grow two branches that part by about 70 degrees."""
        side = np.cross(direction, self.rng.standard_normal(3))
        side = 0.7 * side / np.linalg.norm(side)
        return [
            self.branch(tag, parent, direction + sign * side, length, r0, r1) for sign in (-1, 1)
        ]


def pyramid() -> Tree:
    """Return the cell."""
    tree = Tree(np.random.default_rng(12))
    for i, y in enumerate((-8.0, 0.0, 8.0)):  # the soma: from its base to the apical side
        tree.add(SOMA, np.array([0.0, y, 0.0]), (7.0, 8.0, 5.0)[i], i if i else -1)
    for angle in np.arange(4) * np.pi / 2 + 0.4:
        out = np.array([np.cos(angle), -0.5, np.sin(angle)])
        end, way = tree.branch(BASAL, 2, out, 55.0, 1.1, 0.9)
        tree.fork(BASAL, end, way, 90.0, 0.8, 0.45)
    end, way = tree.branch(APICAL, 3, np.array([0.0, 1.0, 0.0]), 90.0, 2.0, 1.6)
    tree.branch(APICAL, end, np.array([0.8, 0.5, 0.3]), 80.0, 0.8, 0.4)  # an oblique one
    end, way = tree.branch(APICAL, end, way, 120.0, 1.5, 1.1)
    for tip, tip_way in tree.fork(APICAL, end, way, 60.0, 0.9, 0.7):
        tree.fork(APICAL, tip, tip_way, 70.0, 0.6, 0.35)
    end, way = tree.branch(AXON, 1, np.array([0.1, -1.0, 0.0]), 40.0, 0.9, 0.6)
    tree.fork(AXON, end, way, 100.0, 0.4, 0.3)
    return tree


if __name__ == "__main__":
    out = sys.stdout
    out.write("# A pyramidal cell made up for l2l by morphology.py; no real one.\n")
    out.write("# number, tag (1 soma, 2 axon, 3 basal, 4 apical), x, y, z, radius (um), parent\n")
    for n, tag, x, y, z, r, parent in pyramid().rows:
        out.write(f"{n} {tag} {x:.2f} {y:.2f} {z:.2f} {r:.3f} {parent}\n")
