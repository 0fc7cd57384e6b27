"""What each optimizer asks for with one seed does not change unnoticed.

The files in ``golden/`` hold points of some generations; where a change is meant, they are written
anew with ``python -m pytest tests/optimizers/test_golden.py --golden=write`` and the difference is
read like any other.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace, registry
from l2l.errors import ConfigError
from l2l.testing import example_spaces
from l2l.testing.optimizers import play

GOLDEN = Path(__file__).parent / "golden"
GENERATIONS = 5
#: Points are linear algebra away from the seed, which rounds differently on other processors;
#: five generations do not yet blow that up.
RTOL, ATOL = 1e-6, 1e-9


def spaces():
    """Return a bounded space of all sorts, and one as of classic scripts with first points."""
    raw = ParameterSpace([Parameter("x", shape=(6,))], "raw")
    return {"bounded": (example_spaces()["mixed"], False), "raw": (raw, True)}


def traced(name, space, draws):
    cls = registry.load("optimizers", name)
    parameters = cls.Parameters()
    initial = None
    if draws:
        rng = np.random.default_rng(1)
        initial = rng.uniform(-2.0, 2.0, (max(1, cls.n_initial(parameters)), space.size))
    try:
        optimizer = cls(space, parameters, weights=(1.0,), seed=11, initial=initial)
    except ConfigError:
        return None
    return [
        {"n": len(points), "first": points[0].tolist(), "mean": points.mean(axis=0).tolist()}
        for points in play(optimizer, generations=GENERATIONS)  # tells observations, too
    ]


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_the_points_of_a_seed(name, request):
    found = {kind: traced(name, *given) for kind, given in spaces().items()}
    file = GOLDEN / f"{name}.json"
    if request.config.getoption("--golden") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(json.dumps(found, indent=1) + "\n")
        return
    expected = json.loads(file.read_text())
    assert {k: v is None for k, v in found.items()} == {k: v is None for k, v in expected.items()}
    for kind in [k for k, v in expected.items() if v is not None]:
        assert [g["n"] for g in found[kind]] == [g["n"] for g in expected[kind]]
        for number, (now, then) in enumerate(zip(found[kind], expected[kind], strict=True)):
            for what in ("first", "mean"):
                np.testing.assert_allclose(
                    now[what], then[what], RTOL, ATOL, err_msg=f"{kind}, generation {number}"
                )
