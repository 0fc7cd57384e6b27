"""Walkers: how the chains of simulated annealing and parallel tempering are asked and told."""

from __future__ import annotations

import numpy as np

from l2l.evaluation import Evaluations
from l2l.optimizers.annealing.frame import PERIOD, Frame
from l2l.optimizers.annealing.turns import Turns
from l2l.space import Floats


class Walkers(Frame):
    """Chains that take their steps in generations, or each on its own."""

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return the points ``(n_parallel_runs, d)``: one step of each chain."""
        if self.chains is None:
            points, self._proposal = self._first(), None
        else:
            points, self._proposal = self.chains.propose(self.rng)
        self._asked = len(points)
        return points

    def tell(self, evaluations: Evaluations) -> None:
        """Let each chain take its step or not, cool, exchange, and restart what is frozen."""
        asked, self._asked = self._asked, 0
        scores = self.scored(evaluations, expected=asked)
        if self.chains is not None and not np.isfinite(scores).any():
            return  # as if it had not been: the same chains take other steps
        self._told += 1
        if self.chains is None:
            self._begin(evaluations.evaluated, scores)
            return
        if self.first_temperature is None:
            self._measure(self.chains.scores, scores)
        known = self.first_temperature is not None
        temperatures = self._temperatures() if known else np.inf
        moved = evaluations.evaluated is not evaluations.asked
        assert self._proposal is not None
        self.chains.accept(
            self._proposal, evaluations.evaluated if moved else None, scores, temperatures,
            self.rng, self._adapts(self._told),
        )  # fmt: skip
        if known:
            self.cooled += 1
            self._exchange(temperatures)
            if self.cooled % PERIOD == 0 and self.n > 1:
                self._go_with_winners(temperatures)
        self._watch()

    # -- one by one ---------------------------------------------------------------------------

    def ask_one(self) -> Floats | None:
        """Return a step ``(d,)`` of the chain that has walked least; None if no chain is free."""
        if self.chains is None or self._turns is None:
            self._begin(self._first(), np.full(self.n, -np.inf))  # failed, until they are told
            self._turns = Turns(self.n, 1 if self._turns is None else self._turns.start + 1)
        turns, chains = self._turns, self.chains
        assert chains is not None
        chain = turns.next()
        if chain is None:
            return None
        rows = slice(chain, chain + 1)
        if turns.fresh[chain]:
            points, step = chains.z[rows].copy(), chains.stay(rows)
        else:
            points, step = chains.propose(self.rng, rows)
        columns = np.resize(step.columns, chains.width)
        self._flight.add(turns.start, chain, step.kind, columns, step.z)
        point: Floats = points[0]
        return point

    def tell_one(self, evaluations: Evaluations) -> None:
        """Let one chain take its step or not, cool, and meet another one.

        An evaluation that failed is a step not taken. Those of an earlier start only count as the
        best point.
        """
        number, score = self.scored_one(evaluations)
        row, turns, chains = self._flight.land(number), self._turns, self.chains
        assert turns is not None
        if chains is None or row[0] != turns.start:
            return
        chain, scores, fresh = int(row[1]), np.array([score]), bool(turns.fresh[int(row[1])])
        step = chains.noted(chain, int(row[2]), row[3:])
        turns.steps[chain] += 1
        turns.fresh[chain] = False
        if self.first_temperature is None and not fresh:
            self._measure(chains.scores[step.rows], scores)
        walks = self.first_temperature is not None and not fresh
        chains.accept(
            step, evaluations.evaluated, scores,
            self._temperature_of(chain) if walks else np.inf, self.rng,
            not fresh and self._adapts(int(turns.steps[chain])),
        )  # fmt: skip
        if walks:
            turns.walked[chain] += 1
            self._meet(chain)
        else:
            turns.free.append(chain)
        if turns.steps.sum() % self.n == 0:
            self._end_of_round()

    def _temperature_of(self, chain: int) -> float:
        """Return the temperature of a chain, which cools with its own steps."""
        assert self._turns is not None
        each = self._temperatures(int(self._turns.walked[chain]))
        return float(np.broadcast_to(each, self.n)[chain])

    def _end_of_round(self) -> None:
        """Do what follows as many single steps as a generation has."""
        turns = self._turns
        assert turns is not None
        self._told = int(turns.steps.min())
        if self.first_temperature is None:
            return
        self.cooled = int(turns.walked.min())
        if (turns.steps.sum() // self.n) % PERIOD == 0 and self.n > 1:
            self._go_with_winners(self._temperatures(max(0, self.cooled - 1)))
        before = self.n_restarts
        self._watch()
        if self.n_restarts > before:
            turns.reheat()

    def _meet(self, chain: int) -> None:
        """Let a chain go on, alone or with another one, after a step that was told alone."""
        assert self._turns is not None
        self._turns.meet(chain, None)
