"""The theory of the shortcut against all outcomes of small groups, against its closed form, and against one run."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from passk import advantage
from studies.shortcut import calibration, tables, theory
from studies.shortcut.theory import State
from tests.unit.each import every

PAGE = Path(theory.__file__).with_name("README.md")
AT = State(-0.7, 0.4)


def enumerated(state, e, luck, estimator, k, n):
    """Return mean and mean square of the update over all 2 x 3^n outcomes, each rollout with its own advantage."""
    p, s = expit(state.z), expit(state.u)
    b = luck + (1 - luck) * s
    db = (1 - luck) * s * (1 - s)
    chance = {"correct": p * b, "incorrect": p * (1 - b), "copied": 1 - p}
    score = {"correct": (1 - p, db / b), "incorrect": (1 - p, -db / (1 - b)), "copied": (-p, 0.0)}
    mean, square = np.zeros(2), np.zeros(2)
    for share, rewarded in ((e, {"correct", "copied"}), (1 - e, {"correct"})):
        for outcome in itertools.product(chance, repeat=n):
            rewards = [[float(one in rewarded) for one in outcome]]
            values = advantage.compute(estimator, rewards, k=k)[0].tolist()
            update = sum(a * np.array(score[one]) for a, one in zip(values, outcome, strict=True)) / n
            weight = share * np.prod([chance[one] for one in outcome])
            mean, square = mean + weight * update, square + weight * update**2
    return mean, square


@every(("estimator", "k"), [("grpo", 1), ("passk_analytical", 2), ("passk_analytical", 3)])
@every("luck", [0.05, 0.2])
def test_the_moments_are_those_of_all_outcomes_of_a_group_of_4(estimator, k, luck):
    found = theory.moments(AT, 0.7, luck, estimator, k, n=4)
    mean, square = enumerated(AT, 0.7, luck, estimator, k, n=4)
    assert found.mean == pytest.approx(mean, rel=1e-6) and found.square == pytest.approx(square, rel=1e-6)


@pytest.mark.parametrize(("e", "luck"), [(0.3, 0.0), (0.7, 0.05), (0.9, 0.2)])
def test_dr_grpo_has_the_closed_form_of_weight_1(e, luck):
    p, b, s = AT.p, AT.b(luck), expit(AT.u)
    dz = p * (1 - p) * ((1 - e) * b - e * (1 - b))
    du = p * (1 - luck) * s * (1 - s)
    found = theory.moments(AT, e, luck, "dr_grpo", 1)
    assert found.mean == pytest.approx(np.array([dz, du]) * (1 - 1 / 16), rel=1e-6)


@pytest.mark.parametrize(
    ("p", "n", "b"), [(0.001, 16, 0.7), (0.05, 400, 0.7**2 / (0.7**2 + 0.3**2))], ids=["small group", "large group"]
)
def test_grpo_turns_at_b_equal_to_e_in_small_groups_and_at_its_squared_odds_in_large_ones(p, n, b):
    for shift, sign in ((-0.03, -1), (0.03, 1)):
        state = State(float(logit(p)), float(logit(b + shift)))
        assert np.sign(theory.moments(state, 0.7, 0.0, "grpo", 1, n=n).mean[0]) == sign


def test_grpo_reduces_computing_at_the_start_and_passk_raises_it():
    at_start = {k: theory.moments(theory.START, 0.7, 0.05, name, k).mean for name, k in
                (("grpo", 1), ("passk_analytical", 4))}  # fmt: skip
    assert at_start[1][0] < 0 < at_start[4][0]


def test_nobody_leaves_without_any_skill_and_luck_alone_keeps_pass_at_4_between_the_two_ways():
    unskilled = State(theory.START.z, float(logit(1e-4)))
    for method in theory.PHASES:
        assert not theory.end(0.7, 0.2, method, start=unskilled).leaves
    *_, last = theory.train(0.7, 0.2, (("passk_analytical", 4, 100),), start=unskilled)
    assert 0.2 < last.p < 0.5 and last.b(0.2) < 0.21


def test_the_outcome_changes_at_the_turning_point():
    point = theory.turning_point(0.05, "pass1")
    assert theory.end(point - 0.01, 0.05, "pass1").leaves and not theory.end(point + 0.01, 0.05, "pass1").leaves
    assert theory.turning_point(0.05, "passk_pass1") > 0.95


def test_pass_at_1_is_that_of_the_two_kinds_of_problems():
    at = theory.end(0.7, 0.05, "passk_pass1")
    assert at.incorrect == at.p * at.b
    assert at.every == pytest.approx(0.7 * (1 - at.p * (1 - at.b)) + 0.3 * at.incorrect)


def test_the_speed_is_the_fit_to_the_run_by_hand_whose_other_method_it_also_describes():
    assert round(calibration.speed(), 2) == theory.SPEED
    measured, found = calibration.MEASURED["pass1"]["p"], calibration.predicted("pass1", theory.SPEED)["p"]
    assert all(value < theory.COMPUTES for value in (*measured, *found))


def test_the_page_has_the_predictions_of_the_command():
    predicted = tables.predictions()
    assert predicted in PAGE.with_name("predictions.md").read_text()
    assert predicted.split("\n\n")[1] in PAGE.read_text(), "the turning points"
