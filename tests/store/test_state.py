"""States come back bit for bit, from the journal and from the history."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from helpers.stores import block, config

from l2l.errors import StoreError
from l2l.optimizer import pack_rng, unpack_rng
from l2l.store import frames as fr
from l2l.store.folder import Store
from l2l.store.state import decode_state, encode_state

STATES = [
    {},
    {"none": None, "yes": True, "no": False, "text": "ä\udc80\n", "int": -(2**127), "big": 2**200},
    {"floats": [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308]},
    {"nested": {"list": [1, [2.5, None], {"a": (1, ("b",))}], "empty": {}, "none": []}},
    {"$array": 3, "odd keys": {"$tuple": [1], "a/b": 1, ".": 2, "": 3}},
    {"bytes": b"\0\xff", "random": random.Random(3).getstate()},
    {f"a{t}": np.arange(6).astype(t).reshape(2, 3) for t in "?bBhHiIlLqQefdgFD"},
    {"swapped": np.arange(3, dtype=">f8"), "text": np.array(["a", "üb"]), "raw": np.array([b"x"])},
    {"empty": np.zeros((0, 3)), "scalar": np.float32(0.1), "0d": np.array(7), "str": np.str_("a")},
    {"nan": np.array([0x7FF8DEADBEEF0001], np.uint64).view(np.float64), "no": np.zeros(0, "?")},
    {"fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "strided": np.arange(9)[::2]},
    {"when": np.array(["2026-01-01"], "datetime64[D]"), "rng": pack_rng(np.random.default_rng(5))},
    {"a/b": np.arange(2), "a": {"b": np.arange(3)}, "a.b": np.arange(4), ".": np.arange(5)},
    {"many": [np.arange(i) for i in range(700)]},  # more than one system call gathers
]


def same(a, b) -> bool:
    if isinstance(a, np.generic) or isinstance(b, np.generic):
        return type(a) is type(b) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, np.ndarray):
        return a.dtype.str == b.dtype.str and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    return a == b


@pytest.mark.parametrize("state", STATES, ids=lambda s: next(iter(s), "empty"))
def test_a_state_comes_back_bit_for_bit(state, tmp_path):
    payload = b"".join(encode_state(state, 3, 12))
    snapshot = decode_state(memoryview(payload))
    assert same(snapshot.state, state)
    assert (snapshot.generation, snapshot.told) == (3, 12)

    with Store.create(tmp_path / "run", config()) as store:
        store.append(block(range(12)))
        assert store.snapshot(state, 3, 12, force=True)
        assert same(store.last_snapshot().state, state)
        store.seal()
        assert same(store.last_snapshot().state, state)
        assert not store.snapshot(state, 3, 12, force=True)  # it is there already
    with Store.open(tmp_path / "run") as store:
        assert same(store.last_snapshot().state, state)
        assert not store.snapshot(state, 3, 12, force=True)


def test_a_generator_goes_on_as_if_nothing_had_happened(tmp_path):
    rng = np.random.default_rng(11)
    rng.integers(0, 2**31, 3, dtype=np.int32)  # leaves half a word in the generator
    with Store.create(tmp_path / "run", config()) as store:
        store.snapshot({"rng": pack_rng(rng)}, 0, 0, force=True)
    with Store.open(tmp_path / "run") as store:
        again = unpack_rng(store.last_snapshot().state["rng"])
    assert again.normal(size=5).tobytes() == rng.normal(size=5).tobytes()


@pytest.mark.parametrize(
    "state", [{"a": object()}, {"a": np.array([None])}, {"b": {1: 2}}, {"f": {3}}],
    ids=["object", "objects", "number", "set"],
)  # fmt: skip
def test_what_is_no_state_is_refused(state):
    with pytest.raises(StoreError, match=r"state\['[abf]'\] is an? "):
        encode_state(state, 0, 0)


def test_states_are_written_when_results_outweigh_them(tmp_path):
    with Store.create(tmp_path / "run", config()) as store:
        state = {"x": np.zeros(1000)}
        assert store.snapshot(state, 0, 0, force=True)
        written = []
        for generation in range(100):
            store.append(block(range(10 * generation, 10 * generation + 10)))
            if store.snapshot(state, generation + 1, 10 * generation + 10):
                written.append(generation)
        size = sum(map(len, fr.pack(fr.BLOCK, [b"x" * 1000])))  # about what a block of 10 takes
        assert 0.3 * 100 * size / 8000 < len(written) < 1.5 * 100 * size / 8000
