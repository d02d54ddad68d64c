import itertools
import math
import time
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats

from passk.statistics.bootstrap import Estimate, bayesian, bca, bootstrap_means, intervals, mean_interval
from passk.statistics.paired import paired_difference
from passk.statistics.pass_at_k import pass_at_k
from tests.unit.each import every


def test_a_large_symmetric_sample_gets_the_normal_interval():
    values = np.random.default_rng(1).random(600)
    half = 1.959964 * values.std() / 600**0.5
    estimate = mean_interval(values)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.001)


def test_the_interval_is_bca_by_enumeration_of_all_resamples():
    values = np.array([0.01, 0.12, 0.25, 0.3, 0.45, 0.75])
    means = np.array([sum(draw) for draw in itertools.product(values, repeat=6)]) / 6
    normal = NormalDist()
    bias = normal.inv_cdf(np.mean(means < values.mean()))
    left_out = np.array([np.delete(values, i).mean() for i in range(6)])  # the jackknife itself
    pulls = left_out.mean() - left_out
    acceleration = (pulls**3).sum() / (6 * (pulls**2).sum() ** 1.5)
    edges = [normal.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (-1.959964, 1.959964)]
    low, high = np.quantile(means, edges)
    estimate = mean_interval(values, draws=200_000)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.004)


def test_a_skewed_sample_gets_a_skewed_interval_within_the_scores():
    values = np.zeros(200)
    values[:4] = 1
    estimate = mean_interval(values)
    assert estimate.value == pytest.approx(0.02)
    assert 0 < estimate.low < estimate.value < estimate.high < 1
    assert estimate.high - estimate.value > 1.3 * (estimate.value - estimate.low)
    mirrored = mean_interval(1 - values)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((estimate.low, estimate.high), abs=0.006)


@pytest.mark.parametrize("count", [1, 20, 200])
def test_all_incorrect_and_all_correct_get_wilsons_interval(count):
    bound = 1.959964**2 / (count + 1.959964**2)
    for value, low, high in ((0.0, 0.0, bound), (1.0, 1 - bound, 1.0)):
        estimate = mean_interval(np.full(count, value))
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high), abs=1e-7)


def test_equal_scores_between_0_and_1_and_equal_checkpoints_are_not_certain_either():
    bound = 1.959964**2 / (100 + 1.959964**2)
    same = mean_interval(np.full(100, 0.25))
    assert (same.low, same.high) == pytest.approx((0.25 - bound * 0.25, 0.25 + bound * 0.75))
    none = paired_difference(np.full(100, 0.1) + 0.2, np.full(100, 0.3))  # not equal in binary
    assert (none.low, none.high) == pytest.approx((-bound, bound)) and abs(none.value) < 1e-15


def test_the_same_scores_give_the_same_interval_in_any_order_and_another_seed_another():
    values = np.random.default_rng(0).random(50)
    assert mean_interval(values) == mean_interval(values) == mean_interval(values[::-1])
    assert mean_interval(values, seed=1) != mean_interval(values)


def test_bca_is_that_of_scipy():
    values = np.random.default_rng(3).beta(1, 2, 80)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=40_000, method="BCa", rng=0).confidence_interval
    estimate = mean_interval(values, draws=40_000)
    assert (estimate.low, estimate.high) == pytest.approx(
        (theirs.low, theirs.high), abs=0.02 * (theirs.high - theirs.low)
    )


def test_weights_of_few_values_are_those_of_drawn_problems():
    rng = np.random.default_rng(0)
    few = pass_at_k(4, rng.integers(0, 5, 2000), 2)
    alone, beside = bootstrap_means(few[:, None], 20_000, 0), bootstrap_means(rng.random((2000, 1)), 20_000, 0)
    assert alone.std() == pytest.approx(few.std() / 2000**0.5, rel=0.02)
    assert alone.mean() == pytest.approx(few.mean(), abs=5 * alone.std() / 20_000**0.5)
    assert beside.std() == pytest.approx((1 / 12 / 2000) ** 0.5, rel=0.02)


def test_figures_share_their_draws():
    values = np.random.default_rng(0).random(300)
    means = bootstrap_means(np.column_stack([values, values**2, 1 - values]), 500, 0)
    assert means[:, 0] + means[:, 2] == pytest.approx(np.ones(500))
    assert np.corrcoef(means[:, 0], means[:, 1])[0, 1] > 0.9


def test_problems_that_have_nothing_to_tell_are_left_out():
    values = np.random.default_rng(0).random(400)
    values[:100] = np.nan
    with_gaps, without = (intervals(v[:, None], [(0.0, 1.0)], 20_000, 0)[0] for v in (values, values[100:]))
    assert with_gaps.value == pytest.approx(without.value)
    assert (with_gaps.low, with_gaps.high) == pytest.approx((without.low, without.high), abs=0.003)
    none = intervals(np.full((3, 1), np.nan), [(0.0, 1.0)], 100, 0)[0]
    assert np.isnan([none.value, none.low, none.high]).all()


def test_a_few_problems_solved_of_many_get_what_their_kind_may_hold():
    values = np.zeros(30)
    values[:2] = 0.1, 0.05
    estimate = mean_interval(values)
    assert estimate.low <= estimate.value == pytest.approx(0.005) and estimate.high > 0.03
    resampled = bootstrap_means(values[:, None], 10_000, 0)
    assert estimate.high > 2 * np.quantile(resampled, 0.975)  # no resample holds a problem that was not sampled


@pytest.mark.parametrize(("zeros", "ones"), [(5, 3), (5, 400), (60, 40)])
def test_the_mean_of_two_values_is_a_beta_whether_few_or_many_are_equal(zeros, ones):
    values = np.repeat([0.0, 1.0], [zeros, ones])
    found = bayesian(values, (0.0, 1.0), 1 / 3, 40_000, 0)
    exact = scipy.stats.beta(ones + 1 / 3, zeros + 1 / 3).ppf([0.025, 0.975])
    assert found == pytest.approx(exact, abs=0.03 * (exact[1] - exact[0]))


def test_pairing_takes_out_how_hard_a_problem_is():
    rng = np.random.default_rng(0)
    hardness = rng.random(200)
    a = np.clip(hardness + 0.05 + rng.normal(0, 0.02, 200), 0, 1)
    paired, alone = paired_difference(a, hardness), mean_interval(a)
    assert paired.low > 0 and paired.high - paired.low < (alone.high - alone.low) / 5
    back = paired_difference(hardness, a)
    assert (back.value, back.low, back.high) == pytest.approx((-paired.value, -paired.high, -paired.low), abs=1e-3)
    assert paired.value == pytest.approx(np.mean(a - hardness))


def test_a_difference_is_of_the_problems_of_both_in_their_order():
    with pytest.raises(ValueError, match="b: must have the 3 problems of a, not 2"):
        paired_difference([0, 0, 1], [0, 1])


@every("values", [[], [[0.5]], [1.5], [-0.1, 0.5], [math.nan, 0.5], [math.inf]])
def test_what_is_not_a_row_of_scores_is_refused(values):
    with pytest.raises(ValueError, match=r"^values: "):
        mean_interval(values)
    with pytest.raises(ValueError, match=r"^b: "):
        paired_difference([0.5] * max(1, len(values)), values)


def test_two_problems_are_enough_to_be_asked_and_not_enough_to_know():
    assert mean_interval([0.0, 1.0]) == Estimate(0.5, 0.0, 1.0)


@pytest.mark.parametrize(("problems", "samples", "ability"), [(60, 32, (1.0, 1.0)), (200, 16, (0.3, 2.0))])
def test_intervals_hold_the_truth_about_95_times_in_100(problems, samples, ability):
    rng = np.random.default_rng(7)
    solve_rate = rng.beta(*ability, size=200_000)
    truth = float((1 - (1 - solve_rate) ** 4).mean())
    held = 0
    for trial in range(500):
        right = rng.binomial(samples, rng.beta(*ability, size=problems))
        estimate = mean_interval(pass_at_k(samples, right, 4), draws=1000, seed=trial)
        held += estimate.low <= truth <= estimate.high
    assert 0.92 <= held / 500 <= 0.98


def unbounded(values, draws=10_000, seed=0):
    return intervals(np.asarray(values, dtype=float)[:, None], [None], draws, seed)[0]


def test_an_interval_without_ends_is_the_bootstrap_t_by_enumeration_of_all_resamples():
    values = np.array([3.0, 4.0, 5.5, 7.0, 11.0, 16.0])
    resamples = np.array(list(itertools.product(values, repeat=6)))
    off, spread = resamples.mean(axis=1) - values.mean(), resamples.std(axis=1)
    low, high = np.quantile(off / np.maximum(spread, values.std() / 4), (0.025, 0.975))
    estimate = unbounded(values, draws=200_000)
    assert (estimate.low, estimate.high) == pytest.approx(
        (values.mean() - high * values.std(), values.mean() - low * values.std()), abs=0.15
    )


@pytest.mark.parametrize(("sigma", "least"), [(0.8, 0.90), (1.2, 0.875)])
def test_intervals_of_lengths_hold_the_truth_more_often_than_bca(sigma, least):
    rng, truth = np.random.default_rng(7), math.exp(sigma**2 / 2)
    held, by_bca = 0, 0
    for trial in range(400):
        lengths = rng.lognormal(0, sigma, 30)
        estimate = unbounded(lengths, 500, trial)
        held += estimate.low <= truth <= estimate.high
        low, high = bca(bootstrap_means(lengths[:, None], 500, trial)[:, 0], lengths)
        by_bca += low <= truth <= high
    assert held / 400 > least and held >= by_bca + 10


def test_an_interval_of_lengths_moves_and_stretches_with_its_values_and_turns_with_their_sign():
    values = np.random.default_rng(2).lognormal(0, 1, 40)
    here, there, turned = unbounded(values), unbounded(1000 + 8 * values), unbounded(-values)
    assert (there.low, there.high) == pytest.approx((1000 + 8 * here.low, 1000 + 8 * here.high))
    assert (-turned.high, -turned.low) == pytest.approx((here.low, here.high), abs=0.05)
    assert here == unbounded(values[::-1])
    assert unbounded(np.append(values, np.nan)) == here  # a mean and its spread are of the same draws


def test_a_few_short_answers_among_many_of_one_length_do_not_make_an_interval_of_any_width():
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = np.append(16 - 0.01 * rng.random(27), [4.0, 6.0, 9.0])
        estimate = unbounded(lengths, 2000)
        assert estimate.low < estimate.value < estimate.high and estimate.high - estimate.low < 8


def test_ten_thousand_draws_over_600_problems_take_well_under_a_second():
    values = np.random.default_rng(0).random(600)
    start = time.process_time()
    mean_interval(values)
    assert time.process_time() - start < 1


def test_memory_does_not_grow_with_problems_times_draws():
    import tracemalloc

    values = np.random.default_rng(0).random(20_000)
    tracemalloc.start()
    mean_interval(values, draws=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20  # all at once would be 480 MiB
