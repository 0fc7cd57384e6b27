"""Digits: a spiking reservoir in NEST, whose readout learns to tell handwritten digits apart."""

from __future__ import annotations

from l2l.optimizees.digits.optimizee import Digits, DigitsParameters

__all__ = ["Digits", "DigitsParameters"]
