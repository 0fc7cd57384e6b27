"""Random search: the baseline that every other optimizer has to beat."""

from __future__ import annotations

from typing import Any

from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, OptimizerParameters
from l2l.optimizers.common.sampling import need_box
from l2l.options import option
from l2l.space import Floats


class RandomSearchParameters(OptimizerParameters):
    """Parameters of :class:`RandomSearch`."""

    pop_size: int = option(100, "points of a generation", low=1)


class RandomSearch(Optimizer):
    """Draws every point uniformly between the bounds (for a log scale: uniform in the logarithm).

    It learns nothing and never ends by itself. ``initial`` points, if given, come first.

    Raises:
        ConfigError: If a parameter has no bounds.
    """

    Parameters = RandomSearchParameters
    asynchronous = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        need_box(self.space, type(self).__name__)

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return 0: it needs no first points from the optimizee."""
        return 0

    def ask(self) -> Floats:
        """Return ``pop_size`` points ``(n, d)``."""
        return self.first_points(self.parameters.pop_size)

    def tell(self, evaluations: Evaluations) -> None:
        """Remember the best point; learn nothing else."""
        self.scored(evaluations)

    def ask_one(self) -> Floats:
        """Return one more point ``(d,)``."""
        return self.first_point()

    def tell_one(self, evaluations: Evaluations) -> None:
        """Remember the best point; learn nothing else."""
        self.scored_one(evaluations)
