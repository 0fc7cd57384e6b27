from __future__ import annotations

import pytest

from l2l.errors import ConfigError
from l2l.units import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90", 90),
        ("90s", 90),
        ("1.5h", 5400),
        ("2h30m", 9000),
        ("2h 30min", 9000),
        ("1d", 86400),
        ("1d12h", 129600),
        ("00:30:00", 1800),
        ("30:00", 1800),
        ("1-12:00:00", 129600),
        (" 2H30M ", 9000),
    ],
)
def test_durations(text: object, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "2x", "h", "-5", -5, 0, True, None, "1:2:3:4:5", float("nan"), "inf"]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ConfigError, match="expected a duration"):
        seconds(text)
