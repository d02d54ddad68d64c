import itertools
import math
import time
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest

from passk.evaluate.compare import paired_difference
from passk.evaluate.estimators import pass_at_k
from passk.evaluate.intervals import Estimate, mean_interval


@pytest.mark.parametrize("n", [1, 2, 5, 16, 32, 100, 256])
def test_pass_at_k_is_exact_for_every_count_and_k(n):
    c, k = np.meshgrid(np.arange(n + 1), np.arange(1, n + 1), indexing="ij")
    computed = pass_at_k(n, c, k)
    steps = range(0, n + 1) if n <= 32 else [0, 1, 2, n // 3, n // 2, n - 2, n - 1, n]
    for right in steps:
        for drawn in range(1, n + 1):
            exact = 1 - Fraction(math.comb(n - right, drawn), math.comb(n, drawn))
            assert abs(Fraction(float(computed[right, drawn - 1])) - exact) < Fraction(1, 10**12)


def test_pass_at_k_by_hand():
    assert pass_at_k(4, [0, 1, 2, 3, 4], 2).tolist() == pytest.approx([0, 1 / 2, 5 / 6, 1, 1])
    assert pass_at_k(4, 1, 4) == 1  # verl's resampling with replacement says .684
    assert pass_at_k([4, 8], [1, 2], 1).tolist() == [0.25, 0.25]


def test_pass_at_k_broadcasts_and_takes_whole_floats_as_a_database_sums_them():
    assert pass_at_k(8, np.array([1.0, 2.0]), np.array([[1], [8]])).tolist() == [[0.125, 0.25], [1, 1]]
    assert pass_at_k(8, np.array([], dtype=int), 4).shape == (0,)
    assert pass_at_k(np.int32(8), 0, 8) == 0


@pytest.mark.parametrize(
    ("n", "c", "k", "message"),
    [
        ([16, 8], 1, 9, "k: pass@9 needs as many samples, and n is 8"),
        (8, 1, 0, "k: must be 1 or more, not 0"),
        (8, 9, 1, "c: must be from 0 to n = 8, not 9"),
        (8, [1, -1], 1, "c: must be from 0 to n = 8, not -1"),
        (8, 0.5, 1, "c: must be whole numbers"),
        (8, math.nan, 1, "c: must be whole numbers"),
        (8, True, 1, "c: must be whole numbers"),
    ],
)
def test_pass_at_k_refuses_what_it_is_not_defined_for(n, c, k, message):
    with pytest.raises(ValueError) as raised:
        pass_at_k(n, c, k)
    assert str(raised.value) == message


def test_a_large_symmetric_sample_gets_the_normal_interval():
    values = np.random.default_rng(1).random(600)
    half = 1.959964 * values.std() / 600**0.5
    estimate = mean_interval(values)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.001)


def test_the_interval_is_bca_by_enumeration_of_all_resamples():
    values = np.array([0.01, 0.02, 0.05, 0.1, 0.3, 0.95])
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
def test_all_wrong_and_all_right_get_wilsons_interval(count):
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


@pytest.mark.parametrize("values", [[], [[0.5]], [1.5], [-0.1, 0.5], [math.nan, 0.5], [math.inf]])
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
