"""Parameters of the genetic algorithm."""

from __future__ import annotations

from typing import Any

from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters
from l2l.optimizers.common import restarts
from l2l.optimizers.genetic.deapoperators import check_name
from l2l.options import option

#: Operators that work on whole populations; all others are those of deap.tools.
OWN = {
    "crossover": ("auto", "blend", "sbx"),
    "mutation": ("auto", "gaussian", "polynomial"),
    "selection": ("tournament",),
}


class GeneticAlgorithmParameters(OptimizerParameters):
    """Parameters of the genetic algorithm; the first nine are those of upstream L2L."""

    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    pop_size: int = option(50, "individuals of a generation", low=2)
    cx_prob: float = option(0.9, "probability that a pair of parents is mated", low=0, high=1)
    mut_prob: float = option(1.0, "probability that a child is mutated", low=0, high=1)
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    ind_prob: float | None = option(
        None, "probability that a gene of a mutated child changes; 1/d if none", low=0, high=1
    )
    tourn_size: int = option(3, "individuals of a tournament", low=1)
    mate_par: float = option(0.5, "blend crossover: alpha, reach beyond the parents", low=0)
    mut_par: float | None = option(
        None,
        "Gaussian mutation: standard deviation in search coordinates; if none, that of the first "
        "population, and adapted (a third of it where adaptation is none)",
        above=0,
    )
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    elitism: int = option(1, "best individuals that survive if no child is better", low=0)
    crossover: str = option(
        "auto",
        "blend, sbx, or a cx... of deap.tools; auto is sbx where every parameter has bounds, "
        "else blend",
    )
    mutation: str = option(
        "auto",
        "gaussian, polynomial, or a mut... of deap.tools; auto is polynomial where every "
        "parameter has bounds, else gaussian",
    )
    eta_cx: float = option(15.0, "SBX: crowding; higher: children nearer to parents", low=0)
    eta_mut: float | None = option(
        None, "polynomial mutation: crowding; higher: smaller steps; 20 at first if none", low=0
    )
    hall_of_fame: int = option(20, "best distinct individuals ever that are kept", low=1)
    selection: str = option("tournament", "tournament, or a sel... of deap.tools")
    crossover_args: Any = option(None, "arguments of a crossover of deap.tools, a dict")
    mutation_args: Any = option(None, "arguments of a mutation of deap.tools, a dict")
    selection_args: Any = option(None, "arguments of a selection of deap.tools, a dict")
    adaptation: str = option(
        "auto",
        "of the strength of mutation: success (1/5 rule) or none; auto is success unless mut_par "
        "or eta_mut says how strong it is",
        choices=("auto", "none", "success"),
    )
    full_prob: float | None = option(
        None,
        "share of mutated children of which every gene changes, in steps smaller by sqrt(d); if "
        "none, 0.5 where the strength adapts and ind_prob is none, else 0",
        low=0,
        high=1,
    )
    replaced: int | None = option(
        None, "steady state: children of a generation, which replace the worst; none is off", low=1
    )
    restarts: str = option(
        "same",
        "what follows where the population has converged: none (the run ends), same (a start with "
        "a population of the same size), ipop and bipop (with larger ones)",
        choices=restarts.KINDS[1:],
    )
    stagnation: int | None = option(
        None,
        "full generations without a better best after which the population counts as converged; "
        "if none, 50 where the strength adapts, else never",
        low=1,
    )

    def check(self) -> None:
        """Refuse unknown operators, more elites than individuals, more replaced than there are."""
        if self.elitism >= self.pop_size:
            raise ConfigError(
                f"elitism must be less than pop_size ({self.pop_size}), got {self.elitism}"
            )
        if self.replaced is not None and self.replaced > self.pop_size:
            raise ConfigError(
                f"replaced must be at most pop_size ({self.pop_size}), got {self.replaced}"
            )
        for sort, own in OWN.items():
            check_name(getattr(self, sort), sort, own, getattr(self, f"{sort}_args"))
