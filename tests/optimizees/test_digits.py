"""Digits: the images, the network in NEST, the readouts of an ensemble, and that they learn."""

from __future__ import annotations

import gzip
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import l2l
from l2l import registry
from l2l.errors import ConfigError, MissingExtra
from l2l.optimizee import Individual, Trial
from l2l.optimizees.digits import Digits, DigitsParameters
from l2l.optimizees.digits.data import load
from l2l.optimizees.digits.layout import Layout, one_hot, rates, softmax
from l2l.optimizees.digits.spikes import count, duration
from l2l.optimizees.digits.tasks import Minibatch, Minibatches
from l2l.testing import check_optimizee

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments" / "digits"
SMALL = {"images": 2, "test_batches": 2}


def digits(**changes) -> Digits:
    return Digits(parameters=DigitsParameters(**{**SMALL, **changes}))


def drawn(optimizee: Digits, n: int, seed: int = 1) -> np.ndarray:
    np.random.seed(seed)
    return np.stack([optimizee.create_individual()["weights"] for _ in range(n)])


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    ).stdout


# -- images ---------------------------------------------------------------------------------------


def test_the_digits_8x8_are_enlarged_and_a_third_is_held_out():
    from sklearn.datasets import load_digits

    train, test = load(None, 3)
    assert len(train.labels) + len(test.labels) == 537
    assert abs(len(test.labels) - 537 / 3) < 15
    assert np.bincount(test.labels).min() > 50
    originals = {row.tobytes() for row in load_digits(n_class=3).data / 16}
    corner = np.searchsorted(np.arange(28) * 8 // 28, np.arange(8))  # first pixel of each block
    for part in (train, test):
        assert part.images.shape == (len(part.labels), 784)
        assert part.images.min() == 0
        assert part.images.max() == 1
        small = part.images.reshape(-1, 28, 28)[:, corner][:, :, corner].reshape(-1, 64)
        rows = {row.tobytes() for row in np.ascontiguousarray(small)}
        assert rows <= originals
        originals -= rows  # no image is in both parts


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def small_mnist() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = np.arange(20) % 5
    return {
        "train-images-idx3-ubyte": rng.integers(0, 200, (20, 28, 28)),
        "train-labels-idx1-ubyte": labels,
        "t10k-images-idx3-ubyte": rng.integers(0, 200, (20, 28, 28)),
        "t10k-labels-idx1-ubyte": labels[::-1],
    }


@pytest.mark.parametrize("form", ["plain", "gzip", "dots", "npz"])
def test_mnist_is_read_from_its_files(tmp_path, form):
    arrays = small_mnist()
    path = tmp_path
    for name, array in arrays.items():
        if form == "gzip":
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        elif form != "npz":
            spelled = name.replace("-idx", ".idx") if form == "dots" else name
            (tmp_path / spelled).write_bytes(idx(array))
    if form == "npz":
        path = tmp_path / "mnist.npz"
        names = ("x_train", "y_train", "x_test", "y_test")
        as_bytes = [array.astype(np.uint8) for array in arrays.values()]
        np.savez(path, **dict(zip(names, as_bytes, strict=True)))
    data = load(str(path), 3)
    x, y, x_test, y_test = arrays.values()
    for part, images, labels in ((data.train, x, y), (data.test, x_test, y_test)):
        chosen = labels < 3
        assert part.labels.tolist() == labels[chosen].tolist()
        assert np.allclose(part.images, images[chosen].reshape(-1, 784) / 255, atol=1e-15)


def test_what_is_no_mnist_is_refused_with_its_name(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no MNIST at .*nowhere.*expected a folder with train-im"
    ):
        digits(data=str(tmp_path / "nowhere"))
    for name, array in small_mnist().items():
        (tmp_path / name).write_bytes(idx(array))
    images = tmp_path / "train-images-idx3-ubyte"
    content = images.read_bytes()
    for damaged, message in (
        (content[:-7], r"is damaged: its header says \(20, 28, 28\), it holds 15673 bytes"),
        (b"PK\3\4" + content, "is no IDX file of bytes: it begins with"),
        (idx(np.zeros((20, 8, 8))), r"expected images of shape \(n, 28, 28\)"),
    ):
        images.write_bytes(damaged)
        load.cache_clear()
        with pytest.raises(ConfigError, match=message):
            load(str(tmp_path), 3)
    images.write_bytes(content)
    with pytest.raises(ConfigError, match=r"no images of the digits \[5, 6, 7, 8, 9\]"):
        load(str(tmp_path), 10)
    images.unlink()
    with pytest.raises(ConfigError, match="has no train-images-idx3-ubyte"):
        load(str(tmp_path), 4)


# -- tasks ----------------------------------------------------------------------------------------


def test_minibatches_are_balanced_or_of_one_digit():
    labels = load(None, 3).train.labels
    for size in (3, 10, 11):
        for draw in ("balanced", "same"):
            family = Minibatches(size=size, draw=draw)
            found = [family.train(1, generation)[0] for generation in range(30)]
            numbers = np.array([np.bincount(labels[list(t.images)], minlength=3) for t in found])
            assert all(len(set(task.images)) == size for task in found)
            spread = numbers.max(axis=1) - numbers.min(axis=1)
            assert (spread == size).all() if draw == "same" else spread.max() <= 1
            assert (numbers.sum(axis=0) > 0.2 * numbers.sum()).all()
            first = labels[[task.images[0] for task in found]]
            assert len(set(first.tolist())) == 3  # in random order


def test_held_out_minibatches_share_no_image_and_cannot_be_more_than_there_are():
    optimizee = digits(images=10, test_batches=17)
    tasks = optimizee.tasks.all_held_out()
    places = [place for task in tasks for place in task.images]
    assert len(places) == len(set(places)) == 170
    assert all(task.held_out for task in tasks)
    assert len({task.seed for task in tasks}) == 17
    with pytest.raises(ConfigError, match=r"at most 17\d, the .*; got 18 x 10"):
        digits(images=10, test_batches=18)


# -- network --------------------------------------------------------------------------------------


def parts(scale: float = 0.1, **changes):
    """Return settings, and NEST with a whole network for two images in it."""
    from l2l.optimizees.digits import network
    from l2l.optimizees.digits.network import nest

    optimizee = digits(scale=scale, **changes)
    task = optimizee.tasks.train(1, 0)[0]
    weights = drawn(optimizee, 1)[0]
    network.whole(optimizee.settings, optimizee.content(task).images, task.seed, weights)
    return nest, optimizee, weights


def test_the_network_has_the_sizes_of_the_paper():
    layout = Layout(1.0, 3)
    assert (layout.n_exc, layout.n_inh, layout.n_outputs) == (1600, 400, 36)
    assert layout.shape == (36, 800)
    assert layout.out_degrees == (120, 160)
    assert np.prod(layout.shape) == 28_800
    nest, optimizee, _ = parts(gain=1.0)
    layout = optimizee.layout
    ids = nest.GetNodes({"model": "iaf_psc_alpha"}).tolist()
    reservoir, outputs = ids[: layout.n_reservoir], ids[layout.n_reservoir :]
    assert len(outputs) == 36

    def between(a, b):
        return nest.GetConnections(nest.NodeCollection(a), nest.NodeCollection(b))

    exc, inh = reservoir[: layout.n_exc], reservoir[layout.n_exc :]
    assert len(between(exc, reservoir)) == 160 * 12  # 6 % of 200
    assert len(between(inh, reservoir)) == 40 * 16  # 8 %
    assert len(between(reservoir, outputs)) == 36 * 80
    assert len(between(outputs, outputs)) == 3 * 12 * 11
    assert len(between(outputs, reservoir)) == 0
    inputs = nest.GetNodes({"model": "parrot_neuron"}).tolist()
    assert len(inputs) == 784
    assert len(between(inputs, reservoir)) == 784 * 12
    inner = between(exc, reservoir).get(["source", "target", "weight"])
    pairs = set(zip(inner["source"], inner["target"], strict=True))
    assert len(pairs) == 160 * 12  # no pair twice
    assert all(source != target for source, target in pairs)
    # standard errors: 50 / sqrt(1920) = 1.1 of the mean, 0.8 of the standard deviation
    assert np.mean(inner["weight"]) == pytest.approx(70, abs=5)
    assert np.std(inner["weight"]) == pytest.approx(50, abs=4)


def test_each_weight_is_that_of_one_synapse():
    nest, optimizee, weights = parts(gain=0.5)
    ids = nest.GetNodes({"model": "iaf_psc_alpha"}).tolist()
    layout = optimizee.layout
    senders = np.array(ids)[layout.senders]
    outputs = ids[layout.n_reservoir :]
    found = nest.GetConnections(nest.NodeCollection(senders.tolist()), nest.NodeCollection(outputs))
    values = found.get(["source", "target", "weight"])
    row = np.array(values["target"]) - outputs[0]
    column = np.searchsorted(senders, values["source"])
    matrix = np.full(layout.shape, np.nan)
    matrix[row, column] = values["weight"]
    assert len(values["weight"]) == weights.size
    assert np.array_equal(matrix, 0.5 * weights)
    assert weights[:, :64].mean() == pytest.approx(70, abs=4)  # 50 / sqrt(2304) = 1
    assert weights[:, 64:].mean() == pytest.approx(-90, abs=8)  # 50 / sqrt(576) = 2


def test_input_rates_are_those_of_the_pixels():
    from l2l.optimizees.digits import network
    from l2l.optimizees.digits.network import nest

    optimizee = digits()
    images = np.zeros((8, 784))
    images[:, :392] = 1.0
    network.reset(optimizee.settings, 3)
    network.create_reservoir(optimizee.settings, images)
    recorder = nest.Create("spike_recorder")
    inputs = nest.GetNodes({"model": "parrot_neuron"})
    nest.Connect(inputs, recorder)
    nest.Simulate(duration(8))
    times, senders = recorder.events["times"], recorder.events["senders"]
    bright = senders < inputs[392].global_id
    seconds = 8 * 0.5 * 392
    # Poisson: standard errors of 0.25 and 0.025 Hz
    assert bright.sum() / seconds == pytest.approx(100, abs=1.5)
    assert (~bright).sum() / seconds == pytest.approx(1, abs=0.15)
    shown = (times - 100) % 700
    assert ((times > 100) & (shown <= 502)).all()  # nothing in warm-up and cool-down


# -- ensembles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [1.0, 0.1])
def test_ensemble_single_and_whole_network_agree_spike_by_spike(resolution):
    from l2l.optimizees.digits import network

    optimizee = digits(resolution=resolution)
    fast = digits(resolution=resolution, backend="numba")
    weights = drawn(optimizee, 2)
    task = optimizee.tasks.train(2, 0)[0]
    together = optimizee.counts(weights, task)
    assert together.shape == (2, 2, 36)
    assert together.sum() > 1000
    settings, images = optimizee.settings, optimizee.content(task).images
    alone = network.record(settings, images, task.seed)
    for lane, own in enumerate(weights):
        assert np.array_equal(optimizee.counts(own[None], task)[0], together[lane])
        reservoir, outputs = network.whole(settings, images, task.seed, own)
        assert np.array_equal(reservoir.steps, alone.steps)
        assert np.array_equal(reservoir.neurons, alone.neurons)
        live = count(settings, outputs.steps, outputs.neurons, 36, 2)
        assert np.array_equal(live, together[lane])
    assert np.array_equal(fast.counts(weights, task), together)


def test_the_noise_is_that_of_the_task():
    from l2l.optimizees.digits import network

    optimizee = digits()
    images = optimizee.content(Minibatch((0, 1), False, 1)).images
    one, again, other = (network.record(optimizee.settings, images, seed) for seed in (5, 5, 6))
    assert np.array_equal(one.steps, again.steps)
    assert np.array_equal(one.neurons, again.neurons)
    assert len(one.steps) > 100
    assert not np.array_equal(one.steps[:100], other.steps[:100])
    rewired = network.record(digits(wiring_seed=2).settings, images, 5)
    assert not np.array_equal(one.neurons[:100], rewired.neurons[:100])


@pytest.mark.parametrize("backend", ["nest", "numba"])
def test_contract(backend):
    check_optimizee(lambda: digits(images=1, backend=backend), rtol=1e-12)


# -- fitness --------------------------------------------------------------------------------------


def test_a_constant_answer_has_a_fitness_of_seven_ninths():
    optimizee = digits(images=3)
    task = optimizee.tasks.train(1, 0)[0]
    silent = np.zeros((1, 3, 36), dtype=np.int64)
    fitness, observation, accuracy = optimizee.judge(silent, task)
    assert fitness == pytest.approx(7 / 9, abs=1e-15)
    assert accuracy == pytest.approx(1 / 3)
    labels = optimizee.content(task).labels
    assert np.allclose(observation[0].reshape(3, 3), 1 / 3 - one_hot(labels, 3))


def test_rates_softmax_and_fitness_are_those_of_the_paper():
    counts = np.zeros((1, 1, 36), dtype=np.int64)
    counts[0, 0, 12:22] = 4  # the excitatory neurons of cluster 1: 8 Hz
    counts[0, 0, 22:24] = 99  # inhibitory ones do not count
    assert rates(counts)[0, 0].tolist() == [0, 8, 0]
    assert softmax(np.array([1000.0, 1000.0])).tolist() == [0.5, 0.5]
    optimizee = digits(images=1, temperature=4.0)
    task = next(
        t
        for g in range(50)
        for t in optimizee.tasks.train(1, g)
        if optimizee.content(t).labels[0] == 1
    )
    e = np.exp([0, 2, 0])
    expected = 1 - ((e / e.sum() - [0, 1, 0]) ** 2).mean()
    fitness, _, accuracy = optimizee.judge(counts, task)
    assert fitness[0] == pytest.approx(expected, rel=1e-12)
    assert accuracy[0] == 1


def test_first_individuals_lie_within_bounds_that_the_optimizer_scales():
    optimizee = digits()
    weights = drawn(optimizee, 20)
    space = optimizee.space
    unit = space.encode([{"weights": own} for own in weights])
    assert unit.shape == (20, 2880)
    assert 0 <= unit.min() < unit.max() <= 1
    assert unit.mean() == pytest.approx(0.5, abs=0.002)  # 0.1 / sqrt(57600) = 0.0004
    assert unit.std() == pytest.approx(0.1, abs=0.002)  # 50 of 500 pA
    far = optimizee.bounding_func({"weights": weights[0] + 1e4})["weights"]
    assert np.allclose(far, optimizee.layout.mean_weights + 250)


def test_memory_limits_an_ensemble():
    optimizee = digits(scale=1.0)
    assert optimizee.max_batch(None) is None
    assert 98 <= optimizee.max_batch(2**30) < 1000
    assert optimizee.max_batch(1) == 1


def test_it_says_what_is_not_installed(monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    for module, options, extra in (
        ("nest", {}, "nest"), ("sklearn", {}, "scikit"), ("numba", {"backend": "numba"}, "numba"),
    ):  # fmt: skip
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, m=module: None if name == m else found(name)
        )
        with pytest.raises(MissingExtra, match=extra):
            digits(**options)


def test_making_one_imports_no_simulator():
    code = """
import pickle, sys
from l2l.optimizees.digits import Digits
copy = pickle.loads(pickle.dumps(Digits()))
copy.create_individual()
print(any(name in sys.modules for name in ("nest", "numba", "arbor", "gymnasium")))
"""
    assert python(code).split() == ["False"]
    assert len(pickle.dumps(digits())) < 200_000  # no images in it


# -- learning -------------------------------------------------------------------------------------


def learn(tmp_path, optimizer, generations: int, seed: int) -> tuple[float, float]:
    """Return fitness and accuracy on held-out images of what a run recommends."""
    optimizee = digits(images=12, test_batches=5, backend="numba")
    result = l2l.optimize(
        optimizee, optimizer, generations=generations, seed=seed, run=tmp_path / "run",
        executor="inline", progress=False, test_every=1000, overwrite=True,
    )  # fmt: skip
    tests = result.history.tests
    last = (tests.generation == tests.generation.max()) & (
        tests.role == (1 if (tests.role == 1).any() else 0)
    )
    return float(tests.fitness[last, 0].mean()), float(tests.metrics["accuracy"][last].mean())


def test_it_learns_more_than_a_constant_answer_and_than_random_search(tmp_path):
    kalman = {"name": "ensemble_kalman_filter", "pop_size": 60}
    fitness, accuracy = learn(tmp_path, kalman, 10, seed=1)
    at_random, by_luck = learn(tmp_path, {"name": "random_search", "pop_size": 60}, 10, seed=1)
    assert fitness > 7 / 9 + 0.1
    assert accuracy > 0.75  # 60 images: a standard error of 0.06
    assert fitness > at_random + 0.1
    assert accuracy > by_luck


# -- configurations -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_configurations_are_valid(path):
    config = yaml.safe_load(path.read_text())
    options = dict(config["optimizee"])
    made = registry.construct(registry.load("optimizees", options.pop("name")), options)
    assert config["test_every"] == 10
    assert made.tasks.size * made.tasks.n_test >= 160


def test_figures_of_a_run(tmp_path):
    from l2l.optimizees.digits.figures import confused
    from l2l.view.figures import plot_figure

    run = tmp_path / "run"
    l2l.optimize(
        {"name": "digits", "images": 4, "test_batches": 2},
        {"name": "random_search", "pop_size": 2},
        generations=1, run=run, executor="inline", progress=False, test_every=1,
    )  # fmt: skip
    for name in ("raster", "confusion"):
        assert plot_figure(run, name).stat().st_size > 5000
    optimizee = digits(images=4)
    weights = drawn(optimizee, 1)[0]
    matrix, fitness = confused(weights, optimizee)
    assert matrix.sum() == 8
    judged = [
        optimizee.simulate(Trial(Individual({"weights": weights}, tasks=[task], test=True)))
        for task in optimizee.tasks.all_held_out()
    ]
    assert np.trace(matrix) / 8 == pytest.approx(np.mean([r.metrics["accuracy"] for r in judged]))
    assert fitness == pytest.approx(np.mean([r.fitness for r in judged]))


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_the_paper_size_starts(tmp_path):
    from l2l.optimizees.digits.network import nest

    config = yaml.safe_load((EXPERIMENTS / "config-paper.yaml").read_text())
    optimizee = {**config["optimizee"], "images": 1}  # of ten: a tenth of the time
    result = l2l.optimize(
        optimizee, config["optimizer"], generations=1, run=tmp_path / "run",
        executor={"name": "inline"}, progress=False,
    )  # fmt: skip
    assert (result.history.status == 0).all()
    assert len(result.history.fitness) == 98
    assert result.history.parameters.shape == (98, 28_800)
    # reservoir 192,000 + 64,000, readout 98 x 28,800, within the clusters 98 x 396
    assert nest.num_connections > 98 * 29_196
