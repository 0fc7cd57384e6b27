"""Phases of oscillations: analytic signal and phase lag index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from l2l.optimizees.whole_brain.analysis.compare import upper
from l2l.optimizees.whole_brain.model import Floats

if TYPE_CHECKING:
    from l2l.optimizees.whole_brain.analysis.signals import Signals


def hilbert(spectrum: npt.NDArray[np.complex64], samples: int) -> npt.NDArray[np.float32]:
    """Return the Hilbert transform ``(regions, samples)`` of signals, given their spectrum.

    It is the imaginary part of the analytic signal; the signal itself is the real part.
    """
    from scipy.fft import irfft

    turned = spectrum * np.complex64(-1j)
    if samples % 2 == 0:
        turned[:, -1] = 0.0  # at Nyquist's frequency there is no sine
    return np.asarray(irfft(turned, n=samples))


def pli(signals: Signals, *, wrap: bool = True, demean: bool = True) -> Floats:
    """Return the phase lag index of pairs of regions ``(n (n - 1) / 2,)``, 0..1.

    ``|mean_t sign(sin(phase_i - phase_j))|`` (Stam, Nolte, Daffertshofer 2007, eq. 3): 1 where one
    always leads, 0 where they are in phase, in antiphase or independent. Phases are those of the
    analytic signal of the whole series, without a filter.

    Args:
        signals: The series.
        wrap: Whether a phase difference is one on the circle. If not, phases in (-pi, pi] are
            subtracted as they are, as the published code does: in each cycle, i leads where it
            is larger, also where it is so by more than half a cycle.
        demean: Whether the mean is removed first. If not, as in the published code, a signal that
            does not change its sign stays within a quarter of a cycle of phase 0.
    """
    from l2l.optimizees.whole_brain.analysis import kernels

    x = signals.rows if demean else signals.raw
    counts = np.zeros((signals.regions, signals.regions), dtype=np.int64)
    if wrap:
        kernels.count_leads(x, signals.hilbert, counts)
    else:
        angle = np.empty_like(x)
        kernels.diamond(x, signals.hilbert, angle)
        kernels.count_larger(angle, counts)
    return np.abs(upper(counts)) / signals.samples
