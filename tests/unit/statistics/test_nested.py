import numpy as np
import pytest
from scipy.stats import ttest_rel

from passk.statistics.bootstrap import mean_interval
from passk.statistics.nested import crossed_p, difference_crossed, difference_nested, mean_nested, nested_p
from passk.statistics.paired import paired_difference, sign_flip_p
from tests.unit.each import every


def drawn(rng, seeds, problems, spread, shift=0.0):
    """Scores of seeds that are better or worse as a whole, each with problems of its own."""
    return [np.clip(rng.normal(0.5 + shift + rng.normal(0, spread), 0.15, problems), 0, 1) for _ in range(seeds)]


def test_the_mean_gives_each_seed_the_same_weight_however_many_problems_it_has():
    estimate = mean_nested([[0.0] * 30 + [1.0] * 10, [1.0] * 5 + [0.0] * 5])
    assert estimate.value == pytest.approx((0.25 + 0.5) / 2)
    assert estimate.low < estimate.value < estimate.high


def test_seeds_that_differ_widen_the_interval_beyond_what_problems_alone_give():
    rng = np.random.default_rng(0)
    rows = drawn(rng, 3, 100, 0.1)
    nested, pooled = mean_nested(rows), mean_interval(np.concatenate(rows))
    assert nested.high - nested.low > 2 * (pooled.high - pooled.low)


def test_seeds_that_agree_do_not_widen_it():
    row = np.random.default_rng(1).random(100)
    nested, pooled = mean_nested([row, row[::-1], row]), mean_interval(np.tile(row, 3))
    assert nested.high - nested.low < 1.01 * (pooled.high - pooled.low)


@every("seeds", [2, 3, 5])
@every("spread", [0.0, 0.03, 0.1])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(seeds, spread):
    rng = np.random.default_rng(seeds)
    held = 0
    for _ in range(300):
        estimate = mean_nested(drawn(rng, seeds, 50, spread), draws=200)
        held += estimate.low <= 0.5 <= estimate.high
    assert held / 300 > 0.92


def test_pairing_by_seed_takes_out_what_a_seed_does_to_both():
    rng = np.random.default_rng(3)
    worse = drawn(rng, 3, 100, 0.1)
    better = [np.clip(row + 0.05, 0, 1) for row in worse]
    difference = difference_nested(better, worse)
    assert difference.low > 0.03 and difference.high < 0.06
    assert mean_nested(better).low < mean_nested(worse).high, "unpaired, the two overlap"


def test_one_way_to_differ_on_the_same_problems_is_as_sure_as_its_problems():
    rng = np.random.default_rng(4)
    a, b = rng.random((3, 80)), rng.random((3, 80)) * 0.5
    crossed, alone = difference_crossed(a, b), paired_difference(a.mean(axis=0), b.mean(axis=0))
    assert crossed.value == pytest.approx(alone.value)
    assert crossed.low <= alone.low and crossed.high >= alone.high


def test_nothing_solved_by_any_seed_still_has_an_interval():
    estimate = mean_nested([[0.0] * 50, [0.0] * 50])
    assert (estimate.value, estimate.low) == (0.0, 0.0) and 0 < estimate.high < 0.1
    both = difference_nested([[0.0] * 50] * 2, [[0.0] * 50] * 2)
    assert both.low < 0 < both.high


def test_what_cannot_be_a_score_or_a_second_seed_is_refused():
    with pytest.raises(ValueError, match="2 seeds"):
        mean_nested([[0.5, 0.5, 0.1]])
    with pytest.raises(ValueError, match="from 0 to 1"):
        mean_nested([[0.5], [1.5]])
    with pytest.raises(ValueError, match="shape"):
        difference_crossed(np.zeros((2, 3)), np.zeros((2, 4)))


def test_the_p_values_over_seeds_are_those_of_the_t_test_where_it_has_the_larger_one():
    """Of nested seeds scipy's paired t-test of their means; of crossed ones that do not differ that of problems."""
    rng = np.random.default_rng(4)
    a, b = np.stack(drawn(rng, 4, 50, 0.1, 0.05)), np.stack(drawn(rng, 4, 50, 0.1))
    theirs = ttest_rel(a.mean(axis=1), b.mean(axis=1)).pvalue
    assert nested_p(a, b) == pytest.approx(max(theirs, sign_flip_p(a.ravel(), b.ravel())))
    assert theirs > sign_flip_p(a.ravel(), b.ravel()), "the t-test decides nothing, and the test shows nothing"
    row, other = a[0], b[0]
    same = crossed_p(np.stack([row] * 3), np.stack([other] * 3))
    assert same == pytest.approx(max(ttest_rel(row, other).pvalue, sign_flip_p(row, other)), rel=0.05)
    assert crossed_p(a, b) > same / 1e6 and crossed_p(a, a) == nested_p(a, a) == 1.0


@pytest.mark.parametrize(("p_of", "interval_of"), [(crossed_p, difference_crossed), (nested_p, difference_nested)])
def test_a_p_value_is_below_5_percent_where_the_interval_is_clear_of_zero(p_of, interval_of):
    rng = np.random.default_rng(11)
    agree = []
    for _ in range(200):
        a, b = drawn(rng, 3, 40, 0.05, 0.04), drawn(rng, 3, 40, 0.05)
        found = interval_of(a, b, draws=400)
        agree.append((p_of(a, b, draws=400) < 0.05) == (found.low > 0 or found.high < 0))
    assert np.mean(agree) > 0.97


@pytest.mark.parametrize("spread", [0.02, 0.05, 0.15])
def test_few_seeds_that_differ_much_on_the_same_problems_do_not_pass_for_a_difference(spread):
    rng = np.random.default_rng(7)
    clear = []
    for _ in range(300):
        problems = rng.uniform(0.3, 0.7, 60)
        a, b = (
            np.clip(problems + spread * rng.normal(size=(3, 1)) + 0.05 * rng.normal(size=(3, 60)), 0, 1)
            for _ in range(2)
        )
        found = difference_crossed(a, b, draws=200)
        clear.append(found.low > 0 or found.high < 0)
    assert np.mean(clear) <= 0.08


def test_where_the_two_are_alike_a_p_value_below_5_percent_is_as_rare_as_that():
    rng = np.random.default_rng(11)
    found = [nested_p(drawn(rng, 3, 40, 0.05), drawn(rng, 3, 40, 0.05), draws=200) for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) <= 0.08
