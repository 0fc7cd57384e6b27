"""What can be set in a simulation of tvb-library, by name, and whether it is there.

``a`` is a parameter of the model, ``coupling_a`` one of the coupling function, ``speed`` the
conduction speed in mm/ms; ``noise`` is the amplitude D of white noise on all states, ``noise_V`` on
the state V alone, in its unit squared per ms: TVB adds ``sqrt(2 D dt) N(0, 1)`` in each step.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.optimizees.tvb.library import library
from l2l.references import load_reference

#: Classes of ``tvb.simulator.monitors`` that see regions, and their periods in ms by default.
MONITORS = {"TemporalAverage": 1.0, "SubSample": 1.0, "Raw": None, "Bold": 2000.0}
#: Euler and Heun, without and with noise.
INTEGRATORS = {"euler": "Euler", "heun": "Heun"}
SPEED, NOISE, COUPLING = "speed", "noise", "coupling_"


def model_class(name: str) -> Any:
    """Return a class of ``tvb.simulator.models``, or the one that ``module:Class`` stands for.

    Raises:
        ConfigError: If there is none.
    """
    tvb = library()
    if ":" in name:
        found = load_reference(name)
        base = tvb.models.Model
        if not (inspect.isclass(found) and issubclass(found, base)):
            raise ConfigError(f"model: expected a subclass of {base.__module__}.Model, got {name}")
        return found
    known = sorted(entry.value for entry in tvb.models.ModelsEnum if entry.value != "Model")
    if name not in known:
        raise ConfigError(f"tvb-library has no model {name!r}; {nearest(name, known)}")
    return getattr(tvb.models, name)


def coupling_class(name: str) -> Any:
    """Return a class of ``tvb.simulator.coupling``; ConfigError if there is none."""
    module = library().coupling
    abstract = (module.Coupling, module.SparseCoupling)
    known = {
        key: found
        for key, found in vars(module).items()
        if inspect.isclass(found) and issubclass(found, module.Coupling) and found not in abstract
    }
    if name not in known:
        raise ConfigError(f"tvb-library has no coupling {name!r}; {nearest(name, known)}")
    return known[name]


def arrays_of(cls: Any) -> dict[str, Any]:
    """Return the numbers that can be given to a class of TVB, ``{name: their dtype}``."""
    kinds = {name: getattr(cls, name) for name in cls.declarative_attrs}
    narray = library().NArray
    return {name: kind.dtype for name, kind in kinds.items() if isinstance(kind, narray)}


def settable(model: Any, coupling: Any) -> list[str]:
    """Return all names that may be searched for or fixed."""
    return [
        *arrays_of(model),
        SPEED,
        *(COUPLING + name for name in arrays_of(coupling)),
        NOISE,
        *(f"{NOISE}_{state}" for state in model.state_variables),
    ]


def check_names(names: Iterable[str], model: Any, coupling: Any, where: str) -> None:
    """Raise ConfigError at the first name that can't be set."""
    known = settable(model, coupling)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{where}: {model.__name__} with the coupling {coupling.__name__} has no {name!r}; "
                f"{nearest(name, known)}"
            )


def check_states(names: Iterable[str], model: Any, where: str) -> None:
    """Raise ConfigError at the first name that is no state of the model."""
    for name in names:
        if name not in model.state_variables:
            raise ConfigError(
                f"{where}: {model.__name__} has no state {name!r}; "
                f"{nearest(name, model.state_variables)}"
            )


def observed(model: Any, name: str | None) -> str:
    """Return the state, or the sum of states that TVB offers, which is to be observed."""
    if name is None:
        return str(model.variables_of_interest.default[0])
    offered = {*model.state_variables, *(model.variables_of_interest.element_choices or ())}
    if name not in offered:
        raise ConfigError(f"observe: {model.__name__} has no {name!r}; {nearest(name, offered)}")
    return name


def as_array(name: str, value: Any, dtype: Any, n_regions: int) -> np.ndarray[Any, Any]:
    """Return a value as TVB wants it: an array with one number, or one a region, of its type.

    Raises:
        ConfigError: If it has another size, or is not whole where TVB takes whole numbers.
    """
    try:
        given = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be a number, or one a region; got {value!r}") from None
    if given.ndim != 1 or given.size not in (1, n_regions):
        raise ConfigError(
            f"{name} must be a number, or one for each of the {n_regions} regions; got the shape "
            f"{given.shape}"
        )
    made = given.astype(dtype)
    if not np.array_equal(made, given):
        raise ConfigError(f"TVB takes only whole numbers as {name}, got {value!r}")
    return made


def amplitudes(values: Mapping[str, Any], model: Any) -> np.ndarray[Any, Any] | None:
    """Return the noise amplitude of each state, ``(states,)``; None without any noise."""
    names = [name for name in values if name == NOISE or name.startswith(f"{NOISE}_")]
    if not names:
        return None
    everywhere = float(values.get(NOISE, 0.0))
    return np.array(
        [float(values.get(f"{NOISE}_{state}", everywhere)) for state in model.state_variables]
    )
