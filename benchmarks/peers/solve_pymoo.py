"""pymoo: its GA, asked and told; it needs bounds, [-5, 5]^D."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.evaluator import Evaluator
from pymoo.core.problem import Problem
from pymoo.core.termination import NoTermination
from pymoo.problems.static import StaticProblem
from solving import Start, serve


class Pymoo:
    """The GA with its defaults: a population of 100, SBX and polynomial mutation."""

    def __init__(self, start: Start) -> None:
        n = start.population or 100
        self.problem = Problem(n_var=start.dimension, n_obj=1, xl=-5.0, xu=5.0)
        self.algorithm = GA(pop_size=n, sampling=start.points(n))
        self.algorithm.setup(
            self.problem, termination=NoTermination(), seed=start.seed, verbose=False
        )
        self.asked: Any = None

    def ask(self) -> Any:
        self.asked = self.algorithm.ask()
        return self.asked.get("X")

    def tell(self, points: Any, values: Any) -> None:
        Evaluator().eval(StaticProblem(self.problem, F=values[:, None]), self.asked)
        self.algorithm.tell(infills=self.asked)

    def recommended(self) -> Any:
        return np.asarray(self.algorithm.opt[0].X)


if __name__ == "__main__":
    serve(Pymoo)
