"""history.h5: the sealed part of a run, as a closed HDF5 file that any viewer opens."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from l2l.errors import StoreError
from l2l.evaluation import Failure, Status
from l2l.store import claims, schema
from l2l.store.blocks import REPAIRS, dtype_of
from l2l.store.state import Snapshot, unflatten

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _named(
    method: Callable[Concatenate[History, _P], _T],
) -> Callable[Concatenate[History, _P], _T]:
    """Make the errors that HDF5 raises on a damaged file name it, and say what to do."""

    @functools.wraps(method)
    def guarded(self: History, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"{self.path} can't be read: {error}. See what is intact: "
                f"l2l doctor {self.path.parent}"
            ) from error

    return guarded


class History:
    """A history open for reading.

    Raises:
        StoreError: If the file is not HDF5, not a history, or of another schema version.

    Attributes:
        epoch: The seal that wrote it.
        rows: Number of evaluations in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listed: dict[str, list[str]] = {}
        try:
            self._file = h5py.File(path, "r", locking=False)
        except FileNotFoundError:
            raise
        except PermissionError as error:
            raise StoreError(f"can't read {path}: {error.strerror}") from error
        except OSError as error:
            raise StoreError(
                f"{path} is not a whole HDF5 file ({error}). A backup of it and the journal-* "
                "files beside it hold the run"
            ) from error
        try:
            version = int(self._file.attrs["schema_version"])
            self.epoch = int(self._file.attrs["epoch"])
            self.rows = int(self._file.attrs["sealed_upto"])
        except (KeyError, OSError, TypeError, ValueError) as error:
            self._file.close()
            raise StoreError(f"{path} is HDF5, but no history of l2l: {error}") from error
        try:
            claims.check_schema(version, str(path))
        except StoreError:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file:
            self._file.close()

    def _names(self, group: str = "") -> list[str]:
        """Return the names in a group; raises if the group is damaged, unlike ``in``."""
        if group not in self._listed:
            there = not group or group in self._names()
            self._listed[group] = list(self._file[group or "/"]) if there else []
        return self._listed[group]

    def _dataset(self, place: str) -> Any:
        """Return a dataset or group, or None if there is none of that name."""
        group, _, name = place.rpartition("/")
        return self._file[place] if name in self._names(group) else None

    # -- what there is ------------------------------------------------------------------------

    @functools.cached_property
    @_named
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one row of each column, repairs included."""
        places = [name for name in self._names() if isinstance(self._file[name], h5py.Dataset)]
        for group in ("metrics", "repairs"):
            places += [f"{group}/{name}" for name in self._names(group)]
        places = [place for place in places if place != "events"]
        return {schema.column_at(place): self._file[place].shape[1:] for place in places}

    @_named
    def description(self, name: str) -> Any:
        """Return an attribute of the file that holds JSON."""
        return json.loads(self._file.attrs[name])

    def __contains__(self, column: str) -> bool:
        return column in self.shapes

    # -- columns ------------------------------------------------------------------------------

    @_named
    def column(self, name: str, first: int = 0, last: int | None = None) -> NDArray[Any]:
        """Return rows ``first`` to ``last`` of a column, in order of landing.

        Raises:
            StoreError: If a checksum is wrong.
        """
        dataset = self._dataset(schema.place_of(name))
        if dataset is None:
            return np.zeros(0, dtype_of(name))
        column: NDArray[Any] = self._read(dataset, slice(first, last))
        return column

    def _read(self, dataset: Any, where: Any = ...) -> Any:
        try:
            return dataset[where]
        except OSError as error:
            raise OSError(f"dataset {dataset.name[1:]}: {error}") from error

    def known(self) -> NDArray[np.int64]:
        """Return how many results had been told when each point was asked for, by id."""
        return self.column("ask_known")

    def repairs(self) -> dict[str, NDArray[Any]]:
        """Return the three columns of repairs."""
        return {name: self.column(name) for name in REPAIRS}

    # -- the rest -----------------------------------------------------------------------------

    @_named
    def test_ids(self) -> NDArray[np.int64]:
        """Return the ids of the results on held-out tasks."""
        dataset = self._dataset("test/id")
        ids: NDArray[np.int64] = np.zeros(0, np.int64) if dataset is None else self._read(dataset)
        return ids

    @_named
    def tests(self) -> dict[str, NDArray[Any]]:
        """Return the results on held-out tasks as columns; empty where there are none."""
        group = self._dataset("test")
        if group is None:
            return {}
        places = [name for name in group if isinstance(group[name], h5py.Dataset)]
        places += [f"metrics/{name}" for name in group.get("metrics", ())]
        return {
            schema.column_at(place): self._read(group[place]) for place in places if place != "role"
        }

    @_named
    def snapshot(self) -> Snapshot | None:
        """Return the optimizer's last state, or None."""
        stands = self.stands
        if stands is None:
            return None
        head = json.loads(self._read(self._file["state/tree"])[0])
        arrays = [
            self._raw_array(self._file[f"state/arrays/{name}"], dtype, shape)
            for name, dtype, shape in head["arrays"]
        ]
        return Snapshot(unflatten(head["state"], arrays), *stands)

    def _raw_array(self, dataset: Any, dtype: str, shape: list[int]) -> NDArray[Any]:
        """Return one array of a state as it was."""
        raw = np.asarray(self._read(dataset))
        kind = np.dtype(dtype)
        if raw.dtype == np.uint8 and kind != np.uint8:
            return np.frombuffer(raw.tobytes(), kind).reshape(shape).copy()
        return raw.astype(kind, copy=False).reshape(shape)

    @property
    @_named
    def stands(self) -> tuple[int, int] | None:
        """Generation and ``told`` of the state, or None if there is none."""
        group = self._dataset("state")
        if group is None:
            return None
        return int(group.attrs["generation"]), int(group.attrs["told"])

    @_named
    def events(self) -> list[dict[str, Any]]:
        """Return what has happened to the run."""
        dataset = self._dataset("events")
        return [] if dataset is None else [json.loads(text) for text in self._read(dataset)]

    @property
    @_named
    def n_failures(self) -> int:
        """Number of attempts that did not end ok."""
        dataset = self._dataset("failures/id")
        return 0 if dataset is None else len(dataset)

    @_named
    def lost(self) -> set[int]:
        """Return the evaluations of which an attempt was lost with its node or job."""
        if not self.n_failures:
            return set()
        status = self._read(self._file["failures/status"])
        lost: list[int] = self._read(self._file["failures/id"])[status == Status.LOST].tolist()
        return set(lost)

    @_named
    def failures(self, first: int = 0, last: int | None = None) -> list[Failure]:
        """Return what is kept of attempts that did not end ok, in order of landing."""
        group = self._dataset("failures")
        if group is None:
            return []
        rows = slice(first, last)
        names = ("id", "draw", "status", "message_end", "traceback_end", "output_end")
        columns = [self._read(group[name], rows).tolist() for name in names]
        begin = int(self._read(group["output_end"], first - 1)) if first else 0
        found = []
        for number, draw, status, *ends in zip(*columns, strict=True):
            raw = self._read(group["text"], slice(begin, ends[-1])).tobytes()
            cuts = [0, *(end - begin for end in ends)]
            texts = [raw[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(cuts)]
            found.append(Failure(number, draw, Status(status), *texts))
            begin = ends[-1]
        return found
