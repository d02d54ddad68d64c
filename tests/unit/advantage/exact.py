"""Every estimator by its definition: rational arithmetic and enumeration, without the closed forms under test.

An estimator is a function of one group: rewards [N] of Fractions, k, what else it takes -> advantages [N] of Fractions.
Square roots and logarithms are rational to 60 digits and more; all else is exact.
"""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations

from tests.unit.advantage import exact_published
from tests.unit.advantage.arithmetic import (
    best,
    centred,
    elected,
    log,
    mean,
    others,
    places,
    root,
    share,
    standardised,
    total,
)

__all__ = ["RULES", "best", "centred", "elected", "log", "mean", "others", "places", "root", "share", "standardised"]

# Pass@1


def grpo(r, k, std="population"):
    return standardised(r, ddof={"population": 0, "sample": 1}[std])


def dr_grpo(r, k):
    return centred(r)


def rloo(r, k):
    return [r[i] - mean(r[j] for j in others(len(r), i)) if len(r) > 1 else Fraction(0) for i in range(len(r))]


def maxrl(r, k):
    return [x / share(r) for x in centred(r)] if 0 < share(r) < 1 else [Fraction(0)] * len(r)


def psr(r, k):
    return [Fraction(x == 1) for x in r]


def nsr(r, k):
    return [-Fraction(x == 0) for x in r]


def w_reinforce(r, k, positive=0.1):
    return [Fraction(positive) if x == 1 else Fraction(-1) for x in r]


# Pass@k Training


def from_groups(r, groups, value=standardised, reduce="mean"):
    """Each group's best, `value` of all of them, and to a rollout those of the groups that it is in."""
    values = value([best(r, group) for group in groups])
    found = []
    for i in range(len(r)):
        own = [value for group, value in zip(groups, values, strict=True) if i in group]
        found.append(total(own) / (len(own) if reduce == "mean" else 1) if own else Fraction(0))
    return found


def passk_full(r, k):
    return from_groups(r, places(len(r), k))


def passk_bootstrap(r, k, draws, reduce="sum"):
    return from_groups(r, draws, reduce=reduce)


def passk_analytical(r, k, sigma=True):
    return from_groups(r, list(combinations(range(len(r)), k)), standardised if sigma else centred)


def passk_exceeding(r, k):
    c = sum(r)
    factor = Fraction(4) / (10 * log(c + Fraction(1, 2))) if c else Fraction(0)
    return [factor * a for a in passk_analytical(r, k)]


def passk_combination(r, k):
    of_k, of_1 = passk_analytical(r, k), grpo(r, 1)
    return [share(r) * a + (1 - share(r)) * b for a, b in zip(of_k, of_1, strict=True)]


def passk_easy_masked(r, k, threshold):
    return [Fraction(0)] * len(r) if share(r) > threshold else passk_analytical(r, k)


def passk_adaptive(batch, k, entropy):
    """Of a batch, as the entropies of one prompt are compared with those of the others."""
    by_entropy = sorted(range(len(batch)), key=lambda prompt: (-mean(entropy[prompt]), prompt))
    explores = by_entropy[: len(batch) // 2]
    return [grpo(r, 1) if prompt in explores else passk_analytical(r, k) for prompt, r in enumerate(batch)]


# PKPO and other estimators on sets


def s(r, k, members, i):
    """PKPO's S(i, k, members): over the sets of k members with i, the sum of the best by the number of all sets."""
    rest = [j for j in members if j != i]
    return total(best(r, (*kept, i)) for kept in combinations(rest, k - 1)) / math.comb(len(members), k)


def pkpo_s(r, k):
    return [s(r, k, range(len(r)), i) for i in range(len(r))]


def pkpo_sloo(r, k):
    n, found = len(r), []
    for i in range(n):
        without = others(n, i)
        found.append(s(r, k, range(n), i) - total(s(r, k, without, j) for j in without) / (n - 1))
    return found


def pkpo_sloo_minus_one(r, k):
    n, found = len(r), [Fraction(0)] * len(r)
    for members in combinations(range(n), k):
        for i in members:
            found[i] += best(r, members) - best(r, [j for j in members if j != i])
    return [Fraction(total, math.comb(n, k)) for total in found]


def maxpo(r, k):
    n, found = len(r), []
    for i in range(n):
        pairs = [
            mean(best(r, (*kept, i)) - best(r, (*kept, j)) for kept in combinations(others(n, i, j), k - 1))
            for j in others(n, i)
        ]
        found.append(Fraction(k, n) * mean(pairs))
    return found


def loo_max(r, k):
    found = [Fraction(0)] * len(r)
    for group in places(len(r), k):
        for i in group:
            found[i] = best(r, group) - best(r, [j for j in group if j != i])
    return found


def majority(r, k, answers):
    found = [Fraction(0)] * len(r)
    for group in places(len(r), k):
        for i in group:
            found[i] = elected(r, answers, group) - elected(r, answers, [j for j in group if j != i])
    return found


def reinforce_k(r, k):
    return [k * (1 - share(r)) ** (k - 1) * (x - share(r)) for x in r]


def surrogate(r, k, derivative):
    """derivative: a function of p, k and n, exact as the others."""
    p = share(r)
    return [derivative(p, k, len(r)) * (x - p) for x in r] if 0 < p < 1 else [Fraction(0)] * len(r)


def edas(r, k, answers, base="grpo", base_options=None, alpha=0.4, beta=0.2, kappa=2.0):
    alpha, beta, kappa = map(Fraction, (alpha, beta, kappa))
    found = RULES[base](r, k, **(base_options or {}), **({"answers": answers} if base == "majority" else {}))
    wrong = [i for i in range(len(r)) if r[i] == 0]
    classes = Counter(answers[i] for i in wrong)
    if len(wrong) <= 1:
        return found
    size = mean(abs(found[i]) for i in wrong)
    shares = {answer: Fraction(count, len(wrong)) for answer, count in classes.items()}
    entropy = sum(-p * log(p) for p in shares.values())
    for i in wrong:
        if len(classes) == 1:
            change = -beta * size
        else:
            change = alpha * size * (-log(shares[answers[i]]) - entropy) / log(Fraction(len(wrong)))
        limit = abs(found[i]) / kappa
        found[i] += max(-limit, min(limit, change))
    return found


RULES = {
    estimator.__name__: estimator
    for estimator in (
        *(grpo, dr_grpo, rloo, maxrl, psr, nsr, w_reinforce),
        *(passk_full, passk_bootstrap, passk_analytical, passk_exceeding, passk_combination),
        *(passk_easy_masked, passk_adaptive, pkpo_s, pkpo_sloo, pkpo_sloo_minus_one, maxpo),
        *(loo_max, majority, reinforce_k, surrogate, edas),
        *exact_published.RULES,
    )
}
