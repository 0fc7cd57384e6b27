from __future__ import annotations

import math

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizers.annealing.cooling import (
    ADDITIVE,
    MULTIPLICATIVE,
    AvailableCoolingSchedules,
    initial_temperature,
    temperature,
)

NAMES = [
    "DEFAULT",
    "LOGARITHMIC",
    "EXPONENTIAL",
    "LINEAR_MULTIPLICATIVE",
    "QUADRATIC_MULTIPLICATIVE",
    "LINEAR_ADDAPTIVE",
    "QUADRATIC_ADDAPTIVE",
    "EXPONENTIAL_ADDAPTIVE",
    "TRIGONOMETRIC_ADDAPTIVE",
]


def at(name, k, **kwargs):
    return temperature(AvailableCoolingSchedules[name], k, 10.0, **kwargs)


def test_the_names_are_those_of_upstream():
    assert [schedule.name for schedule in AvailableCoolingSchedules] == NAMES
    assert len(MULTIPLICATIVE) + len(ADDITIVE) == len(NAMES)


@pytest.mark.parametrize(
    ("name", "middle", "end"),  # by hand, at k = 50 and k = 100, from T_0 = 10 and without an end
    [
        ("DEFAULT", 6.050060671375365, 3.660323412732292),  # 10 * 0.99^k
        ("LOGARITHMIC", 10 / 4.931825632724326, 10 / 5.61512051684126),  # 10 / (1 + ln(1 + k))
        ("EXPONENTIAL", 2.957646637126436e-3, 8.747673629e-7),  # 10 * 0.85^k
        ("LINEAR_MULTIPLICATIVE", 10 / 51, 10 / 101),
        ("QUADRATIC_MULTIPLICATIVE", 10 / 2501, 10 / 10001),
    ],
)
def test_multiplicative_schedules(name, middle, end):
    assert at(name, 0) == 10.0
    assert at(name, 50) == pytest.approx(middle, rel=1e-9)
    assert at(name, 100) == pytest.approx(end, rel=1e-9)
    assert at(name, 10**6, last=0.5) == pytest.approx(max(0.5, at(name, 10**6)))


@pytest.mark.parametrize(
    ("name", "quarter", "middle"),  # by hand, from 10 to 2 in n = 100
    [
        ("LINEAR_ADDAPTIVE", 8.0, 6.0),
        ("QUADRATIC_ADDAPTIVE", 2 + 8 * 0.5625, 4.0),
        ("TRIGONOMETRIC_ADDAPTIVE", 2 + 4 * (1 + math.sqrt(0.5)), 6.0),
        # 1 / (1 + e^-5) = 0.99330714907572, stretched by 1 / (1 - 2 / (1 + e^10))
        ("EXPONENTIAL_ADDAPTIVE", 2 + 8 * (0.99330714907572 - 4.5397868702e-5) / 0.999909204263, 6),
    ],
)
def test_additive_schedules(name, quarter, middle):
    assert at(name, 0, last=2.0, n=100) == 10.0
    assert at(name, 25, last=2.0, n=100) == pytest.approx(quarter, rel=1e-9)
    assert at(name, 50, last=2.0, n=100) == pytest.approx(middle, rel=1e-9)
    assert at(name, 100, last=2.0, n=100) == pytest.approx(2.0, rel=1e-12)
    assert at(name, 150, last=2.0, n=100) == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("first", "last"), [(10.0, 0.0), (0.5, 0.0), (1e9, 3.0), (2.0, 2.0)])
def test_temperatures_fall_and_stay_above_zero(name, first, last):
    schedule = AvailableCoolingSchedules[name]
    values = np.array([temperature(schedule, k, first, last, 100, 0.9) for k in range(5000)])
    assert values[0] == first
    assert (np.diff(values) <= 0).all()
    assert values.min() > 0
    assert values.min() >= last
    assert np.isfinite(1 / values).all()


@pytest.mark.parametrize("schedule", ADDITIVE)
def test_additive_schedules_need_to_know_the_end(schedule):
    with pytest.raises(ConfigError, match="n_iteration"):
        temperature(schedule, 1, 1.0)


def test_names_are_found_in_any_case_and_misspellings_explained():
    found = AvailableCoolingSchedules.of("linear_addaptive", "x")
    assert found is AvailableCoolingSchedules.LINEAR_ADDAPTIVE
    assert AvailableCoolingSchedules.of(found, "x") is found
    with pytest.raises(ConfigError, match="LINEAR_ADDAPTIVE"):
        AvailableCoolingSchedules.of("LINEAR_ADAPTIVE", "cooling_schedule")
    with pytest.raises(ConfigError, match="can't be 3"):
        AvailableCoolingSchedules.of(3, "cooling_schedule")


def test_initial_temperature_accepts_as_many_as_it_should():
    rng = np.random.default_rng(1)
    losses = np.exp(3 * rng.standard_normal(2000))
    for acceptance in (0.3, 0.8, 0.95):
        t = initial_temperature(np.append(losses, [-5.0, 0.0, np.nan, np.inf]), acceptance)
        assert np.exp(-losses / t).mean() == pytest.approx(acceptance, abs=0.005)
        # in units of the score
        assert initial_temperature(1e6 * losses, acceptance) == pytest.approx(1e6 * t, rel=1e-2)
    assert initial_temperature([2.0], 0.5) == pytest.approx(2 / math.log(2), rel=1e-2)
    assert initial_temperature([0.0, -1.0], 0.8) == 1.0
