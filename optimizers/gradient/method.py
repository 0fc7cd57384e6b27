"""What the rules of gradient ascent share: the point, its gradient, and how it moves."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, State
from l2l.optimizers.common import steps
from l2l.optimizers.common.bounds import Bounds
from l2l.optimizers.gradient.parameters import DIRECTIONS, REACH
from l2l.optimizers.gradient.regression import apart, slope
from l2l.space import Floats, ParameterSpace

#: A point that moves by less, relative to its size if that is above 1, stands still.
STILL = 1e-9
#: Generations in which the point stands still, after which the search is over.
STALLED = 10
#: Scores and gradients count no more than this: squares and sums stay finite.
HUGE = 1e100


class GradientMethod(Optimizer):
    """Base of all rules: measures the gradient around a point, and moves the point.

    A generation is the current point and random steps from it, in opposite pairs; the gradient is
    the slope of the plane that fits their scores best
    (:func:`l2l.optimizers.gradient.regression.slope`).
    Where the optimizee gives gradients (``value_and_grad``) it is the current point alone. Steps
    are mirrored at the bounds, and the point is projected on them. What failed is left out of the
    regression; if all did, the point goes half the way back to where it came from.

    Attributes:
        rate: ``(d,)`` learning rates.
        width: ``(d,)`` standard deviations of the random steps.
        rule: What a gradient makes the point do, before the learning rate.
        point: ``(d,)`` the current point, or None before the first generation.
        anchor: ``(d,)`` the point before it, or None.
        factor: On the learning rates, halved where there is no progress.
    """

    on_failure = "drop"
    uses_gradients = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, d = self.parameters, self.space.size
        self.rate = self._per_coordinate("learning_rate")
        self.width = np.maximum(
            self._per_coordinate("exploration_step_size"), whole_steps(self.space)
        )
        self.n_steps = p.n_random_steps or 2 * min(d, DIRECTIONS)
        self.rule = self._rule(d)
        self.point: Floats | None = None
        self.anchor: Floats | None = None
        self.factor, self.level = 1.0, -np.inf
        self.generation = self.waited = self.still = self._asked = 0
        self._mirror = Bounds(self.space, "reflect")
        self._float = whole_steps(self.space) == 0

    def _per_coordinate(self, name: str) -> Floats:
        value = np.asarray(getattr(self.parameters, name), np.float64)
        if value.ndim and len(value) not in (1, self.space.size):
            raise ConfigError(
                f"{type(self.parameters).__name__}.{name} must be a number, or a list of "
                f"{self.space.size}, one a coordinate; got {len(value)}"
            )
        return np.broadcast_to(value, self.space.size)

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return 1: it begins at one point."""
        return 1

    @abstractmethod
    def _rule(self, d: int) -> steps.Steps:
        """Return the rule, with a learning rate of 1."""

    def _change(self, gradient: Floats) -> Floats:
        """Return what to add to the point ``(d,)``."""
        self.rule.learning_rate = self.factor
        return self.rate * self.rule.step(gradient)

    # -- ask ----------------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return the current point and ``n_random_steps`` around it ``(n, d)``; or it alone.

        The first generation is the initial points, where several are given: it goes on from the
        best of them.
        """
        if self.point is None and self.initial is not None and len(self.initial) > 1:
            points = self.initial.copy()
        else:
            if self.point is None:
                self.point = self.first_points(1)[0].copy()
            points = self.point[None].copy() if self.gradients else self._around(self.point)
        self._asked = len(points)
        return self._mirror(points)

    def _around(self, point: Floats) -> Floats:
        """Return a point and random steps from it, ``(n_random_steps + 1, d)``."""
        drawn = apart(self.n_steps, ~self._float, self.rng, self.parameters.antithetic)
        points = np.empty((len(drawn) + 1, len(point)))
        points[0] = point
        np.multiply(drawn, self.width, out=points[1:])
        points[1:] += point
        return points

    # -- tell ---------------------------------------------------------------------------------

    def tell(self, evaluations: Evaluations) -> None:
        """Move the point along the gradient."""
        scores = self.scored(evaluations, self._asked)
        scores = np.where(np.isfinite(scores), np.clip(scores, -HUGE, HUGE), scores)
        self.generation += 1
        self.gradients = self.gradients or evaluations.gradient is not None
        if self.point is None:
            self.initial, self.point = None, evaluations.evaluated[int(scores.argmax())].copy()
            return
        if evaluations.evaluated is not evaluations.asked:  # as bounding_func has it
            self.point = np.where(self._float, evaluations.evaluated[0], self.point)
        gradient = self._gradient(evaluations, scores)
        if gradient is None:
            self._retreat()
            return
        self._pace(float(scores[np.isfinite(scores)].mean()))
        self._move(self._change(gradient))

    def _gradient(self, evaluations: Evaluations, scores: Floats) -> Floats | None:
        """Return the gradient ``(d,)``, given or measured; None if nothing is known of it."""
        ok = np.isfinite(scores)
        if ok[0] and evaluations.gradient is not None:
            given = evaluations.gradient[0]
            given = np.where(np.isfinite(given), given, 0.0)  # a coordinate without one stays
            return np.clip(given, -HUGE, HUGE)
        if ok.sum() < 2:
            return None
        if ok.all():
            return slope(evaluations.evaluated, scores, self.width)
        return slope(evaluations.evaluated[ok], scores[ok], self.width)

    def _retreat(self) -> None:
        """Go half the way back; from a start that failed to another one, if it can be drawn."""
        assert self.point is not None
        if self.anchor is not None:
            self.point = 0.5 * (self.point + self.anchor)
        elif self.space.bounded:
            self.point = self.space.sample(1, self.rng)[0]

    def _pace(self, level: float) -> None:
        """Halve the learning rate where the mean score of a generation rises no more."""
        if level > self.level:
            self.level, self.waited = level, 0
            return
        self.waited += 1
        if self.waited == self.parameters.patience:
            self.factor, self.level, self.waited = 0.5 * self.factor, level, 0

    def _move(self, change: Floats) -> None:
        assert self.point is not None
        self.anchor = self.point
        moved = np.clip(self.point + change, self.space.lower, self.space.upper)
        self.point = np.where(np.isfinite(moved), moved, self.point)
        change = np.abs(self.point - self.anchor)
        small = bool((change <= STILL * np.maximum(1.0, np.abs(self.anchor))).all())
        self.still = self.still + 1 if small else 0

    # -- what it has come to ------------------------------------------------------------------

    @property
    def done(self) -> str | None:
        """Why there is nothing left to do, or None: the point stands still."""
        if self.still >= STALLED:
            return f"the point has not moved for {STALLED} generations"
        return super().done

    @property
    def recommended(self) -> Floats | None:
        """The current point ``(d,)``; None before anything ended ok."""
        return None if self.best_point is None else self.point

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        own = {name: getattr(self, name) for name in STATE}
        return {**super().state(), **own, **self.rule.pack()}

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.rule.unpack(state)
        for name, kind in STATE.items():
            setattr(self, name, state[name] if kind is None else kind(state[name]))


#: What changes -> its type, None for arrays.
STATE: dict[str, Any] = {
    "point": None, "anchor": None, "factor": float, "level": float, "generation": int,
    "waited": int, "still": int, "gradients": bool,
}  # fmt: skip


def whole_steps(space: ParameterSpace) -> Floats:
    """Return ``(d,)`` how far integers and choices lie apart in search coordinates, at most 1.

    0 for floats. A shorter random step would be rounded away, and the gradient with it.
    """
    widths = []
    for p in space.parameters:
        values: Any = len(p.choices) if p.kind == "categorical" else 1
        if p.kind == "int" and p.low is not None:
            values = np.ravel(np.asarray(p.high, float) - np.asarray(p.low, float) + 1)
        unit = space.coordinates == "unit"
        width = 0.0 if p.kind == "float" else 1.0 / values if unit else 1.0
        widths.append(np.broadcast_to(width, (p.size,)))
    return np.concatenate(widths)


class Clipped(GradientMethod):
    """Base of rules whose changes grow with the gradient, and are therefore limited."""

    def _change(self, gradient: Floats) -> Floats:
        """Return what to add to the point ``(d,)``: shortened, in the same direction."""
        change = super()._change(gradient)
        most = self.parameters.max_step
        limit = REACH * self.width if most is None else np.full_like(change, most)
        return change / max(1.0, float((np.abs(change) / limit).max()))
