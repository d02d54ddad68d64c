"""Floats against exact values, up to 1024 rollouts and k = 1023: relative error under 1e-5, no NaN, no infinity.

What is compared with are closed forms in rationals, by sorted-subset weights or counts: not those of the code,
and held to the enumerations of exact.py themselves.
"""

import random
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from passk import advantage
from passk.advantage.estimators.passk_bootstrap import from_groups
from tests.unit.advantage import cases, exact
from tests.unit.advantage.closed import ON_MEANS, ON_SETS, Sorted, analytical, combination, exceeding, weighted
from tests.unit.each import every

LARGEST = Fraction(torch.finfo(torch.float32).max)
SMALLEST = Fraction(torch.finfo(torch.float32).tiny)
SIZES = (2, 3, 8, 64, 257, 1024)


def ks(name, n):
    return [k for k in sorted({1, 2, 4, n // 2, n - 1, n}) if k in set(cases.ks(name, n))]


def assert_close(found, truth, where, zero=0.0):
    """Relative error under 1e-5; beyond float32's range its end. zero: what may come out where the truth is 0."""
    if cases.near(found, truth, 1e-5):
        return
    found, truth = Fraction(found), max(-LARGEST, min(LARGEST, truth))
    if abs(truth) < SMALLEST:
        assert abs(found) <= (SMALLEST if truth else zero), (where, float(found))
    else:
        assert abs(found - truth) <= abs(truth) / 100_000, (where, float(found), float(truth))


# Estimators of counts


COUNTS = [
    ("passk_analytical", {}, analytical),
    ("passk_analytical", {"sigma": False}, lambda n, c, k: analytical(n, c, k, sigma=False)),
    ("passk_exceeding", {}, exceeding),
    ("passk_combination", {}, combination),
    ("passk_easy_masked", {"threshold": 0.5}, lambda n, c, k: analytical(n, c, k) if 2 * c <= n else (0, 0)),
    ("maxrl", {}, weighted(lambda p, k: 1 / p if 0 < p < 1 else 0)),
    ("reinforce_k", {}, weighted(lambda p, k: k * (1 - p) ** (k - 1))),
    ("surrogate", {"derivative": "k * (1 - p) ** (k - 1)"}, weighted(lambda p, k: k * (1 - p) ** (k - 1))),
    ("grpo", {}, lambda n, c, k: analytical(n, c, 1)),
    ("f_grpo", {"gamma": 2.0}, weighted(lambda p, k: (1 - p) ** 2 / exact.root(p * (1 - p)) if 0 < p < 1 else 0)),
    ("tsallis", {"q": 2.0}, weighted(lambda p, k: 1 / p**2 if 0 < p < 1 else 0)),
    ("remax", {}, weighted(lambda p, k: (1 - p) ** (k - 1))),
    ("poly_epo", {}, lambda n, c, k: analytical(n, c, k, sigma=False)),
]


@every(("name", "options", "truth"), COUNTS)
def test_nothing_is_lost_of_an_estimator_of_counts_up_to_1024_rollouts(name, options, truth):
    for n in SIZES:
        counts = sorted({*range(min(n, 8)), *range(0, n, max(1, n // 40)), *range(max(0, n - 4), n + 1)})
        rewards = cases.staircase(n)[counts]
        for k in ks(name, n):
            found = advantage.compute(name, rewards, k, **options)
            assert found.isfinite().all()
            for c, row in zip(counts, found, strict=True):
                wrong, right = truth(n, c, k) if 0 < c < n else (0, 0)
                if c:
                    assert_close(row[0].item(), right, (n, c, k))
                if c < n:
                    assert_close(row[-1].item(), wrong, (n, c, k))


def test_every_k_of_64_rollouts():
    for k in range(1, 64):
        found = advantage.compute("passk_analytical", cases.staircase(64), k)
        for c in range(1, 64):
            wrong, right = analytical(64, c, k)
            assert_close(found[c, 0].item(), right, (c, k))
            assert_close(found[c, -1].item(), wrong, (c, k))


def test_more_than_n_answers_may_be_asked_of_the_plug_in():
    n, k = 1024, 5000
    found = advantage.compute("reinforce_k", cases.staircase(n), k)
    for c in (1, 2, 30, 500, 1023):
        weight = k * Fraction(n - c, n) ** (k - 1)
        assert_close(found[c, 0].item(), weight * Fraction(n - c, n), c)
        assert_close(found[c, -1].item(), -weight * Fraction(c, n), c)


def test_a_share_that_is_the_threshold_is_not_above_it():
    for n, c, threshold in [(50, 29, 0.58), (90, 63, 0.7), (100, 29, 0.29), (10, 3, 0.3), (32, 24, 0.75)]:
        found = advantage.compute("passk_easy_masked", cases.staircase(n), 2, threshold=threshold)
        assert found[c].any() and not found[c + 1].any()


# Estimators of real-valued rewards


def groups(n, seed=0):
    """[rows, n] float32: many kinds of groups, from nearly equal rewards to ones over 60 decades."""
    draw = random.Random(n + seed)
    rows = [
        [draw.uniform(-1, 1) for _ in range(n)],
        [draw.gauss(0, 1) for _ in range(n)],
        [1000 + draw.random() for _ in range(n)],
        [draw.randrange(3) / 3 for _ in range(n)],
        [float(draw.random() < 0.1) for _ in range(n)],
        [10 ** draw.uniform(-30, 30) for _ in range(n)],
        [-(10 ** draw.uniform(-30, 30)) for _ in range(n)],
        [draw.choice([-1, 1]) * 10 ** draw.uniform(-3, 3) for _ in range(n)],
        [draw.random() * 1e-38 for _ in range(n)],
        [draw.random() * 3e38 for _ in range(n)],
    ]
    return torch.tensor(rows, dtype=torch.float64).float()


@every("name", ON_SETS)
def test_the_closed_forms_here_are_the_definitions(name):
    for n, k in cases.shapes(name, 6):
        for row in cases.dyadic(n, 4):
            x, truth = Sorted(row), exact.RULES[name](row, k)
            assert [ON_SETS[name](x, i, k) for i in range(n)] == [truth[i] for i in x.order]


@every("name", ON_SETS)
def test_nothing_is_lost_of_an_estimator_on_sets_up_to_1024_rollouts(name):
    for n in SIZES:
        rewards = groups(n)
        xs = [Sorted([Fraction(value) for value in row]) for row in rewards.tolist()]
        zeros = [1e-12 * max(map(abs, row)) for row in rewards.tolist()]
        ranks = sorted({*range(min(n, 4)), *range(0, n, max(1, n // 12)), *range(max(0, n - 4), n)})
        for k in ks(name, n):
            found = advantage.compute(name, rewards, k)
            assert found.isfinite().all()
            for row, (x, values, zero) in enumerate(zip(xs, found.tolist(), zeros, strict=True)):
                for i in ranks:
                    truth = ON_SETS[name](x, i, k)
                    assert_close(values[x.order[i]], truth, (n, k, row, i), zero=zero)


@every("name", ON_MEANS)
def test_nothing_is_lost_of_an_estimator_on_means_up_to_1024_rollouts(name):
    for n in SIZES:
        rewards = groups(n)
        for k in ks(name, n):
            found = advantage.compute(name, rewards, k)
            assert found.isfinite().all()
            for row, (values, group) in enumerate(zip(found.tolist(), rewards.tolist(), strict=True)):
                truth, zero = ON_MEANS[name](group, k), 1e-12 * max(1, *map(abs, group))
                for i in range(0, n, max(1, n // 50)):
                    assert_close(values[i], truth(i), (n, k, row, i), zero=zero)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_nothing_is_lost_of_bootstrap(reduce):
    for n, k in [(64, 3), (64, 63), (1024, 4)]:
        rewards = groups(n)
        draws = torch.rand(len(rewards), 48, n, generator=torch.Generator().manual_seed(0)).topk(k, dim=2).indices
        found = from_groups(rewards.double(), draws, reduce).tolist()
        for values, group, drawn in zip(found, rewards.tolist(), draws.tolist(), strict=True):
            drawn = [frozenset(members) for members in drawn]
            truth = exact.passk_bootstrap([Fraction(x) for x in group], k, drawn, reduce)
            for value, expected in zip(values, truth, strict=True):
                assert_close(value, expected, (n, k), zero=1e-12)


def test_nothing_is_lost_of_best_less_second_best():
    for n in SIZES:
        rewards = groups(n)
        for k in ks("loo_max", n):
            found = advantage.compute("loo_max", rewards, k)
            for values, group in zip(found.tolist(), rewards.tolist(), strict=True):
                for at in range(0, n // k * k, k):
                    second, first = sorted(Fraction(x) for x in group[at : at + k])[-2:]
                    best = max(range(at, at + k), key=lambda i, group=group: group[i])
                    assert_close(values[best], first - second, (n, k))
                    assert sum(value != 0 for value in values[at : at + k]) == (first > second)


@every(("n", "k"), [(64, 2), (64, 64), (129, 32), (512, 511)])
def test_nothing_is_lost_of_votes_and_of_the_diversity_of_answers(n, k):
    draw = random.Random(n + k)
    answers = [[draw.choice(["a", "b", "c", "d", None]) for _ in range(n)] for _ in range(2)]
    rewards = groups(n)[[0, 3]]
    found = advantage.compute("majority", rewards, k, answers=answers)
    for values, group, votes in zip(found.tolist(), rewards.tolist(), answers, strict=True):
        for value, truth in zip(values, exact.majority([Fraction(x) for x in group], k, votes), strict=True):
            assert_close(value, truth, (n, k), zero=1e-12)
    right = (groups(n)[[0, 1]] > 0.3).float()
    found = advantage.compute("edas", right, 1, answers=answers)
    for values, group, votes in zip(found.tolist(), right.tolist(), answers, strict=True):
        for value, truth in zip(values, exact.edas([Fraction(x) for x in group], 1, votes), strict=True):
            assert_close(value, truth, n)


# Whatever float32 holds

TOP, LEAST = torch.finfo(torch.float32).max, 1e-45
EXTREMES = [
    [TOP, -TOP, TOP, -TOP],
    [TOP, TOP, TOP, -TOP],
    [-TOP, -TOP, -TOP, -TOP],
    [0.0, -0.0, 0.0, -0.0],
    [LEAST, 0.0, -LEAST, -0.0],
    [LEAST, LEAST, LEAST, 0.0],
    [1.0, 1.0 + 2**-23, 1.0, 1.0 - 2**-24],
    [TOP, TOP * (1 - 2**-23), TOP, TOP],
    [TOP, 1.0, TOP / 2, LEAST],
    [-TOP, 1.0, 2.0, 1.0],
]


OWN = ("rs_grpo", "ordergrad", "riskpo", "tea")
"""in test_published.py"""


@every("name", sorted(set(cases.REAL) - {"passk_bootstrap", "majority", *OWN}))
def test_extremes_are_exact_or_the_largest_that_there_is(name):
    rewards = torch.tensor(EXTREMES)
    for k in cases.ks(name, 4):
        found = advantage.compute(name, rewards, k)
        for values, group in zip(found.tolist(), rewards.tolist(), strict=True):
            size = max(map(abs, group))
            for value, truth in zip(values, exact.RULES[name]([Fraction(x) for x in group], k), strict=True):
                # float64 does not hold what is left where rewards 38 decades apart cancel
                cancelled = name in ("dr_grpo", "rloo", "maxpo", "remax", "poly_epo") and abs(truth) < 1e-15 * size
                assert_close(value, Fraction(0) if cancelled else truth, (k, group, values), zero=1e-12 * size)


ANY_GROUP = st.integers(1, 7).flatmap(
    lambda n: st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=n, max_size=n)
)


@settings(max_examples=100)
@given(group=ANY_GROUP, place=st.integers(0, 6))
def test_no_rewards_give_nan_or_infinity(group, place):
    """A group is drawn once for all estimators."""
    for name in sorted(cases.REAL):
        defined = cases.ks(name, len(group))
        if defined and (name not in cases.GRADED or any(value not in (0, 1) for value in group)):
            k = defined[place % len(defined)]
            assert cases.compute(name, torch.tensor([group]), k).isfinite().all(), (name, k)


@every("name", sorted(set(cases.DOMAIN) - set(cases.GRADED)))
def test_no_count_and_no_k_give_nan_or_infinity(name):
    for n in (1, 2, 7, 64):
        rewards = cases.staircase(n)
        rewards[0] = -0.0
        for k in [k for k in (1, 2, n // 2, n - 1, n, n + 1, 10**6) if k in cases.ks(name, n) or k > n + 2]:
            if k <= n + 2 or cases.DOMAIN[name] == "any k":
                assert cases.compute(name, rewards, k).isfinite().all(), (n, k)


@every("name", sorted(set(cases.DOMAIN) - set(cases.GRADED)))
def test_one_rollout_alone_has_nothing_to_be_compared_with(name):
    kept = {"psr": [[0.0], [1.0]], "nsr": [[-1.0], [0.0]], "pkpo_s": [[0.0], [1.0]]}
    kept["w_reinforce"] = [[-1.0], [pytest.approx(0.1)]]
    for k in cases.ks(name, 1):
        assert cases.compute(name, torch.tensor([[0.0], [1.0]]), k).tolist() == kept.get(name, [[0.0], [0.0]])
