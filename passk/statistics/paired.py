"""Compare two checkpoints on the same problems: difference, interval and p-value, also for many comparisons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.bootstrap import Estimate, acceleration, all_equal, bayesian, scores
from passk.statistics.pass_at_k import Floats

UNSEEN = 0.5
"""Problems added at each end of the differences."""
_ENUMERATED = 14  # nonzero differences whose signs are all enumerated: 16,384 ways
_CHUNK = 50_000  # bytes drawn at a time; data that fits a processor's cache is faster
_NEAR = 1e-9  # sums of the same numbers in another order are equal


@dataclass(frozen=True)
class Comparison(Estimate):
    """A difference with its interval and p-value."""

    p: float


def paired_difference(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean of a - b over problems with its 95 % interval. Problems are resampled with both scores.

    a, b: [P], scores in [0, 1] of two checkpoints on the same problems in the same order. Pairing removes the
    difficulty of a problem, so the interval is narrower than the two means suggest.

    The method is the Bayesian bootstrap (Rubin 1981) with half a problem added at each side. These lie beyond the
    largest difference seen: if m problems differ, 1 / (m + 1) of the way from it to 1. Differences are mostly small and
    sometimes large, for which BCa is too narrow. The fewer problems differ, the less is known of the largest difference
    (dev/coverage.py). For equal differences the interval is that of `mean_intervals` on the scale from -1 to 1.

    Raise ValueError for different lengths and scores outside [0, 1].
    """
    differences = _paired(a, b)
    mean = float(differences.mean())
    if acceleration(differences) is None:
        return all_equal(mean, len(differences), -1.0, 1.0)
    largest = float(np.abs(differences).max())
    far = largest + (1 - largest) / (np.count_nonzero(differences) + 1)
    low, high = bayesian(differences, (-far, far), UNSEEN, draws, seed)
    return Estimate(mean, min(low, mean), max(high, mean))


def sign_flip_p(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value of a paired permutation test for equal a and b: [P], [P].

    If the two are equal on each problem, a difference is as likely as its negative (Fisher 1935). The p-value is the
    share of all choices of signs whose mean is as far from 0 as the observed one. It is exact for up to 14 nonzero
    differences. Beyond, it is the share among `draws` random choices and the observed one, so never below 1 / (draws +
    1). It is 1 if all differences are 0. Raise as `paired_difference`.
    """
    differences = _paired(a, b)
    sizes = np.sort(np.abs(differences[differences != 0]))
    if not len(sizes):
        return 1.0
    seen = abs(float(differences.sum())) - _NEAR
    if len(sizes) <= _ENUMERATED:
        return float(np.mean(np.abs(_signs(len(sizes)) @ sizes) >= seen))
    # A drawn byte holds the signs of eight differences, whose sum is looked up.
    eights = np.pad(sizes, (0, -len(sizes) % 8)).reshape(-1, 8)
    sums, starts = (eights @ _signs(8).T).ravel(), 256 * np.arange(len(eights))
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK // len(eights))
    beyond = 0
    for done in range(0, draws, chunk):
        drawn = rng.integers(0, 256, size=(min(chunk, draws - done), len(eights)), dtype=np.uint8)
        beyond += np.count_nonzero(np.abs(sums[starts + drawn].sum(axis=1)) >= seen)
    return (beyond + 1) / (draws + 1)


def _signs(number: int) -> NDArray[np.int64]:
    """Return all choices of `number` signs, [2^number, number]."""
    return 2 * (np.arange(2**number)[:, None] >> np.arange(number) & 1) - 1


def compare(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Return `paired_difference` with `sign_flip_p`."""
    estimate = paired_difference(a, b, draws, seed)
    return Comparison(estimate.value, estimate.low, estimate.high, sign_flip_p(a, b, draws, seed))


def holm(p: ArrayLike) -> Floats:
    """Return p-values corrected for their number, [M] -> [M] (Holm 1979).

    Among differences with a corrected p-value below 0.05, none is false in 95 of 100 cases, for any dependence.
    Raise ValueError for a value outside 0 to 1.
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p: must be a row of numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _paired(a: ArrayLike, b: ArrayLike) -> Floats:
    a, b = scores("a", a), scores("b", b)
    if len(a) != len(b):
        raise ValueError(f"b: must have the {len(a)} problems of a, not {len(b)}")
    differences = a - b
    return np.where(np.abs(differences) < 1e-12, 0.0, differences)
