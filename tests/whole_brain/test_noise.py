"""The noise: known answers, and the statistics of what must be independent and normal."""

import numba
import numpy as np
import pytest
from scipy import stats

from l2l.optimizees.whole_brain import words
from l2l.optimizees.whole_brain.cpu import noise, run
from l2l.optimizees.whole_brain.cpu.memory import address, load, store

COLUMNS = 96


@numba.njit
def philox(counters, keys, out):
    at, to, key = address(counters), address(out), address(keys)
    found = noise.philox(
        load(at, 0, 16), load(at, 16, 16), load(at, 32, 16), load(at, 48, 16),
        load(key, 0, 16), load(key, 16, 16),
    )  # fmt: skip
    store(to, 0, found[0])
    store(to, 16, found[1])


def test_philox_gives_the_published_words():
    """The known answers of Random123, the authors' library (kat_vectors, philox4x32 10)."""
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
    cases = {
        (0,) * 6: (0x6627E8D5, 0xE169C58D),
        (0xFFFFFFFF,) * 6: (0x408F276D, 0x41C83B0E),
        pi: (0xD16CFE09, 0x94FDCCEB),
    }
    for numbers, expected in cases.items():
        given = np.repeat(np.array(numbers, np.uint32), 16)
        out = np.zeros(32, np.uint32)
        philox(given[:64], given[64:], out)
        np.testing.assert_array_equal(out, np.repeat(np.array(expected, np.uint32), 16))


def drawing(generator):
    """Return a function that fills arrays with random words and the normal numbers made of them."""

    @numba.njit
    def draw(seeds, steps, pair, table, out, normals, like):
        columns = normals.shape[2]
        at_table, at_out, at_normals = address(table), address(out), address(normals)
        for k in range(seeds.size):
            for s in range(steps.size):
                row = (k * steps.size + s) * 2 * columns
                for at in range(0, columns, 16):
                    pairs = noise.words_of(
                        generator, seeds[k], steps[s], pair, at_table, columns, at, 16
                    )
                    store(at_out, row + at, pairs[0])
                    store(at_out, row + columns + at, pairs[1])
                    z = noise.normal_pair(pairs, load(address(like), 0, 16))
                    store(at_normals, row + at, z[0])
                    store(at_normals, row + columns + at, z[1])

    def call(seeds, steps, pair=0, dtype=np.float32):
        shape = (len(seeds), len(steps) * 2, COLUMNS)
        out, normals = np.zeros(shape, np.uint32), np.zeros(shape, dtype)
        draw(
            np.asarray(seeds, np.uint64), np.asarray(steps, np.int64), pair,
            run._words(COLUMNS, generator), out, normals, np.zeros(16, dtype),
        )  # fmt: skip
        shape = (len(seeds), len(steps), 2, COLUMNS)
        return out.reshape(shape), normals.reshape(shape)

    return call


@pytest.fixture(scope="module", params=["hash", "philox"])
def generator(request):
    return request.param, drawing(request.param)


def test_compiled_words_and_normals_are_those_of_numpy(generator):
    name, draw = generator
    seeds, steps = [0, 1, 2**32 - 1], [0, 1, 12345, 2**31]
    for pair in (0, 1, 3):
        found, normals = draw(seeds, steps, pair, np.float64)
        for k, seed in enumerate(seeds):
            for s, step in enumerate(steps):
                of = words.hashed if name == "hash" else words.philox
                np.testing.assert_array_equal(found[k, s], of(seed, step, pair, COLUMNS))
                expected = words.normals(name, seed, step, 2 * pair + 2, COLUMNS)[-2:]
                np.testing.assert_allclose(normals[k, s], expected, rtol=1e-13, atol=1e-14)
    single = draw(seeds, steps, 0)[1]
    double = draw(seeds, steps, 0, np.float64)[1]
    # an angle of up to 2 pi is rounded to 2.4e-7, and so is a word; times a radius of up to 6
    np.testing.assert_allclose(single, double, rtol=0, atol=5e-6)


@pytest.fixture(scope="module")
def drawn(generator):
    """Normal numbers of neighbouring seeds, ``(seeds, steps, channels, regions)``: 3.1 million."""
    _, draw = generator
    return draw(np.arange(16) + 3, np.arange(1024))[1].astype(np.float64)


def test_moments_and_distribution(drawn):
    z = drawn.ravel()
    error = 1 / np.sqrt(z.size)
    # standard errors of a normal sample's moments; 4 of them in one test of 20,000
    assert abs(z.mean()) < 4 * error
    assert abs((z**2).mean() - 1) < 4 * np.sqrt(2) * error
    assert abs((z**3).mean()) < 4 * np.sqrt(15) * error
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96) * error
    assert stats.kstest(z[:: max(1, z.size // 200_000)], "norm").pvalue > 1e-4
    tails = (np.abs(z) > 4).sum()
    expected = z.size * 2 * stats.norm.sf(4)
    assert abs(tails - expected) < 4 * np.sqrt(expected)


def test_each_region_and_seed_is_normal(drawn):
    for axis in (0, 3):
        parts = np.moveaxis(drawn, axis, 0).reshape(drawn.shape[axis], -1)
        size = parts.shape[1]
        assert np.abs(parts.mean(axis=1)).max() * np.sqrt(size) < 5
        assert np.abs((parts**2).mean(axis=1) - 1).max() * np.sqrt(size / 2) < 5


def correlation(a, b):
    """Correlation in units of its standard error."""
    return (a * b).mean() * np.sqrt(a.size)


@pytest.mark.parametrize("transform", [lambda z: z, lambda z: (z**2 - 1) / np.sqrt(2)])
def test_what_differs_in_one_counter_is_independent(drawn, transform):
    """Of numbers and of their squares: seeds, steps, channels and regions that are neighbours."""
    z = transform(drawn)
    assert abs(correlation(z[:, :, 0], z[:, :, 1])) < 4
    for lag in (1, 2, 3, 16, 64):
        assert abs(correlation(z[:, lag:], z[:, :-lag])) < 4
        assert abs(correlation(z[..., lag:], z[..., :-lag])) < 4
    for lag in (1, 2, 8):
        assert abs(correlation(z[lag:], z[:-lag])) < 4
    # a step on and a region back, as a bad mixture of the two counters would have it
    assert abs(correlation(z[:, 1:, :, :-1], z[:, :-1, :, 1:])) < 4


def test_regions_are_uncorrelated_in_pairs(drawn):
    samples = np.moveaxis(drawn, 3, 0).reshape(COLUMNS, -1)
    of_pairs = samples @ samples.T / np.sqrt(samples.shape[1])
    pairs = of_pairs[np.triu_indices(COLUMNS, 1)]
    assert np.abs(pairs).max() < 5.5  # 4,560 pairs: beyond 5.5 one in 5,000
    assert abs((pairs**2).mean() - 1) < 0.1
