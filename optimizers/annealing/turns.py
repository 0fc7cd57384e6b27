"""Turns: which chain takes the next step, where each goes on as soon as its own step is told."""

from __future__ import annotations

import numpy as np

from l2l.optimizer import State


class Turns:
    """The chains of one start, one by one.

    Args:
        n: Number of chains; all are free at first.
        start: Number of the start.

    Attributes:
        free: Chains that may take a step, in the order in which they became free.
        waiting: Chains that wait until another one has walked as far.
        fresh: ``(n,)`` whether the first state has not been told yet.
        steps: ``(n,)`` number of evaluations told, of each chain.
        walked: ``(n,)`` the same since the temperature began to fall.
    """

    def __init__(self, n: int, start: int) -> None:
        self.start = start
        self.free = list(range(n))
        self.waiting: list[int] = []
        self.fresh = np.ones(n, np.bool_)
        self.steps = np.zeros(n, np.int64)
        self.walked = np.zeros(n, np.int64)

    def next(self) -> int | None:
        """Return the free chain that has walked least, which is free no more; None if none is."""
        if not self.free:
            return None
        return self.free.pop(int(self.walked[self.free].argmin()))

    def meet(self, chain: int, partner: int | None) -> bool:
        """Let a chain go on, if it is to meet nobody or its partner waits for it; else it waits.

        Returns:
            Whether the two meet.
        """
        met = partner in self.waiting and self.walked[partner] == self.walked[chain]
        if met and partner is not None:
            self.waiting.remove(partner)
            self.free.append(partner)
        if met or partner is None:
            self.free.append(chain)
        else:
            self.waiting.append(chain)
        return bool(met)

    def reheat(self) -> None:
        """Begin to walk anew, from where the chains are."""
        self.walked[:] = 0
        self.free += self.waiting
        self.waiting = []

    def pack(self) -> State:
        """Return everything that changes, copied."""
        return {
            "turns_start": self.start,
            "turns_free": np.array(self.free, np.int64),
            "turns_waiting": np.array(self.waiting, np.int64),
            "turns_chains": np.stack([self.fresh, self.steps, self.walked]).astype(np.int64),
        }

    @classmethod
    def unpacked(cls, state: State) -> Turns | None:
        """Return those of a state that :meth:`pack` packed (among other entries), or None."""
        if "turns_start" not in state:
            return None
        fresh, steps, walked = np.array(state["turns_chains"])
        turns = cls(len(steps), int(state["turns_start"]))
        turns.free = [int(chain) for chain in state["turns_free"]]
        turns.waiting = [int(chain) for chain in state["turns_waiting"]]
        turns.fresh, turns.steps, turns.walked = fresh.astype(np.bool_), steps, walked
        return turns
