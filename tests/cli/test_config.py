"""The configuration: every error names line, value and the nearest valid name, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from l2l import config
from l2l.errors import ConfigError

GOOD = """\
run: results/test
seed: 3
weights: [-1.0]
optimizee:
  name: active_wait
  difficulty: 1000
optimizer:
  name: random_search
  pop_size: 8
executor:
  name: local
  workers: 2
stop:
  generations: 4
"""


class Loader:
    """Writes a configuration into a folder and loads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, text: str, *overrides: str, name: str = "experiment.yaml") -> dict[str, Any]:
        path = self.folder / name
        path.write_text(text)
        return config.load(path, overrides)

    def problems(self, text: str, *overrides: str) -> list[str]:
        """Return the errors, each without the folder of the file."""
        with pytest.raises(ConfigError) as caught:
            self(text, *overrides)
        lines = str(caught.value).replace(f"{self.folder}/", "").splitlines()
        return [line.strip() for line in lines if line.startswith("  ")]


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


def test_a_good_file_is_resolved_with_all_defaults(load) -> None:
    found = load(GOOD)
    assert found["name"] == "test"
    assert found["run"] == "results/test"
    assert found["seed"] == 3
    assert found["weights"] == [-1.0]
    assert found["optimizee"] == {"name": "active_wait", "difficulty": 1000}
    assert found["optimizer"]["name"] == "random_search"
    assert found["executor"]["workers"] == 2
    assert found["executor"]["retries"] == 0
    assert found["stop"] == dict.fromkeys(found["stop"]) | {"generations": 4}


def test_what_is_resolved_can_be_loaded_again(load) -> None:
    found = load(GOOD, "stop.time=2h", "executor.memory_limit=2GiB", "stop.target=1e-10")
    recorded = {**found, "space": {}, "source": {"by_value": False}, "schema": 1}
    assert load(yaml.safe_dump(recorded), name="run.yaml") == found


def test_a_minimal_file(load) -> None:
    found = load("optimizee: active_wait\noptimizer: random_search\nstop: {evaluations: 5}\n")
    assert found["run"] == "results/experiment"
    assert found["seed"] == 1
    assert found["weights"] == [1.0]
    assert found["executor"]["name"] == "local"


def test_a_name_that_is_not_given_comes_from_run_or_file_or_folder(load, tmp_path: Path) -> None:
    nameless = GOOD.replace("run: results/test\n", "")
    assert load(GOOD, name="config.yaml")["name"] == "test"
    assert load(GOOD, "run=/data/second/")["name"] == "second"
    assert load(nameless)["name"] == "experiment"
    assert load(nameless, name="config.yaml")["name"] == tmp_path.name


# Each: what is replaced in GOOD, by what, and the errors that come of it.
WRONG = [
    ("seed: 3", "space: {}", ["2: there is no section 'space'"]),
    ("seed: 3", "source: here", ["2: there is no section 'source'"]),
    ("seed: 3", "sede: 3", ["2: there is no section 'sede'; did you mean 'seed'?"]),
    ("seed: 3", "seed: -3", ["2: seed must be at least 0, got -3"]),
    ("seed: 3", "seed: 3.5", ["2: seed must be a whole number, got 3.5"]),
    ("seed: 3", "seed: 3\nseed: 4", ["3: seed is there twice, first in line 2"]),
    ("run: results/test", "run: 5", ["1: run must be a text, got 5"]),
    ("[-1.0]", "[]", ["3: weights must be finite numbers"]),
    ("[-1.0]", "[0, 0]", ["3: weights must be finite numbers"]),
    ("[-1.0]", "[one]", ["3: weights must be finite numbers", "got ['one']"]),
    ("[-1.0]", "[.inf]", ["3: weights must be finite numbers"]),
    ("active_wait", "activ_wait", ["5: no optimizee 'activ_wait'; did you mean 'active_wait'?"]),
    ("active_wait", "[a]", ["5: optimizee.name must be a text, got ['a']"]),
    ("active_wait", "no.such:Thing", ["5: no.such can't be imported: ModuleNotFoundError"]),
    ("active_wait", "l2l.space:Paramter", ["5: ", "did you mean 'Parameter'?"]),
    ("active_wait", "l2l.space:ParameterSpace", ["5: ", "it has no simulate(traj)"]),
    ("active_wait", "no/such.py:Thing", ["5: there is no file no/such.py"]),
    (
        "difficulty: 1000",
        "dificulty: 1000",
        ["6: there is no optimizee.dificulty; did you mean 'difficulty'?"],
    ),
    ("1000", "hard", ["6: optimizee.difficulty must be a number, got 'hard'"]),
    ("random_search", "genetic", ["8: no optimizer 'genetic'", "genetic_algorithm"]),
    (
        "random_search",
        "l2l.executors.inline:InlineExecutor",
        ["8: ", "is no optimizer: it must be a subclass of l2l.optimizer.Optimizer"],
    ),
    ("pop_size: 8", "pop_size: 0", ["9: optimizer.pop_size must be at least", "got 0"]),
    ("workers: 2", "workers: true", ["12: executor.workers must be a number, got True"]),
    ("workers: 2", "timeout: soon", ["12: executor.timeout: expected a duration", "got 'soon'"]),
    ("workers: 2", "memory_limit: big", ["12: executor.memory_limit: expected a size", "'big'"]),
    ("generations: 4", "generatons: 4", ["14: there is no stop.generatons"]),
    ("generations: 4", "time: 5 parsecs", ["14: stop.time: expected a duration"]),
    ("generations: 4", "generations: !!binary 4", ["14: the tag", "is not supported"]),
    ("  generations: 4", "  3: 4", ["14: a name is a text, got '3'"]),
    ("stop:\n  generations: 4", "stop: 4", ["13: stop must have parts"]),
    ("stop:\n  generations: 4", "stop: {}", ["13: nothing ends the run", "generations"]),
    ("stop:\n  generations: 4", "", ["nothing ends the run"]),
]


@pytest.mark.parametrize(("old", "new", "parts"), WRONG, ids=[new for _, new, _ in WRONG])
def test_an_error_names_its_line_and_what_to_do(load, old: str, new: str, parts) -> None:
    assert old in GOOD
    found = load.problems(GOOD.replace(old, new, 1))
    assert len(found) == 1, found
    if parts[0][0].isdigit():
        parts = [f"experiment.yaml:{parts[0]}", *parts[1:]]
    for part in parts:
        assert part in found[0]


def test_all_errors_are_shown_at_once_in_order_of_their_lines(load) -> None:
    text = GOOD.replace("generations: 4", "time: never").replace("seed: 3", "sead: 3")
    found = load.problems(text.replace("1000", "hard"), "executor.workers=many")
    assert [line.partition(": ")[0] for line in found] == [
        "experiment.yaml:2",
        "experiment.yaml:6",
        "experiment.yaml:14",
        "--set executor.workers=many",
    ]


def test_the_head_counts_the_errors_and_says_that_nothing_was_started(load) -> None:
    with pytest.raises(ConfigError, match="has 2 errors; nothing has been started"):
        load(GOOD.replace("seed", "sead").replace("1000", "hard"))


def test_a_decimal_comma_and_a_text_without_quotes_are_explained(load) -> None:
    with pytest.raises(ConfigError, match=r":2: a name is a text, got '5'.* is no decimal point"):
        load(GOOD.replace("seed: 3", "seed: {low: 1,5}"))
    with pytest.raises(ConfigError, match=r":2: no valid YAML: .* belongs into single quotes"):
        load(GOOD.replace("seed: 3", r'seed: "(\S+)"'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("just a text", "expected sections"),
        ("- a\n- b\n", "expected sections"),
        ("a: [1,\nb: 2\n", r"experiment.yaml:\d: no valid YAML"),
        ("a: 1\n\tb: 2\n", "experiment.yaml:2: no valid YAML"),
        ("a: 1\n---\nb: 2\n", "no valid YAML"),
        ("a: *there\n", "experiment.yaml:1: no valid YAML: .*alias"),
        ("a: &x [*x]\n", "an alias"),
    ],
)
def test_what_is_no_configuration_at_all(load, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(text)


def test_a_missing_file_names_the_nearest(load, tmp_path: Path) -> None:
    load(GOOD)
    with pytest.raises(ConfigError, match=r"no file .*did you mean .*experiment\.yaml"):
        config.load(tmp_path / "experimnet.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        config.load(tmp_path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        config.load(path)


# -- --set ----------------------------------------------------------------------------------------


def test_set_replaces_adds_and_is_read_as_yaml(load) -> None:
    found = load(
        GOOD,
        "optimizer.pop_size=5",
        "stop.target=1e-3",
        "weights=[1, -2]",
        "executor.timeout=00:30:00",
        "stop.generations=null",
    )
    assert found["optimizer"]["pop_size"] == 5
    assert found["stop"]["target"] == 1e-3
    assert found["weights"] == [1.0, -2.0]
    assert found["executor"]["timeout"] == 1800
    assert found["stop"]["generations"] is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.pop_sise=5", "--set optimizer.pop_sise=5: there is no optimizer.pop_sise; did"),
        ("optimizer.pop_size=0", "--set optimizer.pop_size=0: optimizer.pop_size must be"),
        ("optimiser.pop_size=5", "--set optimiser.pop_size=5: there is no section 'optimiser'"),
        ("seed.a=5", "--set seed.a=5: seed has no parts, it is 3"),
        ("optimizer.pop_size", "--set optimizer.pop_size: expected section.name=value"),
        ("=5", "--set =5: expected section.name=value"),
        ("seed=[1", "--set seed=\\[1: no valid YAML"),
    ],
)
def test_an_error_names_the_set(load, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(GOOD, override)


def test_another_class_on_the_command_line_leaves_out_what_it_does_not_have(load) -> None:
    found = load(GOOD, "executor.name=inline")
    assert found["executor"]["name"] == "inline"
    assert "workers" not in found["executor"]
    # ... but not what the command line itself asks for
    with pytest.raises(ConfigError, match=r"there is no executor\.workers"):
        load(GOOD, "executor.name=inline", "executor.workers=3")


def test_a_section_given_as_a_name_takes_parameters_from_set(load) -> None:
    text = "optimizee: active_wait\noptimizer: random_search\nstop:\n"
    found = load(text, "optimizer.pop_size=6", "stop.evaluations=3")
    assert found["optimizer"]["pop_size"] == 6
    assert found["stop"]["evaluations"] == 3


# -- optimizees from files ------------------------------------------------------------------------

MODEL = """
from l2l import Optimizee, ParameterSpace
import neighbour

class Model(Optimizee):
    space = ParameterSpace({"x": (0.0, 1.0)})
    def __init__(self, traj, size: int = 3):
        self.size = size
    def simulate(self, traj):
        return neighbour.FACTOR * traj.individual.x
"""


def test_a_path_starts_from_the_folder_of_the_file(load, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.py").write_text(MODEL)
    (tmp_path / "models" / "neighbour.py").write_text("FACTOR = 2")
    text = GOOD.replace("name: active_wait", "name: models/model.py:Model")
    found = load(text.replace("difficulty: 1000", "size: 4"))
    assert found["optimizee"] == {"name": f"{tmp_path}/models/model.py:Model", "size": 4}
    # its constructor's signature says what it takes
    assert load.problems(text) == [
        "experiment.yaml:6: Model has no parameter 'difficulty'; valid names: size"
    ]


def test_a_path_on_the_command_line_starts_from_the_current_folder(
    load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "other.py").write_text(MODEL.replace("import neighbour", ""))
    monkeypatch.chdir(here)
    found = load(GOOD, "optimizee.name=other.py:Model")
    assert found["optimizee"] == {"name": f"{here}/other.py:Model"}


def test_the_run_of_a_script_is_not_run_from_its_record(load) -> None:
    with pytest.raises(ConfigError, match="begun by a script"):
        load(GOOD + "source: {by_value: true}\n")
