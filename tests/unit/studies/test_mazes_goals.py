"""Outcomes of the goals that were set before the study ran."""

import pytest

from studies.mazes import goals, study


def verdicts(problems, alone):
    """Return regime -> verdicts of its goals."""
    by_regime = {}
    for outcome in goals.outcomes(study.Study(problems, alone.steps)):
        by_regime.setdefault(outcome.regime, []).append(outcome.verdict)
    return by_regime


def test_a_goal_that_is_not_reached_is_ruled_out_or_not_shown_and_one_that_was_not_run_is_left_open(made_study):
    alone = study.read(made_study)
    same = alone.problems.copy()
    mine = (same["method"] == "passk_pass1") & (same["checkpoint"] == "final")
    theirs = (same["method"] == "pass1") & (same["checkpoint"] == "final")
    same.loc[mine, "c"] = same.loc[theirs, "c"].to_numpy()
    by_regime = verdicts(same, alone)
    assert by_regime["trap"] == [goals.NO, goals.OPEN, goals.NO]
    assert by_regime["control"] == [goals.YES] * 2
    assert by_regime["collapse"] == [goals.NOT_RUN] * 2
    # one method solves every maze, the other has one correct response of 16
    same.loc[mine, "c"], same.loc[theirs, "c"] = 16, 1
    by_regime = verdicts(same, alone)
    assert by_regime["trap"] == [goals.YES] * 3 and by_regime["control"] == [goals.NO] * 2
    assert verdicts(same[same["seed"] == 12], alone)["trap"] == [goals.NOT_RUN] * 3, "one seed gets no verdict"


def test_a_gain_that_reaches_its_goal_but_may_be_zero_is_not_a_plain_yes(made_study):
    alone = study.read(made_study)
    problems = alone.problems[alone.problems["regime"] == "trap"].assign(regime="collapse")
    mine = (problems["method"] == "passk_pass1") & (problems["checkpoint"] == "final")
    theirs = (problems["method"] == "pass1") & (problems["checkpoint"] == "final")
    problems.loc[mine, "c"] = problems.loc[theirs, "c"].to_numpy()
    problems.loc[mine & (problems["seed"] == 12), "c"] = 16  # only one seed gains
    assert verdicts(problems, alone)["collapse"] == [goals.UNCLEAR, goals.YES]


def test_so_many_times_the_baseline_is_ruled_out_by_an_interval_and_not_by_the_mean_alone(made_study):
    alone = study.read(made_study)
    problems = alone.problems.copy()
    mine = (problems["method"] == "passk_pass1") & (problems["checkpoint"] == "final")
    theirs = (problems["method"] == "pass1") & (problems["checkpoint"] == "final")
    problems.loc[mine, "c"], problems.loc[theirs, "c"] = 8, 4
    assert verdicts(problems, alone)["trap"][0] == goals.NO, "twice in every seed is not five times"
    first = problems["seed"] == problems["seed"].min()
    problems.loc[mine & first, "c"], problems.loc[theirs & first, "c"] = 16, 0
    assert verdicts(problems, alone)["trap"][0] == goals.OPEN, "another seed may be like the first"
    text = goals.markdown(study.Study(problems, alone.steps))
    assert "ratio" not in text and "; `passk_pass1` / 5 − `pass1`: " in text


def test_the_goals_of_a_regime_are_corrected_among_themselves_alone(made_study):
    alone = study.read(made_study)
    trap = [one for one in goals.outcomes(alone) if one.regime == "trap"]
    ordered = sorted(trap, key=lambda one: one.difference.p)
    assert ordered[0].corrected == pytest.approx(min(3 * ordered[0].difference.p, 1))
    assert f"{ordered[0].corrected:.3f}" in goals.markdown(alone)
