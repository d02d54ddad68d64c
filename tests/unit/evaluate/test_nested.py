import numpy as np
import pytest

from passk.evaluate.compare import paired_difference
from passk.evaluate.intervals import mean_interval
from passk.evaluate.nested import difference_crossed, difference_nested, mean_nested


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


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.03, 0.1])
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
