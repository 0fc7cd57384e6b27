"""Functions that Numba compiles: kept on disk where that is possible, and run where it is not."""

import importlib.util
import shutil

import numba
import pytest

from l2l.optimizees.compiled import compiled

SOURCE = """
from l2l.optimizees.compiled import compiled

@compiled(nogil=True)
def twice(x):
    return 2 * x

@compiled("int64(int64)")
def thrice(x):
    return 3 * x
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that imports a file of compiled functions, as a new process would."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE)

    def load():
        spec = importlib.util.spec_from_file_location("doubling", path)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    return load


def test_machine_code_is_kept_on_disk(module):
    first = module()
    assert first.twice(4) == 8
    assert first.twice.stats.cache_misses
    second = module()
    assert second.twice(4) == 8
    assert second.thrice(4) == 12
    assert second.twice.stats.cache_hits
    assert second.thrice.stats.cache_hits


def test_a_signature_compiles_at_once_and_only_that(module):
    functions = module()
    assert functions.thrice.signatures
    assert not functions.twice.signatures
    with pytest.raises(TypeError, match="No matching definition"):
        functions.thrice("text")


def test_what_cannot_be_written_costs_compiling_again_only(module, tmp_path, caplog):
    functions = module()
    shutil.rmtree(tmp_path / "__pycache__")
    (tmp_path / "__pycache__").symlink_to(tmp_path / "nowhere")  # nothing can be written there
    assert functions.twice(4) == 8
    assert "not kept for the next run" in caplog.text


def test_no_folder_for_the_cache():
    scope = {}
    exec(compile("def half(x):\n    return x / 2", "<prompt>", "exec"), scope)
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(scope["half"])
    assert compiled()(scope["half"])(3) == 1.5
