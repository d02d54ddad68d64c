import numpy as np
import pytest
import scipy.stats

from passk.statistics.bootstrap import mean_interval
from passk.statistics.seeds import difference_over_seeds, exact_share, mean_over_seeds
from tests.unit.each import every


def test_seeds_that_agree_give_the_interval_of_the_problems():
    values = np.random.default_rng(0).random(200)
    estimate, alone = mean_over_seeds([values] * 3), mean_interval(values)
    assert estimate.value == pytest.approx(alone.value)
    assert (estimate.low, estimate.high) == pytest.approx((alone.low, alone.high), abs=0.003)


def test_seeds_that_differ_widely_are_a_t_interval_of_their_means():
    means = np.array([0.3, 0.5, 0.7])
    estimate = mean_over_seeds(np.tile(means[:, None], 500))
    half = scipy.stats.t.ppf(0.975, 2) * means.std(ddof=1) / 3**0.5
    assert (estimate.low, estimate.high) == pytest.approx((max(0.5 - half, 0), min(0.5 + half, 1)), abs=1e-6)


def test_two_methods_of_several_seeds_are_welchs_test_where_seeds_are_all_the_noise():
    a, b = np.array([0.30, 0.33, 0.36, 0.35]), np.array([0.22, 0.25, 0.21])
    found = difference_over_seeds(np.tile(a[:, None], 50), np.tile(b[:, None], 50))
    theirs = scipy.stats.ttest_ind(a, b, equal_var=False)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6)
    back = difference_over_seeds(np.tile(b[:, None], 50), np.tile(a[:, None], 50))
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=1e-6)


def test_nothing_solved_by_any_seed_is_not_certain():
    assert mean_over_seeds(np.zeros((3, 100))) == mean_interval(np.zeros(100))
    none = difference_over_seeds(np.zeros((3, 100)), np.zeros((2, 100)))
    assert none.p == 1 and none.low < 0 < none.high


def test_intervals_over_three_seeds_hold_the_truth():
    rng = np.random.default_rng(2)
    held = 0
    for trial in range(300):
        problems, seeds = rng.normal(0.5, 0.1, 60), rng.normal(0, 0.05, (3, 1))
        table = np.clip(problems + seeds + rng.normal(0, 0.05, (3, 60)), 0, 1)
        estimate = mean_over_seeds(table, draws=300, seed=trial)
        held += estimate.low <= 0.5 <= estimate.high
    assert 0.92 <= held / 300 <= 0.99


@pytest.mark.parametrize("values", [[[0.5, 0.5]], [0.5, 0.5], [[0.5], [1.5]]])
def test_one_seed_says_nothing_of_others(values):
    with pytest.raises(ValueError, match=r"^values: "):
        mean_over_seeds(values)
    with pytest.raises(ValueError, match=r"^b: "):
        difference_over_seeds(np.zeros((2, 2)), values)


def test_methods_are_compared_on_the_same_problems():
    with pytest.raises(ValueError, match="b: must have the 3 problems of a, not 2"):
        difference_over_seeds(np.zeros((2, 3)), np.zeros((2, 2)))


@every(("successes", "runs"), [(0, 7), (7, 7), (4, 5), (1, 2), (0, 1), (13, 40)])
def test_a_share_of_runs_has_the_exact_binomial_interval(successes, runs):
    share = exact_share(successes, runs)
    exact = scipy.stats.binomtest(successes, runs).proportion_ci(0.95, method="exact")
    assert (share.low, share.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert share.value == successes / runs


@pytest.mark.parametrize(("successes", "runs"), [(0, 0), (3, 2), (-1, 2)])
def test_a_share_of_no_runs_is_refused(successes, runs):
    with pytest.raises(ValueError, match="^successes: "):
        exact_share(successes, runs)
