"""Closed forms in rationals of the estimators of 2026, as those of closed.py.

test_precision_published.py holds them to the enumerations of exact_published.py.
"""

from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import accumulate
from math import comb

import mpmath

from tests.unit.advantage.arithmetic import power
from tests.unit.advantage.closed import Sorted, choose, whole

_comb = cache(comb)

# Real rewards, by rank


def remax(x: Sorted, m):
    """Rank -> the integral of P(best of m - 1 draws < t) up to its reward, less the mean of these."""
    n, ends = x.n, range(1, x.n)
    if m == int(m):
        shares, scale = [i ** int(m - 1) for i in ends], n ** int(m - 1)
    else:
        shares, scale = [power(Fraction(i, n), Fraction(m) - 1) for i in ends], 1
    steps = [(b - a) * share for a, b, share in zip(x.whole, x.whole[1:], shares, strict=False)]
    gains = [0, *accumulate(steps)]
    total = sum(gains)
    return lambda i: Fraction(n * gains[i] - total) / (n * scale * x.scale)


def ordergrad(x: Sorted, k, statistic, place):
    """Rank -> N/k times the statistic's mean over all sets, less its mean over those without the rollout."""
    n, (all_sets, of_all), (others, of_others) = (
        x.n,
        _ranked(x.n, k, statistic, place),
        _ranked(x.n - 1, k, statistic, place),
    )
    mean = Fraction(sum(w * g for w, g in zip(all_sets, x.whole, strict=True)), of_all)
    lower = [0, *accumulate(w * g for w, g in zip(others, x.whole, strict=False))]
    higher = [0, *accumulate(w * g for w, g in zip(others, x.whole[1:], strict=True))]
    return lambda i: Fraction(n, k) * (mean - Fraction(lower[i] + higher[-1] - higher[i], of_others)) / x.scale


@cache
def _ranked(n, k, statistic, place):
    """Weights of the sorted rewards in the mean over the sets of k of n, and what they are over."""
    every = comb(n - 1, k - 1)
    if statistic == "quantile":
        lower, higher = choose(n - 1, place - 1), choose(n - 1, k - place)
        return [k * lower[p] * higher[n - 1 - p] for p in range(n)], n * every
    # Sets in which fewer than `place` of the other k - 1 lie below rank p: one rank more loses those with place - 1
    fewer = [every]
    lower, higher = choose(n - 2, place - 1), choose(n - 2, k - 1 - place)
    for p in range(n - 1):
        fewer.append(fewer[-1] - (lower[p] * higher[n - 2 - p] if place < k else 0))
    return [k * ways for ways in (fewer if statistic == "cvar" else fewer[::-1])], n * every * place


@cache
def best_of(k):
    """Expected largest of k standard normal numbers, by numerical integration."""
    with mpmath.workdps(30):
        return mpmath.quad(lambda t: 1 - mpmath.ncdf(t) ** k - mpmath.ncdf(-t) ** k, [0, 1, 2, 4, 6, 9, 14])


@cache
def tail_coefficient(n, k, size):
    """(e_k - m) / s of tail extrapolation, to 20 digits and more."""
    with mpmath.workdps(30):
        best, mean, sigma = best_of(k), mpmath.mpf(0), mpmath.mpf(1)
        if size < n:
            threshold = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.mpf(size) / n)
            mean = mpmath.npdf(threshold) * n / size
            sigma = mpmath.sqrt(1 + threshold * mean - mean**2)
        return Fraction(str((best - mean) / sigma))


# Answers


def polychromic(values, answers, k):
    """i -> (N - k)/k times the mean over all sets, less that over the sets without i."""
    w, scale = whole(values)
    n, all_rewards, sizes, sums = len(w), sum(w), Counter(answers), Counter()
    for value, answer in zip(w, answers, strict=True):
        sums[answer] += value

    def mean(without=None):
        """Mean over the sets of the sum of rewards times the number of answers."""
        size, total = n - (without is not None), all_rewards - (w[without] if without is not None else 0)
        every, found = comb(size - 1, k - 1), 0
        for answer in sizes.keys() - {None}:
            own = without is not None and answers[without] == answer
            members, reward = sizes[answer] - own, sums[answer] - (w[without] if own else 0)
            if members:
                found += total * every - (total - reward) * _comb(max(0, size - 1 - members), k - 1)
        return Fraction(found * k, size * every)

    of_all = mean()
    return lambda i: Fraction(n - k, k) * (of_all - mean(i)) / (k**2 * scale)


def voted(correct, rivals, silent, k):
    """Mean of the vote over the sets of k, by how many rollouts of each kind they have."""
    sizes = [correct, *rivals]

    def sets(left, votes):
        if len(votes) == len(sizes):
            front = votes.count(max(votes)) if left <= silent and votes[0] and votes[0] == max(votes) else 0
            return Fraction(comb(silent, left), front) if front else 0
        size = sizes[len(votes)]
        return sum(comb(size, v) * sets(left - v, (*votes, v)) for v in range(min(size, left) + 1))

    return Fraction(sets(k, ())) / comb(sum(sizes) + silent, k)


def vote_k(correct, rivals, silent, k):
    """Advantages of a correct rollout, of one of each rival, and of a silent one; None if there is none."""
    sizes = [correct, *rivals, silent]
    n, of_all = sum(sizes), voted(correct, rivals, silent, k)
    found = []
    for kind, size in enumerate(sizes):
        fewer = [count - (at == kind) for at, count in enumerate(sizes)]
        found.append(Fraction(n, k) * (of_all - voted(fewer[0], fewer[1:-1], fewer[-1], k)) if size else None)
    return found
