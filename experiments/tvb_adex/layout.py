"""The memory of the published GPU program, emulated: what its short history does at 1 m/s.

    python experiments/tvb_adex/layout.py
    python experiments/tvb_adex/layout.py --seed 3 --count --out layout.png
    python experiments/tvb_adex/layout.py --connectome path/to/connectivity_68.zip

The program keeps the states of the last 1,024 steps in a ring. A slot of it is as large as six
states of all regions, but a step writes seven: E, I, three covariances, W and the noise. So the
noise stands where the next slot has its E, until the next step puts E there. That does no harm as
long as nobody reads this slot in between. A delay of 1,022 or 1,023 steps (modulo 1,024) does: a
region then receives, as the activity of another, its noise, of thousands of Hz. Regions are
advanced one after the other, which decides who of a pair that is.

This is a second implementation of the model's first order (in TVB's units the second order has the
same rates), written from the equations. It shares the thresholds' coefficients with the engine, and
no code.
"""

from __future__ import annotations

import argparse
import itertools
from typing import Any

import numpy as np

from l2l.errors import need
from l2l.optimizees.whole_brain.connectome import Connectome, read, synthetic
from l2l.optimizees.whole_brain.models.zerlaut import ROUNDED_E, ROUNDED_I

need("numba", "numba", "numba")

from math import erfc, sqrt  # noqa: E402

from numba import njit  # noqa: E402

DT, T, TAU_OU = 0.1, 19.0, 5.0
STATES = 7  #: E, I, C_ee, C_ei, C_ii, W, noise: what a step writes
SLOTS, STRIDE = 1024, 6  #: of the published program
P_E, P_I = np.array(ROUNDED_E), np.array(ROUNDED_I)


@njit
def transfer(x: float, y: float, w: float, leak: float, p: Any) -> float:
    """Return the rate in kHz of a population with synaptic rates x, y and adaptation w."""
    conductance = 10.0 + 7.5 * x + 25.0 * y
    membrane = 200.0 / conductance
    mean = (25.0 * y * -80.0 + 10.0 * leak - w) / conductance
    of_e = x * (7.5 * -mean / conductance) ** 2
    of_i = y * (25.0 * (-80.0 - mean) / conductance) ** 2
    sigma = sqrt((of_e + of_i) / (2.0 * (5.0 + membrane)))
    time = 5.0 + membrane
    v, s, t = (mean + 60.0) / 10.0, (sigma - 4.0) / 6.0, time * 10.0 / 200.0 - 0.5
    threshold = 1e3 * (
        p[0] + p[1] * v + p[2] * s + p[3] * t
        + p[4] * v * v + p[5] * s * s + p[6] * t * t + p[7] * v * s + p[8] * v * t + p[9] * s * t
    )  # fmt: skip
    return erfc((threshold - mean) / (sqrt(2.0) * sigma)) / (2.0 * time)


@njit
def simulate(
    weights: Any, delays: Any, steps: int, slots: int, stride: int, rng: Any,
    coupling: float, b_e: float, noise: float, external: float, tau_w: float,
) -> Any:  # fmt: skip
    """Return 1 ms averages of E in kHz, ``(steps / 10, regions)``.

    Args:
        weights: ``(n, n)`` of the links [to, from].
        delays: ``(n, n)`` in steps.
        steps: Of 0.1 ms.
        slots: Length of the history in steps.
        stride: States that a slot has room for; the noise, the seventh, needs 7.
        rng: For the noise.
        coupling: Global coupling G.
        b_e: Spike-frequency adaptation in pA.
        noise: Weight of the noise in kHz.
        external: Excitatory input to both populations in kHz.
        tau_w: Time constant of the adaptation in ms.
    """
    n = len(weights)
    memory = np.zeros((slots * stride + STATES) * n)
    found = np.zeros((steps // 10, n))
    for step in range(steps):
        now = step % slots * stride * n
        after = (step + 1) % slots * stride * n
        for i in range(n):
            rate_e, rate_i = max(memory[now + i], 0.0), max(memory[now + n + i], 0.0)
            w = memory[now + 5 * n + i] if step else 100.0
            ou = memory[now + 6 * n + i]
            network = 0.0
            for j in range(n):
                if weights[i, j] != 0.0:
                    slot = (step - delays[i, j]) % slots
                    network += weights[i, j] * memory[slot * stride * n + j]
            given = max(coupling * network + external + noise * ou, 0.0)
            x, y = 400.0 * (rate_e + 1e-6 + given), 100.0 * (rate_i + 1e-6)
            rate_e += DT / T * (transfer(x, y, w, -63.0, P_E) - rate_e)
            rate_i += DT / T * (transfer(x, y, 0.0, -65.0, P_I) - rate_i)
            memory[after + i], memory[after + n + i] = rate_e, rate_i
            memory[after + 5 * n + i] = w + DT * (b_e * max(memory[now + i], 0.0) - w / tau_w)
            memory[after + 6 * n + i] = ou - DT / TAU_OU * ou + rng.standard_normal()
            found[step // 10, i] += 0.1 * rate_e
    return found


def readers(connectome: Connectome, speed: float = 1.0) -> dict[int, float]:
    """Return the regions that read noise as activity in the published layout: weight by region.

    When a region is advanced at step t, those before it have put their noise where slot t + 2 has
    E (a delay of 1,022), and those after it still have theirs in slot t + 1 (1,023).
    """
    wrapped = connectome.delays(speed, DT) % SLOTS
    earlier = np.tri(connectome.n_regions, k=-1, dtype=bool)  # [to, from]: from < to
    noisy = wrapped == np.where(earlier, SLOTS - 2, SLOTS - 1)
    given = np.where(noisy, connectome.weights, 0.0).sum(axis=1)
    return {int(region): float(given[region]) for region in np.flatnonzero(given)}


#: G, b_e, weight of the noise and input from outside in kHz, tau_w: those of the paper's figure 7.
FIGURE_7 = (0.4, 86.0, 1e-6, 0.3e-3, 417.0)


def rates(connectome: Connectome, slots: int, stride: int, numbers: Any = FIGURE_7) -> Any:
    """Return E in Hz in the last 4 s of 5 at 1 m/s, ``(4000, regions)``."""
    delays = connectome.delays(1.0, DT).astype(np.int64)
    rng = np.random.default_rng(1)
    return 1e3 * simulate(connectome.weights, delays, 50_000, slots, stride, rng, *numbers)[1000:]


def layouts(connectome: Connectome) -> dict[str, tuple[int, int]]:
    """Return slots and stride of the memories that are compared."""
    return {
        "true delays": (int(connectome.delays(1.0, DT).max()) + 2, STATES),
        "wrapped": (SLOTS, STATES),
        "wrapped, six states a slot": (SLOTS, STRIDE),
    }


def compare(name: str, connectome: Connectome) -> None:
    """Print who reads noise, and who is above 100 Hz in each layout."""
    noisy = {region: round(weight, 4) for region, weight in readers(connectome).items()}
    above = [
        np.flatnonzero(rates(connectome, *layout).max(axis=0) > 100).tolist()
        for layout in layouts(connectome).values()
    ]
    print(
        f"| {name} | {noisy or 'none'} | {' | '.join(str(a or 'none') for a in above)} |",
        flush=True,
    )


def count(connectome: Connectome) -> None:
    """Print in how many of 27 sets each region is above 100 Hz in the published layout."""
    sets = list(itertools.product((0.1, 0.5, 0.9), (0.0, 50.0, 100.0), (1e-7, 1e-6, 1e-5)))
    above = sum(
        (rates(connectome, SLOTS, STRIDE, (*one, *FIGURE_7[3:])).max(axis=0) > 100).astype(int)
        for one in sets
    )
    found = {int(region): int(above[region]) for region in np.flatnonzero(above)}
    print(f"of {len(sets)} sets of G, b_e and weak noise (region: sets above 100 Hz): {found}")


def draw(connectome: Connectome, path: str) -> None:
    """Draw E of all regions in each layout, in the manner of the paper's figure 7."""
    from matplotlib.figure import Figure

    figure = Figure((9, 3), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, (name, layout) in zip(panels, layouts(connectome).items(), strict=True):
        axes.plot(np.arange(1000, 5000, 5) / 1e3, rates(connectome, *layout)[::5], lw=0.6)
        axes.set(title=name, xlabel="time (s)")
    panels[0].set_ylabel("E of each region (Hz)")
    figure.savefig(path, dpi=90)


def main() -> None:
    """Compare the layouts on a connectome, or on some synthetic ones."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connectome", help="a file or a folder; eight synthetic ones if none")
    parser.add_argument("--seed", type=int, help="of one synthetic connectome")
    parser.add_argument("--count", action="store_true", help="over 27 sets")
    parser.add_argument("--out", metavar="FILE", help="draw the rates")
    args = parser.parse_args()
    if args.connectome:
        given = {args.connectome: read(args.connectome)}
    else:
        seeds = range(8) if args.seed is None else [args.seed]
        given = {f"synthetic:68:{seed}": synthetic(68, seed) for seed in seeds}
    print("| connectome | reads noise (region: weight) | above 100 Hz, true delays | wrapped | "
          "wrapped, six states a slot |\n| --- | --- | --- | --- | --- |")  # fmt: skip
    for name, connectome in given.items():
        scaled = connectome.scaled("columns")
        compare(name, scaled)
        if args.count:
            count(scaled)
        if args.out:
            draw(scaled, args.out)


if __name__ == "__main__":
    main()
