"""Structural plasticity: neurons in NEST grow the synapses that their activity asks for."""

from __future__ import annotations

from l2l.optimizees.structural_plasticity.optimizee import (
    Networks,
    StructuralPlasticity,
    StructuralPlasticityParameters,
)

__all__ = ["Networks", "StructuralPlasticity", "StructuralPlasticityParameters"]
