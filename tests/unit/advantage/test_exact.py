"""Every estimator is its definition: equal to an enumeration in rational arithmetic, for all N <= 8 and all k."""

import random
from fractions import Fraction
from itertools import combinations, product

import pytest
import torch

from passk import advantage
from passk.advantage.estimators.passk_bootstrap import from_groups
from tests.unit.advantage import cases, exact
from tests.unit.each import every

VARIANTS = [  # estimator, options of the code, options of the definition
    ("grpo", {}, {}),
    ("grpo", {"std": "sample"}, {"std": "sample"}),
    *((name, {}, {}) for name in ("dr_grpo", "rloo", "maxrl", "psr", "nsr", "w_reinforce")),
    ("w_reinforce", {"positive": 0.75}, {"positive": 0.75}),
    *((name, {}, {}) for name in ("passk_full", "passk_analytical", "passk_exceeding", "passk_combination")),
    ("passk_analytical", {"sigma": False}, {"sigma": False}),
    *(("passk_easy_masked", {"threshold": x}, {"threshold": Fraction(x)}) for x in (0.0, 0.25, 0.5, 1.0)),
    *((name, {}, {}) for name in ("pkpo_s", "pkpo_sloo", "pkpo_sloo_minus_one", "maxpo", "loo_max", "reinforce_k")),
    *((name, x, x) for name in ("f_grpo",) for x in ({"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 3.0})),
    *((name, x, x) for name in ("tsallis",) for x in ({"q": 0.0}, {"q": 0.5}, {"q": 3.0})),
    *((name, x, x) for name in ("rs_grpo",) for x in ({"beta": 0.125}, {"beta": 4.0})),
    *((name, x, x) for name in ("remax",) for x in ({}, {"m": 1.0}, {"m": 2.0}, {"m": 0.5}, {"m": 3.75})),
    *((name, {}, {}) for name in ("poly_epo", "rspo")),
    *(
        ("ordergrad", x, x)
        for x in (
            {"statistic": name, "level": level} for name in ("top", "cvar", "quantile") for level in (0.3, 0.5, 1.0)
        )
    ),
    ("surrogate", {"derivative": "1"}, {"derivative": lambda p, k, n: 1}),
    ("surrogate", {"derivative": "1 / p"}, {"derivative": lambda p, k, n: 1 / p}),
    ("surrogate", {"derivative": lambda p: 1 / p}, {"derivative": lambda p, k, n: 1 / p}),
    (
        "surrogate",
        {"derivative": "1 / sqrt(p * (1 - p))"},
        {"derivative": lambda p, k, n: 1 / exact.root(p * (1 - p))},
    ),
    (
        "surrogate",
        {"derivative": "-k * (1 - p) ** (k - 1) / n + max(p, 0.5, 2 * p)"},
        {"derivative": lambda p, k, n: -k * (1 - p) ** (k - 1) / n + max(p, Fraction(1, 2), 2 * p)},
    ),
]


def identity(variant):
    return f"{variant[0]}-{','.join(f'{key}={value}' for key, value in variant[1].items() if not callable(value))}"


def binary(n):
    """Every 0/1 vector of up to 5 rollouts, beyond that every count in three orders."""
    if n <= 5:
        return [list(row) for row in product((0, 1), repeat=n)]
    generator = random.Random(n)
    return [generator.sample([int(i < c) for i in range(n)], n) for c in range(n + 1) for _ in range(3)]


def equals_definition(name, options, definition, rows, k):
    found = advantage.compute(name, cases.tensor(rows), k, **options)
    cases.assert_equal(found, [exact.RULES[name](row, k, **definition) for row in rows], where=(name, k, options))


def test_every_estimator_has_a_definition_here():
    assert sorted(exact.RULES) == advantage.names() == sorted(cases.DOMAIN)
    elsewhere = {"passk_bootstrap", "majority", "edas", "passk_adaptive"}
    elsewhere |= {"vote_k", "ucpo", "cue_grpo", "riskpo", "tea", "curverl"}  # test_published.py
    assert {name for name, *_ in VARIANTS} == set(exact.RULES) - elsewhere


@every("variant", VARIANTS, ids=identity)
def test_0_and_1_for_every_count_and_k(variant):
    name, options, definition = variant
    for n, k in cases.shapes(name, 8):
        equals_definition(name, options, definition, binary(n), k)


@every("variant", [v for v in VARIANTS if v[0] in cases.REAL], ids=identity)
def test_rewards_of_any_sign_and_with_ties_for_every_k(variant):
    name, options, definition = variant
    for n, k in cases.shapes(name, 8):
        equals_definition(name, options, definition, cases.dyadic(n, 16), k)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_bootstrap_given_its_groups(reduce):
    generator = random.Random(0)
    for n, k in cases.shapes("passk_bootstrap", 8):
        rows = [*cases.dyadic(n, 6), *binary(n)[:: max(1, 2 ** min(n, 5) // 6)]]
        draws = [[generator.sample(range(n), k) for _ in range(generator.choice([1, n, 9]))] for _ in rows]
        for row, groups in zip(rows, draws, strict=True):
            found = from_groups(cases.tensor([row]).double(), torch.tensor([groups]), reduce)
            cases.assert_equal(found, [exact.passk_bootstrap(row, k, groups, reduce)], where=(n, k, groups))


def test_bootstrap_with_every_group_once_is_the_analytic_estimator():
    for n, k in cases.shapes("passk_bootstrap", 8):
        groups = list(combinations(range(n), k))
        rewards = cases.staircase(n)
        draws = torch.tensor(groups).expand(n + 1, -1, -1)
        analytic = advantage.compute("passk_analytical", rewards, k)
        for reduce, times in (("mean", 1), ("sum", len(groups) * k / n)):
            found = from_groups(rewards.double(), draws.contiguous(), reduce).float()
            assert torch.allclose(found, times * analytic, rtol=1e-6, atol=1e-12)


def test_bootstraps_own_draws_are_groups_of_k_different_rollouts_from_all_of_them():
    n, k, groups = 6, 2, 30_000
    rewards = torch.tensor([[1.0, 0, 0, 0, 0, 0]])
    generator = torch.Generator().manual_seed(5)
    found = advantage.compute("passk_bootstrap", rewards, k, groups=groups, generator=generator)
    analytic = advantage.compute("passk_analytical", rewards, k)
    assert torch.allclose(found, groups * k / n * analytic, rtol=0.05)
    # it would not be 0 if a group held a rollout twice
    assert abs(float(found.double().sum())) < 1e-2


def test_majority_for_every_pattern_of_answers():
    generator = random.Random(1)
    for n in range(2, 9):
        if n <= 4:
            patterns = list(product(("a", "b", "c", None), repeat=n))
        else:
            few = (["a", "b"], ["a", None], ["a", "b", "c", None], ["b", "c", "d", "e"])
            patterns = [tuple(generator.choice(few[i % 4]) for _ in range(n)) for i in range(48)]
            patterns += [(None,) * n, ("a",) * n, tuple("abcdefgh"[:n])]
        by_answer = {"a": Fraction(1), "c": Fraction(-3, 8), "d": Fraction(1), None: Fraction(1, 2)}
        alike = [[by_answer.get(answer, Fraction(0)) for answer in pattern] for pattern in patterns]
        uneven = [[Fraction(generator.randrange(-8, 9), 8) for _ in pattern] for pattern in patterns]
        for k in cases.ks("majority", n):
            for rows in (alike, uneven):
                found = advantage.compute("majority", cases.tensor(rows), k, answers=patterns)
                truth = [exact.majority(r, k, a) for r, a in zip(rows, patterns, strict=True)]
                cases.assert_equal(found, truth, where=("majority", n, k))


@every(
    ("options", "ks"),
    [
        ({}, lambda n: [1]),
        ({"base": "passk_analytical"}, lambda n: range(1, n)),
        ({"base": "nsr", "beta": 0.5, "kappa": 4.0}, lambda n: [1]),
        ({"base": "dr_grpo", "alpha": 1.5, "beta": 3.0, "kappa": 1.25}, lambda n: [1]),
        ({"base": "reinforce_k", "alpha": 0.0}, lambda n: range(1, n + 2)),
        ({"base": "majority"}, lambda n: range(2, n + 1)),
        ({"base": "passk_easy_masked", "base_options": {"threshold": 0.5}}, lambda n: range(1, n)),
    ],
)
def test_edas_for_many_patterns_of_answers(options, ks):
    generator = random.Random(2)
    for n in range(1, 9):
        rows = [[Fraction(generator.random() < c / n) for _ in range(n)] for c in range(n + 1) for _ in range(4)]
        few = [generator.randrange(1, 5) for _ in rows]
        answers = [[generator.choice([None, "a", "b", "c"][:m]) for _ in r] for r, m in zip(rows, few, strict=True)]
        for k in ks(n):
            found = advantage.compute("edas", cases.tensor(rows), k, answers=answers, **options)
            truth = [exact.edas(r, k, a, **options) for r, a in zip(rows, answers, strict=True)]
            cases.assert_equal(found, truth, where=("edas", n, k, options))


def test_adaptive_for_every_k_and_entropies_with_ties():
    generator = random.Random(3)
    for n, k in cases.shapes("passk_adaptive", 8):
        for prompts in range(1, 6):
            rows = [[Fraction(generator.randrange(2)) for _ in range(n)] for _ in range(prompts)]
            entropy = [[Fraction(generator.randrange(3), 2) for _ in range(n)] for _ in range(prompts)]
            found = advantage.compute("passk_adaptive", cases.tensor(rows), k, entropy=cases.tensor(entropy))
            cases.assert_equal(found, exact.passk_adaptive(rows, k, entropy), where=(n, k, rows, entropy))


def test_answers_may_be_numbers_that_are_equal_where_the_answers_are():
    rewards = torch.tensor([[1.0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]])
    answers = [["7", "8", None, "8", "7", "9"], ["1", "1", "2", "7", None, None]]
    numbers = torch.tensor([[70, 3, -1, 3, 70, 0], [5, 5, 6, 0, -2, -9]])
    for name, k in (("edas", 1), ("majority", 3), ("majority", 6), ("vote_k", 3), ("cue_grpo", 1)):
        of_text = advantage.compute(name, rewards, k, answers=answers)
        assert of_text.any() and torch.equal(of_text, advantage.compute(name, rewards, k, answers=numbers))


def test_leave_two_out_is_pkpos_leave_one_out_with_k_over_n_for_k_over_n_minus_1():
    for n, k in cases.shapes("maxpo", 6):
        for row in cases.dyadic(n, 4):
            without = [
                exact.mean(exact.best(row, group) for group in combinations(exact.others(n, i), k)) for i in range(n)
            ]
            s = exact.pkpo_s(row, k)
            assert exact.maxpo(row, k) == [a - Fraction(k, n) * b for a, b in zip(s, without, strict=True)]
            assert exact.pkpo_sloo(row, k) == [a - Fraction(k, n - 1) * b for a, b in zip(s, without, strict=True)]
        assert k > 1 or exact.maxpo(row, 1) == [a / n for a in exact.rloo(row, 1)]


def test_what_the_definitions_themselves_must_give():
    # printed in estimators.md and the papers, so that a slip in exact.py cannot hide one in an estimator
    right, *_, wrong = exact.passk_analytical([Fraction(i < 3) for i in range(8)], 4)
    assert float(right) == pytest.approx(0.277350, abs=6e-7) and float(wrong) == pytest.approx(-0.166410, abs=6e-7)
    s = exact.pkpo_s([Fraction(x) for x in (1, 1, 0, 0)], 2)
    assert exact.centred(s) == [Fraction(x, 12) for x in (1, 1, -1, -1)]
    assert exact.pkpo_sloo_minus_one([Fraction(x) for x in (1, 0, 0)], 2) == [Fraction(2, 3), 0, 0]
    assert exact.loo_max([Fraction(x) for x in (5, 3, 1)], 3) == [2, 0, 0]
    assert exact.root(Fraction(4, 9)) == Fraction(2, 3) and float(exact.log(Fraction(1, 2))) == -0.6931471805599453
