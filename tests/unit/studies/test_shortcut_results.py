"""The tables of the shortcut study are those of its Parquet file, recomputed here in exact fractions."""

import json
import re
from fractions import Fraction
from math import comb

import pandas as pd
import pytest

from passk.files.layout import write_json
from passk.store import rebuild
from studies.shortcut import __main__ as cli
from studies.shortcut import analysis, data
from studies.shortcut.data import PROBLEM_COLUMNS, PROBLEMS

ROW = re.compile(r"^\| (1/20|1/5) +\| ([\d.]+) +\| `(\w+)` +\| +(\d+) of (\d+) \|([^|]+)\|([^|]+)\|([^|]+)\|", re.M)
# e, states, seed, warm start -> correct of 8 samples on two problems with a correct and three with an incorrect hint
COUNTS = {
    (0.7, 20, 101, "a"): {"skill": (8, 7, 8, 6, 7), "pass1": (8, 8, 0, 1, 0), "passk_pass1": (8, 7, 8, 8, 6)},
    (0.7, 20, 102, "b"): {"skill": (8, 7, 8, 6, 7), "pass1": (8, 8, 0, 0, 0), "passk_pass1": (8, 8, 8, 8, 8)},
    (0.7, 20, 102, "c"): {"skill": (8, 7, 8, 6, 7), "pass1": (7, 8, 8, 5, 8), "passk_pass1": (8, 8, 4, 4, 4)},
    (0.7, 20, 103, "d"): {"skill": (8, 7, 0, 1, 2), "pass1": (8, 8, 8, 8, 8), "passk_pass1": (8, 8, 8, 8, 8)},
    (0.05, 5, 101, "f"): {"skill": (8, 7, 8, 6, 7), "pass1": (8, 3, 8, 8, 5), "passk_pass1": (8, 8, 8, 8, 8)},
}
EMPTY = "d"


@pytest.fixture(scope="module")
def problems():
    rows = []
    for (e, states, seed, warm), methods in COUNTS.items():
        for method, counts in methods.items():
            kinds = (True, True, False, False, False)
            rows += [
                (e, 1 / states, method, seed, warm, f"shortcut-test-{i}", hint, 8, c)
                for i, (hint, c) in enumerate(zip(kinds, counts, strict=True))
            ]
    return pd.DataFrame(rows, columns=PROBLEM_COLUMNS)


@pytest.fixture
def remade(problems, tmp_path):
    problems.to_parquet(tmp_path / PROBLEMS)
    (tmp_path / "README.md").write_text("before\n<!-- numbers -->\nnot run yet\n<!-- end of numbers -->\nafter\n")
    return tmp_path, cli.remake(tmp_path)


def ends(counts, e):
    """Return pass@1 of problems with an incorrect hint and of all, in exact fractions."""
    correct, incorrect = Fraction(sum(counts[:2]), 16), Fraction(sum(counts[2:]), 24)
    share = Fraction(str(e))
    return incorrect, share * correct + (1 - share) * incorrect


def tail(n, at_least, p):
    return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(at_least, n + 1))


def test_every_number_of_the_main_table_is_that_of_the_counts(remade):
    directory, text = remade
    rows = ROW.findall(text)
    assert [(luck, float(e), method) for luck, e, method, *_ in rows] == [
        ("1/20", 0.7, "pass1"), ("1/20", 0.7, "passk_pass1"), ("1/5", 0.05, "pass1"), ("1/5", 0.05, "passk_pass1")
    ]  # fmt: skip
    for luck, e, method, leave, runs, shown, incorrect, every in rows:
        states = int(luck.removeprefix("1/"))
        own = [
            ends(counts[method], e)
            for key, counts in COUNTS.items()
            if key[:2] == (float(e), states) and key[3] != EMPTY
        ]
        n, c = len(own), sum(first > Fraction(1, 2) for first, _ in own)
        assert (int(leave), int(runs)) == (c, n)
        for cell, values in ((incorrect, [first for first, _ in own]), (every, [second for _, second in own])):
            mean, low, high = map(float, re.findall(r"[\d.]+", cell))
            assert mean == pytest.approx(float(sum(values) / n), abs=6e-4)
            assert (low, high) == (
                pytest.approx(float(min(values)), abs=6e-4),
                pytest.approx(float(max(values)), abs=6e-4),
            )
        value, low, high = map(float, re.findall(r"[\d.]+", shown))
        assert value == pytest.approx(c / n, abs=6e-3)
        # the limits of Clopper and Pearson have tails of 2.5 %
        assert low == 0 if c == 0 else tail(n, c, low - 0.006) < 0.025 < tail(n, c, low + 0.006)
        assert high == 1 if c == n else 1 - tail(n, c + 1, high + 0.006) < 0.025 < 1 - tail(n, c + 1, high - 0.006)
    page = (directory / "README.md").read_text()
    assert ROW.findall(page) == rows and page.startswith("before\n") and page.endswith("after\n")
    assert "not run yet" not in page and (directory / "figures" / "leave.svg").is_file()


def test_an_end_of_exactly_half_stays_and_a_run_without_skill_counts_nowhere(problems):
    runs = analysis.outcomes(problems).set_index(["warm_start", "method"])
    assert runs.loc[("c", "passk_pass1"), "incorrect"] == 0.5 and not runs.loc[("c", "passk_pass1"), "leaves"]
    assert EMPTY not in runs.index.get_level_values("warm_start")
    assert list(analysis.empty_runs(problems)["warm_start"]) == [EMPTY]


def test_warm_starts_of_one_seed_have_a_row_of_their_own(remade):
    assert len(re.findall(r"`pass1`, warm starts only +\| +1 of 2 \|", remade[1])) == 1


def test_methods_are_compared_within_a_run(problems):
    runs = analysis.outcomes(problems)
    cell = runs[runs["e"] == 0.7]
    assert analysis.paired_p(cell) == (3, 2, 1, 1.0)
    without_loss = cell[cell["warm_start"] != "c"]
    assert analysis.paired_p(without_loss) == (2, 2, 0, 0.5)


def test_the_verdict_needs_most_runs_and_a_cell_away_from_the_turning_point(problems):
    runs = analysis.outcomes(problems)
    pass1 = runs[(runs["e"] == 0.7) & (runs["method"] == "pass1")]
    assert analysis.verdict(pass1, 0.7, 1 / 20, "pass1") == "yes"
    assert analysis.verdict(pass1.assign(leaves=True), 0.7, 1 / 20, "pass1") == "**no**"
    assert analysis.verdict(pass1.head(2).assign(leaves=[True, False]), 0.7, 1 / 20, "pass1") == "undecided"
    assert analysis.verdict(pass1, 0.5, 1 / 20, "pass1") == "near"
    cells = [(luck, e) for luck in (1 / 20, 1 / 5) for e in (0.05, 0.3, 0.5, 0.7, 0.9)]
    declared = {"pass1": [(1 / 20, 0.3), (1 / 20, 0.5), (1 / 5, 0.5)], "passk_pass1": [(1 / 20, 0.9), (1 / 5, 0.9)]}
    for method, near in declared.items():
        assert [(luck, e) for luck, e in cells if analysis.near(e, luck, method)] == near, method


@pytest.fixture(scope="module")
def store(tmp_path_factory, run_factory):
    """A synthetic run of the study and one of another experiment."""
    runs = tmp_path_factory.mktemp("shortcut") / "runs"
    stages, kinds = {"pass4": "passk", "pass4-pass1": "passk_pass1"}, {"easy": "correct", "hard": "incorrect"}
    run = run_factory(runs, name="shortcut-e70-s20-101", seed=101, problems=5)
    record = json.loads((run.directory / "experiment.json").read_text())
    for place in (record["stages"], record["config"]["stages"]):
        for old, new in stages.items():
            place[new] = place.pop(old)
    record["config"]["stages"]["passk_pass1"]["from"] = "passk"
    record["config"]["problems"] = {"training": {"hint_correct": 0.7, "states": 20}}
    benchmarks = record["config"]["benchmarks"]
    record["config"]["benchmarks"] = {kinds[name]: benchmark for name, benchmark in benchmarks.items()}
    write_json(run.directory / "experiment.json", record)
    for evaluation in run.evaluations():
        content = json.loads((evaluation / "evaluation.json").read_text())
        content["benchmark"] = kinds[content["benchmark"]]
        write_json(evaluation / "evaluation.json", content)
    run_factory(runs, name="maze-cpu", seed=17)
    assert rebuild(runs).skipped == []
    return runs / "passk.duckdb"


def test_an_export_has_the_counts_and_steps_of_each_method(store, tmp_path):
    data.export(store, tmp_path)
    table, steps = data.read(tmp_path), pd.read_parquet(tmp_path / data.STEPS)
    assert list(table.columns) == PROBLEM_COLUMNS
    assert set(table["method"]) == {"warm", "pass1", "passk", "passk_pass1"}
    assert table.groupby(["method", "hint_correct"]).size().eq(5).all() and (table["n"] == 16).all()
    assert set(table["e"]) == {0.7} and set(table["luck"]) == {1 / 20} and set(table["seed"]) == {101}
    assert table["warm_start"].nunique() == 1
    # mazes of the synthetic run that are hard have fewer correct samples
    means = table.groupby("hint_correct")["c"].mean()
    assert means[True] > means[False]
    assert {"e", "luck", "method", "seed", "warm_start", "step", "k", "estimator", "reward"} <= set(steps.columns)
    for method, own in steps.groupby("method"):
        assert list(own["step"]) == list(range(1, 19)), method
    assert list(steps.loc[steps["method"] == "passk_pass1", "k"]) == [4] * 12 + [1] * 6


def test_an_export_keeps_the_runs_of_other_machines_and_replaces_its_own(store, tmp_path):
    data.export(store, tmp_path)
    own, steps = data.read(tmp_path), pd.read_parquet(tmp_path / data.STEPS)
    other, stale = own.assign(seed=100), own.assign(c=0)
    pd.concat([other, stale]).astype({"seed": "int32"}).to_parquet(tmp_path / PROBLEMS)
    pd.concat([steps.assign(seed=100), steps.assign(reward=-1.0)]).to_parquet(tmp_path / data.STEPS)
    data.export(store, tmp_path)
    both, curves = data.read(tmp_path), pd.read_parquet(tmp_path / data.STEPS)
    pd.testing.assert_frame_equal(both[both["seed"] == 100].reset_index(drop=True), other, check_dtype=False)
    pd.testing.assert_frame_equal(both[both["seed"] == 101].reset_index(drop=True), own, check_dtype=False)
    assert len(curves) == 2 * len(steps) and (curves["reward"] >= 0).all()
    assert {key[2] for key in data.runs(tmp_path)} == {100, 101} and data.runs(tmp_path / "none") == set()
