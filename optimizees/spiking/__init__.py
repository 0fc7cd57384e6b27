"""Small spiking networks by exact integration, equal to NEST's ``iaf_psc_alpha``, without NEST."""

from __future__ import annotations

from l2l.optimizees.spiking.network import BACKENDS, Network, default_backend
from l2l.optimizees.spiking.neuron import AlphaLIF

__all__ = ["BACKENDS", "AlphaLIF", "Network", "default_backend"]
