"""Ants: a colony of ants, each steered by a copy of one spiking network, learns to forage."""

from __future__ import annotations

from l2l.optimizees.ants.optimizee import Ants, AntsParameters

__all__ = ["Ants", "AntsParameters"]
