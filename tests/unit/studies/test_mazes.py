"""The numbers of the study come from its two Parquet files alone, and equal those of the store."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from passk.base.errors import PasskError
from passk.store import rebuild
from reports.data import seed_statistics
from reports.data.comparison import Comparison
from reports.data.results import load
from studies.mazes import __main__ as cli
from studies.mazes import claims as study_claims
from studies.mazes import study, tables


def mean(*where):
    """Return the estimate and the number of seeds of `tables.scores`."""
    rows = list(tables.scores(*where).values())
    return seed_statistics.mean(rows), len(rows)


def test_the_files_have_the_documented_columns_and_each_row_once(made_study):
    problems, steps = pd.read_parquet(made_study / "problems.parquet"), pd.read_parquet(made_study / "steps.parquet")
    columns = ["regime", "method", "seed", "warm_start", "checkpoint", "split", "problem_id", "n", "c"]
    assert list(problems.columns) == columns
    assert not problems.duplicated(columns[:7]).any()
    assert list(steps.columns)[:5] == ["regime", "method", "seed", "step", "k"]
    assert {"reward", "pass_at_8", "entropy", "distinct", "all_incorrect", "few_incorrect"} <= set(steps.columns)
    assert not steps.duplicated(["regime", "method", "seed", "step"]).any()


def test_an_export_adds_to_what_another_machine_has_trained_and_takes_nothing_away(made_study, study_runs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    study.export(study_runs / "passk.duckdb", elsewhere, ["study-trap-s12", "study-trap-more-s12"])
    trap = study.read(elsewhere)
    other = tuple(frame.assign(seed=13).astype({"seed": "int32"}) for frame in (trap.problems, trap.steps))
    for frame, name in zip(other, (study.PROBLEMS, study.STEPS), strict=True):
        frame.to_parquet(elsewhere / name, index=False)
    study.export(study_runs / "passk.duckdb", elsewhere)
    both, mine = study.read(elsewhere), study.read(made_study)
    for frame, own, theirs in ((both.problems, mine.problems, other[0]), (both.steps, mine.steps, other[1])):
        pd.testing.assert_frame_equal(frame[frame["seed"] != 13].reset_index(drop=True), own)
        pd.testing.assert_frame_equal(frame[frame["seed"] == 13].reset_index(drop=True), theirs)


def test_of_two_exports_of_a_method_the_finished_one_counts_whichever_is_new(made_study):
    mine = study.read(made_study)
    stopped = mine.problems[mine.problems["checkpoint"] != study.FINAL]
    unfinished = study.Study(stopped, mine.steps.assign(reward=0.0))
    for new, old in ((mine, unfinished), (unfinished, mine)):
        both = study.added(new, old)
        pd.testing.assert_frame_equal(both.problems, mine.problems)
        pd.testing.assert_frame_equal(both.steps, mine.steps)
    changed = study.Study(mine.problems.assign(warm_start="another"), mine.steps)
    pd.testing.assert_frame_equal(study.added(changed, mine).problems, changed.problems)


def test_regimes_seeds_methods_and_checkpoints_are_named_as_in_the_study(made_study):
    read = study.read(made_study)
    assert read.regimes == ["trap", "control"]
    assert read.methods("trap") == ["pass1", "passk_pass1", "passk_all"]
    trap = read.problems[read.problems["regime"] == "trap"]
    assert set(trap.loc[trap["method"] == "passk_pass1", "checkpoint"]) == {"warm", "passk", "final"}
    assert set(trap.loc[trap["method"] == "passk_all", "seed"]) == {12}
    assert set(trap.loc[trap["method"] == "pass1", "seed"]) == {11, 12}
    assert set(trap["split"]) == {"easy", "hard"}
    assert trap.groupby("seed")["warm_start"].nunique().eq(1).all() and trap["warm_start"].nunique() == 2


def test_a_method_has_all_its_steps_one_after_the_other_with_the_k_of_each(made_study):
    steps = study.read(made_study).steps
    for (_, method, _), own in steps.groupby(["regime", "method", "seed"]):
        assert list(own["step"]) == list(range(1, 19)), method
    own = steps[(steps["regime"] == "trap") & (steps["method"] == "passk_pass1") & (steps["seed"] == 11)]
    assert list(own["k"]) == [4] * 12 + [1] * 6


def test_from_the_files_alone_come_the_numbers_of_passk_compare(made_study, study_runs, tmp_path):
    shutil.copytree(made_study, tmp_path / "alone")
    alone = study.read(tmp_path / "alone")
    names = ["study-trap-s11", "study-trap-s12"]
    compared = Comparison([load(study_runs / "passk.duckdb", name) for name in names])
    by_label = {entry.label: entry for entry in compared.sampled}
    for method in ("pass1", "passk_pass1"):
        for split in ("easy", "hard"):
            for k in (1, 8):
                assert mean(alone, "trap", method, split, k)[0] == compared.estimate(by_label[method], split, k)
    for split in ("easy", "hard"):
        theirs = compared.difference(by_label["passk_pass1"], by_label["pass1"], split, 1)
        mine = tables.paired(alone, "trap", "passk_pass1", "pass1", split, 1)
        assert mine.estimate == theirs.estimate
        assert tuple(mine.by_seed.values()) == pytest.approx(theirs.by_seed)


def test_easy_and_hard_are_one_split_of_all_their_mazes(made_study):
    alone = study.read(made_study)
    parts = [mean(alone, "trap", "pass1", split, 1)[0].value for split in ("easy", "hard")]
    both, seeds = mean(alone, "trap", "pass1", "easy and hard", 1)
    assert (both.value, seeds) == (pytest.approx(np.mean(parts)), 2)
    assert "ood" not in tables.splits(alone, "trap")


def test_a_claim_is_the_difference_of_its_two_checkpoints_and_stands_in_the_tables(made_study):
    alone = study.read(made_study)
    narrows, keeps, turns, higher = study_claims.differences(alone, "trap").values()
    of = {
        (method, checkpoint): mean(alone, "trap", method, "easy and hard", 8, checkpoint)[0].value
        for method, checkpoint in (
            ("pass1", "final"), ("pass1", "warm"), ("passk_pass1", "passk"), ("passk_pass1", "final")
        )
    }  # fmt: skip
    start, stage, end = of["pass1", "warm"], of["passk_pass1", "passk"], of["passk_pass1", "final"]
    assert narrows[1].estimate.value == pytest.approx(of["pass1", "final"] - start)
    assert keeps[1].estimate.value == pytest.approx(stage - start)
    assert turns[1].estimate.value == pytest.approx(end - stage)
    assert higher[1].estimate.value == pytest.approx(end - of["pass1", "final"])
    assert len({one[1].estimate.value for one in (narrows, keeps, turns, higher)}) == 4
    text = study_claims.markdown(alone)
    assert "`passk` − before rl" in text
    own = alone.steps[(alone.steps["regime"] == "trap") & (alone.steps["method"] == "pass1")]
    ends = own[own["step"] > 18 - study_claims.EDGE].groupby("seed")["entropy"].mean()
    assert f"→ {ends.mean():.2f} ({ends.min():.2f}–{ends.max():.2f})" in text


@pytest.fixture(scope="module")
def remade(made_study, tmp_path_factory):
    """A copy of the study with a page, its tables and its figures, and the text of the tables."""
    alone = tmp_path_factory.mktemp("remade") / "alone"
    shutil.copytree(made_study, alone)
    (alone / "README.md").write_text("Words.\n\n<!-- numbers -->\nstale\n<!-- end of numbers -->\n\nMore words.\n")
    return alone, cli.remake(alone)


def test_tables_and_figures_are_remade_from_the_files_to_the_same_bytes(remade, tmp_path):
    shutil.copytree(remade[0], tmp_path / "alone")
    page, text = tmp_path / "alone" / "README.md", remade[1]
    words = page.read_text()
    assert words.startswith("Words.\n\n<!-- numbers -->\n\n## The goals") and words.endswith("\n\nMore words.\n")
    assert "stale" not in words and all(line in text for line in words.splitlines() if line.startswith("| "))
    first = {file: file.read_bytes() for file in (tmp_path / "alone").rglob("*") if file.is_file()}
    assert cli.remake(tmp_path / "alone") == text and page.read_text() == words
    assert {file: file.read_bytes() for file in (tmp_path / "alone").rglob("*") if file.is_file()} == first
    assert {file.name for file in first} >= {"tables.md", "results.svg", "results.png", "curves.svg", "curves.png"}
    rows = re.findall(r"^\| `\w+` − `pass1` +\| .*$", text, re.M)
    cells = [len(re.findall(r"\| +≤?[01]\.\d{3} ", row)) for row in rows if re.search(r"\| +2 \|", row)]
    assert cells and set(cells) == {4}, "p and p (Holm) at both k"
    assert "corrected for\nall of a table" in text
    assert re.search(r"^\| hard +\| `passk` +\|", text, re.M), "the end of the Pass@k training has its row"
    for part in ("## control", "| `passk_pass1` − `pass1` | hard "):
        assert part in text
    assert re.search(r"^\| trap +\| hard: at least five times", text, re.M)


def test_a_regime_without_a_goal_has_its_tables_and_figures_of_its_own_and_changes_no_other(
    made_study, remade, tmp_path
):
    alone = study.read(made_study)
    frames = [
        pd.concat([frame, frame[(frame["regime"] == "trap") & (frame["seed"] == 12)].assign(regime="words")])
        for frame in (alone.problems, alone.steps)
    ]
    for frame, name in zip(frames, (study.PROBLEMS, study.STEPS), strict=True):
        frame.to_parquet(tmp_path / name)
    (alone_before, before), text = remade, cli.remake(tmp_path)
    assert "## words" in text
    for name in ("results.svg", "curves.svg"):
        assert (tmp_path / "figures" / f"further_{name}").is_file()
        now, then = (directory / "figures" / name for directory in (tmp_path, alone_before))
        assert now.read_bytes() == then.read_bytes()
    # one seed has no p, so it does not change the correction of the others
    claims = [re.findall(r"^\| .*\| trap .*$", each, re.M) for each in (text, before)]
    assert claims[0] == claims[1] != []


def test_with_one_seed_nothing_is_bold_and_with_two_what_is_clear_of_zero_is(made_study):
    alone = study.read(made_study)
    problems = alone.problems.copy()
    mine = (problems["method"] == "passk_pass1") & (problems["checkpoint"] == "final")
    problems.loc[mine, "c"] = 16
    both, one = (study.Study(frame, alone.steps) for frame in (problems, problems[problems["seed"] == 12]))
    for data, bold in ((both, True), (one, False)):
        text = tables.texts(data, "", study_claims.markdown(data), "")[0]
        rows = re.findall(r"^\| (?:and ends higher|`passk_pass1` − `pass1` \| hard).*$", text, re.M)
        assert rows and all(("**" in row) is bold for row in rows)
        assert all(("| – |" in re.sub(" +", " ", row)) is not bold for row in rows), "one seed has no p"
        assert (re.search(r"→ 0\.\d\d \(", text) is not None) is bold, "nor a range"


def test_a_method_that_is_not_at_its_end_is_in_no_row_of_diversity_and_in_no_curve(made_study, tmp_path):
    alone = study.read(made_study)
    whole = study_claims.markdown(alone)
    of_method = (alone.problems["method"] == "passk_pass1") & (alone.problems["seed"] == 12)
    running = alone.problems[~(of_method & (alone.problems["checkpoint"] == "final"))]
    cut = study.Study(running, alone.steps)
    row = re.compile(r"^\| trap +\| `passk_pass1` +\| +(\d) ", re.M)
    assert row.findall(whole)[-1] == "2" and row.findall(study_claims.markdown(cut))[-1] == "1"
    stage = re.compile(r"^\| trap +\| `passk` +\| +(\d) ", re.M)
    assert stage.findall(study_claims.markdown(cut))[-1] == "2"


def test_a_method_without_samples_of_its_end_is_exported_as_far_as_it_is(study_runs, tmp_path):
    shutil.copytree(study_runs, tmp_path / "runs")
    for directory in (tmp_path / "runs" / "study-control-s11" / "evaluations").glob("key11-pass4-pass1-*"):
        shutil.rmtree(directory)
    rebuild(tmp_path / "runs")
    exported = study.export(tmp_path / "runs" / "passk.duckdb", tmp_path / "out", ["study-control-s11"])
    own = exported.problems[exported.problems["method"] == "passk_pass1"]
    assert set(own["checkpoint"]) == {"warm", "passk"} and exported.methods("control") == ["pass1"]
    assert "`passk_pass1`" not in tables.texts(exported, "", study_claims.markdown(exported), "")[0]


@pytest.mark.parametrize(
    ("experiment", "regime"),
    [
        ("study-trap-s3", "trap"),
        ("study-trap-more-s12", "trap"),
        ("study-collapse", "collapse"),
        ("pilot-7", "pilot-7"),
    ],
)
def test_a_regime_is_read_from_the_name(experiment, regime):
    assert study.regime_of(experiment) == regime


def test_without_an_experiment_of_the_study_one_line_says_so(filed, tmp_path):
    with pytest.raises(PasskError, match="no experiment's name starts with study-"):
        study.export(filed.store, tmp_path / "out")
    with pytest.raises(
        PasskError, match=r"problems\.parquet: no such file; write it with `python -m studies\.mazes export`"
    ):
        study.read(tmp_path / "out")
