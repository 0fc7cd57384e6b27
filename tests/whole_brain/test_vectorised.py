"""CPU kernels compute on whole registers: counted in their machine code, for every model.

Losing this is silent otherwise: results stay right, and everything takes five to ten times as long.
"""

from __future__ import annotations

import platform
import re

import numba
import numpy as np
import pytest

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.cpu import run
from l2l.optimizees.whole_brain.cpu.kernel import advance
from l2l.optimizees.whole_brain.models import MODELS, load
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.simulation import Simulation

#: Fused multiply-adds and other arithmetic, on registers and on single numbers.
PACKED_FMA = r"\tvfn?m(?:add|sub)\d+ps\t"
PACKED = rf"{PACKED_FMA}|\tv(?:add|sub|mul|div|sqrt|max|min)ps\t"
SCALAR = r"\tv?(?:add|sub|mul|div|sqrt|max|min)s[sd]\t|\tvfn?m(?:add|sub)\d+s[sd]\t"
MATHS = r"\b(?:expf?|logf?|sinf?|cosf?|tanhf?|erfcf?|powf?)\b"

#: So many fused multiply-adds a step has at least, whatever the compiler makes of it: polynomials
#: of its functions alone are that many (exp 7, log 9, erfc 16, sine and cosine 5 each).
FUSED = {
    "adex_first_order": 2 * 16,
    "adex_second_order": 2 * 16,
    "dmf": 2 * 7,
    "generic2d": 4,
    "kuramoto": 2 * 5,
    "montbrio": 3,
    "wilson_cowan": 2 * 7,
}

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64")
    or "fma" not in str(numba.core.codegen.get_host_cpu_features()),
    reason="the count knows the instructions of x86 with AVX2 and FMA only",
)


def count(pattern: str, assembly: str) -> int:
    return len(re.findall(pattern, assembly))


def assembly_of(function) -> str:
    """Machine code of the only version of a compiled function."""
    (text,) = function.inspect_asm().values()
    return text


def kernel_of(monkeypatch, model: str, *, stochastic: bool, speed: float) -> str:
    """Machine code of a model's kernel, compiled anew: what comes from the disk shows none."""
    fresh = numba.njit(nogil=True, error_model="numpy")(advance.py_func)
    monkeypatch.setattr(run, "advance", fresh)
    monkeypatch.setattr(run, "_compiled", set())
    chosen = load(model)
    simulation = Simulation(chosen, 2.0, stochastic=stochastic, backend="numba")
    batch = Batch(chosen, [synthetic(20, density=0.5)], np.array([1]), {}, speed=speed)
    simulation.run(batch, [Series()])
    return assembly_of(fresh)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_is_computed_on_registers(monkeypatch, model):
    text = kernel_of(monkeypatch, model, stochastic=False, speed=3.0)
    assert count(PACKED_FMA, text) >= FUSED[model]
    # Single numbers are left where links are summed whose delay is below a block, and in means.
    assert count(SCALAR, text) < count(PACKED, text) / 2
    assert not re.findall(MATHS, text)  # no function of the C library, which takes one number


def test_noise_is_computed_on_registers(monkeypatch):
    quiet = kernel_of(monkeypatch, "generic2d", stochastic=False, speed=np.inf)
    noisy = kernel_of(monkeypatch, "generic2d", stochastic=True, speed=np.inf)
    # A logarithm, a sine and a cosine for each pair of normal numbers (Box-Muller).
    assert count(PACKED_FMA, noisy) >= count(PACKED_FMA, quiet) + 9 + 5 + 5
    assert count(r"\tvpmulld\t|\tvpsrld\t|\tvpslld\t", noisy) > 0  # their random words, too
    assert not re.findall(MATHS, noisy)


def test_the_count_finds_what_is_not_vectorised():
    """A loop that has to be recognised, written as one writes it first: each division may raise."""

    @numba.njit
    def plain(x, out):
        for i in range(x.size):
            y = np.float32(2.0) * x[i] + np.float32(1.0)
            out[i] = np.exp(y) / x[i]

    plain(np.ones(8, np.float32), np.ones(8, np.float32))
    text = assembly_of(plain)
    assert count(PACKED_FMA, text) == 0
    assert count(SCALAR, text) > 0
    assert re.findall(MATHS, text)
