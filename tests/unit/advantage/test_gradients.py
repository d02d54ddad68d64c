"""What each estimator is the gradient of: its expected update, exactly, beside the gradient of what its card names.

A policy answers with one of a few outcomes; all that N rollouts can be is enumerated, in rationals. The
definitions of exact.py are what is proved here (test_exact.py proves the estimators equal to them); the estimators
themselves are held to the same gradients in floats.
"""

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product

import pytest
import torch

from passk import advantage
from tests.unit.advantage import cases, exact, exact_published
from tests.unit.advantage.policies import COINS, DIVERSE, EASY, SCORING, VOTING, bernoulli, of_counts, sums_of_counts
from tests.unit.each import every


def best(rewards, answers):
    return max(rewards)


def vote(rewards, answers):
    return exact.elected(rewards, answers, range(len(rewards)))


def vote_of_correct(rewards, answers):
    return exact_published.vote(rewards, answers, range(len(rewards)))


def polychromic(rewards, answers):
    return exact.mean(rewards) * Fraction(len(set(answers) - {None}), len(rewards))


def ranks(statistic, level):
    def of(rewards, answers):
        place, values = math.ceil(Fraction(level) * len(rewards)), sorted(rewards)
        chosen = {"top": values[-place:], "cvar": values[:place], "quantile": values[place - 1 : place]}
        return exact.mean(chosen[statistic])

    return of


@dataclass(frozen=True)
class Claim:
    """E[mean or sum of A_i grad log p(y_i)] = factor(n, k) * gradient of E[objective over k rollouts]."""

    estimator: str
    objective: object = best
    factor: object = lambda n, k: 1
    policies: tuple = (*EASY, *SCORING)
    card: str = ""
    options: tuple = ()

    def __str__(self):
        return self.estimator


UNBIASED = [
    Claim("rloo", card="gradient of the mean reward, unbiased"),
    Claim("psr", policies=EASY, card="gradient of pass@1, unbiased"),
    Claim("nsr", policies=EASY, card="gradient of pass@1, unbiased"),
    *(Claim(name, card="gradient of max@k, unbiased") for name in ("pkpo_s", "pkpo_sloo", "pkpo_sloo_minus_one")),
    Claim("maxpo", card="gradient of max@k, unbiased"),
    Claim("rspo", card="gradient of max@k, unbiased"),
]
FACTOR = [
    Claim("dr_grpo", factor=lambda n, k: 1 - Fraction(1, n), card="(1 - 1/N) gradient of the mean reward"),
    Claim(
        "w_reinforce",
        factor=lambda n, k: 1 + Fraction(0.1),
        policies=EASY,
        card="(1 + lambda) gradient of pass@1, unbiased",
    ),
    Claim(
        "passk_analytical",
        factor=lambda n, k: Fraction(1, k) - Fraction(1, n),
        policies=EASY,
        card="sigma=False: (1/k - 1/N) gradient of pass@k",
        options=(("sigma", False),),
    ),
    Claim("loo_max", factor=lambda n, k: n // k, card="floor(N/k) gradient of max@k, unbiased"),
    Claim("majority", vote, lambda n, k: n // k, VOTING, "floor(N/k) gradient of maj@k, unbiased"),
    Claim("vote_k", vote_of_correct, lambda n, k: Fraction(1, k), DIVERSE, "(1/k) gradient of maj@k, unbiased"),
    Claim("poly_epo", best, lambda n, k: Fraction(1, k) - Fraction(1, n), card="(1/k - 1/N) gradient of max@k"),
    Claim(
        "poly_epo",
        polychromic,
        lambda n, k: Fraction(1, k) - Fraction(1, n),
        tuple(DIVERSE),
        "diversity=True: (1/k - 1/N) gradient of the mean f of k",
        (("diversity", True),),
    ),
    *(
        Claim(
            "ordergrad",
            ranks(statistic, level),
            lambda n, k: Fraction(1, k),
            card="(1/k) gradient of the expected statistic of k rollouts, unbiased",
            options=(("statistic", statistic), ("level", level)),
        )
        for statistic, level in (("top", 0.5), ("cvar", 0.25), ("quantile", 0.5))
    ),
]
SERIES = {"maxrl": "its series cut at N - 1, unbiased"}
LIMIT = {
    "grpo": "gradient of 2 arcsin sqrt(pass@1), as N grows",
    "passk_analytical": "gradient of (2/k) arcsin sqrt(pass@k), as N grows",
    "passk_full": "as passk_analytical, with more variance",
    "passk_bootstrap": "groups k/N times passk_analytical, as groups grow",
    "reinforce_k": "gradient of pass@k, with a bias of O(1/N)",
    "surrogate": "gradient of F(pass@1), with a bias of O(1/N)",
    "f_grpo": "gradient of F(pass@1), F'(p) = (1-p)^gamma / sqrt(p (1-p)), with a bias of O(1/N)",
    "tsallis": "gradient of F(pass@1), F'(p) = p^-q, with a bias of O(1/N)",
    "rs_grpo": "gradient of ln(E exp(beta r)) / beta, with a bias of O(1/N)",
    "remax": "(1/m) gradient of max@m, with a bias of O(1/N)",
    "tea": "gradient of mu + c sigma of the upper tail, as N grows",  # test_published.py
}
NO_CLAIM = ["cue_grpo", "curverl", "edas", "passk_adaptive", "passk_combination", "passk_easy_masked"]
NO_CLAIM += ["passk_exceeding", "riskpo", "ucpo"]
CLAIMS = pytest.mark.parametrize("claim", [*UNBIASED, *FACTOR], ids=str)


def test_every_estimator_has_its_place_here():
    places = [c.estimator for c in (*UNBIASED, *FACTOR)] + [*SERIES, *LIMIT, *NO_CLAIM]
    assert sorted(set(places)) == advantage.names()
    twice = {name for name, times in Counter(places).items() if times > 1}
    assert twice == {"passk_analytical", "poly_epo", "ordergrad"}  # by their options


def test_the_cards_claim_what_is_proved_here_and_no_more():
    cards = {name: advantage.get(name).estimates for name in advantage.names()}
    for claim in (*UNBIASED, *FACTOR):
        assert claim.card in cards[claim.estimator]
    for name, text in {**SERIES, **LIMIT}.items():
        assert text in cards[name]
    unbiased = {c.estimator for c in (*UNBIASED, *FACTOR) if "unbiased" in c.card} | set(SERIES)
    assert {name for name, card in cards.items() if "unbiased" in card} == unbiased
    assert sorted(name for name, card in cards.items() if card == "no objective of its own") == NO_CLAIM


def per_rollout(name, n):
    return Fraction(1, n) if advantage.get(name).scale == "mean" else Fraction(1)


def votes(name, options):
    return name in cases.VOTING or "diversity" in options


def largest(policy):
    return 8 if len(policy.chances) == 2 else 5


@cache
def by_definition(name, options, rewards, answers, k):
    """The advantages of one group; the three coins have the same groups."""
    extra = {"answers": answers} if votes(name, dict(options)) else {}
    return exact.RULES[name](rewards, k, **dict(options), **extra)


@CLAIMS
def test_the_expected_update_is_exactly_the_gradient_that_is_claimed(claim):
    for policy in claim.policies:
        for n, k in cases.shapes(claim.estimator, largest(policy), start=2 if claim.estimator == "rloo" else 1):

            def advantages(rewards, answers, k=k):
                return by_definition(claim.estimator, claim.options, tuple(rewards), tuple(answers), k)

            update = policy.update(n, advantages, ordered=claim.estimator in cases.PLACES)
            wanted = policy.gradient(k, claim.objective)
            assert [per_rollout(claim.estimator, n) * x for x in update] == [claim.factor(n, k) * x for x in wanted], (
                n,
                k,
            )
            assert any(wanted)


@CLAIMS
def test_the_estimator_itself_has_that_expected_update(claim):
    for policy in claim.policies:
        for n, k in cases.shapes(claim.estimator, largest(policy), start=2 if claim.estimator == "rloo" else 1):
            found = expected_update(policy, claim.estimator, n, k, claim.options)
            wanted = [float(claim.factor(n, k) * x) for x in policy.gradient(k, claim.objective)]
            assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6), (n, k)


@cache
def orders(outcomes, n):
    """[outcomes^n, n]: every order of outcomes."""
    return torch.tensor(list(product(range(outcomes), repeat=n)))


@cache
def of_every_order(name, options, rewards, answers, n, k):
    """The advantages by the code, where every order of outcomes is a row of one batch."""
    drawn, options = orders(len(rewards), n), dict(options)
    if votes(name, options):
        options["answers"] = [[answers[y] for y in row] for row in drawn.tolist()]
    return advantage.compute(name, torch.tensor([float(x) for x in rewards]).double()[drawn], k, **options).double()


def expected_update(policy, name, n, k, options=()):
    drawn = orders(len(policy.chances), n)
    chances = torch.tensor([float(x) for x in policy.chances]).double()
    scores = torch.tensor([[float(x) for x in row] for row in policy.scores]).double()
    found = of_every_order(name, options, policy.rewards, policy.answers, n, k)
    rows = (found.unsqueeze(2) * scores[drawn]).sum(dim=1)
    return (chances[drawn].prod(dim=1) @ rows * float(per_rollout(name, n))).tolist()


@pytest.mark.parametrize("p", ["1/7", "1/2", "5/6"])
def test_the_gradient_of_pass_at_k_is_the_textbooks(p):
    p = Fraction(p)
    for k in range(1, 7):
        assert bernoulli(p).gradient(k, best) == [k * (1 - p) ** (k - 1)]


@pytest.mark.parametrize("policy", COINS)
def test_maxrl_climbs_the_series_of_log_pass_at_1_cut_at_n_minus_1(policy):
    p = policy.chances[1]
    for n in range(1, 9):
        series = [sum((1 - p) ** (k - 1) for k in range(1, last + 1)) for last in (n - 1, n)]
        assert policy.update(n, lambda r, _: exact.maxrl(r, 1)) == [n * series[0]]
        assert expected_update(policy, "maxrl", n, 1) == pytest.approx([float(series[0])], abs=1e-6)
        # with the mean score taken off at c = 0 too, it would be the paper's N
        whole = policy.update(n, lambda r, _: exact.maxrl(r, 1) if any(r) else [Fraction(-1)] * len(r))
        assert whole == [n * series[1]]


# Estimators that claim a gradient only as N grows: biased before, and there in the end.


def arcsine(p, k):
    """d/dp of (2/k) arcsin sqrt(pass@k)."""
    solved = 1 - (1 - p) ** k
    return (1 - p) ** (k - 1) / math.sqrt(solved * (1 - solved))


def pass_at_k(p, k):
    return k * (1 - p) ** (k - 1)


LIMITS = [
    ("grpo", 1, {}, lambda p: arcsine(p, 1)),
    ("grpo", 1, {"std": "sample"}, lambda p: arcsine(p, 1)),
    *(("passk_analytical", k, {}, lambda p, k=k: arcsine(p, k)) for k in (1, 2, 4, 8)),
    *(("reinforce_k", k, {}, lambda p, k=k: pass_at_k(p, k)) for k in (1, 2, 4, 8)),
    ("f_grpo", 1, {"gamma": 2.0}, lambda p: (1 - p) ** 2 * arcsine(p, 1)),
    ("tsallis", 1, {"q": 1.5}, lambda p: p**-1.5),
    ("rs_grpo", 1, {"beta": 2.0}, lambda p: math.expm1(2) / 2 / (1 + p * math.expm1(2))),
    *(("remax", k, {}, lambda p, k=k: pass_at_k(p, k) / k) for k in (2, 4)),
    ("remax", 1, {"m": 2.5}, lambda p: (1 - p) ** 1.5),
    ("surrogate", 1, {"derivative": "1 / p"}, lambda p: 1 / p),
    ("surrogate", 1, {"derivative": "1 / sqrt(p * (1 - p))"}, lambda p: arcsine(p, 1)),
    ("surrogate", 3, {"derivative": "k * (1 - p) ** (k - 1) + p ** 2"}, lambda p: pass_at_k(p, 3) + p**2),
]


@every(("name", "k", "options", "gradient"), LIMITS)
def test_a_gradient_claimed_as_n_grows_is_missed_by_one_over_n(name, k, options, gradient):
    few, sums = [], {n: sums_of_counts(name, n, k, options) for n in (k + 1, 256, 1024)}
    for p in (0.15, 0.4, 0.6):
        bias = {n: abs(of_counts(of_n, n, p) - gradient(p)) for n, of_n in sums.items()}
        assert bias[1024] < 0.04 * gradient(p)
        assert bias[1024] < max(0.3 * bias[256], 1e-6)  # a quarter, as N is four times as large
        few.append(bias[k + 1] / gradient(p))
    assert max(few) > 0.1  # honest: with few rollouts it is another gradient


def test_few_rollouts_are_biased_exactly():
    for policy in COINS:
        p = policy.chances[1]
        for n, k in [(2, 1), (3, 2), (4, 3), (6, 2)]:
            plug_in = policy.update(n, lambda r, _, k=k: exact.reinforce_k(r, k))
            assert plug_in != [n * x for x in policy.gradient(k, best)]
        # with two rollouts GRPO's deviation is 1/2 or 0: it follows pass@1 itself, not its arc sine
        assert policy.update(2, lambda r, _: exact.grpo(r, 1)) == [2]
        assert arcsine(float(p), 1) >= 2


def test_disjoint_groups_are_grpo_on_pass_at_k():
    for policy in COINS:
        p = policy.chances[1]
        for n, k in cases.shapes("passk_full", 8):
            solved = bernoulli(1 - (1 - p) ** k)
            update = policy.update(n, lambda r, _, k=k: exact.passk_full(r, k), ordered=True)
            of_groups = solved.update(n // k, lambda r, _: exact.grpo(r, 1))
            assert abs(update[0] - of_groups[0] * k * (1 - p) ** (k - 1)) < Fraction(1, 10**60), (n, k)
