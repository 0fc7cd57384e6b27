"""SearchDistribution: what CMA-ES, natural evolution strategies and evolution strategies share."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from l2l.evaluation import Evaluations
from l2l.optimizers.searchdistribution.frame import Frame
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.space import Floats

#: A coordinate that differs by less than this has not been moved by the optimizee.
MOVED = 1e-9
#: Age of points that the optimizee has moved.
ELSEWHERE = -1


class SearchDistribution(Frame):
    """Draws points around a mean; a subclass says how their scores move and shape the distribution.

    A point is ``mean + sigma * scale * y`` with ``y`` as :meth:`_coloured` makes it from standard
    normal noise. A start that has converged is followed by one with a larger population. Integers
    and choices keep a margin, so that other values than the mean's stay in sight. A generation of
    equal scores, or one that failed as a whole, teaches nothing: it is drawn again.

    Results that land one by one are collected, mirrored ones in pairs: of a full population the
    new ones are learned from (:meth:`_due`).
    """

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return ``(n, d)`` points; if mirrored, the second half mirrors the first at the mean."""
        self._ready()
        self._noise, points = self._within(self._drawn(self.n_individuals, self.mirrored))
        return self._image(points)

    def _within(self, noise: Noise) -> tuple[Noise, Floats]:
        """Return noise and its points ``(n, d)``; both drawn anew if outside, where that is so."""
        points = self._points(noise)
        within = self._bounds.redrawn(points, lambda n: self._points(self._drawn(n, False)))
        if within is not points:
            drawn = self._white((within - self.mean) / (self.sigma * self.scale))
            noise = Noise(drawn, mirrored=False)
        return noise, within

    def tell(self, evaluations: Evaluations) -> None:
        """Move and shape the distribution; begin anew where it has converged."""
        noise, self._noise = self._noise, None
        scores = self.scored(evaluations, expected=0 if noise is None else len(noise))
        assert noise is not None
        if evaluations.evaluated is not evaluations.asked:
            noise = self._as_evaluated(evaluations, noise)
        self._take(noise, scores)

    def _take(self, noise: Noise, scores: Floats, new: int | None = None) -> None:
        """Learn from a population with scores ``(n,)``, and see whether the start is over.

        Args:
            noise: Of its individuals.
            scores: ``(n,)``.
            new: How many, the last ones, were not learned from before; all if None. The start is
                looked at once a population.
        """
        n, before = len(scores), self.restarts.used
        new = n if new is None else new
        self.restarts.count(new)
        whole = before // n < self.restarts.used // n
        ordered = np.sort(scores)[::-1]
        ordered = ordered[: len(ordered) - int(np.isneginf(ordered).sum())]  # without failures
        if not len(ordered):
            return
        spread = float(ordered[0] - ordered[-1])
        if whole:
            self.stopping.note(ordered)
        if spread > 0 or len(ordered) < n:
            self._learn(noise, scores, new)
            if self._margin:
                self._keep_margin()
        if whole:
            self._end_of_generation(spread)

    # -- one by one ---------------------------------------------------------------------------

    def ask_one(self) -> Floats:
        """Return one more point ``(d,)`` of the distribution as it is now.

        If mirrored, every second one has the noise of the one before with the opposite sign.
        """
        self._ready()
        opposite, self._opposite = self._opposite, None
        noise = self._drawn(1, False) if opposite is None else Noise(-opposite[None], False)
        noise, points = self._within(noise)
        pair = self._flight.asked  # number of the first of two
        if self.mirrored and opposite is None:
            self._opposite = noise.drawn[0]
        elif self.mirrored:
            pair -= 1
        self._flight.add(self.restarts.n, pair, self.restarts.used, points, noise.drawn)
        point: Floats = self._image(points)[0]
        return point

    def tell_one(self, evaluations: Evaluations) -> None:
        """Keep an evaluation; learn as soon as there are enough.

        A result is used once, however late it comes, so that slow ones are not selected against;
        but those of an earlier start only count as the best point. A size that was left to the
        algorithm suits the number of points in flight when the first result comes.
        Mirrored points are learned from when both have landed: what they have in common cancels.
        """
        number, score = self.scored_one(evaluations)
        if not self._flight.landed and self.restarts.suit(len(self._flight), self.space.size):
            self._begin(self.mean)
        row, d = self._flight.land(number), self.space.size
        if row[0] != self.restarts.n:
            return
        moved = self._moved(evaluations)[0]
        if moved.any():
            row[2] = ELSEWHERE
            row[3 : 3 + d][moved] = evaluations.evaluated[0, moved]
        if self.mirrored and self.in_parts:
            self._landed.add_half(int(row[1]), row[2:], score)
        else:
            self._landed.add(row[2:], score)
        if self._due():
            rows, scores, new = self._landed.latest(self.n_individuals)
            when, points, drawn = np.split(rows, [1, 1 + d], axis=1)
            self._take(self._seen_from_here(when[:, 0], points, drawn), scores, new)

    def _due(self) -> bool:
        """Return whether to learn from what has landed: if a population is there, and is all new.

        Where updates add up (:attr:`in_parts`), and others are in flight, a quarter is enough: what
        then is asked for knows as much, in the mean, as in generations.
        """
        n = self.n_individuals
        least = n // 4 if self.in_parts and len(self._flight) else n
        return len(self._landed) >= n and self._landed.new >= least

    def _seen_from_here(self, when: Floats, points: Floats, drawn: Floats) -> Noise:
        """Return the noise that the distribution as it is now would need for points.

        Args:
            when: ``(n,)`` evaluations that the distributions that drew them had learned from. What
                is not of this one is no farther away than :func:`shortened` lets it be.
            points: ``(n, d)``, not yet in the box.
            drawn: ``(n, d)`` the noise they were drawn with.
        """
        old = when != self.restarts.used
        if old.any():
            away = (points[old] - self.mean) / (self.sigma * self.scale)
            drawn[old] = shortened(self._white(away))
        return Noise(drawn, mirrored=False)

    # -- points -------------------------------------------------------------------------------

    def _drawn(self, n: int, mirrored: bool) -> Noise:
        return Noise.draw(self.rng, n, self.space.size, mirrored)

    def _points(self, noise: Noise) -> Floats:
        """Return points ``(n, d)``, not yet in the box."""
        return noise.points(self.mean, self._coloured(noise.drawn), self.sigma * self.scale)

    def _as_evaluated(self, evaluations: Evaluations, noise: Noise) -> Noise:
        """Return the noise as the optimizee moved it; rounding and choices are no moves."""
        moved = self._moved(evaluations)
        rows = moved.any(axis=1)
        if not rows.any():
            return noise
        drawn, run = noise.all(), evaluations.evaluated
        before = self._coloured(drawn[rows])
        after = (run[rows] - self.mean) / (self.sigma * self.scale)
        drawn[rows] = shortened(self._white(np.where(moved[rows], after, before)))
        return Noise(drawn, mirrored=False)

    def _moved(self, evaluations: Evaluations) -> NDArray[np.bool_]:
        """Return which coordinates ``(n, d)`` the optimizee has moved."""
        asked, run = evaluations.asked, evaluations.evaluated
        moved: NDArray[np.bool_] = np.abs(run - asked) > MOVED * (1 + np.abs(asked))
        return moved & ~self._whole


def shortened(white: Floats) -> Floats:
    """Return noise ``(n, d)`` no longer than Hansen (2011, arXiv:1110.4181) lets an injected be."""
    d = white.shape[1]
    most = math.sqrt(d) + 2 * d / (d + 2)
    lengths = np.maximum(np.linalg.norm(white, axis=1), 1e-300)
    shorter: Floats = white * np.minimum(1.0, most / lengths)[:, None]
    return shorter
