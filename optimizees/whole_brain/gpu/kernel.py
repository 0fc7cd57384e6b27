"""The time loops of a block of threads: one parameter set, or several that share their weights.

With delays, time goes in blocks of 16 steps, as on the CPU. Half a warp sums the links of one
target that reach back at least a block, a thread a step: what it reads of the history lies side by
side. Then a thread takes a region through the steps; links that reach back less see a window in
shared memory. What was sent in the block goes into the history at its end, again side by side.

Without delays, a thread sums over all regions for several sets at once, so that a weight is read
once for them. Sums over sources of even and of odd number are apart, as on the CPU.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from l2l.optimizees.whole_brain.gpu.noise import step_word
from l2l.optimizees.whole_brain.gpu.program import BLOCK, WINDOW, Program, U
from l2l.optimizees.whole_brain.gpu.translate import SIMULATED, device

MASK = WINDOW - 1
#: Bytes: four sets' numbers are read at once. The simulator does not know it.
ALIGNED = None if SIMULATED else 16
_compiled: dict[Any, Any] = {}


def kernel_of(program: Program) -> Any:
    """Return the compiled kernel of a program; see :func:`plain_kernel`."""
    if program.key not in _compiled:
        options = {} if SIMULATED else {"launch_bounds": (program.threads, program.resident)}
        _compiled[program.key] = cuda.jit(**options)(plain_kernel(program))
    return _compiled[program.key]


def plain_kernel(program: Program) -> Any:
    """Return the kernel as a function that is not compiled.

    Its arguments: ``first`` (number of the first step), ``samples``, ``every`` (steps a sample),
    ``dt``; ``waves`` (stimulus at each step); ``states (slots, states, n)``,
    ``sent (slots, sent, n)``, ``uniform (slots, rows)``, ``regional (slots * rows * n)``,
    ``seeds (slots)``; ``out (outputs, slots, samples, n)``; ``ok (slots)``, set to 0 where a state
    is not finite; ``scratch (blocks, room)``; ``groups (slots)``; and the links, as
    :class:`~l2l.optimizees.whole_brain.gpu.links.Dense` or ``Delayed`` there has them.
    """
    return _delayed(program) if program.delayed else _dense(program)


def _parts(program: Program) -> tuple[Any, Any, Any, Any]:
    """Return device functions: load a set, store it, draw its words, and write a sample."""
    n, k, threads, real = program.regions, program.sets, program.threads, program.real
    at, pairs = program.layout, program.pairs
    n_states, outputs = program.scheme.n_states, len(program.scheme.outputs)
    uniforms = program.count("uniform")
    at_states, at_running, at_uniform = at["states"], at["running"], at["uniform"]
    zero, hashed = real(0.0), pairs > 0 and program.generator == "hash"

    def load(block, room, states, uniform):
        for place in range(cuda.threadIdx.x, n_states * k * n, threads):
            row, rest = place // (k * n), place % (k * n)
            room[U(at_states + place)] = states[block * k + rest // n, row, rest % n]
        for place in range(cuda.threadIdx.x, outputs * k * n, threads):
            room[U(at_running + place)] = zero
        for place in range(cuda.threadIdx.x, uniforms * k, threads):
            room[U(at_uniform + place)] = uniform[block * k + place % k, place // k]

    def store(block, room, states, ok):
        for place in range(cuda.threadIdx.x, n_states * k * n, threads):
            row, rest = place // (k * n), place % (k * n)
            value = room[U(at_states + place)]
            states[block * k + rest // n, row, rest % n] = value
            if value - value != zero:  # infinite or NaN
                ok[block * k + rest // n] = 0

    def draw(block, first, words, seeds):
        if hashed:
            for place in range(cuda.threadIdx.x, BLOCK * pairs * k, threads):
                row = place // k
                step, pair = first + row // pairs, row % pairs
                words[place] = step_word(seeds[block * k + place % k], step, pair)

    def write(i, k_own, slot, room, every, sample, out):
        for output in range(outputs):
            place = at_running + (output * k + k_own) * n + i
            out[output, slot, sample, i] = room[U(place)] / real(every)
            room[U(place)] = zero

    return device(load), device(store), device(draw), device(write)


def _dense(program: Program) -> Any:
    n, k, threads, real = program.regions, program.sets, program.threads, program.real
    quantities, words_size = program.scheme.n_sent, BLOCK * max(program.pairs, 1) * program.sets
    columns, at_sent, zero = quantities * k, program.layout["sent"], real(0.0)
    advance, shared = program.advance(), program.shared
    size = program.layout["size"] if shared else 1
    load, store, draw, write = _parts(program)

    def dense(first, samples, every, dt, waves, states, sent, uniform, regional, seeds, out, ok,
              scratch, groups, weights):  # fmt: skip
        block, thread = cuda.blockIdx.x, cuda.threadIdx.x
        room = cuda.shared.array(size, real, ALIGNED) if shared else scratch[block]
        words = cuda.shared.array(words_size, np.uint64)
        even = cuda.local.array(columns, real)
        odd = cuda.local.array(columns, real)
        totals = cuda.local.array(columns, real)  # apart: what a loop indexes is not in registers
        load(block, room, states, uniform)
        for place in range(thread, n * columns, threads):
            column = place % columns
            room[U(at_sent + place)] = sent[block * k + column % k, column // k, place // columns]
        base = groups[block * k] * (n * n)
        left, sample = every, 0
        steps = samples * every
        for begin in range(0, steps, BLOCK):
            draw(block, first + begin, words, seeds)
            cuda.syncthreads()
            for s in range(min(BLOCK, steps - begin)):
                now = begin + s
                here = (now & 1) * n
                there = at_sent + (1 - (now & 1)) * (n * columns)
                wave = waves[U(now % waves.size)]
                left -= 1
                for i in range(thread, n, threads):
                    for c in range(columns):
                        even[c] = zero
                        odd[c] = zero
                    source, weight = here, base + i
                    while source < here + n // 2 * 2:
                        one, two = weights[U(weight)], weights[U(weight + n)]
                        for c in range(columns):
                            even[c] += one * room[U(at_sent + source * columns + c)]
                            odd[c] += two * room[U(at_sent + (source + 1) * columns + c)]
                        source += 2
                        weight += 2 * n
                    if n % 2:
                        one = weights[U(weight)]
                        for c in range(columns):
                            even[c] += one * room[U(at_sent + source * columns + c)]
                    for c in range(columns):
                        totals[c] = even[c] + odd[c]
                    for own in range(k):
                        slot = block * k + own
                        advance(i, own, slot, s, first + now, seeds[slot], dt, wave,
                                there + i * columns + own, room, totals, regional,
                                words)  # fmt: skip
                        if left == 0:
                            write(i, own, slot, room, every, sample, out)
                if left == 0:
                    left = every
                    sample += 1
                cuda.syncthreads()
        last = at_sent + (steps & 1) * (n * columns)
        for place in range(thread, n * columns, threads):
            column = place % columns
            sent[block * k + column % k, column // k, place // columns] = room[U(last + place)]
        store(block, room, states, ok)

    return dense


def _delayed(program: Program) -> Any:
    n, threads, real = program.regions, program.threads, program.real
    quantities, words_size = program.scheme.n_sent, BLOCK * max(program.pairs, 1)
    at_sent, at_sums, zero = program.layout["sent"], program.layout["sums"], real(0.0)
    advance, shared = program.advance(), program.shared
    size = program.layout["size"] if shared else 1
    load, store, draw, write = _parts(program)
    halves = threads // BLOCK

    def delayed(first, samples, every, dt, waves, states, sent, uniform, regional, seeds, out, ok,
                scratch, groups, far_starts, far_rows, far_delays, far_weights,
                near_starts, near_sources, near_delays, near_weights,
                horizons, ring, ring_starts):  # fmt: skip
        slot, thread = cuda.blockIdx.x, cuda.threadIdx.x
        lane, half = thread % BLOCK, thread // BLOCK
        room = cuda.shared.array(size, real) if shared else scratch[slot]
        words = cuda.shared.array(words_size, np.uint64)
        totals = cuda.local.array(quantities, real)
        load(slot, room, states, uniform)
        group = groups[slot]
        horizon, origin = horizons[group], ring_starts[slot]
        table = group * (n + 1)
        for row in range(half, quantities * n, halves):  # the window of the last 16 steps
            quantity, source = row // n, row % n
            time = first - lane
            past = ring[U(origin + row * horizon + (time + horizon) % horizon)]
            room[U(at_sent + (quantity * WINDOW + (time & MASK)) * n + source)] = past
        left, sample = every, 0
        steps = samples * every
        for begin in range(0, steps, BLOCK):
            start = first + begin
            count = min(BLOCK, steps - begin)
            draw(slot, start, words, seeds)
            head = (start + lane) % horizon
            for row in range(half, quantities * n, halves):
                quantity, target = row // n, row % n
                above = origin + quantity * n * horizon
                total = zero
                link, last = far_starts[U(table + target)], far_starts[U(table + target + 1)]
                while link < last:
                    at = head - far_delays[U(link)]
                    if at < 0:
                        at += horizon
                    total += far_weights[U(link)] * ring[U(above + far_rows[U(link)] + at)]
                    link += 1
                room[U(at_sums + (quantity * BLOCK + lane) * n + target)] = total
            cuda.syncthreads()
            for s in range(count):
                now = start + s
                wave = waves[U((begin + s) % waves.size)]
                left -= 1
                for i in range(thread, n, threads):
                    for quantity in range(quantities):
                        total = room[U(at_sums + (quantity * BLOCK + s) * n + i)]
                        for link in range(near_starts[U(table + i)], near_starts[U(table + i + 1)]):
                            time = (now - near_delays[U(link)]) & MASK
                            at = at_sent + (quantity * WINDOW + time) * n + near_sources[U(link)]
                            total += near_weights[U(link)] * room[U(at)]
                        totals[quantity] = total
                    following = at_sent + ((now + 1) & MASK) * n + i
                    advance(i, 0, slot, s, now, seeds[slot], dt, wave, following, room, totals,
                            regional, words)  # fmt: skip
                    if left == 0:
                        write(i, 0, slot, room, every, sample, out)
                if left == 0:
                    left = every
                    sample += 1
                cuda.syncthreads()
            if lane < count:
                time = start + 1 + lane
                for row in range(half, quantities * n, halves):
                    quantity, source = row // n, row % n
                    value = room[U(at_sent + (quantity * WINDOW + (time & MASK)) * n + source)]
                    ring[U(origin + row * horizon + time % horizon)] = value
            cuda.syncthreads()
        store(slot, room, states, ok)

    return delayed


@cuda.jit
def fill(sent, horizons, groups, ring, ring_starts):
    """Fill the histories ``ring`` with what is sent at the start, a block of threads a slot."""
    slot = cuda.blockIdx.x
    quantities, n = sent.shape[1], sent.shape[2]
    horizon = horizons[groups[slot]]
    for place in range(cuda.threadIdx.x, quantities * n * horizon, cuda.blockDim.x):
        row = place // horizon
        ring[ring_starts[slot] + place] = sent[slot, row // n, row % n]
