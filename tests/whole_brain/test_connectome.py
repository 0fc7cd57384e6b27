"""Connectomes: what they hold, how they are read, and the synthetic one's statistics."""

from __future__ import annotations

import bz2
import io
import zipfile

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome import SCALINGS, Connectome, read, synthetic

WEIGHTS = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 4.0], [0.0, 3.0, 0.0]])
LENGTHS = np.array([[0.0, 10.0, 90.0], [20.0, 0.0, 30.0], [90.0, 30.1, 0.0]])


def text(matrix: np.ndarray, separator: str = " ") -> str:
    return "\n".join(separator.join(map(repr, row)) for row in matrix.tolist())


# -- what it holds ----------------------------------------------------------------------------


def test_delays_are_rounded_steps_of_tracts_that_are_there():
    c = Connectome(WEIGHTS, LENGTHS)
    steps = c.delays(speed=3.0, dt=0.1)
    assert steps.dtype == np.int32
    assert steps.tolist() == [[0, 33, 0], [67, 0, 100], [0, 100, 0]]
    assert not c.delays(speed=np.inf, dt=0.1).any()
    assert c.strengths.tolist() == [2.0, 5.0, 3.0]
    assert c.labels == ("r0", "r1", "r2")
    assert c.n_regions == 3


def test_delays_are_those_of_tvb():
    connectivity = pytest.importorskip("tvb.datatypes.connectivity", reason="needs tvb-library")
    c = synthetic(68, seed=3)
    for speed in (1.0, 3.0, 7.0):
        theirs = connectivity.Connectivity(
            weights=c.weights,
            tract_lengths=c.lengths,
            region_labels=np.array(c.labels),
            centres=np.zeros((68, 3)),
            speed=np.array([speed]),
        )
        theirs.configure()
        theirs.set_idelays(0.1)
        np.testing.assert_array_equal(theirs.idelays, c.delays(speed, 0.1))


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("none", WEIGHTS),
        ("max", WEIGHTS / 4),
        ("columns", WEIGHTS / [1.0, 5.0, 4.0]),
        ("rows", WEIGHTS / [[2.0], [5.0], [3.0]]),
        ("mean", WEIGHTS / (10 / 3)),
    ],
)
def test_weights_are_divided(by, expected):
    scaled = Connectome(WEIGHTS, LENGTHS, ("a", "b", "c")).scaled(by)
    np.testing.assert_allclose(scaled.weights, expected, rtol=1e-15)
    assert scaled.labels == ("a", "b", "c")


def test_a_region_without_tracts_keeps_its_zeros():
    for by in SCALINGS:
        assert not Connectome(np.zeros((2, 2)), np.zeros((2, 2))).scaled(by).weights.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3)), np.zeros((2, 2))), r"weights must be a square matrix.*\(2, 3\)"),
        ((WEIGHTS, LENGTHS[:2, :2]), r"shape of the weights, \(3, 3\); got \(2, 2\)"),
        ((WEIGHTS, -LENGTHS), "must not be negative; the smallest is -90 mm"),
        ((WEIGHTS * np.nan, LENGTHS), r"weights must be finite.*nan at \[0, 0\]"),
        ((WEIGHTS, LENGTHS, ("a",)), "expected 3 labels, one for each region; got 1"),
        (([["a"]], [[1.0]]), "weights must be a square matrix of numbers"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Connectome(*arguments)


def test_wrong_arguments_are_refused():
    c = Connectome(WEIGHTS, LENGTHS)
    with pytest.raises(ConfigError, match="did you mean 'max'"):
        c.scaled("maxx")
    for speed in (0.0, -1.0, np.nan):
        with pytest.raises(ConfigError, match="speed must be above 0"):
            c.delays(speed, 0.1)
    with pytest.raises(ConfigError, match="dt must be above 0"):
        c.delays(3.0, 0.0)


def test_nobody_changes_it_from_outside():
    weights = WEIGHTS.copy()
    c = Connectome(weights, LENGTHS)
    weights[0, 1] = 99
    assert c.weights[0, 1] == 2.0
    with pytest.raises(ValueError, match="read-only"):
        c.weights[0, 1] = 1.0


# -- files ------------------------------------------------------------------------------------


def in_a_zip(path, folder, packed):
    labels = "b 1.0 2.0 3.0\na 0 0 0\nc 1 1 1\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [
            ("weights.txt", text(WEIGHTS)),
            ("tract_lengths.txt", text(LENGTHS)),
            ("centres.txt", labels),
            ("info.txt", "made up"),
        ]:
            data = content.encode()
            archive.writestr(
                folder + name + (".bz2" if packed else ""), bz2.compress(data) if packed else data
            )
    return read(path)


@pytest.mark.parametrize("folder", ["", "connectivity/"])
@pytest.mark.parametrize("packed", [False, True])
def test_zip_files_of_tvb_are_read(tmp_path, folder, packed):
    c = in_a_zip(tmp_path / "c.zip", folder, packed)
    np.testing.assert_array_equal(c.weights, WEIGHTS)
    np.testing.assert_array_equal(c.lengths, LENGTHS)
    assert c.labels == ("b", "a", "c")


def test_npz_folders_and_pairs_are_read(tmp_path):
    np.savez(tmp_path / "c.npz", weights=WEIGHTS, lengths=LENGTHS, labels=["x", "y", "z"])
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "weights.csv").write_text(text(WEIGHTS, ", "))
    (folder / "lengths.csv").write_text(text(LENGTHS, ";"))
    found = {
        "npz": read(tmp_path / "c.npz"),
        "folder": read(folder),
        "pair": read(folder / "weights.csv", folder / "lengths.csv"),
    }
    for name, c in found.items():
        np.testing.assert_array_equal(c.weights, WEIGHTS, err_msg=name)
        np.testing.assert_array_equal(c.lengths, LENGTHS, err_msg=name)
    assert found["npz"].labels == ("x", "y", "z")
    assert found["folder"].labels == ("r0", "r1", "r2")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no connectome"):
        read(tmp_path / "nothing.zip")
    (tmp_path / "weights.txt").write_text("1 2\n3 x\n")
    with pytest.raises(ConfigError, match=r"no file of lengths: expected lengths\.txt or"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="expected a zip or npz file, a folder"):
        read(tmp_path / "weights.txt")
    (tmp_path / "lengths.txt").write_text("1 2\n3 4\n")
    with pytest.raises(ConfigError, match="must hold rows of numbers"):
        read(tmp_path)
    np.savez(tmp_path / "half.npz", weights=WEIGHTS)
    with pytest.raises(ConfigError, match="must hold the arrays weights and lengths"):
        read(tmp_path / "half.npz")


def test_an_npz_file_runs_no_code(tmp_path):
    file = io.BytesIO()
    np.savez(file, weights=np.array([{"a": 1}], dtype=object), lengths=LENGTHS)
    (tmp_path / "c.npz").write_bytes(file.getvalue())
    with pytest.raises(ConfigError, match="allow_pickle"):
        read(tmp_path / "c.npz")


def test_tvbs_own_76_regions_are_read():
    data = pytest.importorskip("tvb_data", reason="needs the data files of TVB")
    from pathlib import Path

    c = read(Path(data.__file__).parent / "connectivity" / "connectivity_76.zip")
    assert c.n_regions == 76
    assert np.count_nonzero(c.weights) == 1560


# -- the synthetic one ------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "seed"), [(68, 0), (68, 1), (76, 2), (200, 3)])
def test_it_has_the_statistics_of_measured_connectomes(n, seed):
    c = synthetic(n, seed)
    there = c.weights > 0
    weights, lengths = c.weights[there], c.lengths[there]
    np.testing.assert_array_equal(c.weights, c.weights.T)
    np.testing.assert_array_equal(c.lengths, c.lengths.T)
    assert not np.diag(there).any()
    assert not c.lengths[~there].any()
    assert there.mean() == pytest.approx(0.27, abs=1 / n)
    assert lengths.max() == pytest.approx(250.0)
    assert 8.0 <= lengths.min() < 20.0
    # heavy-tailed: the mean is far above the median; and weights fall with length
    assert weights.max() == 1.0
    assert weights.mean() > 1.5 * np.median(weights)
    assert np.corrcoef(lengths, np.log(weights))[0, 1] < -0.4
    # one network: each region is reached from each other
    assert np.linalg.matrix_power(there + np.eye(n), 10).all()
    left = sum(label.startswith("l") for label in c.labels)
    assert left == n // 2


def test_the_same_seed_gives_the_same_connectome():
    one, again, other = synthetic(30, 5), synthetic(30, 5), synthetic(30, 6)
    np.testing.assert_array_equal(one.weights, again.weights)
    np.testing.assert_array_equal(one.lengths, again.lengths)
    assert (one.weights != other.weights).any()


@pytest.mark.parametrize("n", [2, 3, 10])
def test_small_ones_have_a_tract_to_each_region(n):
    for seed in range(5):
        assert (synthetic(n, seed).strengths > 0).all()


def test_density_and_length_are_as_asked():
    c = synthetic(50, density=0.9, longest=100.0)
    assert np.count_nonzero(c.weights) == pytest.approx(0.9 * 2500, abs=2)
    assert c.lengths.max() == pytest.approx(100.0)
    assert np.count_nonzero(synthetic(5, density=1.0).weights) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_regions": 1}, "n_regions must be at least 2"),
        ({"n_regions": 5, "density": 0.0}, "density must be above 0"),
        ({"n_regions": 5, "longest": 5.0}, "longest must be above 8 mm"),
    ],
)
def test_impossible_ones_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        synthetic(**arguments)
