"""The time loop of one parameter set or a few, over all regions.

A set's numbers lie in panels of :data:`PANEL` regions, a register each; all quantities of a panel
are neighbours, and regions are padded to whole panels. Sets that share a large dense connectome are
simulated side by side, so that its weights are read once for all of them; a set's sums are the
same, in the same order, as when it is alone.

Coupling with delays is summed in blocks of :data:`BLOCK` steps. A link whose delay is at least a
block ("far") can be summed for the whole block before it begins, and the values that it needs lie
side by side in the history of its source: a register then holds 16 steps of one target. What is
nearer is added step by step. Without delays, a dense connectome is a product of matrix and vector,
with the sums of several targets in registers.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# mypy: disable-error-code="call-arg, var-annotated"

from __future__ import annotations

from l2l.optimizees.compiled import compiled
from l2l.optimizees.whole_brain.cpu.control import flush_subnormals, set_control
from l2l.optimizees.whole_brain.cpu.functions import inlined
from l2l.optimizees.whole_brain.cpu.memory import (
    address,
    load,
    load_rows,
    room,
    store,
    store_rows,
    zero,
)
from l2l.optimizees.whole_brain.cpu.recipe import load_all, one_step, sizes, store_all
from l2l.optimizees.whole_brain.cpu.tiles import add_products, store_sums, transposed, zeros

BLOCK = 16  #: steps that are summed at once
PANEL = 16  #: regions in a register
RECENT = 2 * BLOCK  #: steps of which all that was sent is at hand, beside the history


@inlined
def remember(history, stride, head, sent, row, columns):
    """Move what was sent in the last block to the history, where a source's steps are neighbours.

    The first block of the ring is kept twice, at its end again: what begins within the ring and is
    a block long can be read at once.
    """
    for at in range(0, columns, BLOCK):
        square = transposed(load_rows(sent, at, row, BLOCK, BLOCK))
        store_rows(history, at * stride + head, stride, square, 0, BLOCK)
        if head == 0:
            store_rows(history, at * stride + stride - BLOCK, stride, square, 0, BLOCK)


@inlined
def far_sums(block, columns, square, history, stride, head, regions, starts, sources, delays,
             weights):  # fmt: skip
    """Sum the far links of all targets for the steps of a block: ``block[step, target]``."""
    for target in range(columns):
        total = zero(block, BLOCK)
        for k in range(starts[min(target, regions)], starts[min(target + 1, regions)]):
            at = head - delays[k]
            if at < 0:
                at += stride - BLOCK
            total = total + weights[k] * load(history, sources[k] * stride + at, BLOCK)
        store(square, target % BLOCK * BLOCK, total)
        if target % BLOCK == BLOCK - 1:
            rows = transposed(load_rows(square, 0, BLOCK, BLOCK, BLOCK))
            store_rows(block, target - (BLOCK - 1), columns, rows, 0, BLOCK)


@inlined
def near_sums(sums, size, sent, row, now, count, targets, starts, sources, delays, weights):
    """Add what comes by near links to a step's sums: ``sums[target // 16, ..., target % 16]``."""
    for place in range(count):
        at = targets[place] // PANEL * size + targets[place] % PANEL
        total = sums[at]
        for k in range(starts[place], starts[place + 1]):
            total += weights[k] * sent[((now - delays[k]) & (RECENT - 1)) * row + sources[k]]
        sums[at] = total


@inlined
def tile(sums, size, apart, panel, sent, gap, regions, weights, sets, count):
    """Sum over all sources for ``count`` panels of targets in ``sets`` sets, in registers.

    Sources of even and of odd number have sums of their own, so that one addition need not wait for
    the other.
    """
    stride = regions * PANEL
    even = zeros(sums, sets, count, PANEL)
    odd = zeros(sums, sets, count, PANEL)
    at = panel * stride
    for j in range(0, regions - 1, 2):
        even = add_products(even, weights, at, stride, sent, j, gap, count)
        odd = add_products(odd, weights, at + PANEL, stride, sent, j + 1, gap, count)
        at += 2 * PANEL
    if regions % 2:
        even = add_products(even, weights, at, stride, sent, regions - 1, gap, count)
    store_sums(sums, panel * size, size, apart, even, odd, count)


@inlined
def tiles(sums, size, apart, panels, sent, gap, regions, weights, sets, most):
    """Sum for all targets, ``most`` panels at a time as long as there are so many."""
    panel = 0
    while panel + most <= panels:
        tile(sums, size, apart, panel, sent, gap, regions, weights, sets, most)
        panel += most
    while panel < panels:
        tile(sums, size, apart, panel, sent, gap, regions, weights, sets, 1)
        panel += 1


@inlined
def products(sums, size, panels, sent, gap, regions, weights, sets):
    """Sum over all sources at once, for four sets, two or one at a time.

    ``sums[set, panel, ..., lane]`` of ``sent[set, ..., source]``, ``gap`` numbers a set, and
    ``weights[panel, source, lane]``.
    """
    apart = panels * size
    k = 0
    while k < sets:
        here, there = sums + k * apart, sent + k * gap
        if sets - k >= 4:
            tiles(here, size, apart, panels, there, gap, regions, weights, 4, 2)
            k += 4
        elif sets - k >= 2:
            tiles(here, size, apart, panels, there, gap, regions, weights, 2, 4)
            k += 2
        else:
            tiles(here, size, apart, panels, there, gap, regions, weights, 1, 5)
            k += 1


@inlined
def average(out, regions, every, sums, size, spare):
    """Write the means of an output, whose sums over ``every`` steps begin anew."""
    for at in range(0, regions, PANEL):
        mean = load(sums, 0, PANEL) / every
        store(sums, 0, zero(sums, PANEL))
        sums = sums + size
        if at + PANEL <= regions:
            store(out, at, mean)
        else:  # the last panel's padding is none of the output
            store(spare, 0, mean)
            for i in range(at, regions):
                out[i] = spare[i - at]


@compiled(nogil=True, error_model="numpy")
def advance(recipe, first, out, every, dt, table, sent, seeds, words, waves, far, near, weights,
            history, block):  # fmt: skip
    """Simulate ``samples * every`` steps of some sets.

    Args:
        recipe: What is compiled for.
        first: Number of the first step, from the beginning of the simulation.
        out: ``(sets, samples, outputs, regions)``, filled with means over ``every`` steps.
        every: Steps a sample.
        dt: In ms.
        table: States, sums of inputs, parameters, ... and sums of outputs,
            ``(sets, panels, rows, PANEL)``.
        sent: What regions send at a step, at its number modulo the length of the second axis,
            ``(sets, RECENT, quantities, panels * PANEL)``; ``(sets, 1, ...)`` with dense weights.
        seeds: Keys of the noise, ``(sets,)``.
        words: Words of the regions, for the noise, ``(2, panels * PANEL)``.
        waves: Stimulus at each step, ``(steps,)``; or one zero.
        far: Links as ``(starts, sources, delays, weights)``, ordered by target.
        near: Links of less than a block, as ``(targets, starts, sources, delays, weights)``.
        weights: Dense weights, ``(panels, sources, PANEL)``; or empty: then the links are used.
        history: Ring of what was sent, ``(sets, quantities, panels * PANEL, horizon + BLOCK)``.
        block: Room for the sums of a block, ``(sets, quantities, BLOCK, panels * PANEL)``.
    """
    states, quantities, outputs = sizes(recipe)
    sets, samples, _, regions = out.shape
    _, panels, rows, _ = table.shape
    size = rows * PANEL
    columns = panels * PANEL
    row = quantities * columns
    recent = sent.shape[1]
    gap = recent * row
    stride = history.shape[3]
    square = room(table, 256)  # BLOCK * BLOCK
    at_table, at_sent, at_out = address(table), address(sent), address(out)
    at_words, at_weights = address(words), address(weights)
    at_history, at_block = address(history), address(block)
    f_starts, f_sources, f_delays, f_weights = far
    n_targets, n_starts, n_sources, n_delays, n_weights = near
    before = flush_subnormals()
    for s in range(samples * every):
        now = first + s
        here = now % recent * row
        there = (now + 1) % recent * row
        for quantity in range(quantities):
            sums = at_table + (states + quantity) * PANEL
            values = at_sent + quantity * columns
            if weights.size:
                products(sums, size, panels, values + here, gap, regions, at_weights, sets)
                continue
            for k in range(sets):
                past = at_history + (k * quantities + quantity) * columns * stride
                ahead = at_block + (k * quantities + quantity) * columns * BLOCK
                if now % BLOCK == 0:
                    done = values + (k * gap + (now - BLOCK) % recent * row)
                    remember(past, stride, (now - BLOCK) % (stride - BLOCK), done, row, columns)
                    far_sums(ahead, columns, square, past, stride, now % (stride - BLOCK),
                             regions, address(f_starts), address(f_sources), address(f_delays),
                             address(f_weights))  # fmt: skip
                own = sums + k * panels * size
                for panel in range(panels):
                    total = load(ahead, now % BLOCK * columns + panel * PANEL, PANEL)
                    store(own, panel * size, total)
                near_sums(own, size, values + k * gap, row, now, n_targets.size,
                          address(n_targets), address(n_starts), address(n_sources),
                          address(n_delays), address(n_weights))  # fmt: skip
        wave = waves[s % waves.size]
        for k in range(sets):
            for panel in range(panels):
                at = at_table + (k * panels + panel) * size
                numbers = load_all(recipe, at)
                results = one_step(recipe, numbers, seeds[k], now, at_words, columns, panel * PANEL,
                                   dt, wave)  # fmt: skip
                store_all(recipe, at, results, at_sent + (k * gap + there + panel * PANEL), columns)
        if (s + 1) % every == 0:
            for k in range(sets):
                for output in range(outputs):
                    sample = (k * samples + s // every) * outputs + output
                    average(at_out + sample * regions, regions, every,
                            at_table + (k * panels * rows + rows - outputs + output) * PANEL,
                            size, square)  # fmt: skip
    set_control(before)
