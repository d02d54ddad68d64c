"""What must hold of an estimator for any rewards: sums, order, scale, ties, degenerate groups, and no state."""

import random
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from passk import advantage
from passk.advantage.estimators.passk_bootstrap import from_groups
from passk.base.errors import PasskError
from tests.unit.advantage import cases
from tests.unit.advantage.cases import compute
from tests.unit.each import every

ALL = sorted(cases.DOMAIN)
SUM_TO_ZERO = [
    *("grpo", "dr_grpo", "rloo", "maxrl", "maxpo", "reinforce_k", "surrogate", "passk_adaptive"),
    *("passk_full", "passk_bootstrap", "passk_analytical", "passk_exceeding", "passk_combination", "passk_easy_masked"),
    *("f_grpo", "tsallis", "rs_grpo", "remax", "poly_epo", "ordergrad", "vote_k", "ucpo", "cue_grpo", "tea", "curverl"),
]
WITHOUT_BASELINE = {  # estimator: a group and k that shows it
    "psr": ([1, 0], 1),
    "nsr": ([1, 0], 1),
    "w_reinforce": ([1, 0], 1),
    "pkpo_s": ([1, 0, 0], 2),
    "pkpo_sloo": ([1, 1, 1], 2),
    "pkpo_sloo_minus_one": ([1, 0, 0], 2),
    "loo_max": ([1, 0, 0], 3),
    "majority": ([1, 0, 0], 3),
    "edas": ([1, 0, 0], 1),
    "rspo": ([1, 0, 0], 2),
    "riskpo": ([1, 0, 0], 1),
}
UNTOUCHED_BY_SCALE = ("grpo", "passk_full", "passk_bootstrap", "riskpo")
TINY = torch.finfo(torch.float32).tiny  # below it one of the two values of a group may be left out


def batch(name, n, prompts=24, seed=0):
    """Rewards that the estimator takes, of all sorts of groups."""
    if name in cases.BINARY:
        generator = torch.Generator().manual_seed(100 * n + seed)
        return (torch.rand(prompts, n, generator=generator) < torch.rand(prompts, 1, generator=generator)).float()
    return cases.tensor(cases.dyadic(n, prompts, seed))


def every_shape(name, up_to=7):
    return [(n, k) for n, k in cases.shapes(name, up_to, start=2) if n > 2 or k < 3]


@every("name", SUM_TO_ZERO)
def test_a_prompts_advantages_sum_to_nothing(name):
    for n, k in chain(*([(n, k) for k in cases.ks(name, n)] for n in (2, 5, 8, 33))):
        rewards = batch(name, n)
        found = compute(name, rewards, k).double()
        assert (found.sum(dim=1).abs() <= 1e-6 * found.abs().sum(dim=1) + n * TINY).all(), (n, k)
        assert found.any() or n == 2 or (name == "passk_easy_masked" and k > n / 2), (n, k)


@every("name", sorted(WITHOUT_BASELINE))
def test_the_estimators_that_do_not_sum_to_nothing_are_these(name):
    group, k = WITHOUT_BASELINE[name]
    more = {"answers": [["a", "b", "b"][: len(group)]]} if advantage.get(name).needs else {}
    more |= {"base": "grpo"} if name == "edas" else {}
    assert abs(float(compute(name, [[float(x) for x in group]], k, **more).sum())) > 0.05


def test_every_estimator_is_of_one_kind_or_the_other():
    assert sorted([*SUM_TO_ZERO, *WITHOUT_BASELINE]) == advantage.names() == ALL


@every("name", sorted(set(ALL) - set(cases.PLACES) - set(cases.DRAWN)))
def test_the_order_of_rollouts_changes_nothing_else(name):
    for n, k in every_shape(name):
        rewards, order = batch(name, n), torch.randperm(n, generator=torch.Generator().manual_seed(n))
        more = cases.inputs(name, rewards)
        moved = {key: shuffled(value, order) for key, value in more.items()}
        straight = compute(name, rewards, k, **more)
        assert torch.allclose(compute(name, rewards[:, order], k, **moved), straight[:, order], rtol=1e-6, atol=1e-9)


def shuffled(value, order):
    if isinstance(value, dict):  # a state
        return value
    return value[:, order] if isinstance(value, torch.Tensor) else [[row[i] for i in order.tolist()] for row in value]


@pytest.mark.parametrize("name", cases.PLACES)
def test_disjoint_groups_may_change_places_and_their_members_too(name):
    for n, k in every_shape(name, up_to=9):
        groups, generator = [list(range(at, at + k)) for at in range(0, n // k * k, k)], random.Random(n)
        generator.shuffle(groups)
        for group in groups:
            generator.shuffle(group)
        left = range(n // k * k, n)
        order = torch.tensor([*chain(*groups), *left])
        rewards = batch(name, n)
        more = cases.inputs(name, rewards)
        moved = {key: shuffled(value, order) for key, value in more.items()}
        straight = compute(name, rewards, k, **more)
        assert torch.allclose(compute(name, rewards[:, order], k, **moved), straight[:, order], rtol=1e-6, atol=1e-9)
        assert not straight[:, list(left)].any()


def test_bootstraps_groups_may_come_in_any_order():
    rewards = batch("passk_bootstrap", 6).double()
    draws = torch.rand(24, 5, 6, generator=torch.Generator().manual_seed(0)).topk(3, dim=2).indices
    order, inside = torch.tensor([3, 0, 4, 1, 2]), torch.tensor([2, 0, 1])
    for reduce in ("sum", "mean"):
        straight = from_groups(rewards, draws, reduce)
        assert torch.allclose(from_groups(rewards, draws[:, order][:, :, inside].contiguous(), reduce), straight)
        names = torch.randperm(6, generator=torch.Generator().manual_seed(1))
        renamed = torch.empty_like(rewards).index_copy_(1, names, rewards)
        assert torch.allclose(from_groups(renamed, names[draws], reduce)[:, names], straight)


@every("name", sorted(set(ALL) - set(cases.DRAWN)))
def test_prompts_do_not_touch_each_other(name):
    for n, k in every_shape(name):
        rewards = batch(name, n, prompts=5)
        more = cases.inputs(name, rewards)
        order = torch.randperm(5, generator=torch.Generator().manual_seed(n)).tolist()
        together = compute(name, rewards, k, **more)
        moved = compute(name, rewards[order], k, **{key: rows(value, order) for key, value in more.items()})
        assert torch.equal(moved, together[order]), (n, k)
        if name not in ("passk_adaptive", "curverl"):  # compare the prompts of a batch
            alone = [compute(name, rewards[i : i + 1], k, **{x: rows(v, [i]) for x, v in more.items()}) for i in order]
            assert torch.equal(torch.cat(alone), together[order]), (n, k)


def rows(value, order):
    if isinstance(value, dict):
        return value
    return value[order] if isinstance(value, torch.Tensor) else [value[i] for i in order]


def test_a_prompts_bootstrap_looks_at_its_own_rewards_alone():
    rewards, other = batch("passk_bootstrap", 6), batch("passk_bootstrap", 6, seed=1)
    other[3] = rewards[3]
    assert torch.equal(compute("passk_bootstrap", other, 3)[3], compute("passk_bootstrap", rewards, 3)[3])


def test_bootstrap_draws_anew_unless_the_generator_is_the_same():
    rewards = cases.staircase(8)
    first, again, other = (
        advantage.compute("passk_bootstrap", rewards, 3, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.manual_seed(4)
    one, two = (advantage.compute("passk_bootstrap", rewards, 3) for _ in range(2))
    assert not torch.equal(one, two)


def test_adaptive_gives_grpo_to_the_floor_of_half_of_the_prompts():
    rewards = torch.tensor([[1.0, 0, 0, 0]]).repeat(5, 1)
    entropy = torch.tensor([0.3, 0.9, 0.1, 0.9, 0.5]).unsqueeze(1).expand(5, 4)
    found = advantage.compute("passk_adaptive", rewards, 2, entropy=entropy)
    of_1, of_k = (advantage.compute("passk_analytical", rewards, k) for k in (1, 2))
    chosen = torch.tensor([False, True, False, True, False]).unsqueeze(1)
    assert torch.equal(found, torch.where(chosen, of_1, of_k)) and not torch.equal(of_1, of_k)


def test_of_prompts_with_equal_entropy_adaptive_takes_the_earlier_ones():
    rewards = torch.tensor([[1.0, 0, 0, 0]]).repeat(1000, 1)
    found = advantage.compute("passk_adaptive", rewards, 2, entropy=torch.ones(1000, 4))
    assert torch.equal(found[:500], advantage.compute("grpo", rewards[:500], 1))
    assert torch.equal(found[500:], advantage.compute("passk_analytical", rewards[500:], 2))


GROUPS = st.integers(2, 12).flatmap(lambda n: st.lists(st.integers(-9, 9), min_size=n, max_size=n))


def of_real(name, rewards, k, **more):
    """With fixed draws and votes, whatever the rewards."""
    return compute(name, rewards, k, **cases.inputs(name, rewards), **more).double()


def of_real_estimators(n, place, *batches):
    """Each estimator of rewards of any size that takes these batches, and its k at `place`: one draw is for all."""
    for name in sorted(cases.REAL):
        if name not in cases.GRADED or all((each * (1 - each)).any() for each in batches):
            defined = cases.ks(name, n)
            yield name, defined[place % len(defined)]


@settings(max_examples=60)
@given(group=GROUPS, power=st.integers(-20, 20), place=st.integers(0, 11))
def test_scale(group, power, place):
    rewards, times = torch.tensor([group]).float(), 2.0**power
    for name, k in of_real_estimators(len(group), place, rewards, rewards * times):
        wanted = of_real(name, rewards, k) * (1 if name in UNTOUCHED_BY_SCALE else times)
        more = {"beta": 1 / times} if name == "rs_grpo" else {}  # the aversion has the unit of a reward
        found = of_real(name, rewards * times, k, **more)
        assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-12 * max(times, 1)), (name, k)


@settings(max_examples=60)
@given(group=GROUPS, offset=st.integers(-4096, 4096), place=st.integers(0, 11))
def test_offset(group, offset, place):
    n, rewards = len(group), torch.tensor([group]).float()
    for name, k in of_real_estimators(n, place, rewards, rewards + offset):
        # what a constant reward alone gets: the estimate of a gradient that is 0, unless there is a baseline
        constant = {"pkpo_s": k / n, "pkpo_sloo": k / n - k / max(1, n - 1)}.get(name, 0.0) * offset
        more = {"answers": [["a", "b"] * (n // 2) + ["a"] * (n % 2)]} if name == "majority" else {}
        wanted = compute(name, rewards, k, **more).double() + constant
        found = compute(name, rewards + offset, k, **more).double()
        assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-6), (name, k)


@every("name", sorted(set(ALL) - {"ucpo", *cases.VOTING, *cases.PLACES, *cases.DRAWN}))
def test_equal_rewards_get_exactly_equal_advantages(name):
    for n, k in every_shape(name, up_to=12):
        rewards = batch(name, n)
        found = compute(name, rewards, k)
        for row, values in zip(rewards.tolist(), found.tolist(), strict=True):
            of_level = dict(zip(row, values, strict=True))
            assert [of_level[level] for level in row] == values, (n, k, row, values)


def test_equal_answers_that_are_equally_correct_get_equal_advantages():
    rewards = torch.tensor([[1.0, 0, 0, 0, 1, 0, 0]])
    answers = [["x", "a", "b", "a", "x", None, None]]
    for name, k, more in (("edas", 1, {"base": "grpo"}), ("majority", 7, {}), ("vote_k", 4, {}), ("cue_grpo", 1, {})):
        a = compute(name, rewards, k, answers=answers, **more)[0].tolist()
        assert a[0] == a[4] and a[1] == a[3] and a[5] == a[6]


@every("name", ALL)
def test_writing_on_what_came_back_or_went_in_does_no_harm_to_later_calls(name):
    k = cases.some_k(name, 6)
    rewards = batch(name, 6)
    more = cases.inputs(name, rewards)
    more.pop("generator", None)
    kept_rewards = rewards.clone()

    def again():
        torch.manual_seed(0)
        return compute(name, rewards, k, **more, **({"generator": None} if name in cases.DRAWN else {}))

    first = again()
    kept = first.clone()
    assert torch.equal(rewards, kept_rewards)
    first.fill_(7.0)
    assert torch.equal(rewards, kept_rewards) and torch.equal(again(), kept)


@every("name", sorted(set(ALL) - set(cases.GRADED)))
def test_any_dtype_of_rewards_gives_float32_and_leaves_the_rewards_alone(name):
    k = cases.some_k(name, 5)
    answers = {"answers": [["a", "b", "c", "a", "d"]] * 6} if name in cases.VOTING else {}
    of_float32 = compute(name, cases.staircase(5), k, **answers)
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool):
        rewards = cases.staircase(5).to(dtype)
        kept, found = rewards.clone(), compute(name, rewards, k, **answers)
        assert found.dtype == torch.float32 and found.shape == rewards.shape and found.any(), dtype
        assert torch.equal(rewards, kept) and not found.requires_grad and torch.equal(found, of_float32), dtype


def test_advantages_carry_no_gradient():
    for name in ALL:
        rewards = torch.tensor([[0.0, 1, 1, 0.5 if name in cases.GRADED else 0]], requires_grad=True)
        assert not compute(name, rewards, cases.some_k(name, 4)).requires_grad, name


@every("name", ALL)
def test_no_prompts_give_no_advantages(name):
    for n, k in cases.shapes(name, 8):
        assert compute(name, torch.zeros(0, n), k).shape == (0, n)


def test_rows_that_are_not_next_to_each_other_in_memory():
    for name in ALL:
        k, rewards = cases.some_k(name, 6), batch(name, 6)
        assert torch.equal(compute(name, rewards.t().contiguous().t(), k), compute(name, rewards, k)), name


def test_an_estimator_is_its_name_or_itself():
    for name in ALL:
        k, rewards = cases.some_k(name, 6), batch(name, 6)
        more = {**cases.OPTIONS.get(name, {}), **cases.inputs(name, rewards)}
        by_itself = advantage.compute(advantage.get(name), rewards, k, **more)
        assert torch.equal(by_itself, compute(name, rewards, k)), name


@every("name", ALL)
def test_the_domain_of_k_is_this(name):
    for n in range(1, 9):
        rewards = torch.zeros(1, n)
        for k in range(1, n + 3):
            if k in cases.ks(name, n):
                assert compute(name, rewards, k).shape == (1, n)
            else:
                with pytest.raises(PasskError, match=rf"^k: .*\b{k}\b"):
                    compute(name, rewards, k)
