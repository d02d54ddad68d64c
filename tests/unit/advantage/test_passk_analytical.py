import math
from fractions import Fraction
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passk import advantage
from passk.errors import PasskError


def rewards_of(n, c):
    return torch.tensor([[1.0] * c + [0.0] * (n - c)])


def right_and_wrong(n, c, k):
    row = advantage.compute("passk_analytical", rewards_of(n, c), k)[0].tolist()
    return row[0], row[-1]


def squares(n, c, k):
    """Squared advantage of a right and of a wrong answer as exact fractions, each with its sign.

    By enumeration, from the definition alone: every group of k rollouts gets the best reward in it,
    normalised over all groups (population); a rollout gets the mean over the groups it is in.
    """
    groups = [(group, max(int(i < c) for i in group)) for group in combinations(range(n), k)]
    mean = Fraction(sum(reward for _, reward in groups), len(groups))
    variance = Fraction(sum((reward - mean) ** 2 for _, reward in groups), len(groups))
    signed = []
    for rollout in (0, n - 1):
        own = [reward - mean for group, reward in groups if rollout in group]
        numerator = Fraction(sum(own), len(own))
        signed.append(0 if variance == 0 else numerator * abs(numerator) / variance)
    return signed


@pytest.mark.parametrize("n", range(2, 9))
def test_it_is_the_mean_over_all_groups_by_enumeration_for_every_count_and_k(n):
    for k in range(1, n):
        for c in range(n + 1):
            exact = squares(n, c, k)
            computed = right_and_wrong(n, c, k)
            if c in (0, n):  # all alike: both ends of the row are the same kind
                assert exact[0] == exact[1] == 0
            for square, value in zip(exact, computed, strict=True):
                expected = math.copysign(math.sqrt(abs(square)), square)
                assert value == (pytest.approx(expected, rel=1e-6) if square else 0.0), (n, c, k)


@pytest.mark.parametrize(
    ("n", "c", "k", "right", "wrong"),
    [
        (8, 1, 4, 1.000000, -0.142857),
        (8, 2, 4, 0.522233, -0.174078),
        (8, 3, 4, 0.277350, -0.166410),
        (8, 4, 4, 0.120386, -0.120386),
        (16, 4, 8, 0.200000, -0.066667),
        (32, 1, 8, 1.732051, -0.055873),
        (32, 8, 8, 0.274189, -0.091396),
    ],
)
def test_worked_values(n, c, k, right, wrong):
    assert right_and_wrong(n, c, k) == pytest.approx((right, wrong), abs=6e-7)


@pytest.mark.parametrize("n", [2, 5, 16, 32])
def test_k_of_one_is_grpo(n):
    rewards = torch.cat([rewards_of(n, c) for c in range(n + 1)])
    analytical = advantage.compute("passk_analytical", rewards, 1)
    assert torch.allclose(analytical, advantage.compute("grpo", rewards, 1), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("n", "k"), [(8, 4), (32, 8), (1024, 512), (1024, 1023)])
def test_no_right_answer_and_fewer_wrong_ones_than_k_give_exactly_nothing(n, k):
    for c in (0, n - k + 1, n):
        assert not advantage.compute("passk_analytical", rewards_of(n, c), k).any()
    if n <= 32:
        assert advantage.compute("passk_analytical", rewards_of(n, n - k), k).all()


@pytest.mark.parametrize(
    ("k", "peak", "height", "zero_from"),
    [(1, 16, 32.00, 32), (2, 12, 18.91, 31), (4, 8, 10.36, 29), (8, 4, 5.18, 25), (16, 2, 2.26, 17)],
)
def test_the_curve_of_total_advantage_peaks_where_the_formula_says(k, peak, height, zero_from):
    # of 32, 25 % right for k = 4 and 12.5 % for k = 8 (the paper's text says 25 % for 8)
    rewards = torch.cat([rewards_of(32, c) for c in range(33)])
    total = advantage.compute("passk_analytical", rewards, k).abs().sum(dim=1)
    assert int(total.argmax()) == peak and float(total.max()) == pytest.approx(height, abs=0.005)
    assert int((total > 0).nonzero().max()) + 1 == zero_from
    if k == 4:
        assert total[[1, 2, 3, 20, 28]].tolist() == pytest.approx([5.29, 7.16, 8.37, 4.73, 0.30], abs=0.006)


@pytest.mark.parametrize(("n", "ks"), [(64, range(1, 64)), (257, (1, 2, 16, 128, 256)), (1024, (1, 4, 33, 512, 1023))])
def test_nothing_is_lost_up_to_1024_rollouts(n, ks):
    smallest = torch.finfo(torch.float32).tiny
    for k in ks:
        advantages = advantage.compute("passk_analytical", torch.cat([rewards_of(n, c) for c in range(n + 1)]), k)
        assert advantages.isfinite().all()
        for c in range(1, n, max(1, n // 64)):
            without, groups = math.comb(n - c, k), math.comb(n, k)
            # a 256-bit square root, so that what is compared with is exact
            exact = math.isqrt((without << 512) // (groups - without)) / 2**256
            for value, expected in ((advantages[c, 0], exact), (-advantages[c, -1], exact * c / (n - c))):
                if expected < smallest:
                    assert value == 0
                else:
                    assert float(value) == pytest.approx(expected, rel=1e-6)


@given(
    st.integers(2, 64).flatmap(
        lambda n: st.tuples(st.lists(st.booleans(), min_size=n, max_size=n), st.integers(1, n - 1))
    )
)
def test_a_prompts_advantages_sum_to_nothing_and_never_reward_a_wrong_answer(group):
    rewards, k = torch.tensor([group[0]]), group[1]
    advantages = advantage.compute("passk_analytical", rewards, k)[0]
    assert float(advantages.double().sum()) == pytest.approx(0, abs=1e-5)
    assert (advantages[~rewards[0]] <= 0).all() and (advantages[rewards[0]] >= 0).all()


def test_the_order_of_rollouts_and_of_prompts_changes_nothing_else():
    generator = torch.Generator().manual_seed(0)
    rewards = (torch.rand(50, 16, generator=generator) < torch.rand(50, 1, generator=generator)).float()
    prompts, rollouts = torch.randperm(50, generator=generator), torch.randperm(16, generator=generator)
    advantages = advantage.compute("passk_analytical", rewards, 4)
    shuffled = advantage.compute("passk_analytical", rewards[prompts][:, rollouts], 4)
    assert torch.equal(shuffled, advantages[prompts][:, rollouts]) and advantages.any()


def test_changing_what_came_back_does_not_change_what_comes_next():
    first = advantage.compute("passk_analytical", rewards_of(8, 2), 4)
    kept = first.clone()
    first.zero_()
    assert torch.equal(advantage.compute("passk_analytical", rewards_of(8, 2), 4), kept)


def test_rewards_other_than_0_and_1_are_refused_by_value():
    with pytest.raises(PasskError, match=r"rewards: passk_analytical takes 0 and 1 alone, not -1, 0\.5, 2;"):
        advantage.compute("passk_analytical", torch.tensor([[0.0, 1.0, 0.5], [2.0, -1.0, 1.0]]), 2)
