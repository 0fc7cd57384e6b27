"""What an asynchronous run has asked and told, in the recorded order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from l2l.evaluation import Ints
from l2l.records import REPAIRS, SIDE, Block


class _Source(Protocol):
    def landed(self, first_row: int) -> Block:
        """Return records in order of landing."""

    def known(self) -> Ints:
        """Return how many results had been told at each ask."""


@dataclass
class Told:
    """Results in order of landing, and when points were asked for.

    Attributes:
        block: The results, with all repairs, these ordered by id.
        known: ``(n,)`` how many results had been told when each point was asked for, by id; never
            less than for the one before.
        written: Of how many points the store knows that.
    """

    block: Block
    known: Ints
    written: int

    @classmethod
    def since(cls, told: int, asked: int, source: _Source) -> Self:
        """Return what came after so many results were told and so many points asked for.

        The asks that a state counts and no block has written were made right before it.
        """
        recorded, block = source.known(), source.landed(told)
        if "repair_id" in block:
            order = np.argsort(block["repair_id"], kind="stable")
            block |= {name: block[name][order] for name in REPAIRS}
        known = np.full(max(asked, len(recorded)), told, np.int64)
        known[: len(recorded)] = recorded
        # Where rows were damaged, older numbers may be larger than any place that is left.
        known[:asked] = np.minimum(known[:asked], told)
        return cls(block, np.maximum.accumulate(known), len(recorded))

    @property
    def n_asks(self) -> int:
        """Number of points of which it is recorded that they were asked for."""
        return len(self.known)

    def asks_before(self, told: int, number: int) -> int:
        """Return how many points had been asked for before the result of one is told.

        Where the record is damaged it says too little, but that one at least must be among them.
        """
        return max(int(np.searchsorted(self.known, told, side="right")), number + 1)

    def record(self, row: int) -> Block:
        """Return one result as a block, with its repairs."""
        block = self.block
        one = {name: c[row : row + 1] for name, c in block.items() if name not in SIDE}
        if "repair_id" in block:
            number, numbers = one["id"][0], block["repair_id"]
            first, last = (
                np.searchsorted(numbers, number),
                np.searchsorted(numbers, number, "right"),
            )
            one |= {name: block[name][first:last] for name in REPAIRS}
        return one
