"""Contract suites that every optimizer, optimizee and executor can be run through.

They need no test framework, and raise an ``AssertionError`` that says what was expected, what came
and where. A plug-in's own tests are three lines::

    from l2l.testing import check_optimizer

    def test_contract():
        check_optimizer(MyOptimizer)
"""

from __future__ import annotations

from l2l.testing.executors import check_executor
from l2l.testing.optimizees import check_optimizee
from l2l.testing.optimizers import check_optimizer, example_spaces, play

__all__ = ["check_executor", "check_optimizee", "check_optimizer", "example_spaces", "play"]
