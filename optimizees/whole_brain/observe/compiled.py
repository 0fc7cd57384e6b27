"""BOLD and moments on the registers of a CPU. Importing this module imports Numba."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from l2l.optimizees.compiled import compiled
from l2l.optimizees.whole_brain.cpu import functions, memory, simd
from l2l.optimizees.whole_brain.model import Floats
from l2l.optimizees.whole_brain.observe import balloon
from l2l.optimizees.whole_brain.observe.balloon import Rates

#: Regions in a register (two or four of the CPU's, where its are smaller).
WIDTH = 16
#: Rows of a tile of products: with two registers a row, they fit in the 16 of a CPU with AVX2.
ROWS = 6
_step = functions.inlined(balloon.step)
_signal = functions.inlined(balloon.signal)


def _sources() -> str:
    """Return a digest of all that is compiled into the kernel."""
    files = [*sorted(Path(simd.__file__).parent.glob("*.py")), Path(balloon.__file__)]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


_compiled = compiled(error_model="numpy", nogil=True)


def _kernels(digest: str) -> tuple[Any, Any, Any]:
    """Return the kernels.

    Numba's cache on disk looks at this file only, and at what is in a kernel's closure: the digest
    is there, so that no kernel is loaded that other sources have made.
    """

    @_compiled
    def integrate(  # type: ignore[no-untyped-def]
        series, shape, kept, clock, counts, scale, constants, parts, out
    ):
        _ = digest
        sets, samples, regions = shape
        each, substeps, interval = counts
        part1, part2, part3 = parts
        last = (regions + WIDTH - 1) // WIDTH * 5 * WIDTH
        zero = memory.zero(kept, WIDTH)
        place = 0
        for chosen in range(sets):
            in_step, in_interval = clock
            for sample in range(samples):
                at = (chosen * samples + sample) * regions
                in_step += 1
                for base in range(0, last, 5 * WIDTH):
                    # the last register reaches back, so that it ends with the last region
                    first = min(base // 5, regions - WIDTH)
                    here = chosen * last + base
                    total = memory.load(kept, here + 4 * WIDTH, WIDTH)
                    total = total + memory.load(series, at + first, WIDTH)
                    if in_step == each:
                        s = memory.load(kept, here, WIDTH)
                        f = memory.load(kept, here + WIDTH, WIDTH)
                        v = memory.load(kept, here + 2 * WIDTH, WIDTH)
                        q = memory.load(kept, here + 3 * WIDTH, WIDTH)
                        for _ in range(substeps):
                            s, f, v, q = _step(s, f, v, q, total * scale, *constants)
                        memory.store(kept, here, s)
                        memory.store(kept, here + WIDTH, f)
                        memory.store(kept, here + 2 * WIDTH, v)
                        memory.store(kept, here + 3 * WIDTH, q)
                        total = zero
                        if in_interval + 1 == interval:
                            memory.store(out, place + first, _signal(v, q, part1, part2, part3))
                    memory.store(kept, here + 4 * WIDTH, total)
                if in_step == each:
                    in_step = 0
                    in_interval += 1
                    if in_interval == interval:
                        in_interval = 0
                        place += regions

    @_compiled
    def centre(series, shape, share, mean, squares, rough, away):  # type: ignore[no-untyped-def]
        _ = digest
        sets, samples, regions = shape
        for chosen in range(sets):
            for base in range(0, regions, WIDTH):
                first = min(base, regions - WIDTH)
                here = chosen * regions + first
                start = chosen * samples * regions + first
                end = start + samples * regions
                # less the first sample, so that equal numbers have no deviations at all
                origin = memory.load(series, start, WIDTH)
                single = memory.zero(series, WIDTH)
                double = simd.to_double(single)
                square = double
                for at in range(start, end, regions):
                    apart = memory.load(series, at, WIDTH) - origin
                    single = single + apart
                    double = double + simd.to_double(apart)
                    square = square + simd.to_double(apart) * simd.to_double(apart)
                shift = double * (1.0 / samples)
                memory.store(mean, here, simd.to_double(origin) + shift)
                memory.store(squares, here, square - shift * double)
                if len(away):
                    middle = origin + single * share
                    memory.store(rough, here, middle)
                    for at in range(start, end, regions):
                        memory.store(away, at, memory.load(series, at, WIDTH) - middle)

    @_compiled
    def multiply(away, shape, products):  # type: ignore[no-untyped-def]
        _ = digest
        sets, samples, regions = shape
        for chosen in range(sets):
            for row in range(0, regions, ROWS):
                i = min(row, regions - ROWS)
                for column in range(i // WIDTH * WIDTH, regions, WIDTH):  # the rest is mirrored
                    j = min(column, regions - WIDTH)
                    a = b = c = d = e = f = memory.zero(away, WIDTH)
                    start = chosen * samples * regions
                    for at in range(start, start + samples * regions, regions):
                        x = memory.load(away, at + j, WIDTH)
                        k = np.uint64(at + i)  # unsigned: no check for places from the end
                        a = a + x * away[k]
                        b = b + x * away[k + np.uint64(1)]
                        c = c + x * away[k + np.uint64(2)]
                        d = d + x * away[k + np.uint64(3)]
                        e = e + x * away[k + np.uint64(4)]
                        f = f + x * away[k + np.uint64(5)]
                    to = (chosen * regions + i) * regions + j
                    memory.store(products, to, a)
                    memory.store(products, to + regions, b)
                    memory.store(products, to + 2 * regions, c)
                    memory.store(products, to + 3 * regions, d)
                    memory.store(products, to + 4 * regions, e)
                    memory.store(products, to + 5 * regions, f)
            to = chosen * regions * regions
            for i in range(regions):
                for j in range(i):
                    products[to + i * regions + j] = products[to + j * regions + i]

    return integrate, centre, multiply


_integrate, _centre, _multiply = _kernels(_sources())


def in_block(block: Floats, mutual: bool) -> tuple[Floats, Floats, Floats]:
    """Return :func:`.moments.in_block`, for float32 and no fewer regions than a register has."""
    block = np.ascontiguousarray(block)
    sets, samples, regions = block.shape
    mean, squares = np.empty((sets, regions)), np.empty((sets, regions))
    rough = np.zeros((sets, regions), block.dtype)
    away = np.empty(block.shape if mutual else (0,), block.dtype)
    arrays = (array.reshape(-1) for array in (mean, squares, rough, away))
    _centre(block.reshape(-1), block.shape, np.float32(1 / samples), *arrays)
    if not mutual:
        return mean, squares, rough
    products = np.empty((sets, regions, regions), block.dtype)
    _multiply(away.reshape(-1), away.shape, products.reshape(-1))
    return mean, products, mean - rough


class Registers:
    """The states of the model in all sets; as :class:`~.bold.Arrays`, in the series' precision.

    Args:
        sets, regions: Their numbers.
        dtype: Precision of the series.
        rates: See :class:`~.balloon.Rates`.
    """

    def __init__(self, sets: int, regions: int, dtype: Any, rates: Rates) -> None:
        self._missing = max(0, WIDTH - regions)
        self._kept = np.zeros((sets, -(-regions // WIDTH) * 5 * WIDTH), dtype)
        self._counts = rates.each, rates.substeps, rates.interval
        self._scale = np.dtype(dtype).type(rates.scale)
        self._constants = tuple(map(self._scale.dtype.type, rates.constants))
        self._parts = tuple(map(self._scale.dtype.type, rates.parts))

    def run(self, series: Floats, clock: tuple[int, int], out: Floats) -> None:
        """Integrate a segment, see :meth:`~.bold.Arrays.run`."""
        regions = series.shape[2]
        wide = out
        if self._missing:  # a register is filled up with regions at rest
            series = np.pad(series, ((0, 0), (0, 0), (0, self._missing)))
            wide = np.empty((*out.shape[:2], WIDTH), out.dtype)
        _integrate(
            np.ascontiguousarray(series).reshape(-1),
            series.shape,
            self._kept.reshape(-1),
            clock,
            self._counts,
            self._scale,
            self._constants,
            self._parts,
            wide.reshape(-1),
        )
        if self._missing:
            out[:] = wide[:, :, :regions]
