"""Where the planted states of table 3 stand in a run of config-states.yaml.

python experiments/tvb_adex/recovery.py results/tvb_adex_states
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from states import SEEDS, STATES, brain, planted

import l2l

NAMES = tuple(STATES)
REPEATS = 8  #: seeds of each state; the first one is what is looked for


def by_rates(history: l2l.Trajectory) -> Any:
    """Return the negative distance of all sets to each state, ``(states, sets)``.

    It is the root mean square difference of the metrics of rates and spectra, each in units of its
    standard deviation between seeds of the same state.
    """
    options = history.config["optimizee"]
    reference = brain(int(options["duration"] - options["transient"]))
    again = {name: np.tile(values, REPEATS) for name, values in planted().items()}
    seeds = np.concatenate([SEEDS + 10 * k for k in range(REPEATS)])
    found = reference.simulate_batch(again, seeds).metrics
    names = [name for name in found if f"metrics/{name}" in history.names]
    table = np.stack([history[name] for name in names], axis=1)
    all_of_them = np.stack([found[name].reshape(REPEATS, -1) for name in names], axis=2)
    scatter = np.sqrt(all_of_them.var(axis=0, ddof=1).mean(axis=0))
    away = (all_of_them[0][:, None] - table) / scatter
    return -np.sqrt(np.mean(away**2, axis=2))


def row(history: l2l.Trajectory, state: int, likeness: Any) -> list[str]:
    """Return planted, its rank and likeness; the best set and its likeness."""
    values = np.stack([history[name] for name in NAMES], axis=1)
    true = [STATES[name][state] for name in NAMES]
    (at,) = np.flatnonzero(np.isclose(values, true).all(axis=1))
    best = int(np.nanargmax(likeness))
    rank = int((likeness > likeness[at]).sum()) + 1
    return [
        f"S{state}", " ".join(f"{v:g}" for v in true), f"{likeness[at]:.3f}",
        f"{rank} of {len(likeness)}", " ".join(f"{v:g}" for v in values[best]),
        f"{likeness[best]:.3f}",
    ]  # fmt: skip


def main() -> None:
    """Print a table for each way to compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run")
    history = l2l.load(parser.parse_args().run)
    states = range(len(SEEDS))
    ways = {
        "FC, pairs of regions": [history[f"pairs_{state}"] for state in states],
        "FC, whole matrices": [history[f"matrix_{state}"] for state in states],
        "rates and spectra (negative distance)": by_rates(history),
    }
    for words, likeness in ways.items():
        print(f"\n{words}\n| | planted {', '.join(NAMES)} | likeness | rank | best set | its |")
        print("| --- | --- | --- | --- | --- | --- |")
        for state in states:
            print(f"| {' | '.join(row(history, state, likeness[state]))} |")


if __name__ == "__main__":
    main()
