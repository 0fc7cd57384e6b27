"""The random numbers of the compiled backends in NumPy: functions of key, step, region and channel.

See :mod:`l2l.optimizees.whole_brain.cpu.noise` for the generators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
_ALL = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def normals(
    generator: str, seed: int, step: int, count: int, regions: int
) -> list[npt.NDArray[np.float64]]:
    """Return ``count`` arrays of standard normal numbers, ``(regions,)`` each."""
    words = hashed if generator == "hash" else philox
    found = []
    for pair in range((count + 1) // 2):
        first, second = (
            ((word >> np.uint32(8)) + 0.5) * 2.0**-24 for word in words(seed, step, pair, regions)
        )
        radius, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
        found += [radius * np.cos(angle), radius * np.sin(angle)]
    return found[:count]


def hashed(seed: int, step: int, pair: int, regions: int) -> tuple[Words, Words]:
    """Return two words for each region, of the generator ``hash``."""
    word = step_word(seed, step, pair)
    first, second = region_words(regions)
    return (
        scrambled(first ^ np.uint32(word & 0xFFFFFFFF)),
        scrambled(second ^ np.uint32(word >> 32)),
    )


def region_words(regions: int) -> Words:
    """Return two words for each region, ``(2, regions)``."""
    place = np.arange(regions, dtype=np.uint32)
    return np.stack([scrambled(place * np.uint32(0x9E3779B9) + k) for k in (1, 0x632BE5AB)])


def scrambled(h: Any) -> Any:
    """Return the words, each bit depending on all of them (MurmurHash3's finaliser)."""
    with np.errstate(over="ignore"):
        h = np.asarray(h, np.uint32)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        return h ^ (h >> np.uint32(16))


def step_word(seed: int, step: int, pair: int) -> int:
    """Return 64 bits of a key, a step and a pair of channels (SplitMix64's finaliser, twice)."""
    z = _mixed(seed * _GOLDEN + pair * 0xD1342543DE82EF95)
    return _mixed(z + step * _GOLDEN)


def _mixed(z: int) -> int:
    z &= _ALL
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _ALL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _ALL
    return z ^ (z >> 31)


def philox(seed: int, step: int, pair: int, regions: int) -> tuple[Words, Words]:
    """Return two words for each region, of Philox4x32-10 with counter (step, region, pair, 0)."""
    c0, c1 = np.full(regions, step, np.uint64), np.arange(regions, dtype=np.uint64)
    c2, c3 = np.full(regions, pair, np.uint64), np.zeros(regions, np.uint64)
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        one, two = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (two >> half) ^ c1 ^ np.uint64(k0),
            two & low,
            (one >> half) ^ c3 ^ np.uint64(k1),
            one & low,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0.astype(np.uint32), c1.astype(np.uint32)
