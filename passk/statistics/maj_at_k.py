"""maj@k: how often the most frequent answer of k samples is correct. Exact, by counting instead of drawing."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.pass_at_k import Floats, incorrect_answers

_CHUNK = 15_000  # complex numbers in a block of problems; data that fits a processor's cache is faster
_NOTHING = 1e-14  # a number of votes with a smaller probability is left out


def maj_at_k(answers: ArrayLike, correct: ArrayLike, k: int) -> Floats:
    """Return the unbiased maj@k, also cons@k: the mean over all sets of k of a problem's n samples, [P, n] -> [P].

    answers: [P, n], a whole number per answer, equal for equal answers, and -1 for no answer. correct: [P, n] of bool.

    The answer of a set is its most frequent one. All correct answers count as one, however they are written, since the
    verifier treats them as equal. A sample without an answer votes only if it is correct. A set without a vote is
    incorrect. In a tie the set counts by the share of the correct answer among the tied ones. The first one seen, or a
    random one, would give the same on average. The error is below 1e-12 for n up to 1,024.

    Let the correct answer have m votes. For every m the function counts the sets in which no other answer has more.
    With k of n drawn, the votes are binomial given that they sum to k. Their generating function is a product over the
    answers. Its coefficient follows from its values at points of the unit circle, about ten standard deviations of k
    many. 1 / (1 + ties) is the integral of y^ties over y from 0 to 1, exact by Gauss's rule.

    Raise ValueError for k outside 1..n.
    """
    return maj_at_each(answers, correct, [k])[0]


def maj_at_each(answers: ArrayLike, correct: ArrayLike, ks: Iterable[int]) -> list[Floats]:
    """Return `maj_at_k` for each of ks. The answers are counted once."""
    counts = _incorrect_counts(answers, correct)
    winners = np.asarray(correct).sum(axis=1)
    n = np.shape(correct)[1]
    results = []
    for k in ks:
        if not 1 <= k <= n:
            raise ValueError(f"k: maj@{k} needs k from 1 to {n}, the number of samples")
        results.append(_chances(n, winners, counts, k))
    return results


def _incorrect_counts(answers: ArrayLike, correct: ArrayLike) -> NDArray[np.int64]:
    """Return the counts of each incorrect answer, [P, D], in descending order, padded with 0."""
    voted, first = incorrect_answers(answers, correct)
    problems, most = len(voted), max(1, int(first.sum(axis=1).max(initial=0)))
    number = np.cumsum(first, axis=1) - 1
    place = (np.arange(problems)[:, None] * most + number)[voted]
    counts = np.bincount(place, minlength=problems * most).reshape(problems, -1)
    return -np.sort(-counts, axis=1)


def _chances(n: int, winners: NDArray, incorrect: NDArray, k: int) -> Floats:
    pmf = _binomials(n, k / n, k)
    total = pmf[n, k]
    losers = n - winners
    # With more than half of the votes no other answer can have as many.
    won = np.zeros(len(winners))
    for m in range(k // 2 + 1, k + 1):
        won += pmf[winners, m] * pmf[losers, k - m]
    exactly = _how_many(incorrect, k // 2)
    # The pool has the votes of answers that cannot reach m, and the samples without a vote.
    rivals, pool = (incorrect > 0).sum(axis=1), losers - incorrect.sum(axis=1)
    points = _points(n, k)
    turns = np.arange(points // 2 + 1)  # the values at the other points are the conjugates of these
    circle = np.exp(2j * np.pi * np.arange(points) / points)
    pools = np.cumprod(np.vstack([np.ones(len(turns)), np.tile(1 - k / n + k / n * circle[turns], (n, 1))]), axis=0)
    below = np.zeros((int(incorrect.max(initial=0)) + 1, len(turns)), dtype=complex)
    for m in range(1, k // 2 + 1):
        below += pmf[: len(below), m - 1, None] * circle[turns * (m - 1) % points]
        chance = pmf[winners, m] * pmf[losers, k - m]
        rows = np.flatnonzero((chance > _NOTHING * total) & (pool + m * rivals >= k - m))
        rows = rows[np.argsort(-rivals[rows], kind="stable")]
        equal = pmf[: len(below), m, None] * circle[turns * m % points]
        # weights for the coefficient of z^(k - m)
        parts = np.where(turns > 0, 2, 1) / points * circle[-turns * (k - m) % points]
        size = max(1, _CHUNK // len(turns))
        for block in (rows[start : start + size] for start in range(0, len(rows), size)):
            ties = _gauss(min(int(rivals[block[0]]), k // m - 1) // 2 + 1)
            values = pools[pool[block]] * _at_most(below, equal, incorrect[block], rivals[block], ties)
            won[block] += pmf[winners[block], m] * (values @ parts).real
        rivals, pool = rivals - exactly[:, m], pool + m * exactly[:, m]
    return np.clip(won / total, 0.0, 1.0)


def _at_most(below: NDArray, equal: NDArray, incorrect: NDArray, rivals: NDArray, ties: tuple) -> NDArray:
    """Return the generating function of the rivals' votes, at most m each, over 1 + t if t of them have m: [P, points].

    below, equal: [C, points], for an answer given c times, fewer than m votes and m votes. rivals: [P], descending, the
    number of answers given m times or more. ties: Gauss's nodes and weights for the most answers that can have m votes.
    """
    mean = np.zeros((len(incorrect), below.shape[1]), dtype=complex)
    product, factor = np.empty_like(mean), np.empty_like(mean)
    answers = np.ascontiguousarray(incorrect[:, : rivals[0]].T)
    ends = np.searchsorted(-rivals, -np.arange(rivals[0]))
    nodes, weights = ties
    for y, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        table = below + y * equal
        product[:] = weight
        for count, end in zip(answers, ends, strict=True):
            table.take(count[:end], axis=0, out=factor[:end], mode="clip")  # other modes make a copy
            product[:end] *= factor[:end]
        mean += product
    return mean


_gauss = cache(np.polynomial.legendre.leggauss)


def _points(n: int, k: int) -> int:
    """Return an odd number of points, enough for a coefficient of z^k.

    A sum over the points includes the coefficients of z^(k + j points) for all j. For any bound on the votes those are
    at most as in Binomial(n, k/n), where they are negligible against that of z^k.
    """
    more, fewer = np.arange(k, n), np.arange(k, 0, -1)
    beside = np.zeros(max(k, n - k) + 1)  # at a distance of 1, 2, ... from k, over the one at k
    beside[: n - k] += np.cumprod((n - more) / (more + 1) * (k / max(n - k, 1)))
    beside[:k] += np.cumprod(fewer / (n - fewer + 1) * ((n - k) / k))
    farther = np.cumsum(beside[::-1])[::-1]
    return (int(np.argmax(farther <= _NOTHING)) + 1) | 1


def _how_many(counts: NDArray, most: int) -> NDArray[np.int64]:
    """Return how many answers were given 0 .. most times, [P, most + 1], with an empty first column."""
    few = (counts > 0) & (counts <= most)
    place = (np.arange(len(counts))[:, None] * (most + 1) + counts)[few]
    return np.bincount(place, minlength=len(counts) * (most + 1)).reshape(len(counts), -1)


def _binomials(n: int, q: float, k: int) -> Floats:
    """Return Binomial(size, q) at 0..k for size 0..n, [n + 1, k + 1], by Pascal's rule: sums of non-negative terms."""
    table = np.zeros((n + 1, k + 1))
    table[0, 0] = 1
    for size in range(n):
        table[size + 1] = (1 - q) * table[size]
        table[size + 1, 1:] += q * table[size, :-1]
    return table
