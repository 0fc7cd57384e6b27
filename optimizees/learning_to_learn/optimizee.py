"""LearningToLearn: the inner loop learns, and the outer loop finds what makes it learn well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizee import BatchResult, Optimizee, OptimizeeParameters
from l2l.optimizees.learning_to_learn.descent import InitialWeights, LearningRates
from l2l.optimizees.learning_to_learn.learner import Floats, Learner
from l2l.optimizees.learning_to_learn.plasticity import Plasticity
from l2l.optimizees.learning_to_learn.reservoir import Reservoir
from l2l.optimizees.learning_to_learn.sinusoids import Sinusoids
from l2l.optimizees.learning_to_learn.volterra import Filters
from l2l.options import option
from l2l.tasks import TaskFamily

#: A loss above this is no learning any more (the targets are of the order of 1): a failure.
DIVERGED = 1e6

#: Standard deviation of first individuals, in the unit cube.
SPREAD = 0.1

#: Examples of a task, where the options do not say.
EXAMPLES = {"sinusoids": 10, "reservoir": 150}


class LearningToLearnParameters(OptimizeeParameters):
    """Parameters of :class:`LearningToLearn`."""

    family: str = option(
        "sinusoids", "tasks: sinusoids (for a network) or Volterra filters (for a reservoir)",
        choices=("sinusoids", "reservoir"),
    )  # fmt: skip
    outer: str | None = option(
        None,
        "what is found for learning sinusoids: learning_rate of each layer, initial_weights and "
        "learning rates (if none), or a plasticity rule with both",
        choices=("learning_rate", "initial_weights", "plasticity"),
    )
    tasks: int = option(20, "tasks of one evaluation; fitness is their mean", low=1)
    test_tasks: int = option(100, "held-out tasks in all, a multiple of tasks", low=1)
    examples: int | None = option(
        None, "examples of a task; 10 sinusoid's points or 150 steps of a filter if none", low=2
    )
    steps: int = option(5, "sinusoids: steps of learning (plasticity: passes)", low=1)
    hidden: int = option(20, "sinusoids: neurons in each of the two hidden layers", low=1)
    neurons: int = option(40, "reservoir: its neurons", low=1)
    frequency_spread: float = option(
        0.0, "sinusoids: frequencies are within 1 - so much and 1 + so much", low=0, high=1
    )
    curriculum: int = option(
        0, "generations in which the tasks grow to their full range; 0: full at once", low=0
    )
    repeat: int = option(
        0, "generations after which the training tasks come again; 0: never", low=0
    )
    network_seed: int = option(1, "of the network at the centre of the search", low=0)

    def check(self) -> None:
        """Refuse options that do not fit together."""
        if self.test_tasks % self.tasks:
            raise ConfigError(
                f"{type(self).__name__}: test_tasks must be a multiple of tasks, so that each "
                f"evaluation faces as many; got {self.test_tasks} and {self.tasks}"
            )
        if self.repeat and self.curriculum:
            raise ConfigError(
                f"{type(self).__name__}: give curriculum or repeat: tasks that come again can't "
                "grow harder"
            )
        if self.family == "reservoir" and (self.outer is not None or self.frequency_spread):
            raise ConfigError(
                f"{type(self).__name__}: outer and frequency_spread belong to the family "
                "sinusoids; leave them out with the family reservoir, whose outer parameters are "
                "those of the reservoir"
            )


class LearningToLearn(Optimizee):
    """A learner meets new tasks and learns each from a few examples; make it learn better.

    Fitness is minus the loss after learning: the mean squared error on points that were no
    examples, mean over the tasks. The metrics are the losses ``before`` and ``after`` learning and
    ``gain``, their difference. The observation is the error after learning on each point of each
    task, ``(tasks * points,)``, for the ensemble Kalman filter. The individual depends on the
    options, see ``parameters.outer`` and the README.

    Attributes:
        learner: The inner loop.
        tasks: What it learns.
    """

    Parameters = LearningToLearnParameters
    reusable = True  # nothing is changed by an evaluation
    tasks: TaskFamily[Any]
    figures: ClassVar[Mapping[str, str]] = {
        "adaptation": "l2l.optimizees.learning_to_learn.figures:adaptation",
        "learning_curves": "l2l.optimizees.learning_to_learn.figures:learning_curves",
    }

    def __init__(
        self, traj: Any = None, parameters: LearningToLearnParameters | None = None
    ) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        examples = p.examples or EXAMPLES[p.family]
        sizes = (examples, p.tasks, p.test_tasks, p.curriculum, p.repeat)
        self.learner: Learner[Any]
        if p.family == "reservoir":
            self.tasks = Filters(*sizes)
            self.learner = Reservoir(p.neurons, examples)
        else:
            self.tasks = Sinusoids(*sizes, spread=p.frequency_spread)
            self.learner = _learner_of_sinusoids(p)
        self.space = self.learner.space

    def create_individual(self) -> dict[str, Any]:
        """Return an individual near the one set by hand: normal, 0.1 of the range wide.

        All over the range most networks would diverge.
        """
        rng = np.random.default_rng(np.random.randint(2**32, dtype=np.uint64))  # noqa: NPY002
        space = self.learner.space
        centre = space.encode([self.learner.default])
        return space.decode(np.clip(rng.normal(centre, SPREAD), 0.0, 1.0))[0]

    def simulate_batch(
        self, params: Mapping[str, Floats], seeds: Any, tasks: Sequence[Sequence[Any]]
    ) -> BatchResult:
        """Learn the tasks, which are the same for all individuals of a call."""
        learner = self.learner
        # A lane that diverges does so without a word: its loss says it.
        with np.errstate(over="ignore", invalid="ignore"):
            errors = learner.errors(params, tasks[0], (0, learner.amount))
            before, after = np.mean(errors**2, axis=(1, 3)).T
        return BatchResult(
            fitness=-after,
            ok=after < DIVERGED,
            observation=errors[:, :, 1].reshape(len(after), -1),
            metrics={"before": before, "after": after, "gain": before - after},
        )

    def max_batch(self, memory: int | None) -> int | None:
        """Return how many individuals fit in half of the memory."""
        if memory is None:
            return None
        return max(1, memory // (2 * 8 * self.learner.floats(self.parameters.tasks)))


def _learner_of_sinusoids(p: LearningToLearnParameters) -> Learner[Any]:
    if p.outer == "learning_rate":
        return LearningRates(p.hidden, p.steps)
    kind = Plasticity if p.outer == "plasticity" else InitialWeights
    return kind(p.hidden, p.steps, p.network_seed)
