import itertools

import numpy as np
import pytest
import scipy.stats

from passk.statistics.paired import compare, holm, sign_flip_p


def test_the_p_value_of_few_problems_is_by_all_signs():
    differences = np.array([0.5, 0.25, -0.125, 0.0, 0.25])
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=5)
    ]
    exact = np.mean(np.array(sums) >= 0.875 - 1e-9)
    assert sign_flip_p(np.clip(differences, 0, 1), np.clip(-differences, 0, 1)) == exact


def test_with_many_it_is_scipys_permutation_test():
    rng = np.random.default_rng(5)
    a, b = rng.binomial(8, 0.45, 60) / 8, rng.binomial(8, 0.36, 60) / 8
    theirs = scipy.stats.permutation_test((a, b), lambda x, y: np.mean(x - y), permutation_type="samples", rng=0)
    assert 0.001 < theirs.pvalue < 0.5
    assert sign_flip_p(a, b, draws=40_000) == pytest.approx(theirs.pvalue, rel=0.15)


@pytest.mark.parametrize("number", [15, 16, 17])
def test_every_sign_is_drawn_where_there_are_too_many_to_try_all(number):
    sizes = 0.8 ** np.arange(number)
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    down = np.arange(number) % 3 == 1
    exact = np.mean(np.abs(sums) >= abs(sizes[~down].sum() - sizes[down].sum()) - 1e-9)
    p = sign_flip_p(np.where(down, 0, sizes), np.where(down, sizes, 0), draws=40_000)
    assert 0.1 < exact < 0.9 and p == pytest.approx(exact, abs=0.012)
    other = np.random.default_rng(1).permutation(number)
    assert sign_flip_p(np.where(down, 0, sizes)[other], np.where(down, sizes, 0)[other], draws=40_000) == p


def test_equal_checkpoints_are_not_different_and_the_smallest_p_is_that_of_the_draws():
    assert sign_flip_p([0.1, 0.5], [0.1, 0.5]) == 1
    assert sign_flip_p(np.ones(100), np.zeros(100), draws=999) == 0.001
    assert sign_flip_p([0.1 + 0.2], [0.3]) == 1  # not equal in binary


def test_its_error_rate_is_the_nominal_one():
    rng = np.random.default_rng(0)
    p = [sign_flip_p(rng.binomial(8, 0.3, 40) / 8, rng.binomial(8, 0.3, 40) / 8, 400, i) for i in range(500)]
    assert 0.025 < np.mean(np.array(p) <= 0.05) < 0.08


def test_interval_and_p_value_go_together():
    rng = np.random.default_rng(0)
    a, b = rng.random(200), rng.random(200)
    shifted = compare(0.5 + a / 2, 0.4 + a / 2)
    assert shifted.low <= shifted.value == pytest.approx(0.1) and shifted.p < 0.001
    none = compare(a, b)
    assert (none.low < 0 < none.high) == (none.p > 0.05)


def test_holm_is_as_he_published_it():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9, 0.04]).tolist() == pytest.approx([1.0, 1.0, 0.12])
    assert holm([]).tolist() == [] and holm([0.2]).tolist() == [0.2]
    with pytest.raises(ValueError, match="p: must be a row of numbers from 0 to 1"):
        holm([0.1, np.nan])


def test_of_many_equal_pairs_holm_calls_few_different():
    rng = np.random.default_rng(1)
    families = [holm(rng.random(20)).min() <= 0.05 for _ in range(2000)]
    assert np.mean(families) == pytest.approx(0.05, abs=0.015)
