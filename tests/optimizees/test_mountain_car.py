"""The mountain car: its network in NEST, its episodes, its fitness."""

from __future__ import annotations

import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from l2l.errors import ConfigError, MissingExtra
from l2l.optimizee import Individual, Trial
from l2l.optimizees.mountain_car import MountainCar, MountainCarParameters
from l2l.optimizees.mountain_car.__main__ import measure, report
from l2l.optimizees.mountain_car.layout import (
    N_BINS,
    N_HIDDEN,
    N_INPUT,
    N_OUTPUT,
    N_WEIGHTS,
    active_inputs,
    split,
    winner,
)
from l2l.optimizees.mountain_car.optimizee import episode_seeds

SEEDS = (1, 20, 2**32 - 1)


def random_weights(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-20, 20, N_WEIGHTS)


def oracle_weights() -> np.ndarray:
    """Push in the direction of the velocity: the simplest policy that gains momentum."""
    to_hidden, to_output = np.zeros((N_INPUT, N_HIDDEN)), np.zeros((N_HIDDEN, N_OUTPUT))
    half = N_BINS + N_BINS // 2
    to_hidden[N_BINS:half, 0] = 20.0  # moving left -> hidden 0 -> push left
    to_hidden[half:, 1] = 20.0  # at rest or moving right -> hidden 1 -> push right
    to_output[0, 0] = to_output[1, 2] = 20.0
    return np.concatenate([to_hidden.ravel(), to_output.ravel()])


def trial(weights: np.ndarray, seed: int = 1) -> Trial:
    return Trial(Individual({"weights": weights}, seed=seed))


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


# -- layout -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "velocity", "neurons"),
    [
        (-1.2, -0.07, (0, 30)),
        (0.6, 0.07, (29, 59)),  # the upper ends belong to the last bins
        (-1.2 + 0.06 * 1.5, -0.07 + 0.14 / 30 * 1.5, (1, 31)),
        (-0.5, 0.001, (11, 45)),
        (-9.0, 9.0, (0, 59)),
    ],
)
def test_a_state_falls_into_one_bin_of_each_variable(position, velocity, neurons):
    assert active_inputs(position, velocity) == neurons


def test_all_bins_are_equally_wide():
    positions = np.linspace(-1.2, 0.6, 3001)[:-1]
    velocities = np.linspace(-0.07, 0.07, 3001)[:-1]
    bins = np.array([active_inputs(*state) for state in zip(positions, velocities, strict=True)])
    counts = np.bincount(bins.ravel(), minlength=N_INPUT)
    assert counts.shape == (60,)
    assert np.abs(counts - 100).max() <= 1  # rounding at the edges


@pytest.mark.parametrize(
    ("spikes", "action"), [([0, 0, 0], 0), ([1, 3, 3], 1), ([2, 0, 2], 0), ([2, 4, 5], 2)]
)
def test_the_winner_takes_all_and_a_tie_goes_to_the_lowest_action(spikes, action):
    assert winner(np.array(spikes)) == action


def test_weights_are_split_by_sending_neuron():
    to_hidden, to_output = split(np.arange(315.0))
    assert to_hidden.shape == (60, 5)
    assert to_output.shape == (5, 3)
    assert to_hidden[1].tolist() == [5, 6, 7, 8, 9]
    assert to_output[0].tolist() == [300, 301, 302]
    with pytest.raises(ValueError, match=r"\(315,\), got \(314,\)"):
        split(np.zeros(314))


# -- network ----------------------------------------------------------------------------------


def test_an_active_input_fires_at_500_hz_and_the_others_are_silent():
    import nest

    from l2l.optimizees.mountain_car.network import STEP, Network

    network = Network(np.zeros(N_WEIGHTS))
    recorder = nest.Create("spike_recorder")
    nest.Connect(network.inputs, recorder)
    ids = np.array(network.inputs.tolist())
    with network:
        for _ in range(50):
            assert network.step((3, 40)).tolist() == [0, 0, 0]
    senders = recorder.get("events", "senders")
    rate = np.bincount(np.searchsorted(ids, senders), minlength=N_INPUT) / (50 * STEP / 1000)
    assert rate[[3, 40]] == pytest.approx(500, rel=0.01)  # a spike each 2 ms, the first one late
    assert rate.sum() == rate[[3, 40]].sum()


def test_the_input_moves_with_the_state():
    from l2l.optimizees.mountain_car.network import Network

    weights = np.zeros(N_WEIGHTS)
    to_hidden, to_output = split(weights)
    to_hidden[7, 4] = to_output[4, 1] = 20.0  # neuron 7 drives output 1 and nothing else does
    with Network(weights) as network:
        counts = [network.step(active).tolist() for active in [(6, 30), (7, 30), (7, 31), (8, 31)]]
        silent = [network.step((8, 32)).tolist() for _ in range(3)]
    assert counts[0] == [0, 0, 0]
    assert counts[1][1] > 3
    assert counts[2][1] > 3
    assert silent[-1] == [0, 0, 0]


def lif_spikes(weights: np.ndarray, inputs: list[tuple[int, int]]) -> np.ndarray:
    """Spikes ``(n, 3)`` of the outputs, by exact integration (Rotter & Diesmann 1999) in numpy."""
    h, c, tau, tau_syn, theta, delay, refractory = 0.2, 250.0, 10.0, 2.0, 15.0, 5, 5
    decay, decay_syn = np.exp(-h / tau), np.exp(-h / tau_syn)
    beta = tau * tau_syn / (tau - tau_syn)
    p_current = tau / c * (1 - decay)
    p_i = beta / c * (decay - decay_syn)
    p_di = beta / c * (beta * (decay - decay_syn) - h * decay_syn)
    n = N_INPUT + N_HIDDEN + N_OUTPUT
    matrix = np.zeros((n, n))
    matrix[:N_INPUT, N_INPUT : N_INPUT + N_HIDDEN] = 100 * split(weights)[0]
    matrix[N_INPUT : N_INPUT + N_HIDDEN, N_INPUT + N_HIDDEN :] = 100 * split(weights)[1]
    v, current, di, i_0 = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    wait, total = np.zeros(n, dtype=int), []
    arriving = [np.zeros(n) for _ in range(delay + 1)]
    driving = [np.zeros(n) for _ in range(delay + 1)]
    step = 0
    for active in inputs:
        counts = np.zeros(N_OUTPUT, dtype=int)
        for _ in range(100):
            now, later = step % (delay + 1), (step + delay) % (delay + 1)
            driving[later] = np.bincount(active, minlength=n) * 4000.0
            free = wait == 0
            v = np.where(free, p_current * i_0 + p_di * di + p_i * current + decay * v, v)
            wait = np.where(free, 0, wait - 1)
            current = h * decay_syn * di + decay_syn * current
            di = decay_syn * di + np.e / tau_syn * arriving[now]
            spiking = v >= theta
            v, wait = np.where(spiking, 0.0, v), np.where(spiking, refractory, wait)
            arriving[later] = spiking.astype(float) @ matrix
            i_0 = driving[now]
            counts += spiking[-N_OUTPUT:]
            step += 1
        total.append(counts)
    return np.array(total)


@pytest.mark.parametrize("seed", SEEDS)
def test_spikes_are_those_of_the_equations(seed):
    from l2l.optimizees.mountain_car.network import Network

    weights = random_weights(seed)
    rng = np.random.default_rng(seed)
    inputs = [(int(a), 30 + int(b)) for a, b in rng.integers(30, size=(25, 2))]
    with Network(weights, seed) as network:
        spikes = np.array([network.step(active) for active in inputs])
    assert spikes.sum() > 50
    assert np.array_equal(spikes, lif_spikes(weights, inputs))


def test_threads_change_nothing_and_openmp_does_not_spin():
    code = """
import os
import numpy as np
from l2l.optimizees.mountain_car.episode import drive
weights = np.random.default_rng(3).uniform(-20, 20, 315)
one, two = (drive(weights, 7, steps=20, threads=n) for n in (1, 2))
import nest
print(nest.local_num_threads, np.array_equal(one.spikes, two.spikes), one.spikes.sum() > 20,
      os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"], os.environ["PYNEST_QUIET"])
"""
    assert python(code).split() == ["2", "True", "True", "PASSIVE", "0", "1"]


# -- episodes ---------------------------------------------------------------------------------


def drive(*args, **kwargs):
    from l2l.optimizees.mountain_car.episode import drive

    return drive(*args, **kwargs)


@pytest.mark.filterwarnings("error")
def test_an_episode_is_bit_identical_and_says_nothing(capfd):
    weights = random_weights(1)
    first = drive(weights, 5, steps=40)
    drive(random_weights(2), 6, steps=3)  # leaves nothing behind in the kernel
    again = drive(weights, 5, steps=40)
    for name in ("positions", "actions", "spikes"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert drive(weights, 6, steps=1).positions[0] != first.positions[0]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", SEEDS)
def test_positions_follow_from_the_actions(seed):
    episode = drive(random_weights(seed), seed)
    env = gymnasium.make("MountainCar-v0")
    state, _ = env.reset(seed=seed)
    position, velocity = (float(value) for value in env.unwrapped.state)
    recorded, computed = [float(state[0])], [position]
    for action in episode.actions:
        recorded.append(float(env.step(int(action))[0][0]))
        # Moore 1990, as Gymnasium documents it
        velocity += (action - 1) * 0.001 - 0.0025 * np.cos(3 * position)
        position += np.clip(velocity, -0.07, 0.07)
        if position < -1.2:
            position, velocity = -1.2, 0.0
        computed.append(position)
    assert episode.positions.tolist() == recorded
    np.testing.assert_allclose(episode.positions, computed, atol=1e-6)  # the state is float32
    assert len(episode.spikes) == episode.steps == 110
    assert [winner(spikes) for spikes in episode.spikes] == episode.actions.tolist()


def test_the_network_can_solve_the_task_and_random_ones_do_not():
    seeds = episode_seeds(11, 8)
    oracle = [drive(oracle_weights(), seed, steps=200) for seed in seeds]
    assert all(episode.solved for episode in oracle)
    # pushing with the velocity takes 114..126 steps, whatever the start (100 starts tried)
    assert max(episode.steps for episode in oracle) <= 130
    assert min(episode.positions.max() for episode in oracle) >= 0.5
    random = [drive(random_weights(seed), seed) for seed in seeds]
    assert np.mean([episode.positions.max() for episode in random]) < -0.2
    assert not any(episode.solved for episode in random)


def test_a_silent_network_pushes_left():
    episode = drive(np.zeros(N_WEIGHTS), 1, steps=30)
    assert not episode.actions.any()
    assert not episode.spikes.any()


# -- optimizee --------------------------------------------------------------------------------


@pytest.mark.parametrize("episodes", [1, 3])
def test_fitness_is_the_mean_of_the_furthest_positions(episodes):
    optimizee = MountainCar(None, MountainCarParameters(episodes=episodes, steps=50))
    weights = random_weights(4)
    result = optimizee.simulate(trial(weights, seed=9))
    runs = [drive(weights, seed, steps=50) for seed in episode_seeds(9, episodes)]
    assert result.fitness == (np.mean([max(run.positions) for run in runs]),)
    assert result.metrics == {"steps": 50.0, "solved": 0.0}
    assert len({run.positions[0] for run in runs}) == episodes


def test_metrics_of_an_episode_that_reaches_the_goal():
    optimizee = MountainCar(parameters=MountainCarParameters(steps=200))
    result = optimizee.simulate(trial(oracle_weights()))
    assert result.fitness[0] >= 0.5
    assert result.metrics["solved"] == 1.0
    assert 80 < result.metrics["steps"] < 130


def test_episode_seeds_are_valid_for_nest_and_do_not_depend_on_their_number():
    seeds = [seed for run in range(1, 50) for seed in episode_seeds(run, 20)]
    assert len(set(seeds)) == len(seeds)
    assert 1 <= min(seeds) <= max(seeds) < 2**32
    assert episode_seeds(7, 2) == episode_seeds(7, 5)[:2]


def test_individuals_are_uniform_within_the_bounds_and_clipped_to_them():
    optimizee = MountainCar()
    np.random.seed(1)
    first, second = (optimizee.create_individual()["weights"] for _ in range(2))
    assert first.shape == (315,)
    assert not np.array_equal(first, second)
    assert -20 <= first.min() < -18
    assert 18 < first.max() <= 20
    clipped = optimizee.bounding_func({"weights": first * 3})["weights"]
    assert np.abs(clipped).max() == 20
    inside = np.abs(first) < 20 / 3
    assert np.array_equal(clipped[inside], (first * 3)[inside])
    assert len(pickle.dumps(optimizee)) < 1000


def test_parameters_are_checked():
    with pytest.raises(ConfigError, match="episodes must be at least 1"):
        MountainCarParameters(episodes=0)
    with pytest.raises(ConfigError, match=r"no field 'step'; did you mean 'steps'\?"):
        MountainCarParameters(step=3)


@pytest.mark.parametrize(("module", "extra"), [("nest", "nest"), ("gymnasium", "gym")])
def test_a_missing_extra_is_named_before_anything_starts(monkeypatch, module, extra):
    monkeypatch.setitem(sys.modules, module, None)  # what Python takes for "not there"
    with pytest.raises(MissingExtra, match=rf"pip install 'l2l\[{extra}\]'"):
        MountainCar()


def test_the_outer_loop_does_not_import_the_simulators():
    code = """
import sys
from l2l.optimizees.mountain_car import MountainCar
MountainCar().create_individual()
print(sorted({"nest", "gymnasium", "matplotlib"} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


# -- the paper's test -------------------------------------------------------------------------


def test_the_report_counts_steps_and_goals():
    taken, solved = measure(oracle_weights(), 5)
    assert solved.all()
    text = report(taken, solved)
    assert f"5 episodes of at most 200 steps: {taken.mean():.1f} on average" in text
    assert "goal reached in 100.0%" in text
    assert "not solved" in text
    short = report(np.full(200, 101), np.ones(200, dtype=bool))
    assert "mean over any 100 consecutive ones: 101.0..101.0\nsolved" in short
