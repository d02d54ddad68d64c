"""The estimators of 2026 by their definitions, as those of exact.py: enumeration and rational arithmetic."""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise, product

from tests.unit.advantage.arithmetic import (
    centred,
    exp,
    mean,
    others,
    power,
    root,
    rounded,
    share,
    standardised,
    total,
)


def weighted(r, weight):
    """weight(p) (r_i - p) where some are correct and some are not."""
    p = share(r)
    if not 0 < p < 1:
        return [Fraction(0)] * len(r)
    weight = weight(p)
    return [weight * (x - p) for x in r]


# Weights of the solve rate


def f_grpo(r, k, gamma):
    return weighted(r, lambda p: power(1 - p, Fraction(gamma)) / root(p * (1 - p)))


def tsallis(r, k, q):
    return weighted(r, lambda p: power(p, -Fraction(q)))


def rs_grpo(r, k, beta):
    """The utility of each reward by the mean utility, less 1."""
    utility = [exp(Fraction(beta) * x) for x in r]
    middle = mean(utility)
    return [(u / middle - 1) / Fraction(beta) for u in utility]


def remax(r, k, m=None):
    """Draws with replacement: every one of the N^(m-1) that a whole m allows, else by the distribution function."""
    m, n = (k if m is None else m), len(r)
    if m == int(m) and n ** (m - 1) < 100:
        gains = [
            mean(max(x - max(drawn, default=min(r)), Fraction(0)) for drawn in product(r, repeat=int(m) - 1)) for x in r
        ]
    else:
        gains = [expected_gain(r, x, Fraction(m)) for x in r]
    return centred(gains)


def expected_gain(r, x, m):
    """The integral of P(best of m - 1 draws < t) for t up to x, from the lowest reward."""
    levels = [value for value in sorted(set(r)) if value <= x]
    steps = pairwise(levels)
    return sum(((b - a) * power(Fraction(sum(y <= a for y in r), len(r)), m - 1) for a, b in steps), Fraction(0))


# Sets of k


def with_and_without(r, k, f):
    """Of each rollout: the mean of f over the sets of k with it, and over those without it."""
    of_sets = {members: f(members) for members in combinations(range(len(r)), k)}
    for i in range(len(r)):
        inside = [value for members, value in of_sets.items() if i in members]
        outside = [value for members, value in of_sets.items() if i not in members]
        yield mean(inside), mean(outside)


def poly_epo(r, k, answers=None, diversity=False):
    def f(members):
        if not diversity:
            return max(r[i] for i in members)
        distinct = len({answers[i] for i in members} - {None})
        return mean(r[i] for i in members) * Fraction(distinct, k)

    of_all = mean(f(members) for members in combinations(range(len(r)), k))
    return [inside - of_all for inside, _ in with_and_without(r, k, f)]


def ordergrad(r, k, statistic, level):
    place = math.ceil(Fraction(str(level)) * k)

    def f(members):
        values = sorted(r[i] for i in members)
        return {
            "top": lambda: mean(values[-place:]),
            "cvar": lambda: mean(values[:place]),
            "quantile": lambda: values[place - 1],
        }[statistic]()

    return [inside - outside for inside, outside in with_and_without(r, k, f)]


def vote(r, answers, members):
    """Share of the correct answer among those with the most votes."""
    votes = Counter("correct" if r[i] == 1 else answers[i] for i in members if r[i] == 1 or answers[i] is not None)
    front = [answer for answer, count in votes.items() if count == max(votes.values())]
    return Fraction("correct" in front, max(1, len(front)))


def vote_k(r, k, answers):
    def f(members):
        return vote(r, answers, members)

    return [inside - outside for inside, outside in with_and_without(r, k, f)]


def rspo(r, k):
    n = len(r)
    return [
        k * mean(max(r[i] - max(r[j] for j in rest), Fraction(0)) for rest in combinations(others(n, i), k - 1))
        for i in range(n)
    ]


# Correct rollouts against each other


def ucpo(r, k, entropy, tau=0.2, std="population"):
    found, correct = standardised(r, ddof={"population": 0, "sample": 1}[std]), [i for i, x in enumerate(r) if x == 1]
    if not correct:
        return found
    tau, likely = Fraction(tau), [exp(-entropy[i]) for i in correct]
    every = total(likely)
    unlikely = [rounded(1 / max(x / every, Fraction(1e-6))) for x in likely]
    scale = tau * len(correct) / total(unlikely)
    for i, value in zip(correct, unlikely, strict=True):
        found[i] *= 1 - tau + scale * value
    return found


def cue_grpo(r, k, answers, alpha=0.8):
    found, correct = standardised(r), [i for i, x in enumerate(r) if x == 1]
    size = Counter(answers[i] for i in correct)
    weights = {i: power(Fraction(size[answers[i]]), -Fraction(alpha)) for i in correct}
    middle = mean(weights.values()) if correct else None
    for i in correct:
        found[i] *= weights[i] / middle
    return found


# Tails


def riskpo(batch, k, bundle=5, lower=0.2, upper=0.9, w=1.5):
    """Of a batch, as the prompts of a bundle are added up."""
    n, found = len(batch[0]), []
    lower, upper, w = Fraction(lower), Fraction(upper), Fraction(w)
    for start in range(0, len(batch) // bundle * bundle, bundle):
        scores = [sum(batch[p][j] for p in range(start, start + bundle)) for j in range(n)]
        low, high = quantile(scores, lower), quantile(scores, upper)
        spread = total(x**2 for x in centred(scores))
        deviation = root(spread / (n - 1)) if spread else None
        paper = []
        for s in scores:
            tail, middle = min(s - low, Fraction(0)) / lower, (min(max(s, low), high) - high) / (upper - lower)
            paper.append((w * tail + middle) / (w + 1) / deviation if spread else Fraction(0))
        found += [paper] * bundle
    return found + [[Fraction(0)] * n] * (len(batch) - len(found))


def quantile(values, level):
    """Interpolated between the two nearest of N values at 0, 1/(N-1) .. 1."""
    values, place = sorted(values), level * (len(values) - 1)
    low = int(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def tea(r, k, coefficient, share=0.25):
    """coefficient: c for a tail of so many of N rollouts."""
    n = len(r)
    least = sorted(r)[-math.ceil(Fraction(str(share)) * n)]
    tail = [x for x in r if x >= least]
    mu, variance = mean(tail), mean(x**2 for x in centred(tail))
    if variance == 0:
        return [Fraction(0)] * n
    c, a, sigma = Fraction(coefficient(len(tail))), Fraction(len(tail), n), root(variance)

    def of_tail(x):
        return (x - mu + c * ((x - mu) ** 2 - variance) / (2 * sigma)) / a

    return [of_tail(x) if x >= least else Fraction(0) for x in r]


def curverl(batches, k, window=10):
    """Of batches in their order: the advantages of each, with the counts of those before it."""
    past, found = [], []
    for batch in batches:
        counts = [sum(r) for r in batch if 0 < sum(r) < len(r)]
        seen = [c for before in past[-window:] for c in before] or counts
        at_most = {c: Fraction(seen.count(c), max(1, sum(x <= c for x in seen))) for c in counts}
        found.append([weighted(r, lambda p, weights=at_most, r=r: weights[p * len(r)]) for r in batch])
        past.append(counts)
    return found


RULES = (f_grpo, tsallis, rs_grpo, remax, poly_epo, ordergrad, vote_k, rspo, ucpo, cue_grpo, riskpo, tea, curverl)
