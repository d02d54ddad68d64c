import math
from fractions import Fraction

import numpy as np
import pytest

from passk.statistics.pass_at_k import (
    avg_at_n,
    distinct_incorrect,
    pass_at_k,
    pass_hat_k,
    share,
    token_mean,
)
from tests.unit.each import every


@every("n", [1, 2, 5, 16, 32, 100, 256])
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


@every(
    ("n", "c", "k", "message"),
    [
        ([16, 8], 1, 9, "k: pass@9 needs 9 samples or more, not n = 8"),
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


@every("n", [1, 7, 32, 256])
def test_all_of_k_correct_is_exact_too_and_of_one_it_is_pass_1(n):
    for k in {1, 2, 3, n // 2, n - 1, n} & set(range(1, n + 1)):
        for c in {0, 1, k - 1, k, n - 1, n}:
            exact = Fraction(math.comb(c, k), math.comb(n, k))
            assert abs(Fraction(float(pass_hat_k(n, c, k))) - exact) < Fraction(1, 10**12)
    assert pass_hat_k(n, np.arange(n + 1), 1) == pytest.approx(pass_at_k(n, np.arange(n + 1), 1), abs=1e-12)


@pytest.mark.parametrize("n", [1000, 10_000])
def test_both_are_exact_to_1e_12_for_ten_thousand_samples(n):
    spread = [1, 2, 10, n // 100, n // 4, n // 2, n - 2, n]
    for k in spread:
        sets = math.comb(n, k)
        for c in spread:
            wrong, right = Fraction(math.comb(n - c, k), sets), Fraction(math.comb(c, k), sets)
            assert abs(Fraction(float(pass_at_k(n, c, k))) - (1 - wrong)) < Fraction(1, 10**12)
            assert abs(Fraction(float(pass_hat_k(n, c, k))) - right) < Fraction(1, 10**12)


def test_it_has_the_values_of_humanevals_published_estimator():
    def published(n, c, k):  # Chen et al. 2021, Fig. 3
        if n - c < k:
            return 1.0
        return 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))

    for n in (5, 100, 200):
        for k in (1, 5, 10, 100):
            if k <= n:
                ours = pass_at_k(n, np.arange(n + 1), k)
                assert ours == pytest.approx([published(n, c, k) for c in range(n + 1)], abs=1e-12)


def test_problems_may_differ_in_their_number_of_samples():
    n, c = np.array([4, 8, 4, 16]), np.array([1, 1, 0, 16])
    assert pass_at_k(n, c, 2).tolist() == pytest.approx([1 / 2, 1 / 4, 0, 1])


def test_a_mean_score_is_of_the_problems_own_samples():
    assert avg_at_n([[0, 1, 0.5, 0.5], [1, 1, 1, 0]]).tolist() == [0.5, 0.75]


def test_distinct_answers_are_counted_among_the_incorrect_ones_that_have_one():
    answers = np.array([[1, 1, 2, 7], [1, 2, 3, 7], [7, 7, 7, 7], [-1, -1, 5, 7], [-1, -1, -1, 7]])
    assert distinct_incorrect(answers, answers == 7) == pytest.approx([2 / 3, 1, np.nan, 1, np.nan], nan_ok=True)


def test_a_token_weighs_the_same_in_a_long_response_as_in_a_short_one():
    means, tokens = [[-1.0, -3.0], [-2.0, np.nan], [np.nan, np.nan]], [[30, 10], [5, 0], [0, 0]]
    assert token_mean(means, tokens) == pytest.approx([-1.5, -2, np.nan], nan_ok=True)


def test_less_the_log_probability_of_what_was_sampled_is_the_entropy():
    rng = np.random.default_rng(0)
    p = np.array([0.5, 0.25, 0.2, 0.05])
    drawn = np.log(p)[rng.choice(4, size=(1, 400, 100), p=p)]
    entropy = -float((p * np.log(p)).sum())
    assert -token_mean(drawn.mean(axis=2), np.full((1, 400), 100))[0] == pytest.approx(entropy, abs=0.01)


def test_the_share_is_of_a_problems_samples():
    assert share(np.array([[True, False], [True, True]])).tolist() == [0.5, 1.0]


@every(
    ("call", "message"),
    [
        (lambda: avg_at_n([1, 0]), "scores: must have shape [problems, samples], not (2,)"),
        (lambda: share([[0.5]]), "marked: must be booleans of shape [problems, samples], not float64 of (1, 1)"),
        (lambda: share(np.zeros((2, 0), bool)), "marked: must be booleans of shape"),
        (lambda: distinct_incorrect([["a"]], [[True]]), "answers: must be (1, 1) whole numbers, -1 for no answer"),
        (lambda: token_mean([[1.0]], [[-1]]), "tokens: must be (1, 1) counts, one per sample"),
    ],
)
def test_what_has_another_shape_is_refused_by_name(call, message):
    with pytest.raises(ValueError) as raised:
        call()
    assert str(raised.value).startswith(message)
