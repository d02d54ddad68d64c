import shutil

import numpy as np
import pandas as pd

from reports.data.comparison import Comparison
from reports.data.designs import Entry
from reports.data.results import load
from reports.figures import correct_counts, curves, difficulty, style
from tests.unit.each import every
from tests.unit.reports.conftest import ingest_again


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.21, 0.72, 0.07), linear, strict=True))


@every("counted", [{2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 9: 2}, {5: 100, 6: 3}, {2: 1}, dict.fromkeys(range(40), 9)])
def test_every_problem_is_in_one_bin_and_no_bin_is_too_small(counted):
    values = pd.Series([float(value) for value, count in counted.items() for _ in range(count)])
    places = [("easy", str(i)) for i in range(len(values))]
    bins = difficulty._binned(values, places)
    assert sorted(place for _, own in bins for place in own) == sorted(places)
    assert len(bins) <= 2 * difficulty.MOST
    assert len(bins) == 1 or min(len(own) for _, own in bins) >= difficulty.LEAST


@every(
    "grades",
    [
        ["competition-easy", "competition-hard", "school", None],
        [f"level {i}" for i in range(1, 13)],
        [str(i / 7) for i in range(40)],
        ["²", "2²", "x²", "9" * 5000, "١", "$\\frac{", "inf", ""],
    ],
)
def test_every_graded_problem_is_in_one_bin_and_no_two_bins_have_one_name(grades):
    places = [("easy", str(i)) for i in range(5 * len(grades))]
    bins = difficulty._graded(pd.Series(grades * 5), places)
    assert sorted(place for _, own in bins for place in own) == sorted(places)
    assert len({label for label, _ in bins}) == len(bins) > 1
    assert len(bins) <= 2 * difficulty.MOST


def test_seeds_on_the_same_problems_do_not_narrow_what_problems_leave_open(seeds):
    """Three seeds that agree are no more problems than one of them has."""
    for run in seeds[1:]:
        for evaluation in run.evaluations():
            twin = run.runs / seeds[0].name / "evaluations" / evaluation.name.replace(run.name[-2:], seeds[0].name[-2:])
            shutil.copy(twin / "samples.parquet", evaluation / "samples.parquet")
        ingest_again(run, *run.evaluations())
    comparison = Comparison([load(run.store, run.name) for run in seeds])
    alone = Comparison([load(seeds[0].store, seeds[0].name)])
    (_, bins), *_ = difficulty.gradings(comparison)
    for _, places in bins:
        wide, one = (difficulty.estimate(each.sampled[0], places, 1) for each in (comparison, alone))
        assert wide.high - wide.low > 0.9 * (one.high - one.low)


def test_grades_without_a_number_stand_in_their_natural_order():
    assert sorted(["level 10", "level 2", "easy"], key=difficulty._natural) == ["easy", "level 2", "level 10"]


def test_a_histogram_holds_the_groups_of_all_seeds_and_each_column_is_a_whole(compared):
    trained = next(trained for trained in compared.trained_methods if len(trained.rl) == 2)
    counts = correct_counts.histogram(trained)
    assert counts.shares.shape == (17, 18)
    assert np.allclose(counts.shares.sum(axis=0), 1)
    assert np.allclose(counts.shares[0], 14 / 32)
    assert counts.switches == [12.5]


def test_the_band_of_one_run_is_the_interval_of_its_moving_mean_and_of_seeds_their_range():
    rng = np.random.default_rng(0)
    runs = [pd.Series(rng.normal(0.5 + shift, 0.05, 200), range(1, 201)) for shift in (0.0, 0.1, -0.1)]
    middle, low, high = curves.band(runs[:1], 15)
    inside = (low <= 0.5) & (high >= 0.5)
    assert inside.mean() > 0.85
    middle, low, high = curves.band(runs, 15)
    smooth = [curves._rolling(values, 15).mean() for values in runs]
    assert np.allclose(low, np.minimum.reduce(smooth)) and np.allclose(high, np.maximum.reduce(smooth))
    assert ((low <= middle) & (middle <= high)).all()


def test_lines_can_be_told_apart_without_seeing_hues(compared):
    looks = style.looks(compared.entries)
    assert len(set(looks.values())) == len(looks)
    assert all(luminance(look.colour) < 0.6 for look in looks.values()), "a line that fades into the paper"
    for kind, count in (("base", 6), ("rl", 18)):
        models = [Entry(str(i), kind, kind, None, ()) for i in range(count)]
        assert len(set(style.looks(models).values())) == count


def test_figures_say_neither_when_nor_by_what_they_were_made(compared, tmp_path):
    assert correct_counts.draw(compared, tmp_path / "counts")
    assert b"dc:date" not in (tmp_path / "counts.svg").read_bytes()
    assert b"Software" not in (tmp_path / "counts.png").read_bytes()
