"""One step of one region, as the source of a function: the model's equations and the integrator.

The same source is executed with NumPy arrays, compiled for vector registers and compiled for the
threads of a GPU. It is written out, and not a loop over states, so that it can be read.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.model import Model, State


@dataclass(frozen=True)
class Scheme:
    """What is simulated and how, as far as the compiled code depends on it.

    Attributes:
        model: The neural mass model.
        outputs: Names of the states or observed quantities that are recorded.
        integrator: ``euler`` or ``heun``.
        stochastic: Whether states that declare noise get any.
        exact_ou: Whether Ornstein-Uhlenbeck states are updated exactly; else by Euler's rule.
        stimulus: Name of the state whose derivative gets the stimulus; None for no stimulus.
    """

    model: Model
    outputs: tuple[str, ...]
    integrator: str = "euler"
    stochastic: bool = False
    exact_ou: bool = True
    stimulus: str | None = None

    @property
    def noisy(self) -> list[State]:
        """The states that get noise."""
        return [s for s in self.model.states if s.noise] if self.stochastic else []

    @property
    def decaying(self) -> list[State]:
        """The states that are updated exactly, as Ornstein-Uhlenbeck processes."""
        return [s for s in self.model.states if s.relaxation and self.exact_ou]

    @property
    def rows(self) -> list[str]:
        """Names of the arguments that differ between regions, in the order of the workspace."""
        model = self.model
        return [
            *(f"x_{name}" for name in model.state_names),
            *(f"sum_{name}" for name in model.sent),
            *(f"p_{name}" for name in model.parameter_names),
            *(f"gain_{state.name}" for state in self.noisy),
            *(f"decay_{state.name}" for state in self.decaying),
            *(["pattern"] if self.stimulus else []),
        ]

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.model.states)

    @property
    def n_sent(self) -> int:
        """Number of quantities that regions send to each other."""
        return len(self.model.sent)

    @property
    def n_noise(self) -> int:
        """Number of normal random numbers a region and step."""
        return len(self.noisy)

    @cached_property
    def source(self) -> str:
        """The source of ``step(*rows, *normals, dt, wave)``.

        It returns the next states, what is sent then, and the outputs.
        """
        normals = [f"z{k}" for k in range(self.n_noise)]
        body = [*self._integration(), *self._sending(), *self._observing()]
        results = [
            *(f"n_{name}" for name in self.model.state_names),
            *(f"s_{name}" for name in self.model.sent),
            *(f"o_{name}" for name in self.outputs),
        ]
        head = f"def step({', '.join([*self.rows, *normals, 'dt', 'wave'])}):"
        lines = [*body, f"return ({', '.join(results)},)"]
        return "\n    ".join([head, *lines]) + "\n"

    def _integration(self) -> list[str]:
        names = self.model.state_names
        lines = [self._derivatives("d", "x")]
        if self.integrator == "heun":
            for state in self.model.states:
                lines += self._update(state, "q", f"dt * d_{state.name}")
            lines.append(self._derivatives("e", "q"))
        for name, state in zip(names, self.model.states, strict=True):
            mean = f"dt * (0.5 * (d_{name} + e_{name}))"
            lines += self._update(
                state, "n", mean if self.integrator == "heun" else f"dt * d_{name}"
            )
        return lines

    def _derivatives(self, target: str, states: str) -> str:
        names = self.model.state_names
        left = ", ".join(f"{target}_{name}" for name in names)
        return f"{left}, = derivatives({self._arguments(states)})"

    def _arguments(self, states: str) -> str:
        model = self.model
        return ", ".join(
            [
                *(f"{states}_{name}" for name in model.state_names),
                *(f"sum_{name}" for name in model.sent),
                *(f"p_{name}" for name in model.parameter_names),
            ]
        )

    def _update(self, state: State, target: str, change: str) -> list[str]:
        """Return lines that give a state's next value, within its limits."""
        name, new = state.name, f"{target}_{state.name}"
        value = f"x_{name} + {change}"
        if state in self.decaying:
            value = f"decay_{name} * x_{name}"
        if self.stimulus == name:
            value += " + dt * (wave * pattern)"
        if state in self.noisy:
            value += f" + gain_{name} * z{self.noisy.index(state)}"
        lines = [f"{new} = {value}"]
        if state.low is not None:
            lines.append(f"{new} = maximum({new}, {float(state.low)!r})")
        if state.high is not None:
            lines.append(f"{new} = minimum({new}, {float(state.high)!r})")
        if state.period is not None and target == "n":
            period = float(state.period)
            lines.append(f"{new} = {new} - {period!r} * floor({new} * {1 / period!r})")
        return lines

    def _sending(self) -> list[str]:
        model = self.model
        if model.send is None:
            return [f"s_{name} = n_{name}" for name in model.sent]
        left = ", ".join(f"s_{name}" for name in model.sent)
        return [f"{left}, = send({', '.join(f'n_{name}' for name in model.state_names)})"]

    def _observing(self) -> list[str]:
        """Return lines that give the outputs: new states, or functions of the step's beginning."""
        lines = []
        for name in self.outputs:
            state = name in self.model.state_names
            what = f"n_{name}" if state else f"observe_{name}({self._arguments('x')})"
            lines.append(f"o_{name} = {what}")
        return lines

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The model's functions, by the names that the source calls them by."""
        model = self.model
        found: dict[str, Callable[..., Any]] = {"derivatives": model.derivatives}
        if model.send is not None:
            found["send"] = model.send
        for name in self.outputs:
            if name not in model.state_names:
                found[f"observe_{name}"] = model.observed[name]
        return found

    def compiled(self, translate: Callable[[Any], Any], namespace: dict[str, Any]) -> Any:
        """Return ``step`` as a function, its parts given by ``translate(function)``."""
        names = {**namespace, **{k: translate(f) for k, f in self.functions.items()}}
        exec(compile(self.source, f"<step of {self.model.name}>", "exec"), names)
        return names["step"]

    @cached_property
    def digest(self) -> str:
        """Of all that the compiled code depends on: the step, and what the model's functions do.

        It is of their code and of the numbers they use, not of a file: two models of one file, or
        of one name at the prompt, must not get each other's kernels.
        """
        parts = [inspect.getsource(maths), self.source]
        for name, function in self.functions.items():
            parts += [name, *(_content(one) for one in helped(function))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def helped(function: Any) -> list[Any]:
    """Return a function of a model, and all helpers of its module that it calls."""
    found = [function]
    for one in found:  # grows while it is walked over
        for name in one.__code__.co_names:
            helper = one.__globals__.get(name)
            if isinstance(helper, FunctionType) and helper.__module__ != maths.__name__:
                found += [] if helper in found else [helper]
    return found


def _content(function: Any) -> str:
    """Return all that what a function computes depends on, its helpers apart."""
    code = function.__code__
    scope = {
        name: function.__globals__[name] for name in code.co_names if name in function.__globals__
    }
    numbers = {name: value for name, value in scope.items() if isinstance(value, (int, float))}
    names = {name: value.__name__ for name, value in scope.items() if callable(value)}
    inside = [cell.cell_contents for cell in function.__closure__ or ()]
    how = (code.co_consts, code.co_names, code.co_varnames, code.co_freevars)
    # The module as well: Numba looks for it by name when it loads a kernel from the disk.
    return repr(
        (function.__module__, code.co_code, how, numbers, names, function.__defaults__, inside)
    )
