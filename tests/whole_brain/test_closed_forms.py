"""The engine against what is known exactly: moments of linear networks, fixed points, onsets.

Nothing here compares with another program, nor with a second version of this one. Statistics have
tolerances in standard errors, which are estimated from independent seeds.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from l2l.optimizees.whole_brain import words
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, synthetic
from l2l.optimizees.whole_brain.model import Model, ModelParameter, State
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Connectivity, Series, Statistics
from l2l.optimizees.whole_brain.simulation import Simulation

pytest.importorskip("numba", reason="needs numba")
linalg = pytest.importorskip("scipy.linalg", reason="needs scipy")
TAU = 10.0


def linear_change(x, coupling, G, tau, sigma):
    return (G * coupling - x / tau,)


LINEAR = Model(
    name="linear",
    doc="regions that decay, linked linearly",
    states=(State("x", noise="sigma"),),
    parameters=(
        ModelParameter("G", 0.0),
        ModelParameter("tau", TAU, "ms"),
        ModelParameter("sigma", 1.0, "ms^-1/2"),
    ),
    derivatives=linear_change,
    sent=("x",),
    bold="x",
)


def process_change(x, y, coupling, tau, sigma, slow):
    return (-x / tau, (x - y) / slow)


PROCESS = Model(
    name="process",
    doc="an Ornstein-Uhlenbeck process and what follows it",
    states=(State("x", noise="sigma", relaxation="tau"), State("y")),
    parameters=(
        ModelParameter("tau", 5.0, "ms"),
        ModelParameter("sigma", 1.0, "ms^-1/2"),
        ModelParameter("slow", 20.0, "ms"),
    ),
    derivatives=process_change,
    sent=("x",),
    bold="x",
)


def unlinked(regions: int) -> Connectome:
    return Connectome(np.zeros((regions, regions)), np.zeros((regions, regions)))


def seen(model, connectome, parameters, seeds, name, *, speed=np.inf, initial=None, **how):
    """The samples of a state, ``(sets, samples, regions)``, float64."""
    batch = Batch(model, [connectome], seeds, parameters, speed, initial=initial)
    outcome = Simulation(model, backend="numba", **how).run(batch, [Series(output=name)])
    assert outcome.ok.all()
    return outcome.results["series"].astype(float)


def in_errors(estimates, expected):
    """Distance from what is expected, in standard errors; the first axis are independent seeds."""
    error = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
    return (estimates.mean(axis=0) - expected) / error


def check_errors(z):
    """Several hundred z: root mean square 1 (correlated entries, so 20 %), none beyond 5."""
    assert np.sqrt((z**2).mean()) < 1.25
    assert np.abs(z).max() < 5


@pytest.mark.parametrize(
    ("dt", "exact"),
    [(dt, exact) for exact in (True, False) for dt in (0.1, 1.0, 4.0)],
)
def test_ornstein_uhlenbeck_processes_have_their_moments(dt, exact):
    """Exact: variance sigma^2 tau / 2 and autocorrelation exp(-t / tau), for any step.

    By Euler's rule x' = a x + sigma sqrt(dt) z with a = 1 - dt / tau: dt / (1 - a^2) and a^k.
    """
    a = np.exp(-dt / 5) if exact else 1 - dt / 5
    variance = 2.5 if exact else dt / (1 - a * a)
    x = seen(
        PROCESS, unlinked(32), {}, np.arange(1, 17), "x", duration=2500 * dt + 100, dt=dt,
        period=dt, transient=100.0, stochastic=True, exact_ou=exact,
    )  # fmt: skip
    far = max(1, round(5 / dt))
    z = [in_errors(x.mean(axis=(1, 2)), 0), in_errors((x**2).mean(axis=(1, 2)), variance)]
    for lag in (1, far):
        product = (x[:, lag:] * x[:, :-lag]).mean(axis=(1, 2))
        z.append(in_errors(product, variance * a**lag))
    assert np.abs(z).max() < 5
    assert (x**2).mean() == pytest.approx(variance, rel=0.04)


def test_functional_connectivity_of_a_linear_network_solves_lyapunovs_equation():
    """Without delays, C = M C M' + dt Q with M = 1 + dt A: the covariance of Euler's rule exactly.

    For dt to 0 that is A C + C A' + Q = 0; at 1 ms FC is 0.018 off it.
    """
    n, sets, dt = 24, 24, 1.0
    c = synthetic(n, seed=5, density=0.4).scaled("max")
    gain = 0.7 / TAU / np.abs(np.linalg.eigvals(c.weights)).max()
    sigma = np.linspace(0.5, 1.5, n)
    a = gain * c.weights - np.eye(n) / TAU
    expected = linalg.solve_discrete_lyapunov(np.eye(n) + dt * a, dt * np.diag(sigma**2))
    simulation = Simulation(LINEAR, 20_200.0, dt=dt, period=dt, transient=200.0, stochastic=True)
    batch = Batch(LINEAR, [c], np.arange(1, sets + 1), {"G": gain, "sigma": sigma[None]})
    found = simulation.run(batch, [Connectivity("fc"), Statistics("x")]).results
    fc, sd = found["fc"].astype(float), found["x_sd"].astype(float)
    # means are taken off: 1 - 2 tau_c / T of the covariance is left, with tau_c to 33 ms
    check_errors(in_errors(fc * sd[:, :, None] * sd[:, None], expected)[np.triu_indices(n)])
    deviation = np.sqrt(np.diag(expected))
    exact = expected / np.outer(deviation, deviation)
    assert exact[np.triu_indices(n, 1)].max() > 0.4
    np.testing.assert_allclose(fc.mean(axis=0), exact, atol=0.05)
    limit = linalg.solve_continuous_lyapunov(a, -np.diag(sigma**2))
    assert np.abs(limit / np.sqrt(np.outer(np.diag(limit), np.diag(limit))) - exact).max() < 0.02


def test_a_linear_network_with_delays_has_its_covariances_at_all_lags():
    """Delays of 4 to 18 steps, near and far links: a larger network without any, solved exactly."""
    n, sets, dt = 6, 32, 1.0
    c = synthetic(n, seed=2, density=0.8).scaled("max")
    speed = c.lengths[c.weights > 0].max() / 18.0
    delays = c.delays(speed, dt)
    assert delays[c.weights > 0].min() < 16 < delays.max()
    gain = 0.8 / TAU / np.abs(np.linalg.eigvals(c.weights)).max()
    kept = delays.max() + 1
    step = np.eye(n * kept, k=-n)  # moves what was sent one step into the past
    step[:n, :n] += (1 - dt / TAU) * np.eye(n)
    for i, j in zip(*np.nonzero(c.weights), strict=True):
        step[i, delays[i, j] * n + j] += dt * gain * c.weights[i, j]
    noise = np.zeros_like(step)
    noise[:n, :n] = dt * np.eye(n)
    expected = linalg.solve_discrete_lyapunov(step, noise)
    x = seen(
        LINEAR, c, {"G": gain}, np.arange(1, sets + 1), "x", speed=speed, duration=20_500.0,
        dt=dt, period=dt, transient=500.0, stochastic=True,
    )  # fmt: skip
    z = []
    for lag in (0, 5, 16, 18):
        product = np.einsum("sti,stj->sij", x[:, lag:], x[:, : x.shape[1] - lag])
        of_lag = expected[:n, lag * n : lag * n + n]
        z.append(in_errors(product / (x.shape[1] - lag), of_lag).ravel())
    check_errors(np.concatenate(z))
    # what is left of a step when all that is known is taken off: white noise of variance dt
    left = x[:, kept:] - (1 - dt / TAU) * x[:, kept - 1 : -1]
    for i, j in zip(*np.nonzero(c.weights), strict=True):
        start = kept - 1 - delays[i, j]
        sent = x[:, start : start + left.shape[1], j]
        left[..., i] -= dt * gain * c.weights[i, j] * sent
    z = [in_errors((left**2).mean(axis=1), dt)]
    for lag in range(1, kept + 2):
        product = np.einsum("sti,stj->sij", left[:, lag:], left[:, :-lag]) / left.shape[1]
        z.append(in_errors(product, 0).ravel())
    check_errors(np.concatenate(z))
    instant = linalg.solve_discrete_lyapunov(
        (1 - dt / TAU) * np.eye(n) + dt * gain * c.weights, dt * np.eye(n)
    )
    assert np.abs(instant - expected[:n, :n]).max() > 0.3 * expected[:n, :n].max()


def test_oscillators_lock_at_the_critical_coupling():
    """Kuramoto (1975): frequencies in a Lorentzian of half-width g lock at K = 2 g, where the order
    parameter begins to grow as sqrt(1 - 2 g / K)."""
    n, g = 256, 0.01
    coupling = 2 * g * np.array([0.5, 1.25, 2.0, 4.0])
    quantiles = (np.arange(n) + 0.5) / n
    omega = 0.1 + g * np.tan(np.pi * (quantiles - 0.5))
    everybody = Connectome(np.full((n, n), 1 / n), np.zeros((n, n)))
    theta = seen(
        load("kuramoto"), everybody, {"G": coupling, "omega": omega[None]}, np.arange(1, 5),
        "theta", duration=1700.0, dt=0.5, period=0.5, transient=1500.0, integrator="heun",
    )  # fmt: skip
    order = np.abs(np.exp(1j * theta).mean(axis=2)).mean(axis=1)
    # finite numbers: 1 / sqrt(n) = 0.06 where nothing locks, more next to the onset
    assert order[0] < 0.1
    off = np.abs(order[1:] - np.sqrt(1 - 2 * g / coupling[1:]))
    assert (off < [0.06, 0.03, 0.03]).all(), order


def states_at_rest(parameters, extra):
    """The fixed points (r, V) of Montbrio, Pazo, Roxin (2015), with ``extra`` added to J."""
    p = load("montbrio").defaults() | parameters
    # V = -Delta / (2 pi r) in V^2 - (pi r)^2 + eta + (J + extra) r = 0, times r^2; tau is 1
    roots = np.roots([-(np.pi**2), p["J"] + extra, p["eta"], 0, (p["Delta"] / 2 / np.pi) ** 2])
    r = np.sort(roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].real)
    return np.stack([r, -p["Delta"] / (2 * np.pi * r)], axis=1)


def test_spiking_mean_fields_rest_at_their_exact_fixed_points():
    """Regions that receive weights of 1 in all, and so are alike: G counts as a part of J.

    They are set down at the low and the high state, and on either side of the one between.
    """
    model = load("montbrio")
    bistable, gain = model.preset("bistable") | {"G": 0.5}, 0.5
    low, middle, high = states_at_rest(bistable, gain)
    starts = low, high, 0.9 * middle + 0.1 * low, 0.9 * middle + 0.1 * high
    c = synthetic(24, seed=3).scaled("rows")
    simulation = Simulation(
        model, 300.0, dt=0.05, period=0.05, transient=299.9, integrator="heun", precision="float64"
    )
    for start, end in zip(starts, (low, high, low, high), strict=True):
        initial = dict(zip(("r", "V"), start, strict=True))
        batch = Batch(model, [c], [1], bistable, initial=initial)
        found = simulation.run(batch, [Series(name, output=name) for name in ("r", "V")]).results
        last = np.stack([found[name][0, -1] for name in ("r", "V")], axis=1)
        np.testing.assert_allclose(last, np.broadcast_to(end, last.shape), rtol=0, atol=1e-9)


def slope(integrator, gain, name="wilson_cowan"):
    """The order of convergence: from errors with steps of 0.2, 0.1 and 0.05 ms."""
    c = synthetic(12, seed=1, density=0.5).scaled("rows")
    lengths = np.round(c.lengths / 10 + 1)  # delays are whole multiples of all steps
    c = Connectome(c.weights, lengths)
    preset = load(name).preset("oscillating") | {"G": gain}
    ends = [
        seen(
            load(name), c, preset, [7], "E", speed=5.0, duration=40.0, dt=dt, period=dt,
            integrator=integrator, precision="float64",
        )[0, -1]
        for dt in (0.2, 0.1, 0.05, 0.025)
    ]  # fmt: skip
    steps = [np.abs(b - a).max() for a, b in itertools.pairwise(ends)]
    return np.log2(np.array(steps[:-1]) / steps[1:])


@pytest.mark.parametrize(
    ("integrator", "gain", "order"),
    [("euler", 0.0, 1), ("heun", 0.0, 2), ("euler", 1.0, 1), ("heun", 1.0, 1)],
)
def test_integrators_converge_with_their_order(integrator, gain, order):
    """What others send is held during a step, as in TVB: Heun's order in a network is 1 too."""
    np.testing.assert_allclose(slope(integrator, gain), order, atol=0.15)


def test_samples_are_means_over_the_steps_of_their_period():
    """x' = 0.9 x: a sample is the mean of its steps' results, the first after the transient."""
    x = seen(
        LINEAR, unlinked(3), {"sigma": 0.0}, [1], "x", initial={"x": 1.0}, duration=30.0, dt=1.0,
        period=5.0, transient=10.0, stochastic=True,
    )[0, :, 1]  # fmt: skip
    every = 0.9 ** np.arange(1, 31)
    np.testing.assert_allclose(x, every.reshape(-1, 5).mean(axis=1)[2:], rtol=1e-6)


@pytest.mark.parametrize("generator", ["hash", "philox"])
def test_noise_is_independent_between_regions_states_steps_and_neighbouring_seeds(generator):
    """Correlations of 4 channels, 16 regions, seeds 1 to 4 and lags 0 and 1, of z and z^2."""
    steps = 1500
    z = np.array([
        np.concatenate([np.concatenate(words.normals(generator, s, t, 4, 16)) for s in range(1, 5)])
        for t in range(steps)
    ])  # fmt: skip
    for x in (z, (z * z - 1) / np.sqrt(2)):
        near, next_ = x.T @ x / np.sqrt(steps), x[1:].T @ x[:-1] / np.sqrt(steps - 1)
        off = near[np.triu_indices(len(near), 1)]
        for found in (off, next_.ravel()):
            # chi-square of many: its mean is 1 and its standard deviation sqrt(2 / number)
            assert abs((found**2).mean() - 1) < 6 * np.sqrt(2 / found.size)
            assert np.abs(found).max() < 7  # z^2 has heavy tails
    moments = (z**4).mean(), (z**2).mean(), z.mean()
    np.testing.assert_allclose(moments, (3, 1, 0), atol=5 * np.sqrt(96 / z.size))


@pytest.mark.parametrize("generator", ["hash", "philox"])
def test_spacings_of_random_words_are_those_of_birthdays(generator):
    """Marsaglia: of 4,096 words, spacings that occur twice are Poisson with mean 4096^3 / 2^34 = 4.

    Words of neighbouring regions and steps lie in one sample; then those of neighbouring seeds.
    """
    draw = words.hashed if generator == "hash" else words.philox
    for keys in ([(1, t) for t in range(4096)], [(s, 0) for s in range(1, 4097)]):
        both = np.array([draw(seed, step, 0, 64) for seed, step in keys])
        for sample in (both[:, 0], both[:, 1], both[:, 0].T):
            sets = np.sort(sample.reshape(64, 4096).astype(np.int64), axis=1)
            spacings = np.sort(np.diff(sets, axis=1), axis=1)
            twice = (np.diff(spacings, axis=1) == 0).sum()
            assert abs(twice - 4 * 64) < 5 * np.sqrt(4 * 64)
