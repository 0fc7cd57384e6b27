"""Multi-individuals: individuals that stand for several parameter sets, evaluated in one call.

Any optimizer works with them. An optimizee says ``n_inner_params = 16``, and its ``simulate`` gets
16 parameter sets at once; to the optimizer each is a point like any other. Classic scripts say it
in the optimizer's parameters instead, whose classes are made here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from l2l.optimizer import OptimizerParameters
from l2l.options import option


class MultiParameters(OptimizerParameters):
    """What the parameters of a multi-optimizer have beside those of the optimizer itself.

    Attributes:
        single: Parameters of the optimizer itself.
        population: Which of its fields counts individuals.
        current: Whether it evaluates one more point than that field says.
    """

    single: ClassVar[type[OptimizerParameters]]
    population: ClassVar[str]
    current: ClassVar[bool]

    n_inner_params: int = option(1, "parameter sets of an individual", low=1)

    def expanded(self) -> OptimizerParameters:
        """Return the optimizer's own parameters, with a population of all parameter sets."""
        fields: dict[str, Any] = {
            k: v for k, v in self._asdict().items() if k in self.single.__dataclass_fields__
        }
        if fields[self.population] is not None:
            wanted = fields[self.population] * self.n_inner_params
            fields[self.population] = max(1, wanted - self.current)
        return self.single(**fields)


def multi(
    single: type[OptimizerParameters], population: str = "pop_size", current: bool = False
) -> type[MultiParameters]:
    """Return the parameters of a multi-optimizer: ``Multi<Name>``, with ``n_inner_params``.

    Args:
        single: Parameters of the optimizer itself.
        population: Which of its fields counts individuals.
        current: Whether the optimizer evaluates one more point than that field says.
    """
    names = {
        "single": single,
        "population": population,
        "current": current,
        "__module__": single.__module__,
        "__doc__": f":class:`{single.__name__}` for individuals of several parameter sets.",
    }
    return type(f"Multi{single.__name__}", (MultiParameters, single), names)
