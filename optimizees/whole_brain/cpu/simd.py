"""A Numba type for a vector register: arithmetic on it is arithmetic on its elements.

Loops that a compiler has to recognise as vectorisable are lost silently when it does not. With a
type of its own, ``a * x + y`` on registers is compiled to vector instructions, or not at all.
Importing this module imports Numba.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model

#: A product and a sum may become one fused operation; nothing else is allowed to change.
FLAGS = ("contract",)


class Vector(types.Type):
    """``width`` numbers of one type in vector registers.

    Args:
        element: Numba's type of the numbers: float32, float64, uint32, or boolean for a mask.
        width: How many.
    """

    def __init__(self, element: Any, width: int) -> None:
        self.element = element
        self.width = width
        super().__init__(name=f"vector({element} x {width})")

    def of(self, element: Any) -> Vector:
        """Return the type of as many numbers of another type."""
        return Vector(element, self.width)


def llvm_element(element: Any) -> ir.Type:
    """Return LLVM's type of a number."""
    if element is types.boolean:
        return ir.IntType(1)
    if element is types.float32:
        return ir.FloatType()
    return ir.DoubleType() if element is types.float64 else ir.IntType(element.bitwidth)


@register_model(Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, ir.VectorType(llvm_element(kind.element), kind.width))


def splat(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    """Emit a register with the same number everywhere."""
    first = builder.insert_element(
        ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)


@lower_cast(types.Number, Vector)
def _number_to_vector(context: Any, builder: Any, source: Any, target: Vector, value: Any) -> Any:
    number = context.cast(builder, value, source, target.element)
    return splat(builder, number, context.get_value_type(target))


@lower_cast(Vector, Vector)
def _vector_to_vector(
    context: Any, builder: Any, source: Vector, target: Vector, value: Any
) -> Any:
    if source == target:
        return value
    raise TypeError(f"no cast from {source} to {target}")


# -- operators ------------------------------------------------------------------------------------


def _vector_of(arguments: Any) -> Vector | None:
    return next((a for a in arguments if isinstance(a, Vector)), None)


def _arithmetic(op: Any) -> None:
    @infer_global(op)
    class _Arithmetic(AbstractTemplate):
        def generic(self, arguments: Any, _keywords: Any) -> Any:
            kind = _vector_of(arguments)
            return kind and signature(kind, *[kind] * len(arguments))


def _binary(op: Any, real: str, whole: str | None) -> None:
    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        if isinstance(sig.return_type.element, types.Float):
            return getattr(builder, real)(*arguments, flags=FLAGS)
        return getattr(builder, str(whole))(*arguments)

    _arithmetic(op)
    lower_builtin(op, Vector, Vector)(lower)


def _bitwise(op: Any, whole: str) -> None:
    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return getattr(builder, whole)(*arguments)

    _arithmetic(op)
    lower_builtin(op, Vector, Vector)(lower)


for _op, _real, _whole in (
    (operator.add, "fadd", "add"),
    (operator.sub, "fsub", "sub"),
    (operator.mul, "fmul", "mul"),
    (operator.truediv, "fdiv", None),
):
    _binary(_op, _real, _whole)
for _op, _whole in (
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
):
    _bitwise(_op, _whole)


def _comparison(op: Any, symbol: str) -> None:
    @infer_global(op)
    class _Comparison(AbstractTemplate):
        def generic(self, arguments: Any, _keywords: Any) -> Any:
            kind = _vector_of(arguments)
            return kind and signature(kind.of(types.boolean), kind, kind)

    @lower_builtin(op, Vector, Vector)
    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return builder.fcmp_ordered(symbol, *arguments)


for _op, _symbol in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
):
    _comparison(_op, _symbol)

_arithmetic(operator.neg)


@lower_builtin(operator.neg, Vector)
def _negative(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return builder.fneg(arguments[0])


@infer_global(operator.pow)
class _Power(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        base, power = arguments
        if isinstance(base, Vector) and isinstance(power, types.IntegerLiteral):
            return signature(base, base, power)
        return None


@lower_builtin(operator.pow, Vector, types.IntegerLiteral)
def _power(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    power, base = sig.args[1].literal_value, arguments[0]
    if power < 1:
        raise TypeError("registers have whole powers of at least 1 only")
    result = None
    while power:
        if power & 1:
            result = base if result is None else builder.fmul(result, base, flags=FLAGS)
        base = builder.fmul(base, base, flags=FLAGS)
        power >>= 1
    return result


# -- what registers can do beside arithmetic ------------------------------------------------------


def elementwise(emit: Callable[..., Any], result: Any = None) -> Any:
    """Return an intrinsic of one register; ``emit(builder, value, target type)`` computes it."""

    @intrinsic
    def function(typing_context: Any, x: Any) -> Any:
        kind = x if result is None else x.of(result)

        def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            return emit(builder, arguments[0], context.get_value_type(kind))

        return kind(x), lower

    return function


def call(builder: Any, name: str, value: Any) -> Any:
    """Emit a call of one of LLVM's own functions of one number, such as sqrt."""
    kind = value.type
    letter = {ir.FloatType(): "f32", ir.DoubleType(): "f64"}[kind.element]
    full = f"llvm.{name}.v{kind.count}{letter}"
    function = builder.module.globals.get(full)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(kind, [kind]), full)
    return builder.call(function, [value])


def each(builder: Any, name: str, value: Any) -> Any:
    """Emit a call of a function of the C library for each number of a register."""
    kind = value.type
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(kind.element, [kind.element]), name)
    for place in range(kind.count):
        at = ir.Constant(ir.IntType(32), place)
        number = builder.call(function, [builder.extract_element(value, at)])
        value = builder.insert_element(value, number, at)
    return value


@intrinsic(prefer_literal=True)
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where the mask is set and ``b`` elsewhere."""
    kind = _vector_of((a, b)) or Vector(types.float32, mask.width)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return kind(mask, kind, kind), emit


to_bits = elementwise(lambda builder, x, kind: builder.bitcast(x, kind), types.uint32)
from_bits = elementwise(lambda builder, x, kind: builder.bitcast(x, kind), types.float32)
to_whole = elementwise(lambda builder, x, kind: builder.fptosi(x, kind), types.uint32)
whole_to_single = elementwise(lambda builder, x, kind: builder.sitofp(x, kind), types.float32)
whole_to_double = elementwise(lambda builder, x, kind: builder.sitofp(x, kind), types.float64)
to_double = elementwise(lambda builder, x, kind: builder.fpext(x, kind), types.float64)
floor = elementwise(lambda builder, x, kind: call(builder, "floor", x))
root = elementwise(lambda builder, x, kind: call(builder, "sqrt", x))
magnitude = elementwise(lambda builder, x, kind: call(builder, "fabs", x))
exp_double = elementwise(lambda builder, x, kind: each(builder, "exp", x))
log_double = elementwise(lambda builder, x, kind: each(builder, "log", x))
sin_double = elementwise(lambda builder, x, kind: each(builder, "sin", x))
cos_double = elementwise(lambda builder, x, kind: each(builder, "cos", x))
tanh_double = elementwise(lambda builder, x, kind: each(builder, "tanh", x))
erfc_double = elementwise(lambda builder, x, kind: each(builder, "erfc", x))
