"""The estimators of 2026 that need more than one group's rewards, or graded ones: equal to their definitions."""

import math
import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch

from passk import advantage
from passk.advantage.estimators import tea
from passk.base.errors import ConfigError, PasskError
from tests.unit.advantage import cases, exact
from tests.unit.advantage.test_precision import EXTREMES
from tests.unit.each import every


def patterns(n, seed=0):
    """Groups of n rollouts: rewards of 0 and 1, answers (None for none), correct ones with answers of their own."""
    generator = random.Random(100 * n + seed)
    every = list(product((("x", 1), ("y", 1), ("a", 0), ("b", 0), (None, 0), (None, 1)), repeat=n))
    drawn = every if n <= 2 else [every[generator.randrange(len(every))] for _ in range(16)]
    drawn += [tuple(("abcdefgh"[i], 0) for i in range(n)), tuple(("x", 1) for _ in range(n))]
    return [[Fraction(r) for _, r in row] for row in drawn], [[answer for answer, _ in row] for row in drawn]


def test_vote_k_is_the_vote_of_all_sets_with_i_less_that_of_all_sets_without():
    for n, k in cases.shapes("vote_k", 6):
        rewards, answers = patterns(n)
        found = advantage.compute("vote_k", cases.tensor(rewards), k, answers=answers)
        truth = [exact.RULES["vote_k"](r, k, a) for r, a in zip(rewards, answers, strict=True)]
        cases.assert_equal(found, truth, where=(n, k))


def test_votes_of_correct_rollouts_count_together_and_unreadable_ones_not_at_all():
    rewards = [[1.0, 1, 0, 0, 0]]
    of_two = advantage.compute("vote_k", rewards, 3, answers=[["x", "y", "a", "a", None]])
    of_one = advantage.compute("vote_k", rewards, 3, answers=[["x", "x", "a", "a", None]])
    assert torch.equal(of_two, of_one) and of_two[0, 4] != of_two[0, 2]


def test_vote_k_has_no_digits_of_noise():
    rewards = torch.zeros(3, 64)
    rewards[0, :40], rewards[1] = 1, 1
    answers = [[str(i % 5) for i in range(64)]] * 3
    found = advantage.compute("vote_k", rewards, 8, answers=answers)
    assert not found[1:].any() and found[0].any() and abs(float(found[0].double().sum())) < 1e-5


@every("options", [{}, {"tau": 0.0}, {"tau": 1.0}, {"tau": 0.5, "std": "sample"}])
def test_ucpo_for_many_entropies(options):
    generator = random.Random(5)
    for n in range(1, 9):
        rows = [[Fraction(generator.randrange(2)) for _ in range(n)] for _ in range(20)]
        levels = [range(0, 3), range(0, 200), range(5, 6)]
        entropy = [[Fraction(generator.choice(levels[i % 3]), 8) for _ in range(n)] for i, _ in enumerate(rows)]
        if options.get("std") == "sample" and n == 1:
            continue
        found = advantage.compute("ucpo", cases.tensor(rows), 1, entropy=cases.tensor(entropy), **options)
        truth = [exact.RULES["ucpo"](r, 1, e, **options) for r, e in zip(rows, entropy, strict=True)]
        cases.assert_equal(found, truth, where=(n, options))


def test_ucpo_moves_advantage_to_what_the_policy_finds_unlikely_and_keeps_the_sum():
    rewards, entropy = torch.tensor([[1.0, 1, 0, 0]]), torch.tensor([[0.1, 2.0, 0.3, 5.0]])
    found, grpo = advantage.compute("ucpo", rewards, 1, entropy=entropy), advantage.compute("grpo", rewards, 1)
    assert found[0, 1] > grpo[0, 1] > found[0, 0] and torch.equal(found[0, 2:], grpo[0, 2:])
    assert float(found.double().sum()) == pytest.approx(0, abs=1e-6)
    assert torch.equal(advantage.compute("ucpo", rewards, 1, entropy=entropy, tau=0.0), grpo)


@every("options", [{}, {"alpha": 0.0}, {"alpha": 1.0}, {"alpha": 2.5}])
def test_cue_grpo_for_many_answers(options):
    for n in range(1, 8):
        rewards, answers = patterns(n, seed=1)
        found = advantage.compute("cue_grpo", cases.tensor(rewards), 1, answers=answers, **options)
        truth = [exact.RULES["cue_grpo"](r, 1, a, **options) for r, a in zip(rewards, answers, strict=True)]
        cases.assert_equal(found, truth, where=(n, options))


def test_cue_grpo_prefers_the_rare_path_and_is_grpo_where_there_is_one():
    rewards = torch.tensor([[1.0, 1, 1, 0]])
    found = advantage.compute("cue_grpo", rewards, 1, answers=[["RR", "RR", "DD", "UU"]])
    assert found[0, 2] > found[0, 0] == found[0, 1]
    alike = advantage.compute("cue_grpo", rewards, 1, answers=[["RR", "RR", "RR", "UU"]])
    assert torch.equal(alike, advantage.compute("grpo", rewards, 1))


def test_poly_epo_with_diversity_is_the_mean_over_the_sets_with_i_less_that_over_all():
    for n, k in cases.shapes("poly_epo", 6):
        generator = random.Random(n)
        rewards, answers = patterns(n, seed=2)
        uneven = [[Fraction(generator.randrange(-8, 9), 8) for _ in row] for row in rewards]
        for rows in (rewards, uneven):
            found = advantage.compute("poly_epo", cases.tensor(rows), k, answers=answers, diversity=True)
            truth = [
                exact.RULES["poly_epo"](r, k, answers=a, diversity=True) for r, a in zip(rows, answers, strict=True)
            ]
            cases.assert_equal(found, truth, where=(n, k))


def test_poly_epo_asks_for_answers_only_with_diversity():
    advantage.compute("poly_epo", torch.zeros(1, 4), 2)
    with pytest.raises(PasskError, match="^answers: poly_epo with diversity needs them"):
        advantage.compute("poly_epo", torch.zeros(1, 4), 2, diversity=True)


@every("options", [{}, {"w": 0.0}, {"bundle": 1}, {"bundle": 3, "lower": 0.5, "upper": 0.75}])
def test_riskpo_for_bundles_of_prompts(options):
    generator = random.Random(7)
    for n in range(2, 9):
        for prompts in (1, 5, 7, 10):
            for levels in (range(2), range(-16, 17)):
                rows = [[Fraction(generator.choice(levels), 8) for _ in range(n)] for _ in range(prompts)]
                found = advantage.compute("riskpo", cases.tensor(rows), 1, **options)
                cases.assert_equal(found, exact.RULES["riskpo"](rows, 1, **options), where=(n, prompts), rel=1e-6)


def test_riskpo_never_rewards_and_gives_prompts_outside_a_bundle_nothing():
    rewards = cases.tensor(cases.dyadic(8, 7))
    found = advantage.compute("riskpo", rewards, 1, bundle=3)
    assert (found <= 0).all() and not found[6:].any() and torch.equal(found[0], found[2])


def test_riskpo_refuses_quantiles_in_the_wrong_order_before_training():
    for lower, upper in ((0.5, 0.5), (0.9, 0.2)):
        with pytest.raises(ConfigError, match="^options.upper: must be above lower = .* for riskpo, not"):
            advantage.check("riskpo", 1, 8, {"lower": lower, "upper": upper})


@every("share", [0.1, 0.25, 0.5, 1.0])
def test_tea_given_its_coefficients(share):
    for n in range(1, 9):
        rows = [row for row in cases.dyadic(n, 24) if set(row) - {0, 1}]
        for k in (1, 4, n, 100):
            coefficients = tea._coefficients(n, k)
            found = advantage.compute("tea", cases.tensor(rows), k, share=share)
            truth = [exact.RULES["tea"](r, k, coefficients.__getitem__, share) for r in rows]
            cases.assert_equal(found, truth, where=(n, k, share), rel=2e-6)


def test_teas_coefficient_is_exact_for_normal_rewards():
    assert [tea.best_of(k) for k in (1, 2, 3)] == pytest.approx([0, math.pi**-0.5, 1.5 * math.pi**-0.5], abs=1e-9)
    assert tea.best_of(10) == pytest.approx(1.538752731, abs=1e-8)
    grid = (np.arange(4_000_000) + 0.5) / 4e6
    normal = torch.special.ndtri(torch.from_numpy(grid)).numpy()
    for size in (1, 3, 8):
        best = normal[-len(normal) * size // 8 :]
        value = best.mean() + tea._coefficients(8, 64)[size] * best.std()
        assert value == pytest.approx(tea.best_of(64), abs=1e-3)


def test_tea_is_the_derivative_of_the_extrapolated_best_by_the_weight_of_a_rollout():
    rewards, k, n = torch.tensor([[0.1, 0.9, 0.4, 0.8, 0.55, 0.2, 0.75, 0.3]], dtype=torch.float64), 32, 8
    tail = rewards[0] >= 0.55
    weights = torch.full((n,), 1 / n, dtype=torch.float64, requires_grad=True)
    share = weights * tail / (weights * tail).sum()
    mean = (share * rewards[0]).sum()
    sigma = (share * (rewards[0] - mean) ** 2).sum().sqrt()
    (mean + tea._coefficients(n, k)[4] * sigma).backward()
    found = advantage.compute("tea", rewards, k, share=0.5)
    assert found[0].tolist() == pytest.approx(weights.grad.tolist(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("rewards", [[[0.0, 1, 0, 1]], [[0.0, 0, 0, 0], [1, 1, 1, 1]]])
def test_tea_refuses_rewards_of_0_and_1(rewards):
    with pytest.raises(PasskError, match="^rewards: tea needs graded rewards, not only 0 and 1; use a verifier"):
        advantage.compute("tea", rewards, 4)
    advantage.compute("tea", [[0.0, 0, 0, 0]], 4)  # nothing was solved in this step


@pytest.mark.parametrize(
    ("name", "options"), [("ordergrad", {"statistic": "top", "level": 0.5}), ("riskpo", {}), ("tea", {})]
)
def test_extremes_are_finite(name, options):
    found = advantage.compute(name, torch.tensor(EXTREMES), cases.some_k(name, 4), **options)
    assert found.isfinite().all()


def test_rs_grpo_of_large_rewards_does_not_overflow():
    found = advantage.compute("rs_grpo", torch.tensor([[3e38, 0.0, -3e38, 1.0]]), 1, beta=2.0)
    assert found[0].tolist() == pytest.approx([1.5, -0.5, -0.5, -0.5])


@pytest.mark.parametrize("window", [1, 2, 10])
def test_curverl_over_steps(window):
    generator = random.Random(11)
    for n in (2, 3, 5, 8):
        batches = [
            [
                [Fraction(generator.random() < generator.random()) for _ in range(n)]
                for _ in range(generator.choice([1, 6]))
            ]
            for _ in range(14)
        ]
        batches[0] = [[Fraction(0)] * n] * 4  # nothing is solved: the next step is the first that counts
        state = {}
        found = [advantage.compute("curverl", cases.tensor(b), 1, state=state, window=window) for b in batches]
        for step, (values, truth) in enumerate(zip(found, exact.RULES["curverl"](batches, 1, window), strict=True)):
            cases.assert_equal(values, truth, where=(n, step))
        assert len(state["counts"]) == window if window < 14 else True


def test_what_curverls_window_has_not_seen_has_no_weight_once():
    hard, easy = [[1.0, 0, 0, 0]], [[1.0, 1, 1, 0]]
    state = {}
    advantage.compute("curverl", easy, 1, state=state)
    assert not advantage.compute("curverl", hard, 1, state=state).any()
    assert advantage.compute("curverl", hard, 1, state=state).tolist() == [[0.75, -0.25, -0.25, -0.25]]


def test_curverl_needs_its_state_and_one_n():
    with pytest.raises(PasskError, match=r"^state: curverl keeps one over steps; pass state=\{\}"):
        advantage.compute("curverl", [[1.0, 0]], 1)
    state = {}
    advantage.compute("curverl", [[1.0, 0]], 1, state=state)
    with pytest.raises(PasskError, match="^state: curverl has counts of groups of 2 rollouts, not 3"):
        advantage.compute("curverl", [[1.0, 0, 0]], 1, state=state)
