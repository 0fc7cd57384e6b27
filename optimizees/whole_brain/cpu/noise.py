"""Normal random numbers from counters: each is a function of key, step, region and channel.

So a set's noise depends neither on its batch nor on its lane, thread, rank or backend.

Two generators of 32-bit words: ``hash``, the finaliser of MurmurHash3 over words of the region and
the step, which is fast; and ``philox``, Philox4x32-10 (Salmon et al. 2011,
doi:10.1145/2063384.2063405).
Words become normals by Box and Muller's transform.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# mypy: disable-error-code="call-arg, var-annotated, attr-defined"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.cpu import simd
from l2l.optimizees.whole_brain.cpu.functions import INLINE, inlined
from l2l.optimizees.whole_brain.cpu.memory import load

U32, U64 = np.uint32, np.uint64


@inlined
def step_word(seed, step, pair):
    """Return 64 bits of a key, a step and a pair of channels (SplitMix64's finaliser, twice)."""
    z = U64(seed) * U64(0x9E3779B97F4A7C15) + U64(pair) * U64(0xD1342543DE82EF95)
    z = (z ^ (z >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U64(27))) * U64(0x94D049BB133111EB)
    z = (z ^ (z >> U64(31))) + U64(step) * U64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U64(27))) * U64(0x94D049BB133111EB)
    return z ^ (z >> U64(31))


@inlined
def scrambled(h):
    """Return the words, each bit depending on all of them (MurmurHash3's finaliser)."""
    h = (h ^ (h >> 16)) * 0x85EBCA6B
    h = (h ^ (h >> 13)) * 0xC2B2AE35
    return h ^ (h >> 16)


@intrinsic(prefer_literal=True)
def product(typing_context: Any, words: Any, factor: Any) -> Any:
    """Return the high and the low half of the 64-bit products of words with a constant."""
    number = factor.literal_value
    result = types.UniTuple(words, 2)

    def emit(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        wide = context.get_value_type(words.of(types.uint64))
        narrow = arguments[0].type
        constant = ir.Constant(wide, [number] * wide.count)
        shift = ir.Constant(wide, [32] * wide.count)
        whole = builder.mul(builder.zext(arguments[0], wide), constant)
        high = builder.trunc(builder.lshr(whole, shift), narrow)
        return context.make_tuple(builder, result, [high, builder.trunc(whole, narrow)])

    return result(words, factor), emit


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Return the first two words of Philox4x32-10."""
    for _ in range(10):
        high0, low0 = product(c0, 0xD2511F53)
        high1, low1 = product(c2, 0xCD9E8D57)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + 0x9E3779B9, k1 + 0xBB67AE85
    return c0, c1


def words_of(
    generator: str, seed: Any, step: Any, pair: Any, table: Any, columns: Any, at: Any, width: Any
) -> Any:
    """Return two registers of random words, for the regions from ``at``.

    ``table`` is the address of the words of regions, or of the regions' numbers for ``philox``.
    """
    raise NotImplementedError


@overload(words_of, jit_options=INLINE, strict=False, prefer_literal=True)
def _words_of(generator, seed, step, pair, table, columns, at, width):
    if generator.literal_value == "hash":

        def hashed(generator, seed, step, pair, table, columns, at, width):
            z = step_word(seed, step, pair)
            first = load(table, at, width) ^ U32(z)
            second = load(table, at + columns, width) ^ U32(z >> U64(32))
            return scrambled(first), scrambled(second)

        return hashed

    def counted(generator, seed, step, pair, table, columns, at, width):
        region = load(table, at, width)  # here simply 0, 1, 2, ...
        zero = region ^ region
        return philox(
            zero + U32(step), region, zero + U32(pair), zero, zero + U32(seed),
            zero + U32(U64(seed) >> U64(32)),
        )  # fmt: skip

    return counted


def to_unit(words: Any, like: Any) -> Any:
    """Return words as numbers in (0, 1), of the kind of ``like``."""
    raise NotImplementedError


@overload(to_unit, jit_options=INLINE, strict=False)
def _to_unit(words, like):
    if like.element is types.float32:
        return lambda words, like: (simd.whole_to_single(words >> 8) + 0.5) * 2.0**-24
    return lambda words, like: (simd.whole_to_double(words >> 8) + 0.5) * 2.0**-24


@inlined
def normal_pair(words, like):
    """Return two registers of independent standard normal numbers."""
    radius = maths.sqrt(-2.0 * maths.log(to_unit(words[0], like)))
    angle = 6.283185307179586 * to_unit(words[1], like)
    return radius * maths.cos(angle), radius * maths.sin(angle)
