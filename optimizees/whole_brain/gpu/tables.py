"""The numbers of many parameter sets at once, in the order of the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.optimizees.whole_brain.batch import Batch, noise_gain
from l2l.optimizees.whole_brain.simulation import Simulation
from l2l.optimizees.whole_brain.stepping import Scheme

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Tables:
    """What the sets of some slots start with; a slot is a set's place on the GPU.

    Attributes:
        states: ``(slots, states, n)``.
        sent: What regions send at the start, ``(slots, sent, n)``.
        uniform: Rows with one number for all regions, ``(slots, rows)``.
        regional: The others, ``(slots, rows, n)``.
        places: Where each row is; see :class:`~l2l.optimizees.whole_brain.gpu.program.Program`.
    """

    states: Array
    sent: Array
    uniform: Array
    regional: Array
    places: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, simulation: Simulation, scheme: Scheme, batch: Batch, members: Array) -> Tables:
        """Return the tables of the sets ``members``, one a slot."""
        model, dt, slots, n = batch.model, simulation.dt, len(members), batch.regions
        values = _values(batch, members)
        rows = [values[name] for name in model.parameter_names]
        rows += [noise_gain(state, values, scheme, dt) for state in scheme.noisy]
        rows += [np.exp(-dt / values[str(state.relaxation)]) for state in scheme.decaying]
        if simulation.stimulus is not None:
            rows.append(np.broadcast_to(simulation.stimulus.pattern, (1, n)))
        kinds = ["regional" if row.shape[1] > 1 else "uniform" for row in rows]
        places = tuple((kind, kinds[:k].count(kind)) for k, kind in enumerate(kinds))
        states = _states(batch, members)
        columns = [states[name] for name in model.state_names]
        sent = [states[k] for k in model.sent] if model.send is None else list(model.send(*columns))

        def stacked(arrays: list[Array], *shape: int) -> Array:
            wide = [np.broadcast_to(array, (slots, *shape)) for array in arrays]
            empty = np.zeros((slots, 0, *shape))
            return np.stack(wide, axis=1, dtype=simulation.dtype) if wide else empty

        def chosen(kind: str) -> list[Array]:
            return [row for row, own in zip(rows, kinds, strict=True) if own == kind]

        return cls(
            stacked(columns, n),
            stacked(sent, n),
            stacked([row[:, 0] for row in chosen("uniform")]),
            stacked(chosen("regional"), n),
            places,
        )


def _values(batch: Batch, members: Array) -> dict[str, Array]:
    """Return all parameters of some sets, ``(1 or sets, 1 or n)`` each, derived ones included."""
    found: dict[str, Array] = {}
    for parameter in batch.model.parameters:
        column = batch.parameters.get(parameter.name)
        if column is None:
            found[parameter.name] = np.full((1, 1), parameter.default)
        else:
            found[parameter.name] = column[members] if len(column) > 1 else column
    return found | _derived(batch, members, found)


def _derived(batch: Batch, members: Array, values: Mapping[str, Array]) -> dict[str, Array]:
    model, shape = batch.model, (len(members), batch.regions)
    if model.derived is None:
        return {}
    wide = {name: np.broadcast_to(value, shape) for name, value in values.items()}
    found: dict[str, Array] = {}
    for place, k in enumerate(members):
        own = {name: value[place] for name, value in wide.items()}
        for name, value in model.derived(own, batch.connectome(int(k))).items():
            if name not in batch.parameters:  # what is given wins
                found.setdefault(name, np.empty(shape))[place] = value
    return found


def _states(batch: Batch, members: Array) -> dict[str, Array]:
    """Return all states of some sets at the start, ``(1 or sets, n)`` each."""
    n = batch.regions
    if any(isinstance(state.initial, tuple) for state in batch.model.states):
        drawn = [batch.states(int(k)) for k in members]
        return {name: np.stack([one[name] for one in drawn]) for name in batch.model.state_names}
    found = batch.states(int(members[0]))  # nothing is drawn: all sets start alike
    return {name: np.broadcast_to(value, (1, n)) for name, value in found.items()}
