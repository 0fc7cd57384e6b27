"""What is wrong is said before anything is simulated, and nothing gives wrong numbers unseen."""

import textwrap

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.analysis import Context, evaluate
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, read, synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.optimizee import WholeBrain, WholeBrainParameters
from l2l.optimizees.whole_brain.simulation import Simulation
from l2l.optimizees.whole_brain.stepping import Scheme

SMALL = {
    "model": "generic2d",
    "parameters": {"G": [0.0, 0.2]},
    "connectome": "synthetic:8",
    "speed": 5.0,
    "duration": 60.0,
    "transient": 20.0,
}
SIGMA = {"noise": True, "fixed": {"sigma": 0.01}}
PULSE = {"state": "V", "amplitude": 0.1, "onset": 30, "duration": 10, "regions": [0, 5]}


def brain(**more):
    return WholeBrain(parameters=WholeBrainParameters(**{**SMALL, **more}))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fixed": {"a": "x"}}, "finite number"),
        ({"fixed": {"a": float("nan")}}, "finite number"),
        ({"fixed": {"a": None}}, "finite number"),
        ({"fixed": {"a": [1.0] * 5}}, "8 regions; got 5"),
        ({"speed": None, "fixed": {"speed": 0}}, "above 0"),
        ({"speed": None, "fixed": {"speed": [1.0] * 8}}, "finite number"),
        ({"speed": None, "parameters": {"speed": [0.0, 10.0]}}, "above 0"),
        ({"speed": None, "parameters": {"speed": {"low": 1.0, "high": 2.0, "shape": 8}}}, "of all"),
        ({"speed": 1e-6}, "steps"),
        ({"dt": 1e-9}, "steps"),
        ({"duration": float("inf")}, "finite"),
        ({"parameters": {"a": ["x", "y", "z"]}}, "finite number"),
        ({"connectome": ["synthetic:8", "synthetic:9"]}, "same number of regions, got"),
        ({"connectome": "synthetic:8:0:2"}, "synthetic:REGIONS"),
        ({"connectome": "synthetic:1"}, "at least 2"),
        ({"fixed": {"subject": 5}}, "subject must be 0..0"),
        ({"parameters": {"subject": [0.0, 2.0]}}, "whole numbers"),
        ({"initial": {"V": "a"}}, "number"),
        ({"initial": {"V": [0.1] * 3}}, "shape"),
        ({"stimulus": {**PULSE, "amplitude": "x"}}, "amplitude"),
        ({"stimulus": {**PULSE, "onset": -5}}, "onset"),
        ({"stimulus": {**PULSE, "onset": 1000}}, "onset"),
        ({"stimulus": {**PULSE, "regions": [9]}}, "from 0 to 7"),
        ({"stimulus": {**PULSE, "regions": [0.5]}}, "from 0 to 7"),
        ({"observe": {"bold": "V"}, "bold": {"tr": 10.0}, "fitness": "mean_FC_bold"}, "BOLD"),
        ({"bold": {"foo": 1}}, "no 'foo'"),
        ({"bold": {"tr": "x", "skip": 0.0}}, "tr must be"),
        ({"bold": {"tr": 5.5, "skip": 0.0}, "fitness": "mean_FC_bold"}, "repetition time"),
        (
            {"bold": {"tr": 5.0, "convention": "x", "skip": 0.0}, "fitness": "mean_FC_bold"},
            "convention",
        ),
        ({"bold": {"tr": 5.0, "skip": 30.0}, "fitness": "mean_FC_bold"}, "4 samples"),
        ({"analysis": {"fcd_window": "x"}}, "fcd_window"),
        ({"analysis": {"phase_band": 3}}, "phase_band"),
        ({"analysis": {"up_ratio": "a"}}, "up_ratio"),
        ({"fitness": "FC"}, "many numbers"),
        ({"fitness": "freq_dom"}, "many numbers"),
        ({"fitness": []}, "expected a metric"),
        ({"fitness": 3}, "name of a metric"),
        ({"fitness": ["mean_FC", "mean_FC"]}, "differ"),
        ({"metrics": 5}, "name of a metric"),
        ({"metrics": [None]}, "name of a metric"),
        ({"target": 5}, "name of a file"),
        ({"noise": True, "fixed": {"sigma": -0.01}}, "can't be -0.01"),
        ({"parameters": {"sigma": [0.0, 1.0]}}, "noise: true"),
    ],
)
def test_it_is_refused_at_once(given, says):
    with pytest.raises(ConfigError, match=says):
        brain(**given)


def test_a_fixed_list_is_of_regions_whatever_the_number_of_sets():
    """As many sets as regions: each set gets the whole list, not one number of it."""
    found = brain(**{**SIGMA, "fixed": {"sigma": 0.01, "a": list(np.linspace(-2.5, -1.5, 8))}})
    seeds = np.arange(1, 9)
    whole = found.simulate_batch({"G": np.full(8, 0.1)}, seeds)
    part = found.simulate_batch({"G": np.full(3, 0.1)}, seeds[:3])
    assert np.array_equal(whole.fitness[:3], part.fitness)


def test_series_that_do_not_fit_are_simulated_in_parts():
    one, other = brain(fitness="mean_PLI"), brain(fitness="mean_PLI")
    other._at_once = 2
    params, seeds = {"G": np.linspace(0, 0.2, 5)}, np.arange(1, 6)
    whole, parts = (b.simulate_batch(params, seeds).fitness for b in (one, other))
    assert np.array_equal(whole, parts)
    assert one.max_batch(None) == 128
    assert one.max_batch(4 * 10 * 40 * 8 * 4) == 10


@pytest.mark.parametrize("threads", ["4,2", "0", "-2", "x"])
def test_a_strange_number_of_threads_is_no_reason_to_fail(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert brain().study.simulation.threads == (4 if threads == "4,2" else 1)


MODELS = """
    from l2l.optimizees.whole_brain.maths import exp
    from l2l.optimizees.whole_brain.model import Model, ModelParameter, State
    RATE = {rate}
    def up(x, y, c, G): return (-RATE * x + G * c, x - y)
    def down(x, y, c, G): return (-x, -y)
    def few(x, y, c, G): return (-x,)
    def bare(x, y, c, G): return -x
    def branch(x, y, c, G):
        if x > 0:
            return (-x, -y)
        return (x, y)
    def unknown(x, y, c, G): return (sinh(x), -y)
    def order(y, x, c, G): return (-x, -y)
    def model(f, sent=("x",), first=(-1.0, 1.0)):
        states = (State("x", initial=first), State("y"))
        return Model("mine", "", states, (ModelParameter("G", 0.1),), f, sent)
    UP, DOWN, FEW, BARE, BRANCH = map(model, (up, down, few, bare, branch))
    UNKNOWN, ORDER, NOTHING = model(unknown), model(order), model(up, sent=())
    TEXT, STRANGE = model(up, first="a"), model(up, sent=("z",))
"""


def written(folder, rate=1.0, name="own.py"):
    file = folder / name
    file.write_text(textwrap.dedent(MODELS.format(rate=rate)))
    return file


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("FEW", "tuple of 2"),
        ("BARE", "tuple of 2"),
        ("BRANCH", "If is not plain"),
        ("UNKNOWN", "no 'sinh'"),
        ("ORDER", "by their names"),
        ("NOTHING", "sent is empty"),
        ("STRANGE", "no states"),
        ("TEXT", "no number"),
    ],
)
def test_a_model_that_can_not_be_compiled_is_refused_in_words(tmp_path, name, says):
    with pytest.raises(ConfigError, match=says):
        load(f"{written(tmp_path)}:{name}")


def test_models_of_one_name_do_not_get_each_others_kernels(tmp_path):
    """The kernel of another function of the same file, or with another constant, is another one."""
    file = written(tmp_path)
    up, down = load(f"{file}:UP"), load(f"{file}:DOWN")
    faster = load(f"{written(tmp_path, rate=2.0, name='faster.py')}:UP")
    assert len({Scheme(model, ("x",)).digest for model in (up, down, faster)}) == 3
    found = []
    for model in (up, down):
        batch = Batch(model, [synthetic(4)], [1], {"G": 1.0})
        run = Simulation(model, duration=5.0, backend="numba").run
        found.append(run(batch, [Series("s", "x")]).results["s"])
    assert not np.array_equal(*found)


def test_delays_beyond_what_a_history_holds_are_refused():
    """They once wrapped around, to negative delays."""
    with pytest.raises(ConfigError, match="lengths are in mm"):
        Connectome(np.ones((2, 2)), np.full((2, 2), 1e9)).delays(1.0, 0.1)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"a b\nc d"])
def test_text_that_is_none_is_refused(tmp_path, content):
    np.savetxt(tmp_path / "lengths.txt", np.ones((2, 2)))
    (tmp_path / "weights.txt").write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\.txt"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "says"), [("none", "must return"), ("matrix", "must return"), ("varies", "same shape")]
)
def test_a_metric_returns_numbers(tmp_path, name, says):
    file = tmp_path / "own.py"
    file.write_text(
        "import numpy as np\n"
        "def none(s): return None\n"
        "def matrix(s): return s.fc\n"
        "def varies(s): return np.ones(1 + int(s.means[0] > 0))\n"
    )
    series = np.random.default_rng(1).normal(size=(2, 50, 3)).astype(np.float32)
    series += np.array([-5, 5])[:, None, None]
    with pytest.raises(ConfigError, match=says):
        evaluate([f"{file}:{name}"], {"": series}, Context(1.0))


def test_a_relative_path_starts_from_the_configuration(tmp_path, monkeypatch):
    from l2l.config.document import Document
    from l2l.config.parameters import _placed

    monkeypatch.chdir("/")
    (tmp_path / "c.yaml").write_text("a: 1\n")
    document = Document(tmp_path / "c.yaml")
    for kind, given, becomes in (
        ("reference", "own.py:UP", f"{tmp_path}/own.py:UP"),
        ("reference", "dmf", "dmf"),
        ("reference", ["mean_FC", "own.py:f"], ["mean_FC", f"{tmp_path}/own.py:f"]),
        ("or word:", "synthetic:76", "synthetic:76"),
        ("or word:", ["a.zip", "synthetic:8"], [f"{tmp_path}/a.zip", "synthetic:8"]),
        (True, ["fc.npy"], [f"{tmp_path}/fc.npy"]),
    ):
        assert _placed(given, kind, document, ("optimizee",)) == becomes
