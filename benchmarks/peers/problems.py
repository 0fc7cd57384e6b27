"""Problems for whoever is asked and told: COCO's bbob, with integers too, and noisy functions.

Only numpy and COCO are used, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TARGETS = 10.0 ** np.linspace(2, -8, 51)
GROUPS = {"separable": (1, 5), "moderate": (6, 9), "ill": (10, 14), "multi": (15, 19),
          "weak": (20, 24)}  # fmt: skip
#: Standard deviation with which methods that begin at one point begin.
SIGMA = 2.0
#: Where all begin: uniform between these.
LOW, HIGH = -4.0, 4.0

Points = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Box:
    """Bounds ``(D,)`` of which the first ``integers`` are those of whole numbers."""

    low: Points
    high: Points
    integers: int


@dataclass
class Problem:
    """One function to be minimised.

    Attributes:
        function: Its number.
        instance: Number of the instance.
        dimension: D.
        value: ``value(x)`` for ``x`` ``(D,)``, above the optimum: 0 is best.
        noise: Standard deviation of the normal noise that is added to what the optimizer is told.
        box: The bounds, where nothing may be evaluated beyond them.
    """

    function: int
    instance: int
    dimension: int
    value: Callable[[Points], float]
    noise: float = 0.0
    box: Box | None = None

    @property
    def seed(self) -> int:
        """For whoever runs on it: the same for all who are compared."""
        return 1000 * self.instance + self.function


def problem_of(function: int, instance: int, dimension: int, suite: str = "bbob") -> Problem:
    """Return one problem of the bbob suite, or of ``bbob-mixint``: four fifths are integers."""
    import cocoex

    which = f"dimensions: {dimension} function_indices: {function}"
    problems = cocoex.Suite(suite, f"instances: {instance}", which)
    problem = problems.get_problem(0)
    folder = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:  # COCO tells the optimum in a file only
        os.chdir(scratch)
        problem._best_parameter("print")
        optimum = float(problem(np.loadtxt("._bbob_problem_best_parameter.txt")))
        os.chdir(folder)
    problem.free()
    problem = problems.get_problem(0)
    integers = int(problem.number_of_integer_variables)
    box = Box(problem.lower_bounds, problem.upper_bounds, integers) if integers else None
    return Problem(
        function, instance, dimension, lambda x, s=problems: problem(x) - optimum, box=box
    )


# -- with noise -----------------------------------------------------------------------------------


def sphere(z: Points) -> float:
    return float(z @ z)


def ellipsoid(z: Points) -> float:
    return float(10 ** np.linspace(0, 6, len(z)) @ z**2)


def rosenbrock(z: Points) -> float:
    y = z + 1
    return float(np.sum(100 * (y[1:] - y[:-1] ** 2) ** 2 + (1 - y[:-1]) ** 2))


def rastrigin(z: Points) -> float:
    return float(10 * len(z) + z @ z - 10 * np.cos(2 * np.pi * z).sum())


def ackley(z: Points) -> float:
    away = 20 * (1 - np.exp(-0.2 * np.sqrt(np.mean(z**2))))
    return float(away + np.e - np.exp(np.mean(np.cos(2 * np.pi * z))))


def schwefel(z: Points) -> float:
    y = 100 * z + 420.968746227503
    inside = np.clip(y, -500, 500)  # beyond, a parabola leads back
    wells = 418.9828872724338 - inside * np.sin(np.sqrt(np.abs(inside)))
    return float(np.sum(wells + 0.01 * (y - inside) ** 2))


def griewank(z: Points) -> float:
    y = 10 * z
    return float(y @ y / 4000 + 1 - np.prod(np.cos(y / np.sqrt(np.arange(1, len(y) + 1)))))


def different_powers(z: Points) -> float:
    return float(np.sum(np.abs(z) ** np.linspace(2, 6, len(z))))


FUNCTIONS = (
    sphere, ellipsoid, rosenbrock, rastrigin, ackley, schwefel, griewank, different_powers,
)  # fmt: skip


def noisy_problem(function: int, instance: int, dimension: int) -> Problem:
    """Return one of the eight functions, shifted and rotated by the instance, with N(0, 1) noise.

    The optimum lies uniformly in [-3, 3]^D, and the rotation is uniform over all of them.
    """
    rng = np.random.default_rng([instance, function, dimension])
    optimum = rng.uniform(-3, 3, dimension)
    q, r = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    rotation = q * np.sign(np.diag(r))  # Mezzadri 2007, math-ph/0609050
    plain = FUNCTIONS[function - 1]
    return Problem(
        function, instance, dimension, lambda x: plain(rotation @ (x - optimum)), noise=1.0
    )
