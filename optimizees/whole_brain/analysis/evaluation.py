"""From series to columns of a table."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ConfigError, about, nearest
from l2l.optimizees.whole_brain.analysis.context import Context
from l2l.optimizees.whole_brain.analysis.metrics import METRICS, Metric, Value
from l2l.optimizees.whole_brain.analysis.signals import Signals
from l2l.optimizees.whole_brain.model import Floats
from l2l.references import absolute, load_reference


def metrics(names: Iterable[str], base: Path | None = None) -> dict[str, Metric]:
    """Return metrics by name.

    Args:
        names: Keys of :data:`METRICS`, or ``package.module:function`` or ``path/file.py:function``
            of a function that takes :class:`Signals` and returns a number or an array ``(k,)``;
            its metric is called as the function is.
        base: Folder that a relative path starts from; the current one if None.

    Raises:
        ConfigError: If there is none of a name, or two have the same.
    """
    found: dict[str, Metric] = {}
    for name in names:
        key, metric = (name.rpartition(":")[2], _own(name, base)) if ":" in name else (name, None)
        if metric is None and name not in METRICS:
            raise ConfigError(f"there is no metric {name!r}; {nearest(name, METRICS)}")
        if key in found:
            raise ConfigError(f"two metrics are called {key!r}; name each once")
        found[key] = metric or METRICS[name]
    return found


def _own(name: str, base: Path | None) -> Metric:
    function = load_reference(absolute(name, base))
    if isinstance(function, Metric):
        return function
    if not callable(function):
        raise ConfigError(
            f"the metric {name!r} must be a function of signals, got {type(function).__name__}"
        )
    return Metric(function, "", (function.__doc__ or "").strip().partition("\n")[0])


def check(found: Mapping[str, Metric], context: Context, samples: int, regions: int) -> None:
    """Raise ConfigError if metrics lack something, before anything is simulated.

    Args:
        found: What :func:`metrics` returned.
        context: What they will get.
        samples: Samples in a series.
        regions: Regions in it.
    """
    for name, metric in found.items():
        for key in metric.needs:
            if getattr(context, key) is None:
                raise ConfigError(f"the metric {name!r} needs `{key}`; give it, or leave it out")
    for key in ("weights", "lengths", "target_fc"):
        matrix = getattr(context, key)
        if matrix is not None and len(matrix) != regions:
            raise ConfigError(
                f"{key} is of {len(matrix)} regions, the series of {regions}; they must agree"
            )
    for key in ("network", "seed_region"):
        chosen = getattr(context, key)
        if chosen is not None and not np.isin(chosen, np.arange(regions)).all():
            raise ConfigError(f"{key} must be of regions 0..{regions - 1}, got {chosen}")
    if samples < 4 or regions < 2:
        raise ConfigError(
            f"a series of at least 4 samples and 2 regions is needed, got {samples} and {regions}"
        )
    for name, metric in found.items():
        if metric.check is not None:
            with about(name):
                metric.check(context, samples)


@functools.cache
def _libraries() -> Any:
    """Return what keeps NumPy's BLAS to one thread.

    For matrices of this size more only wait for each other, on a busy machine 40 times as long as
    the work takes; and a sum should not depend on their number.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def evaluate(
    names: Iterable[str] | Mapping[str, Metric],
    series: Mapping[str, Any],
    context: Context | Sequence[Context],
    threads: int = 1,
) -> dict[str, Floats]:
    """Return columns of metrics of several sets.

    Each set is analysed by itself, so that its values do not depend on the others by a bit. A set
    with NaN or infinity in a series has NaN in all that is computed from it.

    Args:
        names: Names of metrics, see :func:`metrics`, or what that returned.
        series: By population, ``(sets, samples, regions)`` in Hz each. The population's name is
            appended to the metric's, as in ``mean_FC_e``; not so if it is empty.
        context: For all sets, or one for each.
        threads: Sets that are analysed at a time; of no effect on values.

    Returns:
        ``(sets,)`` or ``(sets, k)`` float64 by column.

    Raises:
        ConfigError: See :func:`metrics` and :func:`check`; if a series has another shape.
    """
    found = dict(names) if isinstance(names, Mapping) else metrics(names)
    # glibc from now on keeps freed memory up to this size, where it would give back and ask again
    # for the arrays of each set, a tenth of all time
    np.empty(2**24, dtype=np.uint8)
    columns: dict[str, Floats] = {}
    for population, array in series.items():
        sets, samples, regions = _shape(population, array)
        contexts = [context] * sets if isinstance(context, Context) else list(context)
        if len(contexts) != sets:
            raise ConfigError(f"one context a set is needed: {len(contexts)} for {sets} sets")
        for one in {id(c): c for c in contexts}.values():
            check(found, one, samples, regions)
        one_set = functools.partial(_row, found)
        with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            rows = list((pool.map if threads > 1 else map)(one_set, array, contexts))
        for name in found:
            sizes = sorted({np.shape(row[name]) for row in rows})
            if len(sizes) > 1:
                raise ConfigError(
                    f"the metric {name!r} must return the same shape for each set, got "
                    f"{sizes[0]} and {sizes[1]}"
                )
            column = f"{name}_{population}" if population else name
            columns[column] = np.array([row[name] for row in rows], dtype=np.float64)
    return columns


def _shape(population: str, array: Any) -> tuple[int, int, int]:
    shape = np.shape(array)
    if len(shape) != 3:
        raise ConfigError(
            f"the series {population!r} must have the shape (sets, samples, regions), got {shape}"
        )
    return shape[0], shape[1], shape[2]


def _row(found: Mapping[str, Metric], series: Any, context: Context) -> dict[str, Value]:
    signals = Signals(np.ascontiguousarray(series, dtype=np.float32), context)
    if signals.finite:
        return _values(found, signals)
    # metrics of a silent brain have the same shapes
    silent = _values(found, Signals(np.zeros_like(signals.series), context))
    return {name: np.full(np.shape(value), np.nan) for name, value in silent.items()}


def _values(found: Mapping[str, Metric], signals: Signals) -> dict[str, Value]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: _checked(name, metric.function(signals)) for name, metric in found.items()}


def _checked(name: str, value: Any) -> Value:
    """Return what a metric gave, if it is a number or ``(k,)`` of them."""
    kind = getattr(value, "dtype", None)
    if isinstance(value, (int, float)) or (
        np.ndim(value) <= 1 and kind is not None and kind.kind in "fiub"
    ):
        return value  # type: ignore[no-any-return]
    got = f"{type(value).__name__} of shape {np.shape(value)}" if kind is not None else repr(value)
    raise ConfigError(f"the metric {name!r} must return a number or an array (k,), got {got:.80}")


def flat(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return columns ``(sets,)`` only; one of ``(sets, k)`` becomes ``name_0``, ``name_1``, ..."""
    out: dict[str, Floats] = {}
    for name, values in columns.items():
        if values.ndim == 1:
            out[name] = values
        else:
            out |= {f"{name}_{k}": values[:, k] for k in range(values.shape[1])}
    return out
