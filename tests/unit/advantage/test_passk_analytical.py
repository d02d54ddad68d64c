import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passk import advantage
from tests.unit.advantage import cases, exact
from tests.unit.each import every


def correct_and_incorrect(n, c, k, **options):
    row = advantage.compute("passk_analytical", cases.staircase(n)[[c]], k, **options)[0].tolist()
    return row[0], row[-1]


@every(
    ("n", "c", "k", "right", "wrong"),
    [
        (8, 1, 4, 1.000000, -0.142857),
        (8, 2, 4, 0.522233, -0.174078),
        (8, 3, 4, 0.277350, -0.166410),
        (8, 4, 4, 0.120386, -0.120386),
        *((8, c, 4, 0.0, 0.0) for c in (5, 6, 7, 8)),
        (16, 4, 8, 0.200000, -0.066667),
        (32, 1, 8, 1.732051, -0.055873),
        (32, 8, 8, 0.274189, -0.091396),
    ],
)
def test_worked_values(n, c, k, right, wrong):
    assert correct_and_incorrect(n, c, k) == pytest.approx((right, wrong), abs=6e-7)


@pytest.mark.parametrize(
    ("c", "solved", "deviation"), [(1, 0.5, 0.5), (2, 0.785714, 0.410326), (4, 0.985714, 0.118666)]
)
def test_worked_means_and_deviations(c, solved, deviation):
    right = correct_and_incorrect(8, c, 4, sigma=False)[0]
    assert right == pytest.approx(1 - solved, abs=6e-7)
    assert right / correct_and_incorrect(8, c, 4)[0] == pytest.approx(deviation, abs=1e-6)


@every("n", [2, 5, 16, 32])
def test_k_of_one_is_grpo(n):
    rewards = cases.staircase(n)
    analytical = advantage.compute("passk_analytical", rewards, 1)
    assert torch.allclose(analytical, advantage.compute("grpo", rewards, 1), rtol=1e-6, atol=0)


def test_it_is_pkpos_s_less_its_mean_by_the_deviation():
    for n, k in cases.shapes("passk_analytical", 9):
        rewards = cases.staircase(n)
        s = advantage.compute("pkpo_s", rewards, k).double()
        plain = advantage.compute("passk_analytical", rewards, k, sigma=False).double()
        assert torch.allclose(plain, (s - s.mean(dim=1, keepdim=True)) * n / k, rtol=1e-5, atol=1e-7)


@every(("n", "k"), [(8, 4), (32, 8), (1024, 512), (1024, 1023)])
def test_no_correct_answer_and_fewer_incorrect_ones_than_k_give_exactly_nothing(n, k):
    rewards = cases.staircase(n)
    assert not advantage.compute("passk_analytical", rewards[[0, n - k + 1, n]], k).any()
    if n <= 32:
        assert advantage.compute("passk_analytical", rewards[[n - k]], k).all()


@given(
    st.integers(2, 64).flatmap(
        lambda n: st.tuples(st.lists(st.booleans(), min_size=n, max_size=n), st.integers(1, n - 1))
    )
)
def test_a_prompts_advantages_sum_to_nothing_and_never_reward_an_incorrect_answer(group):
    rewards, k = torch.tensor([group[0]]), group[1]
    advantages = advantage.compute("passk_analytical", rewards, k)[0]
    assert float(advantages.double().sum()) == pytest.approx(0, abs=1e-5)
    assert (advantages[~rewards[0]] <= 0).all() and (advantages[rewards[0]] >= 0).all()


# Other closed forms on 0/1 rewards that estimators.md derives (B.1, C)


def reached(n, c, k):
    """Share of the sets of k of n rollouts that hold one of c correct ones."""
    sets = [any(i < c for i in members) for members in exact.combinations(range(n), k)]
    return sum(sets) / len(sets)


def test_pkpos_forms_on_counts():
    for n, k in cases.shapes("pkpo_sloo", 7):
        rewards = cases.staircase(n)
        s, sloo = (advantage.compute(name, rewards, k) for name in ("pkpo_s", "pkpo_sloo"))
        for c in range(n + 1):
            if c:
                assert s[c, 0].item() == pytest.approx(k / n)
                assert sloo[c, 0].item() == pytest.approx(k / n - k / (n - 1) * reached(n - 1, c - 1, k), abs=1e-7)
            if c < n:
                wrong = k / n * (reached(n - 1, c, k - 1) if k > 1 else 0)
                assert s[c, -1].item() == pytest.approx(wrong, abs=1e-7)
                assert sloo[c, -1].item() == pytest.approx(wrong - k / (n - 1) * reached(n - 1, c, k), abs=1e-7)


def test_on_counts_leave_two_out_is_a_weight_on_the_centred_reward():
    for n, k in cases.shapes("maxpo", 9):
        found = advantage.compute("maxpo", cases.staircase(n), k)
        for c in range(1, n):
            weight = k / (n - 1) * exact.math.comb(n - c - 1, k - 1) / exact.math.comb(n - 2, k - 1)
            assert found[c, 0].item() == pytest.approx(weight * (n - c) / n, abs=1e-7)
            assert found[c, -1].item() == pytest.approx(-weight * c / n, abs=1e-7)


def test_at_k_of_1_pkpos_baseline_is_not_rloos():
    # estimators.md B.1 has them equal; by Eq. 29 the others' mean is taken off whole, but r_i is over N
    rewards = torch.tensor([[3.0, 1.0, -2.0, 0.5]])
    others = (rewards.sum() - rewards) / 3
    found = 4 * advantage.compute("pkpo_sloo", rewards, 1)
    assert torch.allclose(found, rewards - 4 / 3 * others, atol=1e-6)
    assert not torch.allclose(found, advantage.compute("rloo", rewards, 1), atol=0.01)
