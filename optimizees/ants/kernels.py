"""The steps of a colony in Numba: senses, network, actions. Equal to those in NumPy, bit by bit.

Lanes are colonies, each in a world of its own. All arrays are changed in place.
"""

from __future__ import annotations

from typing import Any

from l2l.optimizees.ants import layout, rules
from l2l.optimizees.ants.worlds import DX, DY, NEST_RADIUS2
from l2l.optimizees.compiled import compiled

N_SENSES, N_HIDDEN, N_MOTORS = layout.N_SENSES, layout.N_HIDDEN, layout.N_MOTORS
N_RECEIVERS = layout.N_RECEIVERS
WRAP = layout.SLOTS - 1  # in the place of a remainder: the number of slots is a power of two
LEAK, THRESHOLD, REFRACTORY = layout.LEAK, layout.THRESHOLD, layout.REFRACTORY
SCENT, OCTANT, SIGHT, FEEL = rules.SCENT, rules.OCTANT, rules.SIGHT, rules.FEEL
MOVED, TURNED, DROPPED, RESTED, TAKEN, HOME = range(6)


@compiled()
def sense(
    x: Any, y: Any, heading: Any, carrying: Any, hurt: Any, food: Any, pheromone: Any, senses: Any
) -> None:
    """Write what the ants sense, see :meth:`l2l.optimizees.ants.field.Field.sense`."""
    lanes, ants = x.shape
    size = food.shape[1]
    middle = size // 2
    for lane in range(lanes):
        for ant in range(ants):
            px, py, h = x[lane, ant], y[lane, ant], heading[lane, ant]
            out = senses[lane, ant]
            out[:] = False
            best, side = SCENT, -1
            for place in range(3):
                # ahead, left, right: the first one wins where scents are equal
                turn = 0 if place == 0 else (1 if place == 1 else 7)
                qx, qy = px + DX[(h + turn) & 7], py + DY[(h + turn) & 7]
                if 0 <= qx < size and 0 <= qy < size:
                    scent = pheromone[lane, qy + 1, qx + 1]
                    if scent > best:
                        best = scent
                        side = 1 if place == 0 else (0 if place == 1 else 2)
            if side >= 0:
                out[side] = True
            nx, ny = middle - px, middle - py
            along, across = DX[h] * nx + DY[h] * ny, DX[h] * ny - DY[h] * nx
            if along > 0 and abs(across) <= OCTANT * along:
                out[4] = True
            elif across > 0 or (across == 0 and along < 0):
                out[3] = True
            elif across < 0:
                out[5] = True
            out[6] = nx * nx + ny * ny <= NEST_RADIUS2
            out[7] = carrying[lane, ant]
            out[8] = hurt[lane, ant]
            for step in range(1, SIGHT + 1):
                qx, qy = px + step * DX[h], py + step * DY[h]
                if 0 <= qx < size and 0 <= qy < size:
                    if food[lane, qy, qx] > 0:
                        out[9] = True
                elif step <= FEEL:
                    out[10] = True
            out[11] = True


@compiled()
def think(
    senses: Any,
    drive: float,
    potential: Any,
    waiting: Any,
    arriving: Any,
    clock: int,
    weight: Any,
    delay: Any,
    steps: int,
    spikes: Any,
) -> None:
    """Advance all networks, see :class:`l2l.optimizees.ants.brain.NumpyBrain`."""
    lanes, ants = senses.shape[:2]
    for lane in range(lanes):
        w, d = weight[lane], delay[lane]
        for ant in range(ants):
            v, wait, ring = potential[lane, ant], waiting[lane, ant], arriving[lane, ant]
            felt, count = senses[lane, ant], spikes[lane, ant]
            count[:] = 0
            for step in range(clock, clock + steps):
                now = step & WRAP
                for i in range(N_SENSES):
                    if wait[i] == 0:
                        v[i] = (drive if felt[i] else 0.0) + LEAK * v[i]
                        if v[i] >= THRESHOLD:
                            v[i] = 0.0
                            wait[i] = REFRACTORY
                            for j in range(N_HIDDEN):
                                ring[(step + d[i, j]) & WRAP, j] += w[i, j]
                    else:
                        wait[i] -= 1
                for j in range(N_RECEIVERS):
                    k = N_SENSES + j
                    if wait[k] == 0:
                        v[k] = LEAK * v[k] + ring[now, j]
                        if v[k] >= THRESHOLD:
                            v[k] = 0.0
                            wait[k] = REFRACTORY
                            if j >= N_HIDDEN:
                                count[j - N_HIDDEN] += 1
                            else:
                                for m in range(N_RECEIVERS):
                                    ring[(step + d[k, m]) & WRAP, m] += w[k, m]
                    else:
                        wait[k] -= 1
                    ring[now, j] = 0.0


@compiled()
def act(
    x: Any,
    y: Any,
    heading: Any,
    carrying: Any,
    hurt: Any,
    food: Any,
    pheromone: Any,
    counts: Any,
    spikes: Any,
    wobble: Any,
) -> None:
    """Let the ants act in their order, see :meth:`l2l.optimizees.ants.field.Field.act`."""
    lanes, ants = x.shape
    size = food.shape[1]
    middle = size // 2
    for lane in range(lanes):
        count = counts[lane]
        for ant in range(ants):
            move, left, right, drop = spikes[lane, ant]
            hurt[lane, ant] = False
            if left > 0:
                heading[lane, ant] = (heading[lane, ant] + 1) & 7
                count[TURNED] += 1
            if right > 0:
                heading[lane, ant] = (heading[lane, ant] + 7) & 7
                count[TURNED] += 1
            if move > 0:
                h = heading[lane, ant]
                qx, qy = x[lane, ant] + DX[h], y[lane, ant] + DY[h]
                if 0 <= qx < size and 0 <= qy < size:
                    x[lane, ant], y[lane, ant] = qx, qy
                else:
                    hurt[lane, ant] = True
                heading[lane, ant] = (h + wobble[lane, ant]) & 7
                count[MOVED] += 1
            else:
                count[RESTED] += 1
            px, py = x[lane, ant], y[lane, ant]
            if carrying[lane, ant]:
                if (px - middle) ** 2 + (py - middle) ** 2 <= NEST_RADIUS2:
                    carrying[lane, ant] = False
                    count[HOME] += 1
            elif food[lane, py, px] > 0:
                food[lane, py, px] -= 1
                carrying[lane, ant] = True
                count[TAKEN] += 1
            if drop > 0:
                pheromone[lane, py + 1, px + 1] += 1.0
                count[DROPPED] += 1


@compiled()
def spread(pheromone: Any, scratch: Any, share: float, kept: float, dropped: Any) -> None:
    """Let the pheromone diffuse and evaporate, see :meth:`l2l.optimizees.ants.field.Field.spread`.

    A lane in which none was ever dropped is left out.
    """
    lanes, rows, columns = pheromone.shape
    for lane in range(lanes):
        if dropped[lane] == 0:
            continue
        p = pheromone[lane]
        p[0, :], p[rows - 1, :] = p[1, :], p[rows - 2, :]
        p[:, 0], p[:, columns - 1] = p[:, 1], p[:, columns - 2]
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                around = (p[i - 1, j] + p[i + 1, j]) + (p[i, j - 1] + p[i, j + 1])
                scratch[i, j] = kept * (p[i, j] + share * (around - 4.0 * p[i, j]))
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                p[i, j] = scratch[i, j]


@compiled()
def episode(
    x: Any,
    y: Any,
    heading: Any,
    carrying: Any,
    hurt: Any,
    food: Any,
    pheromone: Any,
    counts: Any,
    wobble: Any,
    senses: Any,
    scratch: Any,
    share: float,
    kept: float,
    drive: float,
    potential: Any,
    waiting: Any,
    arriving: Any,
    weight: Any,
    delay: Any,
    steps: int,
    spikes: Any,
) -> None:
    """Run an episode, lane by lane: what a lane needs stays in the processor's cache."""
    for k in range(len(x)):
        one = slice(k, k + 1)
        for tick in range(len(wobble)):
            sense(
                x[one], y[one], heading[one], carrying[one], hurt[one], food[one], pheromone[one],
                senses[one],
            )  # fmt: skip
            think(
                senses[one], drive, potential[one], waiting[one], arriving[one], tick * steps,
                weight[one], delay[one], steps, spikes[one],
            )  # fmt: skip
            act(
                x[one], y[one], heading[one], carrying[one], hurt[one], food[one], pheromone[one],
                counts[one], spikes[one], wobble[tick, one],
            )  # fmt: skip
            spread(pheromone[one], scratch, share, kept, counts[one, DROPPED])
