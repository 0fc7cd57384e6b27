"""Chains: Metropolis walks side by side, which learn the size and shape of their steps.

What simulated annealing and parallel tempering share. A generation proposes one step a chain, all
of one kind, drawn anew for each generation (or, one by one, for each step):

- *coordinate*: some coordinates of each chain (one in 50, at least one), each with a step of its
  own size (Corana et al. 1987, Minimizing multimodal functions of continuous variables with the
  simulated annealing algorithm, ACM TOMS 13);
- *gaussian*: all coordinates, with the same relative sizes;
- *differential*: the difference of two states from an archive of the chains' past (ter Braak 2006,
  A Markov chain Monte Carlo version of the genetic algorithm differential evolution, Stat. Comput.
  16, eq. 2; ter Braak & Vrugt 2008, Differential evolution Markov chain with snooker updater and
  fewer chains, Stat. Comput. 18, section 2), which has the shape of the valley they lie in.

All are symmetric, so that detailed balance holds once nothing is adapted any more. At bounds too: a
chain walks on a ring of twice the width of the box, of which the box is the image under reflection.
There a step and its opposite stay equally likely whatever correlations they have, which they do not
if a correlated step is reflected in the box itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizer import State
from l2l.optimizers.annealing.wholesteps import walked, whole_columns
from l2l.space import Floats, ParameterSpace

Ints = NDArray[np.int64]

COORDINATE, GAUSSIAN, DIFFERENTIAL = range(3)
#: Of a proposal that is no step.
STAY = -1
#: Shares of the kinds of steps.
SHARES = (0.2, 0.2, 0.6)
#: Acceptance to adapt to: of one coordinate, of many (Roberts & Rosenthal 2001, Stat. Sci. 16).
ONE, MANY = 0.44, 0.234
#: How fast the logarithms of step sizes are adapted (Robbins & Monro 1951).
RATE, COORDINATE_RATE = 0.2, 0.2
#: States in the archive, over all chains, and numbers in them; at least two generations.
ARCHIVED, MOST_NUMBERS = 200, 2**20
#: Rungs to each side whose archive a rung draws from, where chains have different temperatures.
NEIGHBOURS = 4


@dataclass
class Proposal:
    """Steps that some chains may take.

    Attributes:
        rows: Which chains, ``k`` of them.
        kind: Of the steps.
        z: ``(k, d)`` states that are proposed.
        columns: ``(k, width)`` coordinates that a coordinate step changes.
    """

    rows: slice
    kind: int
    z: Floats
    columns: Ints


#: The rows of all chains.
ALL = slice(None)


class Chains:
    """States of ``n`` chains, their steps and their archive.

    Args:
        space: The parameter space.
        points: ``(n, d)`` first states.
        scores: ``(n,)`` of them; -inf for what failed, which any other state replaces.
        sigma: ``(d,)`` first step sizes; steps never grow beyond ten times that.
        groups: Sizes of steps that are learnt: 1 for all chains together, or one a chain.

    Attributes:
        z: ``(n, d)`` states; where there are bounds in [-1, 1], and ``abs(z)`` is evaluated.
        scores: ``(n,)``.
        steps: ``(d,)`` relative step sizes.
        scales: ``(3, groups)`` what the steps of each kind are multiplied with.
    """

    def __init__(
        self, space: ParameterSpace, points: Floats, scores: Floats, sigma: Floats, groups: int = 1
    ) -> None:
        self.space, self.n, self.groups = space, len(points), groups
        self._box = np.flatnonzero(np.isfinite(space.upper))  # [0, 1] in search coordinates
        d = space.size
        self.z, self.scores = points.copy(), scores.copy()
        self.sigma, self.steps = sigma, sigma.copy()
        self.scales = np.ones((3, groups))
        self.scales[GAUSSIAN] = 2.38 / np.sqrt(d)
        self.scales[DIFFERENTIAL] = 2.38 / np.sqrt(2 * d)  # ter Braak (2006), section 2
        states = min(ARCHIVED, MOST_NUMBERS // d)
        self.archive = np.empty((max(2, states // self.n), self.n, d))
        self.archive[0] = points
        self.written, self.told = 1, 0
        # The archive spans some six generations a dimension: what a chain takes to forget.
        self.every = int(np.clip(round(0.3 * d), 1, 30))
        self.width = -(-d // 50)  # coordinates of a coordinate step
        self._rows = np.arange(self.n)
        self._whole = whole_columns(space)

    # -- propose ------------------------------------------------------------------------------

    def propose(self, rng: np.random.Generator, rows: slice = ALL) -> tuple[Floats, Proposal]:
        """Return the points ``(k, d)`` to be evaluated, a fresh array within the bounds.

        Args:
            rng: Draws the steps.
            rows: Of the chains that take one.

        Returns:
            The points, and what :meth:`accept` is to be given.
        """
        kind, states = self._drawn_kind(rng), self.z[rows]
        columns = np.empty((len(states), 0), np.int64)
        if kind == COORDINATE:
            z, columns = self._coordinate(rng, rows)
        else:
            gaussian = kind == GAUSSIAN
            z = rng.standard_normal(states.shape) if gaussian else self._difference(rng, rows)
            scale = self.scales[kind] if self.groups == 1 else self.scales[kind, rows]
            z *= scale[0] * self.steps if gaussian and self.groups == 1 else scale[:, None]
            if gaussian and self.groups > 1:
                z *= self.steps
            if self._whole is not None:  # integers and choices have steps of their own
                z[:, self._whole] = 0.0
            z += states
        return self._wrapped(z), Proposal(rows, kind, z, columns)

    def stay(self, rows: slice) -> Proposal:
        """Return the proposal of some chains to be where they are, of no kind."""
        none = np.empty((1, 0), np.int64)
        return Proposal(rows, STAY, self.z[rows].copy(), none)

    def noted(self, chain: int, kind: int, numbers: Floats) -> Proposal:
        """Return a proposal of one chain, of ``(width + d,)`` numbers: its columns, its state."""
        columns = numbers[None, : self.width].astype(np.int64)
        return Proposal(slice(chain, chain + 1), kind, numbers[None, self.width :], columns)

    def _drawn_kind(self, rng: np.random.Generator) -> int:
        u = rng.random()
        if u < SHARES[0] or (self._whole is not None and self._whole.all()):
            return COORDINATE
        few = self.n * min(self.written, len(self.archive)) < 4
        return GAUSSIAN if u < SHARES[0] + SHARES[1] or few else DIFFERENTIAL

    def _coordinate(self, rng: np.random.Generator, which: slice) -> tuple[Floats, Ints]:
        """Return proposed states ``(k, d)``, and the coordinates that differ ``(k, width)``."""
        states = self.z[which]
        z, rows = states.copy(), self._rows[: len(states), None]
        j = rng.integers(self.space.size, size=(len(z), self.width))
        scale = self.scales[COORDINATE] if self.groups == 1 else self.scales[COORDINATE, which]
        g = rng.standard_normal(j.shape)
        z[rows, j] += scale[:, None] * self.steps[j] * g
        if self._whole is not None:
            before, after = self._image(states), self._wrapped(z)
            z[:, self._whole] = walked(self.space, before, after, rows, j, g, rng)[:, self._whole]
        return z, j

    def _difference(self, rng: np.random.Generator, which: slice) -> Floats:
        """Return differences ``(k, d)`` of two archived states, not yet scaled."""
        filled, n = min(self.written, len(self.archive)), self.n
        flat, rows = self.archive[:filled].reshape(filled * n, -1), self._rows[which]
        k = len(rows)
        if self.groups == 1:
            a = rng.integers(filled * n, size=k)
            b = (a + 1 + rng.integers(filled * n - 1, size=k)) % (filled * n)
        else:  # of rungs nearby, whose states are spread as widely
            near = rows + rng.integers(-NEIGHBOURS, NEIGHBOURS + 1, size=(2, k))
            near = np.where((near < 0) | (near >= n), rows, near)
            a, b = rng.integers(filled, size=(2, k)) * n + near
            b = np.where(a == b, (b + 1) % (filled * n), b)
        z = flat[a]
        z -= flat[b]
        return z

    def _wrapped(self, z: Floats) -> Floats:
        """Put ``z`` ``(n, d)`` back on the ring, in place, and return its image in the box."""
        points = self._image(z)
        if len(self._box) == z.shape[1]:
            over = points > 1.0
            if over.any():
                far = z[over]
                far -= 2.0 * np.rint(0.5 * far)
                z[over] = far
                points[over] = np.abs(far)
        elif len(self._box):
            far = z[:, self._box]
            z[:, self._box] = far = far - 2.0 * np.rint(0.5 * far)
            points[:, self._box] = np.abs(far)
        return points

    def _image(self, z: Floats) -> Floats:
        """Return the image ``(n, d)`` of states in the box, a fresh array."""
        if len(self._box) == z.shape[1]:
            points: Floats = np.abs(z)
            return points
        points = z.copy()
        points[:, self._box] = np.abs(points[:, self._box])
        return points

    # -- accept -------------------------------------------------------------------------------

    def accept(
        self,
        proposal: Proposal,
        evaluated: Floats | None,
        scores: Floats,
        temperature: float | Floats,
        rng: np.random.Generator,
        adapt: bool,
    ) -> None:
        """Go to the proposed states that the Metropolis rule accepts.

        Args:
            proposal: The steps; changed.
            evaluated: ``(k, d)`` where the points were evaluated, if that was somewhere else.
            scores: ``(k,)`` of the proposals; -inf for what failed, which is rejected.
            temperature: Of all these chains, or ``(k,)``.
            rng: Of the acceptance.
            adapt: Whether the sizes of steps and the archive learn from this.
        """
        rows, z = proposal.rows, proposal.z
        if evaluated is not None:
            self._follow(z, evaluated)
        current = self.scores[rows]
        gain = gains(current, scores, temperature)
        accepted = -rng.standard_exponential(len(z)) < gain
        if adapt:
            self._adapt(gain, current, proposal)
        if accepted.all():
            self.z[rows], self.scores[rows] = z, scores
        else:
            self.z[rows][accepted] = z[accepted]  # slices are views
            self.scores[rows][accepted] = scores[accepted]
        self.told += len(z)
        # a flat fitness must not widen the steps that differences of states make
        if adapt and self.told % (self.every * self.n) == 0 and gain.any():
            self.archive[self.written % len(self.archive)] = self._image(self.z)
            self.written += 1

    def _follow(self, z: Floats, evaluated: Floats) -> None:
        """Take over, in place, the float coordinates that the optimizee has moved."""
        moved = evaluated != self._image(z)
        if self._whole is not None:
            moved[:, self._whole] = False
        z[moved] = evaluated[moved]

    def _adapt(self, gain: Floats, current: Floats, proposal: Proposal) -> None:
        """Let steps grow where more are accepted than should be.

        A tie tells nothing, and neither does a chain that has yet to find what does not fail.
        """
        kind, k = proposal.kind, len(gain)
        one = kind == COORDINATE and self.width == 1
        off = np.exp(np.minimum(gain, 0.0)) - (ONE if one else MANY)
        off[(gain == 0.0) | ~np.isfinite(current)] = 0.0
        if self.groups > 1:
            self._grow(self.scales[kind, proposal.rows], off)
        else:  # together, n chains may go sqrt(n) times as fast on the same noise
            self._grow(self.scales[kind], off.mean() * (k / self.n) * np.sqrt(self.n))
        if kind == COORDINATE:
            factors = np.exp(COORDINATE_RATE * np.repeat(off, self.width))
            columns = proposal.columns.ravel()
            np.multiply.at(self.steps, columns, factors)
            low, high = 1e-200 * self.sigma[columns], 10 * self.sigma[columns]
            self.steps[columns] = np.clip(self.steps[columns], low, high)

    @staticmethod
    def _grow(scale: Floats, by: Any) -> None:
        scale *= np.exp(RATE * by)
        np.maximum(np.minimum(scale, 10.0, out=scale), 1e-100, out=scale)

    # -- exchange -----------------------------------------------------------------------------

    def exchange(self, one: Ints, other: Ints) -> None:
        """Exchange the states of chains, pair by pair."""
        both, swapped = np.concatenate([one, other]), np.concatenate([other, one])
        self.z[both], self.scores[both] = self.z[swapped], self.scores[swapped]

    def copy(self, one: int, to: int) -> None:
        """Put the state of one chain in the place of another's."""
        self.z[to], self.scores[to] = self.z[one], self.scores[one]

    def forget_steps(self) -> None:
        """Begin again with the first sizes of steps, from where the chains are."""
        fresh = Chains(self.space, self.z, self.scores, self.sigma, self.groups)
        self.steps, self.scales = fresh.steps, fresh.scales

    # -- state --------------------------------------------------------------------------------

    def pack(self) -> State:
        """Return everything that changes, copied."""
        return {
            "chains_z": self.z.copy(),
            "chains_scores": self.scores.copy(),
            "chains_sigma": self.sigma,
            "chains_steps": self.steps.copy(),
            "chains_scales": self.scales.copy(),
            "chains_archive": self.archive[: min(self.written, len(self.archive))].copy(),
            "chains_written": self.written,
            "chains_told": self.told,
        }

    @classmethod
    def unpacked(cls, space: ParameterSpace, state: State) -> Chains | None:
        """Return the chains of a state; None if there were none yet."""
        if state.get("chains_z") is None:
            return None
        scales = np.array(state["chains_scales"])
        z, sigma = np.array(state["chains_z"]), np.array(state["chains_sigma"])
        chains = cls(space, z, np.array(state["chains_scores"]), sigma, scales.shape[1])
        chains.steps, chains.scales = np.array(state["chains_steps"]), scales
        archive = state["chains_archive"]
        chains.archive[: len(archive)] = archive
        chains.written, chains.told = int(state["chains_written"]), int(state["chains_told"])
        return chains


#: Of a state before the first chains.
NO_CHAINS: State = {
    f"chains_{name}": None
    for name in ("z", "scores", "sigma", "steps", "scales", "archive", "written", "told")
}


def gains(scores: Floats, others: Floats, temperature: float | Floats) -> Floats:
    """Return ``(others - scores) / temperature``; a failed one is beaten by all that is finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        gain: Floats = (others - scores) / temperature
    failed = ~np.isfinite(scores)
    if failed.any():  # an infinite temperature would make it NaN
        gain[failed] = np.inf
    gain[~np.isfinite(others)] = -np.inf
    return gain
