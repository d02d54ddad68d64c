"""The metrics from counts against all sets of k samples, in fractions."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from passk.statistics.counts import bayes_at_n, best_of_k, cover_at, g_pass_at_k, mean_g_pass_at_k
from passk.statistics.pass_at_k import pass_at_k, pass_hat_k
from tests.unit.each import every

TAUS = (0.05, 0.25, 0.5, 0.55, 0.7, 0.75, 1.0)


def g_pass(n, c, k, tau):
    """Over all sets of k of n samples, the first c of which are correct."""
    least = Fraction(str(tau)) * k
    sets = list(combinations(range(n), k))
    return Fraction(sum(sum(sample < c for sample in drawn) >= least for drawn in sets), len(sets))


@every("n", [1, 2, 5, 8])
def test_g_pass_is_the_share_of_sets_with_enough_correct_samples(n):
    for c in range(n + 1):
        for k in range(1, n + 1):
            for tau in TAUS:
                exact = g_pass(n, c, k, tau)
                assert abs(Fraction(float(g_pass_at_k(n, c, k, tau))) - exact) < Fraction(1, 10**12)
            levels = range(math.ceil(k / 2) + 1, k + 1)
            mean = Fraction(2, k) * sum(g_pass(n, c, k, Fraction(i, k)) for i in levels)
            assert abs(Fraction(float(mean_g_pass_at_k(n, c, k))) - mean) < Fraction(1, 10**12)


@pytest.mark.parametrize("n", [32, 256, 1000])
def test_g_pass_is_exact_for_many_samples_and_has_its_two_ends(n):
    for c in (0, 1, n // 3, n - 1, n):
        for k in (1, 8, n // 2, n):
            least = math.ceil(Fraction(7, 10) * k)
            ways = sum(math.comb(c, j) * math.comb(n - c, k - j) for j in range(least, min(c, k) + 1))
            exact = Fraction(ways, math.comb(n, k))
            assert abs(Fraction(float(g_pass_at_k(n, c, k, 0.7))) - exact) < Fraction(1, 10**10)
            assert g_pass_at_k(n, c, k, 1.0) == pytest.approx(pass_hat_k(n, c, k), abs=1e-10)
            assert g_pass_at_k(n, c, k, 1 / k) == pytest.approx(pass_at_k(n, c, k), abs=1e-10)


def test_cover_counts_problems_with_that_share_and_takes_tau_as_written():
    assert cover_at(20, [0, 10, 11, 20], 0.55).tolist() == [0, 0, 1, 1]
    assert cover_at([10, 3], [7, 1], 0.7).tolist() == [1, 0]
    assert cover_at(3, [0, 1], 1e-9).tolist() == [0, 1]


@every("tau", [0, -1, 1.01, math.nan])
def test_another_threshold_is_refused(tau):
    for metric in (lambda: cover_at(1, 1, tau), lambda: g_pass_at_k(1, 1, 1, tau)):
        with pytest.raises(ValueError, match=r"^tau: must be above 0 and at most 1, not "):
            metric()


def test_bayes_is_the_mean_of_the_posteriors_and_its_interval_their_spread():
    n, c = np.array([4, 4, 10]), np.array([0, 4, 3])
    means = [Fraction(1 + right, 2 + all_) for all_, right in zip(n.tolist(), c.tolist(), strict=True)]
    variances = [m * (1 - m) / (3 + all_) for m, all_ in zip(means, n.tolist(), strict=True)]
    found = bayes_at_n(n, c)
    assert found.value == pytest.approx(float(sum(means) / 3), abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(1.959963984540054 * math.sqrt(sum(variances)) / 3, abs=1e-12)
    # the posterior of one problem by integration over a grid
    p = (np.arange(10**5) + 0.5) / 10**5
    weight = p**3 * (1 - p) ** 7
    mean = (weight * p).sum() / weight.sum()
    spread = math.sqrt((weight * (p - mean) ** 2).sum() / weight.sum())
    one = bayes_at_n([10], [3])
    assert (one.value, (one.high - one.low) / 2) == pytest.approx((mean, 1.959963984540054 * spread), abs=1e-8)


def test_best_of_k_is_the_mean_over_all_sets_and_ties_share():
    draw = np.random.default_rng(0)
    for n in (1, 3, 6):
        for scores in (draw.normal(size=n), draw.integers(0, 2, n), np.zeros(n)):
            correct = draw.random(n) < 0.5
            for k in range(1, n + 1):
                total = Fraction(0)
                for drawn in combinations(range(n), k):
                    best = [i for i in drawn if scores[i] == max(scores[j] for j in drawn)]
                    total += Fraction(sum(bool(correct[i]) for i in best), len(best))
                exact = total / math.comb(n, k)
                assert best_of_k([correct], [scores], k)[0] == pytest.approx(float(exact), abs=1e-12)


def test_best_of_k_of_a_problem_without_a_score_is_nan_and_k_is_bounded():
    assert math.isnan(best_of_k([[True, False]], [[0.0, math.nan]], 1)[0])
    with pytest.raises(ValueError, match="^k: best-of-3 needs k from 1 to 2, the number of samples$"):
        best_of_k([[True, False]], [[0.0, 0.0]], 3)
