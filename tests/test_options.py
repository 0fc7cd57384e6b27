from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.options import Options, option


class Engine(Options):
    name: str = option(doc="its name")
    workers: int = option(4, "number of workers", low=1, high=64)
    timeout: float | None = option(None, "longest time", above=0, unit="s")
    share: float = option(0.5, "a share", low=0, high=1)
    debug: bool = option(False, "whether to stop at errors")
    mode: str = option("fast", "how", choices=("fast", "safe"))
    memory: int | str = option("auto", "a size, or a text")
    anything: Any = option(None, "whatever")


class Special(Engine):
    level: int = option(1, "how special")


def test_by_keyword_by_position_and_by_default():
    one = Engine("a", 2, share=1)
    assert one == Engine(name="a", workers=2, share=1.0)
    assert (one.timeout, one.debug, one.mode, one.memory) == (None, False, "fast", "auto")
    assert Special("a", level=3).level == 3


def test_like_a_namedtuple():
    one = Engine("a", workers=2)
    assert list(one._asdict()) == [f.name for f in dataclasses.fields(Engine)]
    assert one._replace(workers=3) == Engine("a", workers=3)
    assert one.workers == 2
    with pytest.raises(ConfigError, match="did you mean 'workers'"):
        one._replace(worker=3)
    with pytest.raises(ConfigError, match="at least 1"):
        one._replace(workers=0)


def test_frozen_and_picklable():
    one = Special("a", workers=2, timeout=0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.workers = 3
    copy = pickle.loads(pickle.dumps(one))
    assert copy == one
    assert type(copy) is Special


def test_numbers_get_the_declared_type():
    one = Engine("a", workers=3.0, timeout=2, memory=4)
    assert type(one.workers) is int
    assert one.timeout == 2
    assert type(Engine("a", workers=np.int64(3)).workers) is int
    assert Engine("a", share=np.float64(0.25)).share == 0.25


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"worker": 2}, "Engine has no field 'worker'; did you mean 'workers'"),
        ({"zzz": 2}, "Engine has no field 'zzz'; valid names: anything, debug"),
        ({"workers": 0}, "Engine.workers must be at least 1, got 0"),
        ({"workers": 65}, "must be at most 64, got 65"),
        ({"workers": 2.5}, "must be a whole number, got 2.5"),
        ({"workers": float("inf")}, "must be a whole number, got inf"),
        ({"workers": "2"}, "must be a number, got '2'"),
        ({"workers": True}, "must be a number, got True"),
        ({"workers": None}, "must be a number, got None"),
        ({"timeout": 0}, "Engine.timeout must be greater than 0, got 0"),
        ({"timeout": float("nan")}, "must be a number, got nan"),
        ({"share": 1.01}, "must be at most 1, got 1.01"),
        ({"share": [0.5]}, "must be a number"),
        ({"debug": 1}, "must be true or false, got 1"),
        ({"debug": "yes"}, "must be true or false, got 'yes'"),
        ({"mode": "fsat"}, "Engine.mode can't be 'fsat'; did you mean 'fast'"),
        ({"mode": 3}, "must be a text, got 3"),
        ({"name": 3}, "Engine.name must be a text, got 3"),
    ],
)
def test_wrong_values(arguments, text):
    with pytest.raises(ConfigError, match=text):
        Engine(**{"name": "a", **arguments})


def test_missing_and_too_many():
    with pytest.raises(ConfigError, match="Engine needs a value for name"):
        Engine(workers=2)
    with pytest.raises(ConfigError, match="Engine takes 8 values, 9 were given"):
        Engine(*"abcdefghi")


def test_checks_of_several_fields():
    class Range(Options):
        low: int = option(0, "lower end")
        high: int = option(1, "upper end")

        def check(self):
            if self.low >= self.high:
                raise ConfigError(f"low must be less than high, got {self.low} and {self.high}")

    assert Range(2, 3).high == 3
    with pytest.raises(ConfigError, match="got 3 and 3"):
        Range(low=3, high=3)


def test_every_field_knows_its_meaning():
    fields = {f.name: f.metadata for f in dataclasses.fields(Engine)}
    assert fields["workers"]["doc"] == "number of workers"
    assert fields["timeout"]["unit"] == "s"
    assert fields["mode"]["choices"] == ("fast", "safe")
