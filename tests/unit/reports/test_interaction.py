"""Differences of differences between settings, and their mean: in exact fractions, paired and not."""

import json
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from passk.files.layout import write_json
from passk.store import rebuild
from reports.data import seed_statistics
from reports.data.comparison import Comparison
from reports.data.interaction import effects, interaction, pooled
from reports.data.results import load
from tests.unit.reports.conftest import text_of

SEEDS, PROBLEMS = (1, 2, 3, 4), 12


def rows(seed: int, gain: float, name: str = "p") -> list:
    """One setting: scores in sixteenths of a method and its baseline, with its own gain for each seed."""
    rng = np.random.default_rng(seed)
    index = [f"{name}{place}" for place in range(PROBLEMS)]
    found = []
    for one in SEEDS:
        baseline = rng.integers(2, 9, PROBLEMS) / 16
        method = np.clip(baseline + np.round((gain + rng.normal(0, 0.1)) * 16) / 16, 0, 1)
        found.append((one, pd.Series(method, index), pd.Series(baseline, index)))
    return found


def mean_gain(setting) -> Fraction:
    """The mean difference of a setting, all seeds alike."""
    gains = [
        sum((Fraction(a) - Fraction(b) for a, b in zip(mine, theirs, strict=True)), Fraction()) / len(mine)
        for _, mine, theirs in setting
    ]
    return sum(gains, Fraction()) / len(gains)


@pytest.mark.parametrize("other", ["p", "q"], ids=["same problems", "other problems"])
def test_the_estimates_are_those_of_exact_fractions(other):
    first, second = rows(1, 0.3), rows(2, 0.1, other)
    found = interaction(first, second)
    assert found.value == pytest.approx(float(mean_gain(first) - mean_gain(second)), abs=1e-12)
    assert pooled([first, second]).value == pytest.approx(float(mean_gain(first) + mean_gain(second)) / 2, abs=1e-12)
    back = interaction(second, first)
    assert back.value == pytest.approx(-found.value)
    assert found.low < found.value < found.high and back.low < 0


def test_the_interval_without_pairs_combines_those_of_the_settings_like_independent_ones():
    first, second = rows(1, 0.3), rows(2, 0.1, "q")
    each = [seed_statistics.difference([a for _, a, _ in one], [b for _, _, b in one]) for one in (first, second)]
    found, mean = interaction(first, second), pooled([first, second])
    below = (each[0].value - each[0].low) ** 2 + (each[1].high - each[1].value) ** 2
    assert (found.value - found.low) ** 2 == pytest.approx(below)
    below = sum((one.value - one.low) ** 2 for one in each)
    assert (2 * (mean.value - mean.low)) ** 2 == pytest.approx(below)


def test_the_paired_interval_is_that_of_the_differences_of_each_seed():
    """The problems of a seed have nearly the same gain, so the seeds decide: Student's t of their interactions."""
    index = [f"p{place}" for place in range(PROBLEMS)]
    gains = {1: (0.25, 0.5, 0.375, 0.25), 2: (0.125, 0.25, 0.0, 0.125)}

    apart = np.resize([1 / 256, -1 / 256], PROBLEMS)

    def setting(values, apart=0.0):
        return [
            (seed, pd.Series(0.25 + gain + apart, index), pd.Series(0.25, index))
            for seed, gain in zip(SEEDS, values, strict=True)
        ]

    found = interaction(setting(gains[1], apart), setting(gains[2]))
    each = np.array(gains[1]) - np.array(gains[2])
    half = 3.182446305 * each.std(ddof=1) / 2
    assert (found.value, found.low, found.high) == pytest.approx(
        (each.mean(), each.mean() - half, each.mean() + half), rel=0.01
    )


def as_setting(run, name: str, top_p: float) -> None:
    """Rewrite a run as one of another design, whose stages are its own."""
    text = (run.directory / "experiment.json").read_text()
    record = json.loads(text)
    record["config"]["benchmarks"]["easy"]["top_p"] = top_p
    write_json(run.directory / "experiment.json", record)


def test_a_report_of_two_settings_with_seeds_has_their_mean_and_their_interaction(tmp_path, run_factory):
    names = []
    for setting, top_p in (("left", 0.9), ("right", 1.0)):
        for seed in (11, 12):
            number = seed + (0 if setting == "left" else 50)
            run = run_factory(tmp_path / "runs", name=f"{setting}-s{seed}", seed=number, problems=20)
            as_setting(run, setting, top_p)
            record = json.loads((run.directory / "experiment.json").read_text())
            record["config"]["seed"] = seed
            write_json(run.directory / "experiment.json", record)
            names.append(run.name)
    assert rebuild(tmp_path / "runs").skipped == []
    comparison = Comparison([load(run.store, name) for name in names])
    found = effects(comparison)
    assert {(effect.method, effect.baseline) for effect in found} == {("pass4-pass1", "pass1")}
    assert {effect.settings for effect in found} == {("left", "right")}
    one = next(effect for effect in found if not effect.pooled and effect.benchmark == "hard" and effect.k == 8)
    gains = []
    for setting in ("left", "right"):
        runs = [run for run in comparison.results if run.name.startswith(setting)]
        each = [run.values("pass4-pass1", "hard", 8).mean() - run.values("pass1", "hard", 8).mean() for run in runs]
        gains.append(np.mean(each))
    assert one.estimate.value == pytest.approx(gains[0] - gains[1])
    text = text_of(run.store, *names)
    assert "### Several settings" in text and "(`pass4-pass1` − `pass1`): `left` − `right`" in text
    assert "`pass4-pass1` − `pass1`, mean of 2 settings" in text


def test_seeds_of_one_design_and_methods_with_a_common_baseline_have_no_interaction(seeds):
    assert effects(Comparison([load(run.store, run.name) for run in seeds])) == []
