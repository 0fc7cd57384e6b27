"""Optimizer: the outer loop's algorithm as a state machine without I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np

from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.options import Options
from l2l.space import Floats, ParameterSpace

State = dict[str, Any]


class OptimizerParameters(Options):
    """Base of the parameters of optimizers."""


class Optimizer(ABC):
    """Proposes points and learns from what came of them.

    A subclass declares its options as ``Parameters``, and what it can do:

    Attributes:
        finite: Whether it ends by itself, so that a run needs no other end.
        learns_from: Whether it uses the points it asked for or the ones that were evaluated.
        on_failure: What it does with evaluations that did not end ok: rank them ``worst`` or
            ``drop`` them. A NaN never reaches a sort.
        observes: Whether it learns from observations (``l2l.Result(fitness, observation=...)``).
        uses_gradients: Whether it uses the gradient of an optimizee that has ``value_and_grad``.
        asynchronous: Whether it can also be asked for one point and told of one evaluation at a
            time (``ask_one``, ``tell_one``). A run uses either these or ``ask`` and ``tell``.
        space: The parameter space; points are rows in its search coordinates.
        weights: One an objective; fitness times weights is maximised.
        rng: The one source of its randomness; part of its state.
        parameters: Its options.
        gradients: Whether the optimizee is known to give gradients; the run says so before the
            first ``ask``.
        best_point: ``(d,)`` the best point it was told of, in search coordinates, or None.
        best_score: Its fitness times weights; -inf if there is none.
    """

    Parameters: ClassVar[type[OptimizerParameters]]
    finite: ClassVar[bool] = False
    learns_from: ClassVar[Literal["asked", "evaluated"]] = "evaluated"
    on_failure: ClassVar[Literal["worst", "drop"]] = "worst"
    observes: ClassVar[bool] = False
    uses_gradients: ClassVar[bool] = False
    asynchronous: ClassVar[bool] = False

    def __init__(
        self,
        space: ParameterSpace,
        parameters: OptimizerParameters | None = None,
        *,
        weights: tuple[float, ...] = (1.0,),
        seed: int = 0,
        initial: Floats | None = None,
    ) -> None:
        """Make an optimizer.

        Args:
            space: The parameter space.
            parameters: An instance of ``Parameters``; its defaults if None.
            weights: One an objective; a negative weight minimises.
            seed: Of all its randomness; a ``seed`` among the parameters wins, unless it is None.
            initial: ``(n, d)`` first points, in search coordinates; drawn in the space if None.
        """
        self.space = space
        self.parameters: Any = self.Parameters() if parameters is None else parameters
        if not isinstance(self.parameters, self.Parameters):
            raise ConfigError(
                f"{type(self).__name__} takes {self.Parameters.__name__}, "
                f"got {type(self.parameters).__name__}"
            )
        if initial is not None and (initial.ndim != 2 or initial.shape[1] != space.size):
            raise ConfigError(f"initial must have shape (n, {space.size}), got {initial.shape}")
        self.weights = tuple(float(w) for w in weights)
        own = getattr(self.parameters, "seed", None)  # of classic run scripts
        self.rng = np.random.Generator(np.random.PCG64(seed if own is None else own))
        self.initial = initial
        self.gradients = False
        self.best_point: Floats | None = None
        self.best_score = -np.inf

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return how many first points the algorithm starts from; 0 if it needs none."""
        return int(getattr(parameters, "pop_size", 0) or 0)

    @abstractmethod
    def ask(self) -> Floats:
        """Return the next points ``(n, d)``, in search coordinates and within the bounds."""

    @abstractmethod
    def tell(self, evaluations: Evaluations) -> None:
        """Learn from the points that were asked for, ordered by id."""

    def ask_one(self) -> Floats | None:
        """Return the next point ``(d,)``, by what it was told so far.

        The i-th point that was ever returned, from 0, has the id i. None: there is nothing to ask
        for before something else is told.

        Raises:
            L2LError: If the optimizer is not ``asynchronous``.
        """
        raise L2LError(self._needs_generations())

    def tell_one(self, evaluations: Evaluations) -> None:
        """Learn from exactly one evaluation of a point that :meth:`ask_one` returned.

        Its id says of which; evaluations may come in any order.

        Raises:
            L2LError: If the optimizer is not ``asynchronous``, or does not wait for this id.
        """
        raise L2LError(self._needs_generations())

    @property
    def cohort(self) -> int:
        """Points that count as one generation where they are asked for one by one; a constant."""
        return max(1, int(getattr(self.parameters, "pop_size", 0) or 0))

    def _needs_generations(self) -> str:
        return (
            f"{type(self).__name__} learns from whole generations: expected ask and tell, got "
            "ask_one or tell_one; use mode: generational, or an optimizer that is asynchronous"
        )

    @property
    def done(self) -> str | None:
        """Why the algorithm has nothing left to do, or None.

        A ``stop_criterion`` among the parameters is the score (fitness times weights) to reach.
        """
        enough = getattr(self.parameters, "stop_criterion", None)
        if enough is not None and self.best_score >= enough:
            return f"score {self.best_score:g} has reached the stop_criterion {enough:g}"
        return None

    @property
    def recommended(self) -> Floats | None:
        """The point ``(d,)`` it would settle for now; None before anything ended ok.

        The best one evaluated, or for methods with a distribution its mean, which is the better
        answer where the fitness is noisy: the best of many noisy values is mostly luck.
        """
        return self.best_point

    def start_from(self, points: Floats, scores: Floats) -> None:
        """Begin with what is known already; called before the first ``ask``.

        Args:
            points: ``(n, d)`` evaluated earlier, in search coordinates and within the bounds.
            scores: ``(n,)`` their fitness times weights; all finite.
        """
        best = np.argsort(-scores, kind="stable")[: max(1, self.n_initial(self.parameters))]
        self.initial = points[best]

    def scored(self, evaluations: Evaluations, expected: int | None = None) -> Floats:
        """Return the scores ``(n,)`` of evaluations, -inf where not ok; remember the best one.

        Args:
            evaluations: As told.
            expected: How many there must be.

        Raises:
            L2LError: If there are more or fewer.
        """
        if expected is not None and len(evaluations) != expected:
            raise L2LError(
                f"tell must follow ask, with all of its points: expected {expected} evaluations, "
                f"got {len(evaluations)}"
            )
        scores = evaluations.scores(self.weights)
        place = int(scores.argmax())
        if scores[place] > self.best_score:
            self.best_score = float(scores[place])
            self.best_point = evaluations.evaluated[place].copy()
        return scores

    def scored_one(self, evaluations: Evaluations) -> tuple[int, float]:
        """Return id and score of a single evaluation, -inf if not ok; remember the best one.

        Raises:
            L2LError: If there are more or fewer.
        """
        scores = self.scored(evaluations, expected=1)
        return int(evaluations.id[0]), float(scores[0])

    def first_point(self) -> Floats:
        """Return one point ``(d,)`` to start from: the next of ``initial``, or a drawn one."""
        if self.initial is None or not len(self.initial):
            point: Floats = self.space.sample(1, self.rng)[0]
            return point
        given: Floats = self.initial[0].copy()
        self.initial = self.initial[1:] if len(self.initial) > 1 else None
        return given

    def first_points(self, n: int) -> Floats:
        """Return ``n`` points to start from: ``initial``, and the rest drawn in the space.

        Raises:
            ConfigError: If ``initial`` has more points, or has fewer and there are no bounds.
        """
        given, self.initial = self.initial, None
        if given is None:
            return self.space.sample(n, self.rng)
        if len(given) > n:
            raise ConfigError(
                f"expected at most {n} initial points, got {len(given)}: give fewer individuals, "
                "or make the first generation larger"
            )
        drawn = self.space.sample(n - len(given), self.rng) if len(given) < n else given[:0]
        return np.concatenate([given, drawn])

    def state(self) -> State:
        """Return everything that changes, as arrays and scalars under names.

        It is taken after a ``tell`` and before the next ``ask``; where points are asked for one by
        one, at any moment. Later calls must not change the arrays in it.
        """
        return {
            "rng": pack_rng(self.rng),
            "initial": self.initial,
            "best_point": self.best_point,
            "best_score": self.best_score,
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        self.rng = unpack_rng(state["rng"])
        self.initial = state["initial"]
        self.best_point = state["best_point"]
        self.best_score = float(state["best_score"])


def pack_rng(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return the state of a PCG64 generator as ``(6,)`` integers."""
    state: Any = rng.bit_generator.state
    words = [*divmod(state["state"]["state"], 2**64), *divmod(state["state"]["inc"], 2**64)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def unpack_rng(words: Any) -> np.random.Generator:
    """Return the generator whose state :func:`pack_rng` packed."""
    w = [int(word) for word in words]
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": w[0] * 2**64 + w[1], "inc": w[2] * 2**64 + w[3]},
        "has_uint32": w[4],
        "uinteger": w[5],
    }
    return np.random.Generator(bits)
