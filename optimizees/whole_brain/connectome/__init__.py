"""Connectomes: weights and lengths of the tracts between regions; read from files, or made up."""

from __future__ import annotations

from l2l.optimizees.whole_brain.connectome.connectome import SCALINGS, Connectome
from l2l.optimizees.whole_brain.connectome.reading import read
from l2l.optimizees.whole_brain.connectome.synthetic import synthetic
from l2l.optimizees.whole_brain.connectome.target import read_target

__all__ = ["SCALINGS", "Connectome", "read", "read_target", "synthetic"]
