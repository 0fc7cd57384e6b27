"""How the processor treats numbers that are almost zero, for as long as a kernel runs."""

# mypy: allow-untyped-decorators

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_X86 = platform.machine() in ("x86_64", "AMD64")
_FLUSH = 0x8040  #: the bits of MXCSR that take subnormal numbers for zeros, and make none


@intrinsic
def flush_subnormals(typing_context: Any) -> Any:
    """Treat numbers below 1e-38 as zeros: they take a hundred times as long; return what was set.

    It holds for the calling thread. Where the processor is no x86 nothing is done.
    """

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        before = _control(builder, "stmxcsr", None)
        _control(builder, "ldmxcsr", builder.or_(before, ir.Constant(ir.IntType(32), _FLUSH)))
        return before

    return types.uint32(), emit


@intrinsic
def set_control(typing_context: Any, before: Any) -> Any:
    """Undo :func:`flush_subnormals`, given what it returned."""

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        _control(builder, "ldmxcsr", arguments[0])
        return context.get_dummy_value()

    return types.void(types.uint32), emit


def _control(builder: Any, name: str, value: Any) -> Any:
    """Emit a read or a write of the register that controls floating-point arithmetic."""
    word = ir.IntType(32)
    if not _X86:
        return ir.Constant(word, 0)
    place = cgutils.alloca_once(builder, word)  # elsewhere it would misalign all of the stack
    if value is not None:
        builder.store(value, place)
    pointer = ir.IntType(8).as_pointer()
    full = f"llvm.x86.sse.{name}"
    function = builder.module.globals.get(full)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [pointer]), full)
    builder.call(function, [builder.bitcast(place, pointer)])
    return builder.load(place)
