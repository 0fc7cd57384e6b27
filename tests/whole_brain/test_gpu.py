"""The GPU backend: its kernels in Numba's simulator, compiled, and on a device if there is one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l2l.errors import ConfigError, MissingExtra
from l2l.optimizees.whole_brain import backends
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.simulation import Simulation

HERE = Path(__file__).parent
HAS = importlib.util.find_spec("numba_cuda") is not None
without_it = pytest.mark.skipif(not HAS, reason="needs numba-cuda: pip install 'l2l[cuda]'")


def run_file(name, **environment):
    """Run a file of tests in a process of its own: Numba is told once whether to simulate."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    found = subprocess.run(
        [*command, "--import-mode=importlib", str(HERE / name)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]


def device():
    """Name of the GPU; empty if there is none."""
    if not HAS:
        return ""
    from numba import cuda

    if not cuda.is_available():
        return ""
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def compilers():
    """Whether NVIDIA's packages with NVVM, NVRTC and the linker are installed."""
    found = importlib.util.find_spec("nvidia")
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    names = ("libnvvm.so*", "libnvrtc.so*", "libnvJitLink.so*")
    return all(any(folder.rglob(name)) for name in names for folder in folders) and bool(folders)


@without_it
def test_in_the_simulator():
    run_file("gpu_cases.py", NUMBA_ENABLE_CUDASIM="1")


@without_it
@pytest.mark.skipif(
    not compilers(), reason="needs NVIDIA's compilers: pip install 'numba-cuda[cu13]' (225 MB)"
)
def test_what_is_compiled():
    run_file("gpu_compiled.py")


@without_it
def test_on_a_device():
    if not device():
        pytest.skip("no NVIDIA GPU here")
    print(device())
    run_file("gpu_cases.py", NUMBA_ENABLE_CUDASIM="0")


@without_it
def test_a_machine_without_a_gpu_is_told_so():
    if device():
        pytest.skip("there is a GPU")
    assert backends.available() == "numba"
    model = load("generic2d")
    simulation = Simulation(model, 1.0, backend="numba-cuda")
    with pytest.raises(ConfigError, match="no NVIDIA GPU"):
        simulation.run(Batch(model, [synthetic(3)], np.array([1]), {}), [])


def test_what_is_missing_is_said(monkeypatch):
    """A wish for the GPU without its packages names the extra; ``auto`` does without."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "numba_cuda" else found(name)
    )
    assert backends.available() in ("numba", "numpy")
    with pytest.raises(MissingExtra, match="cuda"):
        backends.backend("numba-cuda")
