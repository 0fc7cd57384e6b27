"""What ``whole_brain.py`` measures, and the connectomes that all use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from whole_brain_contenders import BRAINMASS, CUBNM, L2L, TVB, TVBOPTIM, VBI, Job

from l2l.optimizees.whole_brain.connectome.synthetic import synthetic

SWEEP, SECONDS = 16_384, 5.0
#: tvboptim's fastest settings: sets a call, and steps a block (0: no blocks).
G2DO_BATCHES = (4, 8, 16, 64)
DMF_BLOCKS = (5, 10, 30)
NOISE = ("--noise",)
BOLD = ("--noise", "--bold")
GPU = ("--backend", "numba-cuda", "--fc")


def block(steps: int, *others: str) -> tuple[str, ...]:
    """Return the options of a scan in blocks."""
    return (*others, "--block", str(steps))


JOBS: dict[str, Job] = {
    "adex2": Job(L2L, "adex2", "n68", 64, 500, quick=True, quick_ms=100),
    "adex2 tvb": Job(TVB, "adex2", "n68", 1, 500, quick=True, quick_ms=100),
    "adex1": Job(L2L, "adex1", "n68", 64, 500, quick=True, quick_ms=100),
    "adex1 tvb": Job(TVB, "adex1", "n68", 1, 1000),
    "g2do": Job(L2L, "g2do", "n76", 64, 1000, quick=True),
    "g2do tvb": Job(TVB, "g2do", "n76", 1, 1000, quick=True),
    "g2do brainmass": Job(BRAINMASS, "g2do", "n76", 1, 4000, quick=True, quick_ms=2000),
    **{
        f"g2do tvboptim {sets}": Job(TVBOPTIM, "g2do", "n76", sets, 500, quick=sets == 8)
        for sets in G2DO_BATCHES
    },
    "dmf .1": Job(L2L, "dmf", "n80", 64, 2000, options=BOLD, quick=True),
    "dmf .1 cubnm": Job(CUBNM, "dmf", "n80", 64, 2000, quick=True, quick_ms=500),
    **{
        f"dmf .1 tvboptim {steps}": Job(
            TVBOPTIM, "dmf", "n80", 64, 500, options=block(steps, *NOISE), quick=steps == 10
        )
        for steps in DMF_BLOCKS
    },
    "dmf 1": Job(L2L, "dmf", "n80", 64, 10_000, 1.0, options=BOLD, quick=True, quick_ms=2000),
    "dmf 1 cubnm": Job(CUBNM, "dmf", "n80", 64, 10_000, 1.0),
    **{
        f"dmf 1 tvboptim {steps}": Job(
            TVBOPTIM, "dmf", "n80", 64, 5000, 1.0, options=block(steps, *NOISE)
        )
        for steps in DMF_BLOCKS
    },
    "dmf alone": Job(L2L, "dmf", "n80", 1, 10_000, options=BOLD, quick=True, quick_ms=2000),
    "dmf alone cubnm": Job(CUBNM, "dmf", "n80", 1, 10_000),
    "dmf alone tvboptim": Job(TVBOPTIM, "dmf", "n80", 1, 2000, options=block(10, *NOISE)),
    "dmf 2 threads": Job(L2L, "dmf", "n80", 64, 4000, threads=2, options=BOLD, quick=True),
    "dmf 1000": Job(L2L, "dmf", "n1000", 4, 10_000, 1.0, options=BOLD, quick=True, quick_ms=500),
    "dmf 1000 alone": Job(L2L, "dmf", "n1000", 1, 10_000, 1.0, options=BOLD),
    "dmf 500": Job(L2L, "dmf", "n500", 1, 10_000, 1.0, options=BOLD),
    "dmf 1000 sparse": Job(L2L, "dmf", "n1000sparse", 1, 10_000, 1.0, options=BOLD),
    "mpr": Job(L2L, "mpr", "n80", 64, 1000, options=BOLD, quick=True),
    "mpr tvb": Job(TVB, "mpr", "n80", 1, 500),
    "mpr vbi": Job(VBI, "mpr", "n80", 64, 500, quick=True),
    "mpr vbi alone": Job(VBI, "mpr", "n80", 1, 1000),
    "mpr tvboptim": Job(TVBOPTIM, "mpr", "n80", 64, 500, options=block(5, *NOISE)),
    "one connectome": Job(L2L, "dmf", "n80", 64, 2000, options=BOLD, quick=True),
    "8 connectomes": Job(L2L, "dmf", "n80x8", 64, 2000, options=BOLD, quick=True),
    "simulate": Job(L2L, "adex2", "n68", 128, 5000),
    "simulate, analyse, store": Job(L2L, "experiment", "n68", 384, 5000),
    "use case 4": Job(L2L, "use_case_4", "n76", 4096, 400, threads=2),
    "sweep": Job(
        L2L, "adex2", "n68", 128, 500, threads=2, options=("--fc",), quick=True, quick_ms=100
    ),
    "sweep on a GPU": Job(L2L, "adex2", "n68", SWEEP, 1000 * SECONDS, options=GPU),
    "resident on a GPU": Job(L2L, "adex2", "n68", 100_000, 100, options=GPU),
    "DMF on a GPU": Job(L2L, "dmf", "n100", 32_768, 60_000, options=(*GPU, *BOLD)),
    "64 DMF on a GPU": Job(L2L, "dmf", "n100", 64, 60_000, options=(*GPU, *BOLD)),
}


def connectomes(folder: Path) -> None:
    """Write the connectomes: ``weights`` and ``lengths``, (n, n) or (subjects, n, n)."""

    def write(name: str, scaled: str, factor: float, *made: tuple[int, int, float]) -> None:
        parts = [synthetic(n, seed=seed, density=density) for n, seed, density in made]
        weights = factor * np.array([part.scaled(scaled).weights for part in parts])
        lengths = np.array([part.lengths for part in parts])
        np.savez(folder / f"{name}.npz", weights=weights.squeeze(), lengths=lengths.squeeze())

    write("n68", "columns", 1.0, (68, 0, 0.27))
    write("n76", "max", 3.0, (76, 0, 0.27))
    write("n80", "max", 0.2, (80, 0, 0.99))
    write("n80x8", "max", 0.2, *((80, seed, 0.99) for seed in range(8)))
    write("n100", "max", 0.2, (100, 0, 0.99))
    write("n500", "max", 0.2, (500, 0, 1.0))
    write("n1000", "max", 0.2, (1000, 0, 1.0))
    write("n1000sparse", "max", 0.2, (1000, 0, 0.1))
