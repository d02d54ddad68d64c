"""Policies whose updates can be enumerated: a few outcomes with rational chances."""

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement, product

import torch

from passk import advantage
from tests.unit.advantage import cases
from tests.unit.advantage.arithmetic import total


@dataclass(frozen=True)
class Policy:
    """Outcomes with their chances; scores are the gradients of log chance by each parameter."""

    chances: tuple
    scores: tuple
    rewards: tuple
    answers: tuple

    def update(self, n, advantages, ordered=False):
        """E[sum of A_i grad log p(y_i)] over n rollouts. advantages: (rewards, answers) -> [n]."""
        draws, outcomes = product if ordered else _multisets, range(len(self.chances))
        found = [Fraction(0)] * len(self.scores[0])
        for drawn in draws(outcomes, repeat=n):
            weight = math.prod(self.chances[y] ** drawn.count(y) for y in outcomes) * (1 if ordered else _orders(drawn))
            values = advantages([self.rewards[y] for y in drawn], [self.answers[y] for y in drawn])
            of_outcome = [weight * total(a for a, z in zip(values, drawn, strict=True) if z == y) for y in outcomes]
            for j in range(len(found)):
                found[j] += total(of_outcome[y] * self.scores[y][j] for y in outcomes)
        return found

    @cache  # noqa: B019
    def gradient(self, k, objective):
        """Of E[objective] over k rollouts: what no estimator has to be known for."""
        return self.update(k, lambda rewards, answers: [objective(rewards, answers)] * k)


def _multisets(outcomes, repeat):
    return combinations_with_replacement(outcomes, repeat)


def _orders(drawn):
    return math.factorial(len(drawn)) // math.prod(math.factorial(count) for count in Counter(drawn).values())


def bernoulli(p):
    """Right with chance p; its parameter is p."""
    return Policy((1 - p, p), ((-1 / (1 - p),), (1 / p,)), (Fraction(0), Fraction(1)), ("b", "a"))


def categorical(chances, rewards, answers="abc"):
    """Three outcomes; its parameters are their logits."""
    chances = tuple(Fraction(x) for x in chances)
    scores = tuple(tuple(int(y == j) - chances[j] for j in range(3)) for y in range(3))
    return Policy(chances, scores, tuple(Fraction(x) for x in rewards), tuple(answers))


COINS = [bernoulli(Fraction(p)) for p in ("1/7", "1/2", "5/6")]
SOLVING = [categorical(("1/2", "1/3", "1/6"), (0, 1, 1))]
SCORING = [
    categorical(("1/2", "1/3", "1/6"), ("-1/2", "1/4", "2")),
    categorical(("1/5", "1/5", "3/5"), ("3/2", "-2", "0")),
    categorical(("1/8", "1/4", "5/8"), ("1", "1", "-1")),
]
VOTING = [
    categorical(("1/2", "1/3", "1/6"), (0, 1, 0), ("a", "b", None)),
    categorical(("1/4", "1/4", "1/2"), (1, 0, "1/2")),
    categorical(("3/7", "3/7", "1/7"), (1, 0, "-1/4")),
]
DIVERSE = [
    categorical(("1/2", "1/3", "1/6"), (0, 1, 1), ("a", "b", "c")),
    categorical(("1/4", "1/4", "1/2"), (1, 0, 0), ("a", "b", None)),
    categorical(("1/7", "3/7", "3/7"), (1, 1, 0), ("a", "a", "b")),
]
EASY = [*COINS, *SOLVING]


def sums_of_counts(name, n, k, options):
    """Sums of the estimator's advantages over the correct and over the incorrect rollouts, by c at any N."""
    rewards = cases.staircase(n)
    found = advantage.compute(name, rewards, k, **options).double()
    return (found * rewards).sum(dim=1), (found * (1 - rewards)).sum(dim=1)


def of_counts(sums, n, p):
    """Expected update of the estimator by p, c binomial."""
    right, wrong = sums
    choose = [math.lgamma(n + 1) - math.lgamma(c + 1) - math.lgamma(n - c + 1) for c in range(n + 1)]
    weight = [math.exp(x + c * math.log(p) + (n - c) * math.log1p(-p)) for c, x in enumerate(choose)]
    return float((torch.tensor(weight) * (right / p - wrong / (1 - p))).sum() / n)
