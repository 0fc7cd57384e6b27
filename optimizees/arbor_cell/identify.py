"""Which parameters the responses determine: the sensitivity of what is observed at a point.

With J the derivatives of the observations by log10 of the parameters (of a linear scale: by the
fraction of its range), the misfit around a perfect fit is x' J'J x for a step x. Moving one
parameter alone by x_i costs x_i^2 (J'J)_ii; with all others free to make up for it,
x_i^2 / ((J'J)^-1)_ii. The latter is what limits how well it can be found.
J is a regression over points around the given one, not a difference quotient: spike times come in
steps of the simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.arbor_cell.setup import Floats
from l2l.space import ParameterSpace

SPREAD = 0.05  #: standard deviation of the points
POINTS = 20  #: as many points for each parameter
MOVE = 0.1  #: the move that :attr:`Sensitivity.alone` and :attr:`Sensitivity.others_free` cost


@dataclass(frozen=True)
class Sensitivity:
    """How much a move of 0.1 changes the misfit, for each parameter.

    Attributes:
        names: ``(d,)`` of the parameters.
        alone: ``(d,)`` root of the mean squared residual after a move of 0.1 of one parameter.
        others_free: ``(d,)`` the same where all others make up for it as well as they can.
        correlation: ``(d, d)`` of the errors of two parameters.
    """

    names: tuple[str, ...]
    alone: Floats
    others_free: Floats
    correlation: Floats

    def __str__(self) -> str:
        """Return a table, the least determined parameter first."""
        lines = [f"{'parameter':20s} {'alone':>8s} {'others free':>12s}  confused with"]
        for i in np.argsort(self.others_free):
            others = np.where(np.arange(len(self.names)) == i, 0, np.abs(self.correlation[i]))
            j = int(np.argmax(others))
            lines.append(
                f"{self.names[i]:20s} {self.alone[i]:8.3f} {self.others_free[i]:12.3f}  "
                f"{self.names[j]} ({self.correlation[i, j]:+.2f})"
            )
        return "\n".join(lines)


def sensitivity(
    optimizee: Any, point: dict[str, float] | None = None, seed: int = 1
) -> Sensitivity:
    """Return the sensitivity of an optimizee's observations at a point.

    Args:
        optimizee: An :class:`~l2l.optimizees.arbor_cell.ArborCell`.
        point: A value for each parameter; the truth if None.
        seed: Of the points around it.

    Raises:
        ConfigError: If there is no such point, or simulations near it fail.
    """
    point = point or optimizee.truth
    if not point:
        raise ConfigError("the cell's file knows no truth: give a point")
    space = optimizee.space
    steps = np.random.default_rng(seed).normal(0.0, SPREAD, (POINTS * space.size, space.size))
    values = _moved(space, space.flatten([point])[0], steps)
    params = {name: values[:, i] for i, name in enumerate(space.names)}
    seen = np.asarray(optimizee.simulate_batch(params, None).observation)
    ok = np.isfinite(seen).all(axis=1)
    if ok.sum() < 2 * space.size:
        raise ConfigError("too many simulations near the point failed: there is no sensitivity")
    design = np.column_stack([np.ones(ok.sum()), steps[ok]])
    jacobian = np.linalg.lstsq(design, seen[ok])[0][1:].T
    k = len(jacobian)
    information = jacobian.T @ jacobian
    inverse = np.linalg.inv(information + 1e-12 * np.trace(information) * np.eye(space.size))
    error = np.sqrt(np.diag(inverse))
    return Sensitivity(
        tuple(space.names),
        MOVE * np.sqrt(np.diag(information) / k),
        MOVE / error / np.sqrt(k),
        inverse / np.outer(error, error),
    )


def _moved(space: ParameterSpace, row: Floats, steps: Floats) -> Floats:
    """Return the point ``row`` after steps ``(n, d)``, kept within the bounds."""
    values = np.empty_like(steps)
    for i, parameter in enumerate(space.parameters):
        if parameter.scale == "log":
            values[:, i] = row[i] * 10 ** steps[:, i]
        else:
            values[:, i] = row[i] + steps[:, i] * (parameter.high - parameter.low)
    return space.repair(values)
