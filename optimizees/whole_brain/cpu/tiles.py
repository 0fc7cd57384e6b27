"""Many registers at once: the sums of a matrix product, and transposed squares.

A tuple of registers that is made and used in one loop stays in registers. A *tile* is such a tuple:
for each of some numbers (slow) the same count of registers (fast).
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg, attr-defined"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from l2l.optimizees.whole_brain.cpu.memory import place_in, width_of
from l2l.optimizees.whole_brain.cpu.simd import FLAGS, Vector, splat


@intrinsic(prefer_literal=True)
def zeros(typing_context: Any, memory: Any, rows: Any, count: Any, width: Any) -> Any:
    """Return a tile of zeros: ``rows * count`` registers."""
    kind = Vector(memory.dtype, width.literal_value)
    result = types.UniTuple(kind, rows.literal_value * count.literal_value)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        value = ir.Constant(context.get_value_type(kind), None)
        return context.make_tuple(builder, result, [value] * result.count)

    return result(memory, rows, count, width), emit


@intrinsic(prefer_literal=True)
def add_products(
    typing_context: Any, sums: Any, weights: Any, at: Any, stride: Any,
    factors: Any, place: Any, apart: Any, count: Any,
) -> Any:  # fmt: skip
    """Return a tile with the products of all its numbers and registers added.

    The numbers are those at ``place``, ``place + apart``, ... of ``factors``; the ``count``
    registers those at ``at``, ``at + stride``, ... of ``weights``.
    """
    kind, number = sums.dtype, count.literal_value

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        before, flat, at, step, scalars, place, gap, _ = arguments
        target = context.get_value_type(kind)
        registers = []
        for _ in range(number):
            register = builder.load(
                place_in(context, builder, weights, flat, at, target), align=width_of(weights)
            )
            registers.append(register)
            at = builder.add(at, step)
        values: list[Any] = []
        for _ in range(sums.count // number):
            factor = splat(builder, builder.load(builder.gep(scalars, [place])), target)
            place = builder.add(place, gap)
            for register in registers:
                product = builder.fmul(register, factor, flags=FLAGS)
                old = builder.extract_value(before, len(values))
                values.append(builder.fadd(old, product, flags=FLAGS))
        return context.make_tuple(builder, sums, values)

    whole = types.intp
    return sums(sums, weights, whole, whole, factors, whole, whole, count), emit


@intrinsic(prefer_literal=True)
def store_sums(
    typing_context: Any, memory: Any, at: Any, step: Any, apart: Any, a: Any, b: Any, count: Any
) -> Any:
    """Store the sums of two tiles: ``count`` registers ``step`` apart, the next at ``apart``."""
    number = count.literal_value

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        flat, start, step, gap, one, other = arguments[:6]
        for k in range(a.count):
            if k % number == 0:
                at, start = start, builder.add(start, gap)
            parts = [builder.extract_value(tile, k) for tile in (one, other)]
            total = builder.fadd(*parts, flags=FLAGS)
            place = place_in(context, builder, memory, flat, at, total.type)
            builder.store(total, place, align=width_of(memory))
            at = builder.add(at, step)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(memory, whole, whole, whole, a, a, count), emit


@intrinsic
def transposed(typing_context: Any, square: Any) -> Any:
    """Return the transpose of as many registers as each has numbers, a power of two.

    Each round interleaves a row of the first half with one of the second. The bits of a number's
    row and column, one after the other, are so rotated by one place: after all rounds they have
    changed places.
    """
    count = square.count

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        rows = [builder.extract_value(arguments[0], k) for k in range(count)]
        half = count // 2
        pairs = [number for k in range(count) for number in (k, k + count)]
        masks = [
            ir.Constant(ir.VectorType(ir.IntType(32), count), part)
            for part in (pairs[:count], pairs[count:])
        ]
        for _ in range(count.bit_length() - 1):
            rows = [
                builder.shuffle_vector(rows[k], rows[k + half], mask)
                for k in range(half)
                for mask in masks
            ]
        return context.make_tuple(builder, square, rows)

    return square(square), emit
