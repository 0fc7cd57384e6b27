"""Registry: names, references and plug-ins of other packages, broken ones included."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l2l import catalogue, make_optimizer, registry
from l2l.errors import ConfigError
from l2l.optimizee import Individual, Trial
from l2l.references import absolute, load_reference, reference_of


def test_own_names_are_registered() -> None:
    assert registry.installed()
    assert {"genetic_algorithm", "grid_search", "random_search"} <= set(
        registry.names("optimizers")
    )
    assert {"mountain_car", "functions", "active_wait", "mnist"} <= set(
        registry.names("optimizees")
    )
    assert {"inline", "local"} <= set(registry.names("executors"))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_all_of_ours_load_and_describe_themselves(kind: registry.Kind) -> None:
    for entry in catalogue.describe(kind):
        if entry.package != "l2l":
            continue
        assert not entry.error, entry
        assert entry.summary
        assert all(field.doc for field in entry.fields), entry
        assert registry.name_of(kind, registry.load(kind, entry.name)) == entry.name
        assert registry.load(kind, registry.reference(kind, entry.name)) is registry.load(
            kind, entry.name
        )


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no optimizer 'grid_serch'; did you mean 'grid_search'"):
        registry.load("optimizers", "grid_serch")


def test_optimizers_and_executors_must_be_subclasses() -> None:
    with pytest.raises(ConfigError, match="is no executor"):
        registry.load("executors", "l2l.optimizee:Optimizee")
    with pytest.raises(ConfigError, match="must be a class, got function"):
        registry.load("executors", "l2l.optimizee:space_of")


# -- plug-ins -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("plugins")
@pytest.mark.filterwarnings("ignore:two packages")
def test_a_broken_plugin_hides_no_other() -> None:
    entries = {entry.name: entry for entry in catalogue.describe("optimizees")}
    assert entries["shiny"].summary == "A shiny model"
    assert entries["shiny"].package == "shiny"
    assert [(f.name, f.unit) for f in entries["shiny"].fields] == [("size", "mm"), ("colour", "")]
    assert entries["shiny"].fields[0].default is catalogue.REQUIRED
    assert entries["broken"].error == "RuntimeError: no licence found"
    assert entries["absent"].error.startswith("ModuleNotFoundError")
    assert "active_wait" in entries
    assert (
        "is no optimizer"
        in {e.name: e for e in catalogue.describe("optimizers")}["misplaced"].error
    )


@pytest.mark.usefixtures("plugins")
@pytest.mark.filterwarnings("ignore:two packages", "ignore:the optimizee 'absent'")
def test_a_broken_plugin_is_an_error_only_where_it_is_used() -> None:
    assert registry.load("optimizees", "shiny").__name__ == "Shiny"
    with pytest.raises(ConfigError, match=r"package broken can't be loaded.*no licence"):
        registry.load("optimizees", "broken")
    with pytest.warns(UserWarning, match="no licence found"):
        found = list(registry.classes("optimizees"))
    assert registry.load("optimizees", "shiny") in found


@pytest.mark.usefixtures("plugins")
def test_of_two_with_one_name_ours_is_used() -> None:
    registry.refresh()
    with pytest.warns(UserWarning, match="two packages register the optimizer 'grid_search'"):
        found = registry.load("optimizers", "grid_search")
    assert found.__module__ == "l2l.optimizers.gridsearch"


def test_a_clone_that_is_not_installed_says_how_to_install(tmp_path: Path) -> None:
    import l2l

    for entry in Path(np.__file__).parents[1].iterdir():  # all that is installed, but not l2l
        if "l2l" not in entry.name and entry.suffix != ".pth":
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "l2l").symlink_to(Path(l2l.__file__).parent)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import l2l.cli as c; c.main()"
        command = [sys.executable, "-S", "-c", code.replace("main()", f"main({arguments!r})")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    (tmp_path / "config.yaml").write_text("optimizee: active_wait\noptimizer: grid_search\n")
    done = run("run", str(tmp_path / "config.yaml"))
    assert "no optimizer 'grid_search': l2l is not installed" in done.stderr
    assert "pip install -e ." in done.stderr
    assert "pip install -e ." in run("list").stderr


# -- references -----------------------------------------------------------------------------------

MODEL = """
from neighbour import FACTOR

class Model:
    def __init__(self, traj, factor=1.0, *, offset):
        self.traj, self.factor, self.offset = traj, factor, offset

    class Inner:
        def simulate(self, traj):
            return 1.0

    def simulate(self, traj):
        return FACTOR * traj.individual.x + self.offset
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("FACTOR = 2\n")
    path = tmp_path / "my model.py"
    path.write_text(MODEL)
    return path


def test_a_class_in_a_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = f"{model}:Model"
    cls = registry.load("optimizees", reference)
    assert registry.construct(cls, {"offset": 1}).simulate(Trial(Individual({"x": 3}))) == 7
    assert registry.load("optimizees", reference) is cls  # loaded once
    assert registry.load("optimizees", f"{model}:Model.Inner").__qualname__ == "Model.Inner"
    monkeypatch.chdir(model.parent)
    assert registry.reference("optimizees", "my model.py:Model") == reference
    assert registry.load("optimizees", "my model.py:Model") is cls
    assert reference_of(cls) == reference


def test_another_process_loads_the_same_class_and_its_pickles(model: Path) -> None:
    cls = load_reference(f"{model}:Model")
    data = pickle.dumps(registry.construct(cls, {"offset": 5}))
    code = (
        "import sys, pickle\n"
        "from l2l.references import load_reference\n"
        f"cls = load_reference({f'{model}:Model'!r})\n"
        "it = pickle.load(sys.stdin.buffer)\n"
        "print(type(it) is cls, it.offset)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=True
    )
    assert done.stdout.split() == [b"True", b"5"]


def test_a_file_that_fails_is_not_half_loaded(tmp_path: Path) -> None:
    path = tmp_path / "half.py"
    path.write_text("class Model: pass\nimport no_such_module\n")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"half\.py can't be imported.*no_such_module"):
            load_reference(f"{path}:Model")
    path.write_text("class Model: pass\n")
    assert load_reference(f"{path}:Model").__name__ == "Model"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("Model", "expected package.module:Class"),
        ("l2l.space:", "expected package.module:Class"),
        ("l2l.spaces:Parameter", "l2l.spaces can't be imported"),
        ("l2l.space:Paramter", "did you mean 'Parameter'"),
        ("/no/such/file.py:Model", "there is no file /no/such/file.py; nor is there a folder"),
    ],
)
def test_wrong_references(reference: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_reference(reference)


def test_a_missing_file_names_its_neighbour(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'my model\.py'"):
        load_reference(f"{model.with_name('my_model.py')}:Model")


def test_references_of_modules_stay_as_they_are() -> None:
    assert absolute("l2l.space:Parameter") == "l2l.space:Parameter"

    class Local:
        pass

    assert reference_of(Local) is None
    assert reference_of(Individual) == "l2l.optimizee:Individual"


# -- construct ------------------------------------------------------------------------------------


def test_construct_with_options() -> None:
    cls = registry.load("optimizees", "active_wait")
    assert registry.construct(cls, {"difficulty": 50}).parameters.difficulty == 50
    with pytest.raises(ConfigError, match="did you mean 'difficulty'"):
        registry.construct(cls, {"dificulty": 50})


def test_construct_by_signature(model: Path) -> None:
    cls = load_reference(f"{model}:Model")
    made = registry.construct(cls, {"factor": 2.0, "offset": 1}, traj="the trajectory")
    assert (made.traj, made.factor, made.offset) == ("the trajectory", 2.0, 1)
    with pytest.raises(ConfigError, match="Model has no parameter 'ofset'; did you mean 'offset'"):
        registry.construct(cls, {"ofset": 1})
    with pytest.raises(ConfigError, match="Model needs a value for offset"):
        registry.construct(cls, {})

    class Anything:
        def __init__(self, **kwargs: int) -> None:
            self.kwargs = kwargs

    assert registry.construct(Anything, {"a": 1}).kwargs == {"a": 1}


def test_an_optimizer_without_a_run() -> None:
    optimizer = make_optimizer("random_search", {"x": (-5.0, 5.0)}, seed=3, pop_size=7)
    points = optimizer.ask()
    assert points.shape == (7, 1)
    assert np.array_equal(
        points, make_optimizer("random_search", {"x": (-5.0, 5.0)}, seed=3, pop_size=7).ask()
    )
    with pytest.raises(ConfigError, match="pop_size"):
        make_optimizer("random_search", {"x": (-5.0, 5.0)}, pop_siz=7)
