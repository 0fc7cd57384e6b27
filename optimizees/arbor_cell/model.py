"""Cells in Arbor: all individuals and stimuli of a batch in one recipe.

Importing this module imports Arbor: only workers, checks and figures do so.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import arbor as A  # noqa: N812
import numpy as np
from arbor import units as U  # noqa: N812

from l2l.optimizees.arbor_cell.catalogues import catalogue
from l2l.optimizees.arbor_cell.setup import Floats, Place, Setup, Stimulus

_CABLE = {"cm": U.uF / U.cm2, "rL": U.Ohm * U.cm, "Vm": U.mV}
_ION = {"rev_pot": U.mV, "int_con": U.mM, "ext_con": U.mM}
_TAG = "voltage"
EVERYWHERE = "(all)"


def responses(setup: Setup, values: Floats, threads: int = 1) -> Floats:
    """Return the membrane voltage in mV, ``(n, stimuli, samples)``.

    Args:
        setup: The cell and its stimuli.
        values: ``(n, d)`` parameters, in the order and the units of ``setup.unknown``.
        threads: Threads of Arbor. They change nothing but the time it takes.
    """
    recipe = Recipe(setup, values)
    n = recipe.num_cells()
    context = A.context(threads=threads)
    # A group for each thread: mechanisms of all its cells are computed in one go, 1.5 times as
    # fast as a group for each cell, and the same to the bit.
    hint = A.partition_hint(prefer_gpu=False, cpu_group_size=max(1, -(-n // threads)))
    domains = A.partition_load_balance(recipe, context, {A.cell_kind.cable: hint})
    simulation = A.simulation(recipe, context, domains)
    schedule = A.explicit_schedule([t * U.ms for t in setup.times])
    handles = [simulation.sample((gid, _TAG), schedule) for gid in range(n)]
    simulation.run(setup.length * U.ms, setup.step * U.ms)
    traces = np.stack([simulation.samples(handle)[0][0][:, 1] for handle in handles])
    return traces.reshape(len(values), len(setup.stimuli), -1)


class Recipe(A.recipe):  # type: ignore[misc]
    """A cell for each individual and stimulus; stimuli of one individual stand side by side."""

    def __init__(self, setup: Setup, values: Floats) -> None:
        A.recipe.__init__(self)
        self.setup, self.values = setup, values
        self.morphology = load_morphology(setup)
        self.labels = A.label_dict().add_swc_tags()
        for name, expression in setup.labels.items():
            self.labels[name] = expression
        self.policy = A.cv_policy_max_extent(setup.max_extent * U.um)
        self.properties = A.neuron_cable_properties()
        self.properties.catalogue = catalogue(setup.catalogues)

    def num_cells(self) -> int:
        """Return the number of cells."""
        return len(self.values) * len(self.setup.stimuli)

    def cell_kind(self, gid: int) -> Any:
        """Return that each is a cable cell."""
        return A.cell_kind.cable

    def global_properties(self, kind: Any) -> Any:
        """Return NEURON's defaults, with the catalogues of the setup."""
        return self.properties

    def probes(self, gid: int) -> list[Any]:
        """Return the probe of the voltage."""
        return [A.cable_probe_membrane_voltage(spelt(self.setup.record, self.labels), _TAG)]

    def cell_description(self, gid: int) -> Any:
        """Return the cell of an individual with one of the stimuli."""
        individual, stimulus = divmod(gid, len(self.setup.stimuli))
        decor = self._decorated(self.values[individual])
        self._place(decor, self.setup.stimuli[stimulus])
        return A.cable_cell(self.morphology, decor, self.labels, self.policy)

    def _decorated(self, row: Floats) -> Any:
        setup = self.setup
        decor = A.decor().set_property(tempK=setup.temperature * U.Kelvin)
        for ion, given in setup.ions.items():
            quantities = {k: v * _ION[k] for k, v in given.items() if k in _ION}
            decor.set_ion(ion, **quantities, **{k: v for k, v in given.items() if k not in _ION})
        found = [(t.place, float(v) * t.factor) for t, v in zip(setup.unknown, row, strict=True)]
        mechanisms: dict[tuple[str, str], list[tuple[Place, float]]] = defaultdict(list)
        for place, value in (*setup.fixed, *found):
            region = spelt(place.region, self.labels)
            if place.kind == "density":
                mechanisms[region, place.mechanism].append((place, value))
            else:
                _set(decor, place, region, value)
        for (region, mechanism), numbers in mechanisms.items():
            decor.paint(region, density(mechanism, numbers))
        return decor

    def _place(self, decor: Any, stimulus: Stimulus) -> None:
        clamp = A.i_clamp(
            stimulus.delay * U.ms, stimulus.duration * U.ms, stimulus.amplitude * U.nA
        )
        decor.place(spelt(stimulus.at, self.labels), clamp)


def _set(decor: Any, place: Place, region: str, value: float) -> None:
    """Set a property of the cable or of an ion.

    That of ``(all)`` is the cell's, which regions have where they have none of their own: Arbor
    does not paint over a property.
    """
    everywhere, name = region == EVERYWHERE, place.parameter
    if place.kind == "cable":
        quantity = {name: value * _CABLE[name]}
        decor.set_property(**quantity) if everywhere else decor.paint(region, **quantity)
    else:
        ion, quantity = place.mechanism[4:], {name: value * _ION[name]}
        decor.set_ion(ion, **quantity) if everywhere else decor.paint(region, ion=ion, **quantity)


def density(mechanism: str, given: list[tuple[Place, float]]) -> Any:
    """Return a mechanism with its values; global parameters become part of its name."""
    globals_ = ",".join(f"{p.parameter}={v!r}" for p, v in given if p.is_global)
    name = f"{mechanism}/{globals_}" if globals_ else mechanism
    return A.density(name, {p.parameter: v for p, v in given if not p.is_global})


def load_morphology(setup: Setup) -> Any:
    """Return the morphology of the SWC."""
    load = A.load_swc_arbor if setup.interpretation == "arbor" else A.load_swc_neuron
    return load(setup.morphology).morphology


def spelt(place: str, labels: Any) -> str:
    """Return a region or location, given by name or as an expression, as an expression."""
    if place in labels.regions:
        return f'(region "{place}")'
    return f'(locset "{place}")' if place in labels.locsets else place
