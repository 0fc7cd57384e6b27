"""What the kernels become for a GPU that need not be there. test_gpu.py runs this file in a process
of its own, where NVIDIA's compilers are installed (``pip install 'numba-cuda[cu13]'``).
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from cuda.core import Linker, LinkerOptions, ObjectCode
from numba import cuda, float32, int32, int64, types, uint64
from numba.cuda import dispatcher

from l2l.optimizees.whole_brain.gpu import observing
from l2l.optimizees.whole_brain.gpu.kernel import plain_kernel
from l2l.optimizees.whole_brain.gpu.program import Program
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.stepping import Scheme

TABLE, BLOCKS, SERIES = float32[:, ::1], float32[:, :, ::1], float32[:, :, :, ::1]
LINKS = (int32[::1], int32[::1], int32[::1], float32[::1])


def compiled(monkeypatch, kernel, arguments, capability, **options):
    """PTX; and registers and bytes of those that are spilled, as the assembler says."""
    here = SimpleNamespace(compute_capability=capability)  # Numba asks the device that is there
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: here)
    ptx, _ = cuda.compile_ptx(kernel, arguments, cc=capability, **options)
    architecture = "sm_{}{}".format(*capability)
    options = LinkerOptions(arch=architecture, ptxas_options=["-v"])
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
    linker.link("cubin")
    said = linker.get_info_log()
    figures = {
        name: int((re.findall(pattern, said) or ["0"])[-1])
        for name, pattern in (
            ("registers", r"Used (\d+) registers"),
            ("spilled", r"(\d+) bytes spill stores"),
        )
    }
    return ptx, figures


def kernel(monkeypatch, name, capability, regions, sets, delayed, integrator, generator):
    """A model's program, and what comes of its kernel."""
    model = load(name)
    scheme = Scheme(model, (model.bold,), integrator, stochastic=True)
    rows = len(scheme.rows) - scheme.n_states - scheme.n_sent
    places = tuple(("uniform", k) for k in range(rows))
    program = Program(scheme, regions, places, sets, delayed, "float32", generator)
    links = (*LINKS, *LINKS, int64[::1], float32[::1], int64[::1]) if delayed else (float32[::1],)
    arguments = (
        int64, int64, int64, float32, float32[::1], BLOCKS, BLOCKS, TABLE, float32[::1],
        uint64[::1], SERIES, int32[::1], TABLE, int32[::1], *links,
    )  # fmt: skip
    bounds = (program.threads, program.resident)
    ptx, figures = compiled(
        monkeypatch, plain_kernel(program), arguments, capability, launch_bounds=bounds
    )
    print(name, figures)
    return program, ptx, figures


@pytest.mark.parametrize(
    "case",
    [
        ("adex_second_order", (9, 0), 68, 1, True, "euler", "hash"),
        ("kuramoto", (8, 0), 1000, 1, True, "heun", "philox"),
    ],
    ids=lambda case: case[0],
)
def test_kernels_are_single_precision_in_registers(monkeypatch, case):
    """A double literal anywhere, or an array that is not in registers, would show here."""
    check(*kernel(monkeypatch, *case))


def check(program, ptx, figures):
    assert not re.findall(r"^.*\.f64.*$", ptx, re.MULTILINE)
    assert figures["registers"] * program.threads * program.resident <= 65_536
    assert figures["spilled"] <= 256
    assert ("ld.shared.f32" in ptx) == program.shared
    assert len(re.findall(r"fma\.rn\.f32", ptx)) > 30


def test_a_block_of_four_sets_computes_as_one_of_one(monkeypatch):
    """So that a set's bits do not depend on how many there are: four times the same operations.

    And it is worth it: the numbers of four sets are read at once.
    """
    case = "dmf", (9, 0), 100
    rest = False, "euler", "hash"
    found = [kernel(monkeypatch, *case, sets, *rest) for sets in (1, 4)]
    for one in found:
        check(*one)
    for operation in ("fma.rn", "mul", "add", "div.rn", "sqrt.rn", "rcp.rn", "ex2.approx.ftz"):
        alone, four = (ptx.count(f"\t{operation}.f32") for _, ptx, _ in found)
        assert four == 4 * alone > 0, operation
    assert "ld.shared.v4.f32" in found[1][1]


def test_observers_compile(monkeypatch):
    numbers = types.UniTuple(float32, 8), types.UniTuple(float32, 3)
    steps = (int64,) * 5
    bold = observing.bold(np.float32).py_func
    arguments = (BLOCKS, TABLE, *steps, float32, *numbers, BLOCKS)
    ptx, _ = compiled(monkeypatch, bold, arguments, (8, 0))
    assert ".f64" not in ptx
