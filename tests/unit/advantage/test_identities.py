"""Estimators that equal another one times a number, at least on rewards of 0 and 1 (docs/advantage.md)."""

import math
from itertools import combinations

import torch

from passk import advantage
from tests.unit.advantage import cases
from tests.unit.each import every

P_DERIVATIVES = [
    ("f_grpo", {"gamma": 0.5}, "(1 - p) ** 0.5 / sqrt(p * (1 - p))"),
    ("f_grpo", {"gamma": 2.0}, "(1 - p) ** 2 / sqrt(p * (1 - p))"),
    ("tsallis", {"q": 0.25}, "p ** -0.25"),
    ("rs_grpo", {"beta": 2.0}, "(exp(2) - 1) / (2 * (1 + p * (exp(2) - 1)))"),
    ("remax", {"m": 2.5}, "(1 - p) ** 1.5"),
    ("dr_grpo", {}, "1"),
    ("grpo", {}, "1 / sqrt(p * (1 - p))"),
    ("maxrl", {}, "1 / p"),
]


@every(("name", "options", "derivative"), P_DERIVATIVES)
def test_it_is_the_surrogate_with_this_derivative(name, options, derivative):
    for n in (2, 3, 8, 32):
        rewards = cases.staircase(n)
        found = advantage.compute(name, rewards, 1, **options)
        assert torch.allclose(found, advantage.compute("surrogate", rewards, 1, derivative=derivative), rtol=1e-6)


def same(one, other, factor=1.0, *, real, k=None):
    """Whether an estimator is another one times a number: (name, options) each; factor: of n and k."""
    for n in (2, 3, 5, 8, 32):
        for size in [k] if k else [size for size in (2, 3, n - 1) if 2 <= size < n]:
            rewards = cases.tensor(cases.dyadic(n, 24)) if real else cases.staircase(n)
            times = factor(n, size) if callable(factor) else factor
            (a, of_a), (b, of_b) = one, other
            found = advantage.compute(a, rewards, size, **of_a)
            wanted = advantage.compute(b, rewards, size, **of_b).double() * times
            if not torch.allclose(found.double(), wanted, rtol=1e-5, atol=1e-6):
                return False
    return True


def test_remax_is_reinforce_k_over_k_on_0_and_1():
    assert same(("remax", {}), ("reinforce_k", {}), lambda n, k: 1 / k, real=False)


def test_remax_with_one_try_is_dr_grpo():
    assert same(("remax", {"m": 1.0}), ("dr_grpo", {}), real=True, k=1)


def test_set_rl_with_the_best_is_passk_analytical_without_sigma_on_0_and_1():
    assert same(("poly_epo", {}), ("passk_analytical", {"sigma": False}), real=False)


def test_set_rl_with_the_best_is_a_multiple_of_maxpo():
    assert same(("poly_epo", {}), ("maxpo", {}), lambda n, k: (n - k) / k, real=True)


def test_ordergrad_of_the_best_is_a_multiple_of_maxpo_and_of_the_mean_one_of_rloo():
    assert same(("ordergrad", {"statistic": "top", "level": 1e-3}), ("maxpo", {}), lambda n, k: n / k, real=True)
    for n, k in ((5, 2), (8, 7)):
        rewards = cases.tensor(cases.dyadic(n, 24))
        rloo = advantage.compute("rloo", rewards, 1)
        for statistic in ("top", "cvar"):
            found = advantage.compute("ordergrad", rewards, k, statistic=statistic, level=1.0)
            assert torch.allclose(found, rloo / k, atol=1e-6)


def test_rspo_is_n_times_pkpo_sloo_minus_one():
    assert same(("rspo", {}), ("pkpo_sloo_minus_one", {}), lambda n, k: n, real=True)


def test_tsallis_goes_from_dr_grpo_to_maxrl():
    assert same(("tsallis", {"q": 0.0}), ("dr_grpo", {}), real=False, k=1)
    assert same(("tsallis", {"q": 1.0}), ("maxrl", {}), real=False, k=1)


def test_f_grpo_starts_at_grpo():
    assert same(("f_grpo", {"gamma": 0.0}), ("grpo", {}), real=False, k=1)


def test_rs_grpo_starts_at_dr_grpo():
    rewards = cases.tensor(cases.dyadic(8, 24))
    found = advantage.compute("rs_grpo", rewards, 1, beta=1e-7)
    assert torch.allclose(found, advantage.compute("dr_grpo", rewards, 1), atol=1e-5)


def test_vote_k_of_one_rollout_is_rloo_on_0_and_1():
    rewards = cases.staircase(6)
    found = advantage.compute("vote_k", rewards, 1, answers=[["a"] * 6] * 7)
    assert torch.allclose(found, advantage.compute("rloo", rewards, 1), atol=1e-6)


def test_edas_may_change_an_estimator_with_a_state():
    rewards, answers, state = torch.tensor([[1.0, 0, 0]]), [["a", "b", "b"]], {}
    for _ in range(2):
        advantage.compute("edas", rewards, 1, answers=answers, state=state, base="curverl")
    assert state == {"counts": [[0, 1, 0, 0]] * 2}


def test_the_best_of_disjoint_sets_is_what_all_sets_say_on_average():
    rewards = cases.tensor(cases.dyadic(4, 12))
    of_all = advantage.compute("rspo", rewards, 2) / 4
    pairs = torch.zeros_like(of_all)
    for i, j in combinations(range(4), 2):
        pairs[:, [i, j]] += advantage.compute("loo_max", rewards[:, [i, j]], 2) / math.comb(4, 2)
    assert torch.allclose(of_all, pairs, atol=1e-6)
