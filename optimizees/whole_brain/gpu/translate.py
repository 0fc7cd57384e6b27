"""Functions of models as functions of a GPU's threads, all of whose numbers have one precision.

Python's literals are double: one of them in a formula makes a GPU compute it in double precision,
at a half to a 64th of the speed. So the source of a function is rewritten: each number in it, and
each global number that it names, becomes one of the precision asked for.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import config, cuda

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.stepping import Scheme

#: Whether Numba's simulator stands in for a GPU; its threads are Python's, its numbers NumPy's.
SIMULATED = bool(config.ENABLE_CUDASIM)
if not SIMULATED:
    from numba.cuda.core import config as cuda_config

    cuda_config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a batch may be small


def device(function: Callable[..., Any]) -> Any:
    """Compile a function for the threads of a GPU, into its callers."""
    if SIMULATED:
        return function
    return cuda.jit(device=True, forceinline=True)(function)


def _where(condition, a, b):  # type: ignore[no-untyped-def]
    return a if condition else b


def _minimum(a, b):  # type: ignore[no-untyped-def]
    return b if a > b else a  # a NaN stays one, as on the CPU


def _maximum(a, b):  # type: ignore[no-untyped-def]
    return b if a < b else a


@functools.cache
def functions(real: Any) -> dict[str, Any]:
    """Return the functions of :mod:`~l2l.optimizees.whole_brain.maths` for a GPU's numbers."""
    found: dict[str, Any] = {name: device(f) for name, f in _OWN.items()}
    if SIMULATED:
        plain = ("exp", "log", "sqrt", "sin", "cos", "tanh", "erfc", "absolute", "floor")
        return found | {name: getattr(maths, name) for name in plain}
    lib, tail = cuda.libdevice, "f" if real is np.float32 else ""
    found |= {name: _call(getattr(math, name)) for name in _MATH}
    if real is np.float32:
        found |= {"sin": _quadrant(0), "cos": _quadrant(1)}
    return found | {
        "absolute": _call(math.fabs),
        "floor": _call(getattr(lib, f"floor{tail}")),
    }


_OWN: dict[str, Callable[..., Any]] = {"where": _where, "minimum": _minimum, "maximum": _maximum}
_MATH = ("exp", "log", "sqrt", "sin", "cos", "tanh", "erfc")


def _call(function: Any) -> Any:
    def call(x):  # type: ignore[no-untyped-def]
        return function(x)

    return device(call)


def _quadrant(shift: int) -> Any:
    """Return sin(x + shift pi/2), as on the CPU; good to about |x| = 8,000.

    CUDA's own can take any number, and computes large ones in double precision and slow memory,
    which cost registers even where there are none.
    """
    F, floor, whole = np.float32, cuda.libdevice.floorf, np.int32  # noqa: N806
    half, per_quarter = F(0.5), F(0.63661977236758134)
    high, middle, low = F(1.5703125), F(4.837512969970703e-4), F(7.549789948768648e-8)
    s1, s2, s3 = F(-1.9515295891e-4), F(8.3321608736e-3), F(-1.6666654611e-1)
    c1, c2, c3 = F(2.443315711809948e-5), F(-1.388731625493765e-3), F(4.166664568298827e-2)
    one = F(1.0)

    def quadrant(x):  # type: ignore[no-untyped-def]
        n = floor(x * per_quarter + half)
        r = ((x - n * high) - n * middle) - n * low
        q = whole(n) + shift
        z = r * r
        sine = ((s1 * z + s2) * z + s3) * z * r + r
        cosine = ((c1 * z + c2) * z + c3) * (z * z) - half * z + one
        y = cosine if q & 1 else sine
        return -y if q & 2 else y

    return device(quadrant)


class _Precision(ast.NodeTransformer):
    """Puts a name in the place of each number, and of each function taken from ``maths.``."""

    def __init__(self, real: Any, scope: dict[str, Any]) -> None:
        self.real, self.scope = real, scope

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return node
        return self._named(f"number_{len(self.scope)}", self.real(node.value))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        node.left = self.visit(node.left)
        whole = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
        if not (isinstance(node.op, ast.Pow) and whole):
            node.right = self.visit(node.right)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and self.scope.get(node.value.id) is maths:
            return self._named(f"maths_{node.attr}", functions(self.real)[node.attr])
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list, node.returns = [], None
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        self.generic_visit(node)
        return node

    def _named(self, name: str, value: Any) -> ast.Name:
        self.scope[name] = value
        return ast.Name(name, ast.Load())


def rewritten(source: str, scope: dict[str, Any], real: Any, name: str) -> Any:
    """Return a source's function ``name``, its numbers of type ``real``, compiled for a GPU."""
    tree = ast.fix_missing_locations(_Precision(real, scope).visit(ast.parse(source)))
    exec(compile(tree, f"<{name} in {real.__name__}>", "exec"), scope)
    return device(scope[name])


@functools.cache
def translated(function: Any, real: Any) -> Any:
    """Return a function of a model, and all helpers that it calls, for a GPU's threads."""
    if function.__module__ == maths.__name__:
        return functions(real)[function.__name__]
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise ConfigError(
            f"the GPU needs the source of {function.__name__}, which can't be found; write the "
            "model into a file"
        ) from error
    if function.__name__ == "<lambda>":
        raise ConfigError("a model's functions must be written with def; one is a lambda")
    found = inspect.getclosurevars(function)
    scope = {k: _own(v, real) for k, v in {**found.globals, **found.nonlocals}.items()}
    return rewritten(source, scope, real, function.__name__)


def _own(value: Any, real: Any) -> Any:
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return real(value)
    return translated(value, real) if isinstance(value, types.FunctionType) else value


def step_of(scheme: Scheme, real: Any) -> Any:
    """Return the scheme's step for a GPU's threads."""
    scope = dict(functions(real))
    scope |= {name: translated(f, real) for name, f in scheme.functions.items()}
    return rewritten(scheme.source, scope, real, "step")
