"""Floats of the estimators of 2026 against exact values, as in test_precision.py: a relative error under 1e-5."""

import math
import random
from fractions import Fraction

import pytest
import torch

from passk import advantage
from tests.unit.advantage import cases, closed_published, exact
from tests.unit.advantage.closed import Sorted
from tests.unit.advantage.test_precision import SIZES, assert_close, groups
from tests.unit.each import every

ORDER = [(statistic, level) for statistic in ("top", "cvar", "quantile") for level in (0.01, 0.5, 1.0)]


def by_rank(name, closed, ks, picked=6, **options):
    """Hold an estimator to a closed form: closed(x, k) gives rank -> advantage."""
    for n in SIZES:
        rewards = groups(n)
        xs = [Sorted([Fraction(value) for value in row]) for row in rewards.tolist()]
        ranks = sorted({*range(min(n, 3)), *range(0, n, max(1, n // picked)), *range(max(0, n - 3), n)})
        for k in ks(n):
            found = advantage.compute(name, rewards, k, **options)
            for row, (x, values) in enumerate(zip(xs, found.tolist(), strict=True)):
                truth, zero = closed(x, k), 1e-12 * max(map(abs, x.g))
                for i in ranks:
                    assert_close(values[x.order[i]], truth(i), (n, k, row, i), zero=zero)


def of_group(name, truth, groups_of, step=25, **options):
    """Hold an estimator to its definition, in every `step`-th rollout: truth(rows) gives the advantages of all rows."""
    rows = groups_of.tolist()
    found = advantage.compute(name, groups_of, options.pop("k", 1), **options).tolist()
    for row, (values, expected) in enumerate(zip(found, truth([[Fraction(x) for x in r] for r in rows]), strict=True)):
        for i in range(0, len(values), max(1, len(values) // step)):
            assert_close(values[i], expected[i], (len(values), row, i), zero=1e-12 * max(1, *map(abs, rows[row])))


# Closed forms and definitions


@every("m", [None, 1, 0.5, 2.5, 7])
def test_the_closed_form_of_remax_is_the_definition(m):
    for n, k in cases.shapes("remax", 5):
        for row in cases.dyadic(n, 4):
            x, truth = Sorted(row), exact.RULES["remax"](row, k, m)
            found = closed_published.remax(x, k if m is None else m)
            for i in range(n):
                assert abs(found(i) - truth[x.order[i]]) < Fraction(1, 10**60)


@every(("statistic", "level"), ORDER)
def test_the_closed_form_of_ordergrad_is_the_definition(statistic, level):
    for n, k in cases.shapes("ordergrad", 6):
        for row in cases.dyadic(n, 4):
            x, truth = Sorted(row), exact.RULES["ordergrad"](row, k, statistic, level)
            found = closed_published.ordergrad(x, k, statistic, math.ceil(level * k))
            assert [found(i) for i in range(n)] == [truth[i] for i in x.order]


def test_the_closed_forms_of_answers_are_the_definitions():
    generator = random.Random(3)
    for n, k in cases.shapes("vote_k", 6):
        for row in cases.dyadic(n, 4):
            answers = [generator.choice(["a", "b", None]) for _ in row]
            diverse = closed_published.polychromic(row, answers, k)
            truth = exact.RULES["poly_epo"](row, k, answers=answers, diversity=True)
            assert [diverse(i) for i in range(n)] == truth
            correct = [Fraction(generator.randrange(2)) for _ in row]
            kinds = ["x" if r else answer for r, answer in zip(correct, answers, strict=True)]
            sizes = [kinds.count(kind) for kind in ("x", "a", "b", None)]
            votes = dict(
                zip(("x", "a", "b", None), closed_published.vote_k(sizes[0], sizes[1:3], sizes[3], k), strict=True)
            )
            assert [votes[kind] for kind in kinds] == exact.RULES["vote_k"](correct, k, answers)


# Up to 1024 rollouts


@pytest.mark.parametrize("m", [None, 0.5, 2.5])
def test_nothing_is_lost_of_remax_on_real_rewards(m):
    options = {} if m is None else {"m": m}
    ks = (lambda n: [1, 4, n] if n > 64 else [1, 4, n, 5000]) if m is None else lambda n: [1]
    by_rank("remax", lambda x, k: closed_published.remax(x, k if m is None else m), ks, **options)


@every(("statistic", "level"), ORDER)
def test_nothing_is_lost_of_any_form_of_ordergrad(statistic, level):
    def closed(x, k):
        return closed_published.ordergrad(x, k, statistic, math.ceil(Fraction(str(level)) * k))

    ks = lambda n: sorted({k for k in (1, 4, n // 2, n - 1) if k < n})  # noqa: E731
    by_rank("ordergrad", closed, ks, statistic=statistic, level=level)


@pytest.mark.parametrize(("beta", "sizes"), [(0.001, SIZES[:-1]), (1.0, SIZES), (20.0, SIZES[:-2])])
def test_nothing_is_lost_of_rs_grpo(beta, sizes):
    def truth(rows):  # an offset changes nothing, and exp() of the highest is 1
        return [exact.RULES["rs_grpo"]([x - max(row) for x in row], 1, beta) for row in rows]

    for n in sizes:
        some = groups(n)[[0, 1, 2, 3, 4, 5, 8]]  # the others reach from 1 to exp(-1e30)
        of_group("rs_grpo", truth, some, beta=beta)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, SIZES),
        ({"bundle": 1}, SIZES[:-2]),
        ({"bundle": 2, "lower": 0.3, "upper": 0.6, "w": 0.0}, SIZES[:-1]),
    ],
)
def test_nothing_is_lost_of_riskpo(options, sizes):
    for n in sizes:
        of_group("riskpo", lambda rows: exact.RULES["riskpo"](rows, 1, **options), groups(n), **options)


@pytest.mark.parametrize(("share", "sizes"), [(0.1, SIZES), (0.25, SIZES[:-1]), (1.0, SIZES[:-2])])
def test_nothing_is_lost_of_tea(share, sizes):
    for n in sizes:
        for k in (1, 4, 5000):

            def coefficient(size, n=n, k=k):
                return closed_published.tail_coefficient(n, k, size)

            def truth(rows, k=k, coefficient=coefficient):
                return [exact.RULES["tea"](row, k, coefficient, share) for row in rows]

            of_group("tea", truth, groups(n), k=k, share=share)


@pytest.mark.parametrize("options", [{}, {"tau": 1.0}, {"tau": 0.5, "std": "sample"}])
def test_nothing_is_lost_of_ucpo(options):
    draw = random.Random(8)
    for n in SIZES:
        rewards = cases.staircase(n)[sorted({0, 1, 2, n // 3, n // 2, n - 1, n})]
        entropy = [[draw.choice([draw.random(), 60 * draw.random()]) for _ in range(n)] for _ in rewards]

        def truth(rows, entropy=entropy):
            exactly = [[Fraction(x) for x in row] for row in entropy]
            return [exact.RULES["ucpo"](row, 1, e, **options) for row, e in zip(rows, exactly, strict=True)]

        of_group("ucpo", truth, rewards, entropy=torch.tensor(entropy, dtype=torch.float64), **options)


@pytest.mark.parametrize("alpha", [0.8, 5.0])
def test_nothing_is_lost_of_cue_grpo(alpha):
    draw = random.Random(9)
    for n in SIZES:
        rewards = cases.staircase(n)[sorted({0, 1, 2, n // 3, n // 2, n - 1, n})]
        answers = [
            [str(int(draw.random() ** 4 * n)) if draw.random() < 0.9 else None for _ in range(n)] for _ in rewards
        ]

        def truth(rows, answers=answers):
            return [exact.RULES["cue_grpo"](row, 1, a, alpha) for row, a in zip(rows, answers, strict=True)]

        of_group("cue_grpo", truth, rewards, answers=answers, alpha=alpha)


def test_nothing_is_lost_of_curverl_over_steps():
    draw, state, batches = random.Random(10), {}, []
    for _ in range(4):
        batches.append([[Fraction(i < c) for i in range(1024)] for c in draw.choices([0, 1, 2, 500, 1023, 1024], k=6)])
    for batch, truth in zip(batches, exact.RULES["curverl"](batches, 1, 2), strict=True):
        of_group("curverl", lambda rows, truth=truth: truth, cases.tensor(batch), state=state, window=2)


def test_nothing_is_lost_of_poly_epo_with_diversity():
    draw = random.Random(11)
    for n in SIZES:
        rewards = torch.cat([groups(n), torch.ones(2, n)])
        few = ["a", "a", "b", "c", None]
        answers = [[draw.choice(few) if row % 2 else str(draw.randrange(n)) for _ in range(n)] for row in range(12)]
        for k in sorted({k for k in (1, 4, n // 8, n // 2, n - 1) if 0 < k < n}):

            def truth(rows, k=k, answers=answers):
                found = [closed_published.polychromic(row, a, k) for row, a in zip(rows, answers, strict=True)]
                picked = range(0, len(rows[0]), max(1, len(rows[0]) // 10))
                return [{i: of(i) for i in picked} for of in found]

            of_group("poly_epo", truth, rewards, 10, k=k, answers=answers, diversity=True)


VOTES = [
    *[((c, (20, 40 - c)), 4, k) for c in (1, 5, 20, 39) for k in (1, 2, 8, 32, 63)],
    *[((100, (90, 60)), 7, 16), ((30, (200, 0)), 27, 128), ((400, (324, 300)), 0, 64)],
    *[((500, (524, 0)), 0, 128), ((600, (324, 100)), 0, 32), ((3, (1020, 0)), 1, 4)],
]


@every(("answered", "silent", "k"), VOTES)
def test_nothing_is_lost_of_vote_k(answered, silent, k):
    correct, rivals = answered
    sizes = [correct, *rivals, silent]
    starts = [sum(sizes[:kind]) for kind in range(4)]
    answers = [answer for answer, size in zip(("x", "a", "b", None), sizes, strict=True) for _ in range(size)]
    rewards = torch.tensor([[float(answer == "x") for answer in answers]])
    found = advantage.compute("vote_k", rewards, k, answers=[answers])[0].tolist()
    for start, truth in zip(starts, closed_published.vote_k(correct, rivals, silent, k), strict=True):
        if truth is not None:
            assert_close(found[start], truth, (answered, silent, k))
