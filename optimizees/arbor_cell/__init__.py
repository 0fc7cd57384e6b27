"""Fit the conductances of a cell with a morphology, in Arbor, to recorded responses."""

from __future__ import annotations

from l2l.optimizees.arbor_cell.optimizee import ArborCell, ArborCellParameters

__all__ = ["ArborCell", "ArborCellParameters"]
