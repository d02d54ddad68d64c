"""Two checkpoints on the same problems: the difference, its interval, its p-value; and many such comparisons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.bootstrap import Estimate, acceleration, all_equal, bayesian, scores
from passk.statistics.pass_at_k import Floats

UNSEEN = 0.5
"""problems added at either end of the differences"""
_ENUMERATED = 14  # differences other than 0 whose signs are all tried out: 16,384 ways
_CHUNK = 50_000  # drawn bytes at a time: what stays in a processor's cache is faster
_NEAR = 1e-9  # sums of the same numbers in another order are equal


@dataclass(frozen=True)
class Comparison(Estimate):
    p: float


def paired_difference(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean of a - b over problems with its 95 % interval; problems are resampled with both their scores.

    a, b: [P], scores in [0, 1] of two checkpoints on the same problems in the same order. Pairing takes out how
    hard a problem is, so the interval is narrower than the two means suggest.
    Bayesian bootstrap (Rubin 1981) with half a problem more to either side, at the largest difference seen or,
    where m problems differ at all, 1 / (m + 1) of the way from there to 1: differences are mostly small and now and
    then large, where BCa is too narrow, and the fewer are seen the less is known of the largest (dev/coverage.py).
    Where all are equal it is as in `mean_intervals`, on the scale from -1 to 1. Raises ValueError for lengths that
    differ and scores outside [0, 1].
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
    """Two-sided p-value of a paired permutation test that a and b are alike: [P], [P].

    If the two are alike on each problem, a difference is as likely as its negative (Fisher 1935). The p-value is
    the share of all choices of signs whose mean is as far from 0 as the one seen: exact up to 14 differences other
    than 0; beyond that of `draws` drawn ones and the one seen, so never below 1 / (draws + 1). 1 where all
    differences are 0. Raises as `paired_difference`.
    """
    differences = _paired(a, b)
    sizes = np.sort(np.abs(differences[differences != 0]))
    if not len(sizes):
        return 1.0
    seen = abs(float(differences.sum())) - _NEAR
    if len(sizes) <= _ENUMERATED:
        return float(np.mean(np.abs(_signs(len(sizes)) @ sizes) >= seen))
    # A drawn byte is the signs of eight, whose sum is looked up.
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
    """All choices of so many signs, [2^number, number]."""
    return 2 * (np.arange(2**number)[:, None] >> np.arange(number) & 1) - 1


def compare(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Comparison:
    """`paired_difference` with `sign_flip_p`."""
    estimate = paired_difference(a, b, draws, seed)
    return Comparison(estimate.value, estimate.low, estimate.high, sign_flip_p(a, b, draws, seed))


def holm(p: ArrayLike) -> Floats:
    """p-values corrected for their number, [M] -> [M] (Holm 1979).

    Below 0.05 are then those differences of which, 95 times in 100, none is false, however they hang together.
    Raises ValueError for what is not from 0 to 1.
    """
    given = np.asarray(p, dtype=np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError("p: must be a row of numbers from 0 to 1")
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty(len(given))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _paired(a: ArrayLike, b: ArrayLike) -> Floats:
    a, b = scores("a", a), scores("b", b)
    if len(a) != len(b):
        raise ValueError(f"b: must have the {len(a)} problems of a, not {len(b)}")
    differences = a - b
    return np.where(np.abs(differences) < 1e-12, 0.0, differences)
