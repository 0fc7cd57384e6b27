"""Normal random numbers from counters, the same words as on the CPU, a thread at a time.

See :mod:`l2l.optimizees.whole_brain.cpu.noise` for the generators. What the hash takes of key
and step is the same for all regions, and is computed once for a block of steps.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from l2l.optimizees.whole_brain.gpu.translate import device, functions

U32, U64 = np.uint32, np.uint64
_A, _B, _GOLDEN = U64(0xBF58476D1CE4E5B9), U64(0x94D049BB133111EB), U64(0x9E3779B97F4A7C15)
_PAIR = U64(0xD1342543DE82EF95)
_S30, _S27, _S31, _S32 = U64(30), U64(27), U64(31), U64(32)
_S16, _S13, _S8 = U32(16), U32(13), U32(8)
_C1, _C2 = U32(0x85EBCA6B), U32(0xC2B2AE35)
_REGION, _FIRST, _SECOND = U32(0x9E3779B9), U32(1), U32(0x632BE5AB)
_M0, _M1, _LOW = U64(0xD2511F53), U64(0xCD9E8D57), U64(0xFFFFFFFF)
_W0, _W1 = U32(0x9E3779B9), U32(0xBB67AE85)


@device
def mixed(z):  # type: ignore[no-untyped-def]
    """Return 64 bits, each depending on all of those given (SplitMix64's finaliser)."""
    z = U64((z ^ (z >> _S30)) * _A)
    z = U64((z ^ (z >> _S27)) * _B)
    return z ^ (z >> _S31)


@device
def step_word(seed, step, pair):  # type: ignore[no-untyped-def]
    """Return 64 bits of a key, a step and a pair of channels."""
    z = mixed(U64(seed * _GOLDEN) + U64(U64(pair) * _PAIR))
    return mixed(z + U64(U64(step) * _GOLDEN))


@device
def scrambled(h):  # type: ignore[no-untyped-def]
    """Return 32 bits, each depending on all of those given (MurmurHash3's finaliser)."""
    h = U32(U32(h ^ (h >> _S16)) * _C1)
    h = U32(U32(h ^ (h >> _S13)) * _C2)
    return U32(h ^ (h >> _S16))


@device
def hashed(word, seed, step, pair, region):  # type: ignore[no-untyped-def]
    """Return two words of the generator ``hash``, from :func:`step_word`'s bits."""
    place = U32(U32(region) * _REGION)
    first = scrambled(U32(place + _FIRST))
    second = scrambled(U32(place + _SECOND))
    return scrambled(U32(first ^ U32(word & _LOW))), scrambled(U32(second ^ U32(word >> _S32)))


@device
def philox(word, seed, step, pair, region):  # type: ignore[no-untyped-def]
    """Return the first two words of Philox4x32-10 at the counter (step, region, pair, 0)."""
    c0, c1, c2, c3 = U32(step), U32(region), U32(pair), U32(0)
    k0, k1 = U32(seed & _LOW), U32(seed >> _S32)
    for _ in range(10):
        one, two = U64(c0) * _M0, U64(c2) * _M1
        c0 = U32(U32(two >> _S32) ^ c1 ^ k0)
        c1 = U32(two & _LOW)
        c2 = U32(U32(one >> _S32) ^ c3 ^ k1)
        c3 = U32(one & _LOW)
        k0, k1 = U32(k0 + _W0), U32(k1 + _W1)
    return c0, c1


@functools.cache
def normal_pair(real: Any, generator: str) -> Any:
    """Return ``(word, seed, step, pair, region) ->`` two standard normal numbers."""
    scope = functions(real)
    log, sqrt, sin, cos = scope["log"], scope["sqrt"], scope["sin"], scope["cos"]
    words = hashed if generator == "hash" else philox
    half, scale, minus_two = real(0.5), real(2.0**-24), real(-2.0)
    turn = real(6.283185307179586)

    def pair_of(word, seed, step, pair, region):  # type: ignore[no-untyped-def]
        first, second = words(word, seed, step, pair, region)
        radius = sqrt(minus_two * log((real(first >> _S8) + half) * scale))
        angle = turn * ((real(second >> _S8) + half) * scale)
        return radius * cos(angle), radius * sin(angle)

    return device(pair_of)
