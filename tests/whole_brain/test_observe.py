"""Observers: series, BOLD, functional connectivity and its dynamics, all on the fly."""

from __future__ import annotations

import copy
import platform
import re
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from l2l.errors import ConfigError, MissingExtra
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import (
    Bold,
    Coarser,
    Connectivity,
    Dynamics,
    PhaseDynamics,
    Series,
    Statistics,
    check_names,
    results,
)
from l2l.optimizees.whole_brain.observe.balloon import CONVENTIONS
from l2l.optimizees.whole_brain.simulation import Simulation

BACKENDS = ("numba", "numpy")


def watched(observers, series, period=1.0, cuts=None):
    """What observers make of a series (sets, samples, regions), in segments that end at `cuts`."""
    observers = [copy.deepcopy(observer) for observer in observers]
    for observer in observers:
        observer.start(len(series), series.shape[2], period)
    for segment in np.split(series, series.shape[1] if cuts is None else cuts, axis=1):
        for observer in observers:
            observer.take(segment)
    return results(observers)


def whole(observer, series, period=1.0):
    """What one observer makes of one set's series (samples, regions)."""
    found = watched([observer], series[None], period, cuts=[])
    return {name: value[0] for name, value in found.items()}


def activity(samples, regions, seed, dtype=np.float32):
    """Slow positive activity with a mean of about 1."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(samples, regions)).cumsum(axis=0)
    return np.abs((steps - steps.mean(axis=0)) / steps.std(axis=0)).astype(dtype)


def of_largest(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


# -- BOLD -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "seed"), [("numba", 1), ("numba", 2), ("numpy", 3)])
def test_bold_is_neurolibs(backend, seed):
    """60 s; also neurolib moves s first, lets f follow the new s, and v and q the old f and v.

    With another order of the four the two would differ by a share of the step's length over the
    time constants, 1e-3; with the same one what remains is rounding, 6e-8 a step in float32.
    """
    bold = pytest.importorskip("neurolib.models.bold")
    z = activity(60_000, 20, seed)
    rest = {"X": np.zeros(20), "F": np.ones(20), "Q": np.ones(20), "V": np.ones(20)}
    expected = bold.simulateBOLD(z.T.astype(float), 1e-3, np.ones(20), **rest)[0]
    expected = expected[:, 1999::2000].T
    single = whole(Bold(backend=backend), z)["bold"]
    assert single.shape == (30, 20)
    assert single.dtype == np.float32
    assert of_largest(single, expected) < 1e-5
    if backend == "numba":
        double = whole(Bold(backend=backend), z.astype(float))["bold"]
        np.testing.assert_allclose(double, expected, rtol=1e-9)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_bold_converges_to_the_solution_of_the_equations(name):
    """Against an adaptive solver: 1 ms is exact to 4e-4 of the signal, and the error is linear."""
    integrate = pytest.importorskip("scipy.integrate")
    k = CONVENTIONS[name]

    def drive(t):
        return 0.5 + 0.4 * np.sin(2 * np.pi * 0.08 * t) + 0.3 * np.sin(2 * np.pi * 0.31 * t)

    def slopes(t, y):
        s, f, v, q = y
        extracted = (1 - (1 - k.extraction) ** (1 / f)) / k.extraction
        return (
            drive(t) - k.decay * s - k.feedback * (f - 1),
            s,
            (f - v ** (1 / k.stiffness)) / k.transit,
            (f * extracted - q * v ** (1 / k.stiffness - 1)) / k.transit,
        )

    scans = np.arange(1.0, 61.0)
    solved = integrate.solve_ivp(
        slopes, (0, 60), (0, 1, 1, 1), t_eval=scans, rtol=1e-9, atol=1e-11, max_step=0.05
    )
    _, _, v, q = solved.y
    expected = k.volume * (k.k1 * (1 - q) + k.k2 * (1 - q / v) + k.k3 * (1 - v))
    z = drive((np.arange(60_000) + 0.5) / 1000)[:, None].astype(np.float32)
    error = {}
    for step in (1.0, 2.0, 4.0):
        found = whole(Bold(tr=1000, convention=name, step=step), z)["bold"][:, 0]
        error[step] = of_largest(found, expected)
    assert error[1.0] < 4e-4
    assert error[2.0] == pytest.approx(2 * error[1.0], rel=0.1)
    assert error[4.0] == pytest.approx(4 * error[1.0], rel=0.1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_deco2014_is_what_was_published(backend):
    """A restatement with the constants as numbers, in float64, with values and not distances."""
    z = activity(20_000, 3, 5, np.float64)
    s, f, v, q = np.zeros(3), np.ones(3), np.ones(3), np.ones(3)
    expected = []
    for sample, drive in enumerate(z, start=1):
        new_s = s + 0.001 * (drive - s / 0.65 - (f - 1) / 0.41)
        new_q = q + 0.001 / 0.98 * (f * (1 - 0.6 ** (1 / f)) / 0.4 - q * v ** (1 / 0.32) / v)
        v = v + 0.001 / 0.98 * (f - v ** (1 / 0.32))
        s, q, f = new_s, new_q, f + 0.001 * new_s
        if sample % 500 == 0:
            expected.append(0.04 * (2.77264 * (1 - q) + 0.4 * (1 - q / v) + (1 - v)))
    found = whole(Bold(tr=500, convention="deco2014", backend=backend), z)["bold"]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("z", [0.0, 0.01, 0.5, 20.0])
def test_bold_settles_where_the_slopes_are_zero(name, z):
    """A constant drive for 3 minutes: f = 1 + z / gamma, v = f^alpha, q = v (1 - .66^(1/f)) / .34.

    A step adds 1e-3 of the distance that is left, and float32 rounds away what is less than 3e-8 of
    a state: 3e-5 of each of them are never reached. Of values near 1, they would be 1 % of v - 1.
    """
    k = CONVENTIONS[name]
    f = 1 + z / k.feedback
    v = f**k.stiffness
    q = v * (1 - (1 - k.extraction) ** (1 / f)) / k.extraction
    expected = k.volume * (k.k1 * (1 - q) + k.k2 * (1 - q / v) + k.k3 * (1 - v))
    series = np.full((180_000, 1), z, np.float32)
    found = whole(Bold(convention=name, backend="numba"), series)["bold"]
    if z == 0:
        expected = 0.0  # at rest nothing moves, not by a bit
    assert found[-1, 0] == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_drive_is_averaged_or_held(backend):
    """Sums of four equal float32 are exact, so equal drives give equal bits."""
    z = activity(400, 19, 7)
    held = np.repeat(z, 4, axis=0)
    for step, tr in ((1.0, 40.0), (4.0, 40.0)):
        fine = whole(Bold(tr=tr, step=step, backend=backend), held, period=1.0)["bold"]
        coarse = whole(Bold(tr=tr, step=step, backend=backend), z, period=4.0)["bold"]
        np.testing.assert_array_equal(fine, coarse)
        assert len(fine) == 40


def test_scale_and_skip():
    z = activity(9000, 2, 8)
    expected = whole(Bold(), (z * np.float32(0.25)))["bold"]
    np.testing.assert_array_equal(whole(Bold(scale=0.25), z)["bold"], expected)
    skipped = watched([Bold(scale=0.25, skip=4000)], z[None], cuts=[100, 3000, 4100, 7777])
    np.testing.assert_array_equal(skipped["bold"][0], expected[2:])
    assert watched([Bold(tr=20_000)], z[None])["bold"].shape == (1, 0, 2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_set_that_diverges_leaves_the_others_alone(backend):
    z = np.stack([activity(4000, 5, seed) for seed in range(3)])
    expected = watched([Bold(backend=backend)], z, cuts=[])["bold"]
    z[1, 700:, 2] = np.nan
    z[1, 900:, 3] = np.inf
    z[1, 900:, 4] = -1e30
    found = watched([Bold(backend=backend)], z, cuts=[])["bold"]
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
    np.testing.assert_array_equal(found[1, :, :2], expected[1, :, :2])
    assert np.isnan(found[1, :, 2]).all()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the assembly of x86-64")
def test_kernels_are_compiled_to_vector_instructions():
    import numba

    from l2l.optimizees.whole_brain.observe import compiled

    one, row = np.float32(1), np.zeros(160, np.float32)
    rates = ((0, 0), (1, 1, 1), one, (one,) * 8, (one,) * 3)
    for kernel, arguments, least in (
        (compiled._integrate, (row, (1, 1, 32), row, *rates, row), 20),
        (compiled._multiply, (row, (1, 2, 16), np.zeros(256, np.float32)), 6),
    ):
        fresh = numba.njit(error_model="numpy")(kernel.py_func)
        fresh(*arguments)
        (assembly,) = fresh.inspect_asm().values()
        packed, scalar = (
            len(re.findall(rf"\b(v?mul|v?fn?m(add|sub)\d+){kind}\b", assembly))
            for kind in ("ps", "ss")
        )
        assert packed >= least
        assert scalar == 0


# -- functional connectivity ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_connectivity_is_numpys(seed):
    """Of noise on a mean 10^4 times as large, and of one that drifts: float32 resolves 1e-3 of it.

    The deviations are summed in float32 over 512 samples, 6e-8 each: 1e-6 is a limit with room.
    """
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(5000, 6)) @ rng.normal(size=(6, 6))
    far = 1e4 + mixed
    drifting = mixed + np.linspace(0, 100, 5000)[:, None]
    for series in (mixed, far, drifting):
        series = series.astype(np.float32)
        fc = whole(Connectivity(), series)["fc"]
        np.testing.assert_allclose(fc, np.corrcoef(series.T.astype(float)), atol=1e-6)
        found = whole(Statistics("rate"), series)
        np.testing.assert_allclose(found["rate_mean"], series.mean(0, dtype=float), 1e-6, 1e-6)
        np.testing.assert_allclose(found["rate_sd"], series.std(0, dtype=float), rtol=1e-6)


def test_connectivity_of_the_constant_and_of_nothing():
    series = activity(700, 4, 0)
    series[:, 2] = 3.7  # which float32 does not hold
    fc = whole(Connectivity(), series)["fc"]
    assert np.isnan(fc[2]).all()
    assert np.isnan(fc[:, 2]).all()
    others = np.ix_([0, 1, 3], [0, 1, 3])
    np.testing.assert_allclose(
        fc[others], np.corrcoef(series.T[[0, 1, 3]].astype(float)), atol=1e-6
    )
    assert np.isnan(whole(Connectivity(), series[:0])["fc"]).all()
    assert np.isnan(whole(Statistics(), series[:0])["series_mean"]).all()


@pytest.mark.parametrize(("window", "hop"), [(60, 10), (45, 7), (20, 20), (30, 50), (550, 40)])
def test_dynamics_is_its_definition(window, hop):
    series = np.diff(activity(801, 9, window), axis=0)
    starts = range(0, 800 - window + 1, hop)
    above = np.triu_indices(9, 1)
    patterns = [np.corrcoef(series[a : a + window].T.astype(float))[above] for a in starts]
    expected = np.corrcoef(patterns)[np.triu_indices(len(patterns), 1)]
    found = whole(Dynamics(2.0 * window + 0.9, 2.0 * hop - 0.9), series, period=2.0)["fcd"]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_dynamics_of_too_little():
    assert whole(Dynamics(600, 100), activity(699, 3, 0))["fcd"].shape == (0,)
    assert whole(Dynamics(600, 100), activity(700, 3, 0))["fcd"].shape == (1,)


def test_phase_dynamics_is_its_definition():
    """The mean over three patterns of cos(phase_i - phase_j), compared by the cosine."""
    signal = pytest.importorskip("scipy.signal")
    low, high, rate = 0.01, 0.09, 0.5
    rng = np.random.default_rng(3)
    hertz, start = rng.uniform(0.03, 0.06, 6), rng.uniform(0, 6, 6)
    bold = np.sin(2 * np.pi * hertz * np.arange(90)[:, None] / rate + start)
    bold += activity(90, 6, 3)
    spectrum = np.fft.rfft(bold - bold.mean(axis=0), axis=0)
    hertz = np.fft.rfftfreq(90, 1 / rate)
    with np.errstate(divide="ignore"):
        ratio = (hertz**2 - low * high) / (hertz * (high - low))
    filtered = np.fft.irfft(spectrum / (1 + ratio[:, None] ** 4), 90, axis=0)
    phase = np.angle(signal.hilbert(filtered, axis=0))[10:-10]
    i, j = np.triu_indices(6, 1)
    patterns = np.cos(phase[:, i] - phase[:, j])
    means = np.array([patterns[t : t + 3].mean(axis=0) for t in range(len(patterns) - 2)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    expected = (means @ means.T)[np.triu_indices(len(means), 1)]
    found = whole(PhaseDynamics((low, high)), bold.astype(np.float32), period=2000.0)["phase_fcd"]
    assert found.shape == (68 * 67 // 2,)
    np.testing.assert_allclose(found, expected, atol=1e-3)  # FFT of float32


# -- series, and what holds for all ---------------------------------------------------------------


def test_coarser_series():
    series = activity(1007, 5, 1)
    found = watched(
        [Coarser(10, [Series("mean")]), Coarser(10, [Series("last")], average=False)], series[None]
    )
    groups = series[:1000].reshape(100, 10, 5)
    np.testing.assert_allclose(found["mean"][0], groups.mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(found["last"][0], groups[:, -1])


def everything(backend="auto"):
    return [
        Series("raw"),
        Statistics("raw"),
        Connectivity("fc"),
        Dynamics(200, 30),
        Dynamics(70, 110, "gaps"),
        Coarser(10, [Series("coarse"), Dynamics(500, 250, "slow")]),
        Coarser(20, [Series("picked")], average=False),
        Bold(
            [Series("bold"), Connectivity("bold_fc"), Dynamics(100, 20, "bold_fcd"),
             PhaseDynamics((0.5, 5.0))],
            tr=10,
            step=2,
            skip=35,
            backend=backend,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("regions", [3, 7, 16, 37])
def test_segments_batch_and_thread_change_no_bit(backend, regions):
    series = np.stack([np.diff(activity(1302, regions, seed), axis=0) for seed in range(3)])
    expected = watched(everything(backend), series, cuts=[])
    found = [
        watched(everything(backend), series),  # sample by sample
        watched(everything(backend), series, cuts=[1, 700, 713, 1224, 1300]),
    ]
    with ThreadPoolExecutor(3) as pool:
        alone = list(
            pool.map(lambda one: watched(everything(backend), one[None], cuts=[512]), series)
        )
    found.append({name: np.concatenate([one[name] for one in alone]) for name in expected})
    for other in found:
        assert other.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(other[name], value, err_msg=name)


def test_blas_threads_change_no_bit():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    series = activity(1500, 83, 2)[None]
    found = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            found.append(watched([Connectivity(), Dynamics(200, 50)], series, cuts=[]))
    for name, value in found[0].items():
        np.testing.assert_array_equal(value, found[1][name])


def test_memory_does_not_grow_with_time():
    """Nobody keeps a series: ten times as much time, the same memory."""
    observers = [
        Statistics(),
        Connectivity(),
        Bold([Statistics("bold"), Connectivity("bold_fc")], tr=100),
        Coarser(50, [Connectivity("slow")]),
    ]
    segment = activity(500, 40, 0)[None]

    def peak(segments):
        tracemalloc.start()
        running = [copy.deepcopy(observer) for observer in observers]
        for observer in running:
            observer.start(1, 40, 1.0)
        for _ in range(segments):
            for observer in running:
                observer.take(segment)
        results(running)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2)  # what is compiled and imported stays
    assert peak(100) < 1.05 * peak(10)


def test_an_observer_can_be_used_again():
    series = activity(1300, 4, 1)[None]
    observers = everything()
    for _ in range(2):
        for observer in observers:
            observer.start(1, 4, 1.0)
            observer.take(series)
    expected = watched(everything(), series, cuts=[])
    for name, value in results(observers).items():
        np.testing.assert_array_equal(value, expected[name])
    assert tuple(expected) == tuple(name for one in observers for name in one.names)


def test_a_simulation_is_observed_as_its_series_is():
    """Three sets on two threads, two outputs at once; the transient is not seen."""
    model = load("dmf")
    batch = Batch(model, [synthetic(20)], np.array([5, 6, 7]), {"G": np.array([0.5, 1.0, 1.5])})
    simulation = Simulation(model, 1700, dt=1.0, transient=300, stochastic=True, threads=2)
    observers = [
        Bold([Series("bold"), Connectivity("bold_fc")], tr=100),
        Connectivity(output="rate_e"),
    ]
    kept = [Series("S"), Series("rate", output="rate_e")]
    found = simulation.run(batch, [*observers, *kept])
    assert found.ok.all()
    assert found.results["S"].shape == (3, 1400, 20)
    expected = watched(observers[:1], found.results["S"], cuts=[])
    expected |= watched(observers[1:], found.results["rate"], cuts=[])
    for name, value in expected.items():
        np.testing.assert_array_equal(found.results[name], value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bold(convention="deco"), "did you mean 'deco2014'"),
        (lambda: Bold(backend="cuda"), "BOLD backend 'cuda' is none of auto, numba, numpy"),
        (lambda: Bold([]), "at least one observer"),
        (lambda: Bold([Series("x"), Coarser(5, [Series("x")])]), "call a result 'x'"),
        (lambda: check_names([Connectivity(), Connectivity()]), "call a result 'fc'"),
        (lambda: Bold(tr=0).start(1, 1, 1.0), "repetition time of BOLD is 0 ms"),
        (lambda: Bold(tr=720.5).start(1, 1, 1.0), r"is 720.5 ms, .* take 720 ms"),
        (lambda: Bold(step=1.5).start(1, 1, 1.0), "step of BOLD is 1.5 ms"),
        (lambda: Bold(step=0.3).start(1, 1, 1.0), "period of BOLD's input is 1 ms"),
        (lambda: Coarser(0.1, [Series()]).start(1, 1, 1.0), "take 1 ms"),
        (lambda: Dynamics(1, 1).start(1, 3, 1.0), "windows of 1 ms every 1 ms, but the samples"),
        (lambda: Dynamics(10, 0.2).start(1, 3, 1.0), "take two samples for a window"),
        (lambda: Dynamics().start(1, 2, 1.0), "2 regions have 1; leave FCD out"),
        (lambda: PhaseDynamics((0.1, 0.05)).start(1, 1, 1.0), "phase_band"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_numba_is_optional(monkeypatch):
    code = (
        "import sys, l2l.optimizees.whole_brain.observe; "
        "print({'numba', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout == "set()\n"
    series = activity(2000, 2, 0)
    expected = whole(Bold(backend="numpy"), series)["bold"]
    monkeypatch.setitem(sys.modules, "numba", None)  # what Python takes for "not there"
    np.testing.assert_array_equal(whole(Bold(), series)["bold"], expected)
    with pytest.raises(MissingExtra, match=r"pip install 'l2l\[numba\]'"):
        whole(Bold(backend="numba"), series)
