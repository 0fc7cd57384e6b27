"""How functions of models are written: finds what can't run on a vector register."""

from __future__ import annotations

import ast
import inspect
import textwrap
from types import FunctionType
from typing import Any

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.model import Model
from l2l.optimizees.whole_brain.stepping import helped
from l2l.testing.tools import check

#: What functions of a model may be made of; the rest can't run on a vector register.
ALLOWED = (
    ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.Tuple, ast.Expr,
    ast.Constant, ast.Name, ast.Load, ast.Store, ast.Call, ast.BinOp, ast.Add, ast.Sub, ast.Mult,
    ast.Div, ast.Pow, ast.UnaryOp, ast.USub, ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


def functions_of(model: Model) -> list[FunctionType]:
    """Return all functions that the backends compile: those declared, and the helpers they call."""
    declared: list[Any] = [model.derivatives, *model.observed.values()]
    if model.send is not None:
        declared.append(model.send)
    found: list[FunctionType] = []
    for function in declared:
        found += helped(function) if isinstance(function, FunctionType) else [function]
    for function in found:
        check(
            isinstance(function, FunctionType) and function.__name__ != "<lambda>",
            f"expected a function made with def, got {function!r}",
        )
    return list(dict.fromkeys(found))


def _tree(function: FunctionType) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):  # written at a prompt that keeps no source
        return None


def check_source(function: FunctionType) -> None:
    """A function is plain arithmetic: no branch, no loop, no attribute, no name from elsewhere."""
    tree = _tree(function)
    if tree is None:
        return
    definition = tree.body[0]  # type: ignore[attr-defined]
    local = set(inspect.signature(function).parameters)
    local |= {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    outside = {id(n) for part in _annotations(definition) for n in ast.walk(part)}
    for node in ast.walk(definition):
        if id(node) in outside:
            continue
        where = f"line {getattr(node, 'lineno', '?')} of its source"
        check(
            isinstance(node, ALLOWED),
            f"{where}: {type(node).__name__} is not plain arithmetic; there are no branches (use "
            "where), no loops, no attributes (import functions from maths by name)",
        )
        if isinstance(node, ast.Compare):
            check(len(node.ops) == 1, f"{where}: compare two numbers at a time, not a < b < c")
        if isinstance(node, ast.Name) and node.id not in local:
            _check_name(function, node.id, where)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            whole = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
            check(whole, f"{where}: powers are to whole numbers only, such as x**2")


def _annotations(definition: Any) -> list[ast.AST]:
    arguments = definition.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [a.annotation for a in every if a.annotation] + (
        [definition.returns] if definition.returns else []
    )


def _check_name(function: FunctionType, name: str, where: str) -> None:
    check(name in function.__globals__, f"{where}: there is no {name!r} in its module")
    value = function.__globals__[name]
    if isinstance(value, FunctionType):
        allowed = value.__module__ in (maths.__name__, function.__module__)
        check(
            allowed, f"{where}: {name} comes from {value.__module__}, not from maths or this file"
        )
    else:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        check(number, f"{where}: {name} is {value!r}, neither a number nor a function")
