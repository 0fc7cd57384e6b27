"""What the kernels are compiled for, and the step of one region of one set.

A block of threads keeps what it works on in ``room``, in shared memory, or in global memory where
there are too many regions for that: states, running sums, numbers of the sets, what regions send.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from l2l.optimizees.whole_brain.gpu import noise
from l2l.optimizees.whole_brain.gpu.translate import SIMULATED, device, step_of
from l2l.optimizees.whole_brain.stepping import Scheme

BLOCK = 16  #: steps that far links are summed for at once, as on the CPU
WINDOW = 2 * BLOCK  #: steps of what was sent that near links see
SHARED = 48 * 1024  #: bytes of shared memory that any GPU gives a block without being asked
#: Of an index: Numba asks of one with a sign whether it counts from the end. Python's needn't be.
U = int if SIMULATED else np.uint64
REGISTERS = 65_536  #: of a multiprocessor
THREADS = 512  #: most threads of a block


@dataclass(frozen=True)
class Program:
    """What is compiled.

    Attributes:
        scheme: The model and the integrator.
        regions: Their number.
        places: Where the step finds each row after states and sums: ``("uniform", 3)``, one number
            for all regions, or ``("regional", 0)``.
        sets: Sets of a block.
        delayed: Whether there are delays.
        precision: ``float32`` or ``float64``.
        generator: Of noise.
    """

    scheme: Scheme
    regions: int
    places: tuple[tuple[str, int], ...]
    sets: int
    delayed: bool
    precision: str
    generator: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells one compiled kernel from another."""
        own = (self.regions, self.places, self.sets, self.delayed, self.precision, self.generator)
        return (self.scheme.model.name, self.scheme.digest, *own)

    @property
    def real(self) -> Any:
        """Type of all numbers."""
        return np.dtype(self.precision).type

    @property
    def pairs(self) -> int:
        """Pairs of normal numbers a region and step."""
        return (self.scheme.n_noise + 1) // 2

    @property
    def threads(self) -> int:
        """Threads of a block; as few as will do where they are Python's."""
        if SIMULATED:
            return BLOCK if self.delayed else 4
        return min(-(-self.regions // 32) * 32, THREADS)

    @property
    def resident(self) -> int:
        """Blocks that are to fit a multiprocessor: with 128 registers a thread, of 65,536."""
        return max(1, REGISTERS // (128 * self.threads))

    def count(self, kind: str) -> int:
        """Return how many rows are ``uniform`` or ``regional``."""
        return sum(where == kind for where, _ in self.places)

    @cached_property
    def layout(self) -> dict[str, int]:
        """Where each part of ``room`` begins, and its ``size``, in numbers."""
        scheme, n, k = self.scheme, self.regions, self.sets
        q = scheme.n_sent
        sizes = {
            "sent": q * WINDOW * n if self.delayed else 2 * n * q * k,
            "states": scheme.n_states * k * n,
            "running": len(scheme.outputs) * k * n,
            "uniform": self.count("uniform") * k,
            "sums": q * BLOCK * n if self.delayed else 0,
        }
        found, at = {}, 0
        for name, size in sizes.items():
            found[name], at = at, at + size
        return found | {"size": at}

    @property
    def shared(self) -> bool:
        """Whether ``room`` is in shared memory."""
        words = 8 * BLOCK * max(self.pairs, 1) * self.sets
        return self.layout["size"] * np.dtype(self.precision).itemsize + words <= SHARED

    @cached_property
    def source(self) -> str:
        """The source of a step of region ``i`` of the block's set ``k``."""
        scheme, n, sets, at = self.scheme, self.regions, self.sets, self.layout
        states, sent = scheme.n_states, scheme.n_sent
        step = WINDOW * n if self.delayed else sets  # from one sent quantity to the next

        def place(part: str, row: int) -> str:
            return f"room[U({at[part] + row * sets * n} + k * {n} + i)]"

        rows = [place("states", row) for row in range(states)]
        rows += [f"totals[U({q * sets} + k)]" for q in range(sent)]
        count = self.count("regional")
        for kind, row in self.places:
            regional = f"regional[U((slot * {count} + {row}) * {n} + i)]"
            uniform = f"room[U({at['uniform'] + row * sets} + k)]"
            rows.append(regional if kind == "regional" else uniform)
        normals = [f"z{k}" for k in range(scheme.n_noise)]
        lines = [
            f"z{2 * p}, z{2 * p + 1} = normal_pair("
            f"words[U((s * {self.pairs} + {p}) * {sets} + k)], seed, now, {p}, i)"
            for p in range(self.pairs)
        ]
        lines.append(f"found = step({', '.join([*rows, *normals, 'dt', 'wave'])})")
        lines += [f"{place('states', row)} = found[{row}]" for row in range(states)]
        lines += [f"room[U(sent + {q * step})] = found[{states + q}]" for q in range(sent)]
        for row in range(len(scheme.outputs)):
            lines.append(f"{place('running', row)} += found[{states + sent + row}]")
        head = (
            "def advance(i, k, slot, s, now, seed, dt, wave, sent, room, totals, regional, words):"
        )
        return "\n    ".join([head, *lines]) + "\n"

    def advance(self) -> Any:
        """Return that step, compiled for the threads of a GPU."""
        scope = {
            "U": U,
            "step": step_of(self.scheme, self.real),
            "normal_pair": noise.normal_pair(self.real, self.generator),
        }
        exec(compile(self.source, f"<region of {self.scheme.model.name}>", "exec"), scope)
        return device(scope["advance"])
