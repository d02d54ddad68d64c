"""Further metrics from the counts of a problem: n samples, c of them correct. Each has a value per problem, [P]."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.bootstrap import Estimate
from passk.statistics.pass_at_k import Floats, checked_counts

_Z = 1.959963984540054  # standard deviations of a 95 % interval


def g_pass_at_k(n: ArrayLike, c: ArrayLike, k: int, tau: float) -> Floats:
    """Return the unbiased G-Pass@k of Liu et al. 2024 (arXiv 2412.13147) at the threshold tau, in (0, 1].

    It is the chance that at least ceil(tau k) of k samples drawn without replacement are correct: the sum over
    j >= ceil(tau k) of C(c, j) C(n-c, k-j) / C(n, k). With tau = 1 it is pass^k, with tau = 1/k it is pass@k. Raise
    ValueError as `pass_at_k`, and for tau outside (0, 1].
    """
    return _at_least(n, c, k, math.ceil(_threshold(tau) * k))


def mean_g_pass_at_k(n: ArrayLike, c: ArrayLike, k: int) -> Floats:
    """Return mG-Pass@k of the same paper: 2 / k times the sum of G-Pass@k at i / k for i from ceil(k / 2) + 1 to k.

    It is twice the integral over tau from 1/2 to 1, as the paper estimates it. With k = 1 the sum is empty and the
    result 0.
    """
    total = np.zeros(np.broadcast(np.asarray(n), np.asarray(c)).shape)
    for i in range(math.ceil(k / 2) + 1, k + 1):
        total += _at_least(n, c, k, i)
    return 2 / k * total


def cover_at(n: ArrayLike, c: ArrayLike, tau: float) -> Floats:
    """Return 1.0 where a problem's share of correct samples is tau or more, else 0.0: Cover@tau (arXiv 2510.08325).

    Its mean is the share of problems that the model solves with a probability of tau or more. The probability is
    replaced by c / n, so the estimate is biased where the probability is near tau. Raise ValueError for tau outside
    (0, 1].
    """
    n, c, _ = checked_counts(n, c, 1)
    least = _threshold(tau)
    return (c * least.denominator >= n * least.numerator).astype(np.float64)


def bayes_at_n(n: ArrayLike, c: ArrayLike) -> Estimate:
    """Return Bayes@N of Hariri et al. 2025 (arXiv 2510.04265) over problems, with its 95 % interval.

    The prior of each problem's probability is uniform, so the posterior is Beta(1 + c, 1 + n - c). Its mean is
    (1 + c) / (2 + n), its variance m (1 - m) / (3 + n). The result is the mean over problems and 1.96 posterior
    standard deviations of it. The interval covers the samples of these problems, not other problems.
    """
    n, c, _ = checked_counts(n, c, 1)
    mean = (1 + c) / (2 + n)
    deviation = math.sqrt(float((mean * (1 - mean) / (3 + n)).sum())) / mean.size
    value = float(mean.mean())
    return Estimate(value, value - _Z * deviation, value + _Z * deviation)


def best_of_k(correct: ArrayLike, scores: ArrayLike, k: int) -> Floats:
    """Return how often the sample with the highest score among k is correct, [P, n], [P, n] -> [P]. Exact.

    It is the mean over all sets of k of a problem's n samples. A sample with h higher scores and no equal one is the
    best of C(n-1-h, k-1) of the C(n, k) sets. Samples of equal scores share the sets that one of them is best of. A
    problem with a NaN score is NaN. Raise ValueError for k outside 1..n.
    """
    right, values = np.asarray(correct, dtype=bool), np.asarray(scores, dtype=np.float64)
    n = right.shape[1]
    if not 1 <= k <= n:
        raise ValueError(f"k: best-of-{k} needs k from 1 to {n}, the number of samples")
    sets = math.comb(n, k)
    by_rank = np.array([float(Fraction(math.comb(n - 1 - h, k - 1), sets)) for h in range(n)])
    return np.array([_best(*row, by_rank) for row in zip(right, values, strict=True)])


def _best(correct: NDArray, scores: NDArray, by_rank: Floats) -> float:
    if np.isnan(scores).any():
        return math.nan
    order = np.argsort(-scores, kind="stable")
    _, group, sizes = np.unique(-scores[order], return_inverse=True, return_counts=True)
    shares = np.bincount(group, weights=correct[order]) / sizes
    return float((np.bincount(group, weights=by_rank) * shares).sum())


def _at_least(n: ArrayLike, c: ArrayLike, k: int, least: int) -> Floats:
    from scipy.stats import hypergeom

    n, c, _ = checked_counts(n, c, k)
    return np.asarray(hypergeom.sf(least - 1, n, c, k), dtype=np.float64).clip(0.0, 1.0)


def _threshold(tau: float) -> Fraction:
    """Return tau as written: 0.7 is 7/10, so that 0.55 of 20 samples are 11."""
    if not 0 < tau <= 1:
        raise ValueError(f"tau: must be above 0 and at most 1, not {tau}")
    return Fraction(repr(float(tau)))
