"""Addresses for Numba: where registers are loaded from and stored to.

An array of Numba's knows its shape, takes a negative index for one from the end, and counts who
uses it; each function that it is passed to counts once more, with an instruction that locks the
memory. A :class:`Memory` is the address of an array's numbers and nothing else. Who uses one sees
to it that the array lives on, and that no place is outside of it.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg, attr-defined"

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

from l2l.optimizees.whole_brain.cpu.simd import FLAGS, Vector, llvm_element

LINE = 64  #: bytes in a line of the cache


class Memory(types.Type):
    """The address of numbers of one type that lie side by side."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"memory({dtype})")


@register_model(Memory)
class _MemoryModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Memory) -> None:
        super().__init__(manager, kind, llvm_element(kind.dtype).as_pointer())


@intrinsic
def address(typing_context: Any, array: Any) -> Any:
    """Return the address of a contiguous array's first number, as a :class:`Memory`."""
    if array.layout != "C":
        raise TypeError(f"only a contiguous array has one address, not {array}")
    kind = Memory(array.dtype)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return address_in(context, builder, array, arguments[0])

    return kind(array), emit


@intrinsic(prefer_literal=True)
def room(typing_context: Any, like: Any, count: Any) -> Any:
    """Return the address of ``count`` numbers on the stack, of an array's type.

    It begins where a line of the cache does. The compiler aligns the whole stack for that, and so
    the registers that it keeps there, too: else each of them would lie on two lines.
    """
    kind = Memory(like.dtype)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        element = context.get_value_type(like.dtype)
        place = cgutils.alloca_once(builder, ir.ArrayType(element, count.literal_value))
        place.align = LINE
        return builder.bitcast(place, element.as_pointer())

    return kind(like, count), emit


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        kind, _ = arguments
        return signature(kind.dtype, kind, types.intp) if isinstance(kind, Memory) else None


@lower_builtin(operator.getitem, Memory, types.Integer)
def _get(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return builder.load(builder.gep(arguments[0], [arguments[1]]))


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        kind = arguments[0]
        if isinstance(kind, Memory):
            return signature(types.none, kind, types.intp, kind.dtype)
        return None


@lower_builtin(operator.setitem, Memory, types.Integer, types.Number)
def _set(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    builder.store(arguments[2], builder.gep(arguments[0], [arguments[1]]))
    return context.get_dummy_value()


@infer_global(operator.add)
class _Shift(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        kind, _ = arguments
        return signature(kind, kind, types.intp) if isinstance(kind, Memory) else None


@lower_builtin(operator.add, Memory, types.Integer)
def _shift(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return builder.gep(arguments[0], [arguments[1]])


def address_in(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Emit the address of a memory, or of a flat array's numbers."""
    return (
        value
        if isinstance(kind, Memory)
        else context.make_array(kind)(context, builder, value).data
    )


def place_in(context: Any, builder: Any, kind: Any, value: Any, at: Any, target: Any) -> Any:
    """Emit the address of a register of LLVM's type ``target`` at a place."""
    address = builder.gep(address_in(context, builder, kind, value), [at])
    return builder.bitcast(address, target.as_pointer())


def width_of(kind: Any) -> int:
    """Return the bytes of a number."""
    return int(kind.dtype.bitwidth // 8)


# -- one register ---------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def load(typing_context: Any, memory: Any, at: Any, width: Any) -> Any:
    """Return ``memory[at : at + width]`` as a register. Here and below a flat array will do."""
    kind = Vector(memory.dtype, width.literal_value)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        target = context.get_value_type(kind)
        place = place_in(context, builder, memory, *arguments[:2], target)
        return builder.load(place, align=width_of(memory))

    return kind(memory, types.intp, width), emit


@intrinsic(prefer_literal=True)
def store(typing_context: Any, memory: Any, at: Any, value: Any) -> Any:
    """Set ``memory[at : at + width]`` to a register."""

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        place = place_in(context, builder, memory, *arguments[:2], arguments[2].type)
        builder.store(arguments[2], place, align=width_of(memory))
        return context.get_dummy_value()

    return types.void(memory, types.intp, value), emit


@intrinsic(prefer_literal=True)
def zero(typing_context: Any, memory: Any, width: Any) -> Any:
    """Return a register of zeros, of the type of the memory's numbers."""
    kind = Vector(memory.dtype, width.literal_value)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(kind), None)

    return kind(memory, width), emit


# -- several: a tuple of registers stays in registers -------------------------------------------


@intrinsic(prefer_literal=True)
def load_rows(typing_context: Any, memory: Any, at: Any, stride: Any, rows: Any, width: Any) -> Any:
    """Return the registers at ``at``, ``at + stride``, ... as a tuple of ``rows``."""
    kind = Vector(memory.dtype, width.literal_value)
    result = types.UniTuple(kind, rows.literal_value)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        flat, at, step = arguments[:3]
        target = context.get_value_type(kind)
        values = []
        for _ in range(result.count):
            place = place_in(context, builder, memory, flat, at, target)
            values.append(builder.load(place, align=width_of(memory)))
            at = builder.add(at, step)
        return context.make_tuple(builder, result, values)

    return result(memory, types.intp, types.intp, rows, width), emit


def _storing(add: bool) -> Any:
    @intrinsic(prefer_literal=True)
    def function(
        typing_context: Any, memory: Any, at: Any, stride: Any, values: Any, first: Any, rows: Any
    ) -> Any:
        begin, count = first.literal_value, rows.literal_value

        def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            flat, at, step, registers = arguments[:4]
            for number in range(begin, begin + count):
                register = builder.extract_value(registers, number)
                place = place_in(context, builder, memory, flat, at, register.type)
                if add:
                    old = builder.load(place, align=width_of(memory))
                    register = builder.fadd(old, register, flags=FLAGS)
                builder.store(register, place, align=width_of(memory))
                at = builder.add(at, step)
            return context.get_dummy_value()

        return types.void(memory, types.intp, types.intp, values, first, rows), emit

    return function


store_rows = _storing(add=False)  #: Store ``values[first : first + rows]``, ``stride`` apart.
add_rows = _storing(add=True)  #: Add them to what is there.
