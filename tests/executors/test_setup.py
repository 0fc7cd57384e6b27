"""A long setup, in which a simulator may compile, is reported once, with what it says last."""

import logging
import time

import l2l


class Slow(l2l.Optimizee):
    space = l2l.ParameterSpace({"x": (0.0, 1.0)})
    reusable = True
    wait = 3.5

    def setup(self):
        print("compiling")
        time.sleep(self.wait)
        print("compiled the kernels")

    def simulate(self, traj):
        return traj.individual.x


class Quick(Slow):
    wait = 0.0


def reports(optimizee, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "l2l"):
        l2l.optimize(
            optimizee, "random_search", evaluations=4, workers=2, run=tmp_path / "run",
            progress=False,
        )  # fmt: skip
    return [r.getMessage() for r in caplog.records if "set up" in r.getMessage()]


def test_a_long_setup_is_reported_once(tmp_path, caplog):
    (said,) = reports(Slow(), tmp_path, caplog)
    assert said.startswith("workers were set up in ")
    assert said.endswith(" s. compiled the kernels")


def test_a_short_one_is_not(tmp_path, caplog):
    assert not reports(Quick(), tmp_path, caplog)
