import numpy as np
import pytest

from bench import metrics as bench
from passk.statistics.bootstrap import mean_interval
from passk.statistics.summary import Samples, by_problem, summary


@pytest.fixture
def samples():
    return bench.generated(problems=150, samples=16)


def test_every_figure_has_its_mean_in_its_interval(samples):
    figures = by_problem(samples, k=(1, 4), votes=(4,))
    found = summary(figures, draws=500)
    names = "avg@16 pass@1 pass@4 pass^1 pass^4 maj@4 distinct_incorrect truncated length logprob entropy"
    assert list(found) == names.split()
    for name, estimate in found.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert estimate.value == pytest.approx(np.nanmean(figures[name])), name
    assert found["avg@16"].value == found["pass@1"].value == found["pass^1"].value
    assert found["pass@4"].value > found["pass@1"].value > found["pass^4"].value


def test_a_figure_alone_has_the_interval_that_it_has_beside_others(samples):
    figures = by_problem(samples, k=(1, 4))
    beside, alone = summary(figures)["pass@4"], mean_interval(figures["pass@4"])
    assert (beside.low, beside.high) == pytest.approx((alone.low, alone.high), abs=0.005)


def test_off_policy_there_is_no_entropy(samples):
    cooled = Samples(**{**vars(samples), "on_policy": False})
    assert "entropy" not in by_problem(cooled, k=(1,))


def test_where_all_is_correct_incorrect_answers_have_no_figure(samples):
    right = Samples(**{**vars(samples), "correct": np.ones_like(samples.correct)})
    found = summary(by_problem(right, k=(1,)), draws=100)
    assert np.isnan(found["distinct_incorrect"].value) and found["pass@1"].high == 1


def test_k_beyond_the_samples_is_refused(samples):
    with pytest.raises(ValueError, match="k: pass@17 needs 17 samples or more, not n = 16"):
        by_problem(samples, k=(17,))
