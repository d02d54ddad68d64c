"""What counts as a difference, its p-values, and what the answer makes of it."""

import re
from dataclasses import replace

import numpy as np
import pytest

from passk.statistics.bootstrap import Estimate
from passk.statistics.nested import crossed_p
from passk.statistics.paired import holm
from reports.data.comparison import Comparison, Difference
from reports.data.results import ALL, load
from reports.sections.answer import answer, interval, p_text
from studies.mazes.tables import Paired
from tests.unit.each import every


def test_every_difference_over_seeds_has_its_p_value_and_one_corrected_for_all_of_them(compared, seeds_text):
    comparison, text = compared, seeds_text
    rows = re.findall(r"^\| `[\w-]+` − `[\w-]+` +\| [^|]+\|(.*)\|$", text, re.M)
    cells = [cell.strip() for row in rows for cell in row.split("|")[1:]]
    shown = [p_text(p) for pair in comparison.p_values.values() for p in pair]
    assert len(comparison.p_values) == 18 == len(cells) / 3 and "all 18 differences" in text
    assert sorted(cells[1::3] + cells[2::3]) == sorted(shown)
    pairs = list(comparison.p_values.values())
    assert [corrected for _, corrected in pairs] == pytest.approx(list(holm([p for p, _ in pairs])))
    one = comparison.between_methods[0]
    scores = [
        [np.array(run.values(name, one.benchmark, one.k)) for run in comparison.results] for name in (one.of, one.to)
    ]
    assert comparison.p_values[one][0] == crossed_p(*scores)
    weak = [d for d, (_, corrected) in comparison.p_values.items() if d.sign and corrected >= 0.05]
    assert weak and f"differences in bold, {len(weak)} ha" in text


def test_a_difference_that_does_not_survive_the_correction_is_named_in_the_answer(seeds_once):
    comparison = Comparison([load(run.store, run.name) for run in seeds_once])
    first = next(d for d in comparison.between_methods if d.sign)
    comparison.p_values[first] = (0.03, 0.54)
    lines = [line for line in answer(comparison) if line.startswith("After correction")]
    assert lines == [
        f"After correction for all 18 differences, the difference is not clear at pass@{first.k} (p 0.540)."
    ]


@every(("low", "high", "sign"), [(0.0004, 0.1, 0), (0.0005, 0.1, 1), (-0.1, -0.0004, 0), (-0.1, -0.0005, -1)])
def test_what_is_called_clear_is_clear_at_the_digits_that_are_printed(low, high, sign):
    estimate = Estimate((low + high) / 2, low, high)
    assert Difference("all", "a", "b", 1, 0.5, 0.5, estimate, (0.1, 0.2)).sign == sign
    assert Difference("all", "a", "b", 1, 0.5, 0.5, estimate, (0.1,)).sign == 0, "one run shows nothing of a method"
    assert Paired(0.5, 0.5, estimate, {}, 0.01).sign == sign
    assert bool(re.search(r"0\.000[],]", interval(estimate, signed=True))) == (sign == 0)


def test_the_answer_on_the_warm_start_takes_both_ends_of_k_and_hides_no_benchmark(seeds_once):
    comparison = Comparison([load(run.store, run.name) for run in seeds_once])
    sentence = next(line for line in answer(comparison) if line.startswith("Against the warm start"))
    at_1, at_8 = sentence.split("; at pass@8 ")
    assert "at pass@1 " in at_1 and all("pass1 (" in part and "pass4-pass1 (" in part for part in (at_1, at_8))
    own = next(d for d in comparison.over_warm_start if d.benchmark == "easy")
    worse = replace(own, estimate=Estimate(-0.1, -0.2, -0.05))
    comparison.over_warm_start[:] = [d for d in comparison.over_warm_start if d.benchmark == ALL] + [worse]
    for corrected, weak in ((0.04, ""), (0.4, ", corrected p 0.400")):
        comparison.p_values[worse] = (0.01, corrected)
        assert answer(comparison)[-1] == (
            f"Single benchmarks differ from this: {own.of} is worse than warm on easy at pass@{own.k} "
            f"(-0.100 [-0.200, -0.050]{weak})."
        )
