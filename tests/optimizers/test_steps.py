"""Steps of gradient ascent, against the formulas of their papers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizers.common.steps import KINDS, make_step

G = np.array([3.0, -0.5, 0.0])
H = np.array([-1.0, 2.0, 4.0])
EXACT = {"rtol": 1e-12, "atol": 0}  # a few roundings


def test_sgd_is_the_rate_times_the_gradient():
    step = make_step("sgd", 3, 0.1)
    np.testing.assert_allclose(step.step(G), 0.1 * G, **EXACT)
    np.testing.assert_allclose(step.step(H), 0.1 * H, **EXACT)


def test_momentum_adds_the_gradient_to_a_decayed_velocity():
    step = make_step("momentum", 3, 0.1, decay=0.8)
    np.testing.assert_allclose(step.step(G), 0.1 * G, **EXACT)
    np.testing.assert_allclose(step.step(H), 0.1 * (0.8 * G + H), rtol=1e-12, atol=1e-15)


def test_the_first_step_of_adam_is_the_rate_times_the_sign():
    """Both corrections cancel the decays: g / (|g| + epsilon)."""
    change = make_step("adam", 3, 0.1).step(G)
    np.testing.assert_allclose(change, 0.1 * G / (np.abs(G) + 1e-8), **EXACT)


def test_the_second_step_of_adam():
    step = make_step("adam", 3, 0.1, first_decay=0.9, second_decay=0.99)
    step.step(G)
    m = (0.9 * 0.1 * G + 0.1 * H) / (1 - 0.9**2)
    v = (0.99 * 0.01 * G**2 + 0.01 * H**2) / (1 - 0.99**2)
    np.testing.assert_allclose(step.step(H), 0.1 * m / (np.sqrt(v) + 1e-8), **EXACT)


def test_adamax_divides_by_the_decayed_largest_gradient():
    step = make_step("adamax", 3, 0.1, first_decay=0.9, second_decay=0.99)
    np.testing.assert_allclose(step.step(G), 0.1 * G / (np.abs(G) + 1e-8), **EXACT)
    m = (0.9 * 0.1 * G + 0.1 * H) / (1 - 0.9**2)
    u = np.array([0.99 * 3.0, 2.0, 4.0])  # max(0.99 |g|, |h|)
    np.testing.assert_allclose(step.step(H), 0.1 * m / (u + 1e-8), **EXACT)


def test_rmsprop_divides_by_the_root_of_the_decayed_mean_square():
    step = make_step("rmsprop", 3, 0.1, decay=0.9)
    np.testing.assert_allclose(step.step(G), 0.1 * G / (np.sqrt(0.1 * G**2) + 1e-8), **EXACT)
    v = 0.09 * G**2 + 0.1 * H**2
    np.testing.assert_allclose(step.step(H), 0.1 * H / (np.sqrt(v) + 1e-8), **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_zero_gradient_changes_nothing(kind):
    assert not make_step(kind, 3, 0.1).step(np.zeros(3)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_climbs_a_parabola(kind):
    step, x = make_step(kind, 2, 0.05), np.array([2.0, -1.0])
    for _ in range(600):
        x = x + step.step(-2 * x)
    assert np.abs(x).max() < 0.06  # steps of fixed length end within one of them


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_from_its_state_and_leaves_it_alone(kind):
    one, other = make_step(kind, 3, 0.1), make_step(kind, 3, 0.1)
    one.step(G)
    packed = one.pack()
    copy = {name: np.copy(value) for name, value in packed.items()}
    expected = [one.step(H), one.step(G)]
    other.unpack(packed)
    for change in expected:
        np.testing.assert_array_equal(other.step(H if change is expected[0] else G), change)
    for name, value in copy.items():
        np.testing.assert_array_equal(packed[name], value)


def test_an_unknown_step_is_an_error():
    with pytest.raises(ConfigError, match="adam"):
        make_step("adan", 3, 0.1)
