"""Connectomes: weights and lengths of the tracts between regions; read from files, or made up."""

from __future__ import annotations

from l2l.optimizees.whole_brain.connectome.connectome import SCALINGS, Connectome
from l2l.optimizees.whole_brain.connectome.reading import read
from l2l.optimizees.whole_brain.connectome.synthetic import synthetic

__all__ = ["SCALINGS", "Connectome", "read", "synthetic"]
