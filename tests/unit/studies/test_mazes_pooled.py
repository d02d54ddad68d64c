"""Pooled differences of the study: by pairs, by seeds, between regimes, and of collapse on its training mix."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from studies.mazes import pooled, study

DOCS = Path(__file__).parents[3] / "studies" / "mazes"


@pytest.fixture(scope="module")
def committed():
    return study.read(DOCS)


def by_hand(frame, regime, splits):
    """Return seed -> difference of pass@1, the mean of splits by their weights, from the counts alone."""
    rows = frame[(frame.regime == regime) & (frame.checkpoint == "final")]
    means = rows.assign(share=rows.c / rows.n).groupby(["method", "split", "seed"]).share.mean()
    return sum(weight * (means["passk_pass1"][split] - means["pass1"][split]) for split, weight in splits.items())


def test_pairs_seeds_and_regimes_are_pooled_from_the_differences_of_each_seed(committed):
    rows = {what: (seeds, at_ks) for what, seeds, at_ks in pooled._rows(committed)}
    each = {regime: by_hand(committed.problems, regime, pooled.BOTH).dropna() for regime in pooled.REGIMES}
    pairs = np.concatenate(list(each.values()))
    assert rows["all pairs"][0] == "11 pairs" and rows["all pairs"][1][0].value == pytest.approx(pairs.mean(), abs=1e-6)
    half = 2.2281 * pairs.std(ddof=1) / np.sqrt(11)
    assert rows["all pairs"][1][0].high == pytest.approx(pairs.mean() + half, abs=1e-5)
    seeds = [np.mean([one[seed] for one in each.values() if seed in one]) for seed in range(1, 6)]
    assert rows["means of the seeds"][1][0].value == pytest.approx(np.mean(seeds), abs=1e-6)
    gap = each["trap"].mean() - each["control"].mean()
    assert rows["trap minus control"][1][0].value == pytest.approx(gap, abs=1e-6)
    own = by_hand(committed.problems, "collapse", pooled.COLLAPSE_MIX).dropna()
    assert rows["collapse, 25 % easy as in its training"][1][0].value == pytest.approx(own.mean(), abs=1e-6)


def test_the_mix_of_collapse_is_that_of_its_experiment():
    written = yaml.safe_load((DOCS / "experiments" / "study-collapse.yaml").read_text())
    training = written["problems"][written["stages"]["pass1"]["problems"]]
    assert training["easy_fraction"] == pooled.COLLAPSE_MIX["easy"]


def test_without_two_seeds_there_is_no_row(committed):
    one = study.Study(committed.problems[committed.problems.seed == 1], committed.steps)
    assert "means of the seeds" not in pooled.markdown(one)
    assert pooled.mean([0.1]) is None and pooled.between([0.1, 0.2], [0.1]) is None
