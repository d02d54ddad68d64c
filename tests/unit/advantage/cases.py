"""How each estimator is called in the proofs. An estimator that is not here fails them: it has to take a place."""

import copy
import random
from fractions import Fraction

import torch

from passk import advantage

BELOW = "k < N"
DOMAIN = {
    **dict.fromkeys(["grpo", "dr_grpo", "rloo", "maxrl", "psr", "nsr", "w_reinforce"], "k = 1"),
    **dict.fromkeys(["passk_bootstrap", "passk_analytical", "passk_exceeding", "passk_combination"], BELOW),
    **dict.fromkeys(["passk_easy_masked", "passk_adaptive", "pkpo_sloo", "maxpo"], BELOW),
    **dict.fromkeys(["pkpo_sloo_minus_one", "loo_max", "majority"], "2 <= k <= N"),
    **dict.fromkeys(["reinforce_k", "surrogate", "edas", "remax", "tea"], "any k"),
    **dict.fromkeys(["f_grpo", "tsallis", "rs_grpo", "ucpo", "cue_grpo", "riskpo", "curverl"], "k = 1"),
    **dict.fromkeys(["poly_epo", "ordergrad", "vote_k"], BELOW),
    "rspo": "2 <= k <= N",
    "passk_full": "2 k <= N",
    "pkpo_s": "k <= N",
}
_DEFINED = {
    "k = 1": lambda k, n: k == 1,
    "k < N": lambda k, n: k < n,
    "k <= N": lambda k, n: k <= n,
    "2 k <= N": lambda k, n: 2 * k <= n,
    "2 <= k <= N": lambda k, n: 2 <= k <= n,
    "any k": lambda k, n: True,
}
OPTIONS = {
    "passk_easy_masked": {"threshold": 0.5},
    "surrogate": {"derivative": "k * (1 - p) ** (k - 1)"},
    "edas": {"base": "reinforce_k"},
    "f_grpo": {"gamma": 0.5},
    "tsallis": {"q": 0.5},
    "rs_grpo": {"beta": 1.0},
    "ordergrad": {"statistic": "top", "level": 0.5},
    "riskpo": {"bundle": 1},
}
REAL = [
    *("grpo", "dr_grpo", "rloo", "passk_full", "passk_bootstrap", "loo_max", "majority"),
    *("pkpo_s", "pkpo_sloo", "pkpo_sloo_minus_one", "maxpo"),
    *("rs_grpo", "remax", "poly_epo", "ordergrad", "rspo", "riskpo", "tea"),
]
"""take rewards of any size"""
BINARY = sorted(set(DOMAIN) - set(REAL))
PLACES = ("passk_full", "loo_max", "majority")
"""look at the places of the rollouts: disjoint groups in their order"""
GRADED = ("tea",)
"""refuse a batch of 0 and 1 alone"""
VOTING = ("majority", "edas", "vote_k", "cue_grpo")
"""need answers"""
DRAWN = ("passk_bootstrap",)


def ks(name, n):
    """Every k for which the estimator is defined, up to n + 2."""
    return [k for k in range(1, n + 3) if _DEFINED[DOMAIN[name]](k, n)]


def some_k(name, n):
    """One of them, larger than 1 where the estimator allows it."""
    return ks(name, n)[:2][-1]


def shapes(name, up_to, start=1):
    """Every (n, k) with start <= n <= up_to for which the estimator is defined."""
    return [(n, k) for n in range(start, up_to + 1) for k in ks(name, n)]


def inputs(name, rewards, seed=0):
    """Return answers and entropy of the rewards' shape, and a seeded generator."""
    generator = random.Random(seed)
    taken = advantage.get(name).inputs
    shape = [range(size) for size in rewards.shape]
    found = {}
    if "answers" in taken:
        found["answers"] = [[generator.choice(["a", "b", "c", None]) for _ in shape[1]] for _ in shape[0]]
    if "entropy" in taken:
        found["entropy"] = torch.tensor([[generator.random() for _ in shape[1]] for _ in shape[0]]).view(rewards.shape)
    if "state" in taken and name != "edas":
        found["state"] = {}
    if "generator" in taken and name in DRAWN:
        found["generator"] = torch.Generator().manual_seed(seed)
    return found


def compute(name, rewards, k, **given):
    """advantage.compute with what the estimator needs, where it is not given."""
    rewards = torch.as_tensor(rewards)
    given = {**OPTIONS.get(name, {}), **inputs(name, rewards), **given}
    if "state" in given:  # each call is a first step
        given["state"] = copy.deepcopy(given["state"])
    return advantage.compute(name, rewards, k, **given)


def tensor(rows):
    """[P, N] float32 of rows of Fractions, which have to be exact in it."""
    found = torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float32)
    for own, row in zip(found.tolist(), rows, strict=True):
        assert [value.as_integer_ratio() for value in own] == [value.as_integer_ratio() for value in row]
    return found


def staircase(n):
    """Rewards of shape [N + 1, N]: c correct rollouts first, for c = 0 .. N."""
    return (torch.arange(n) < torch.arange(n + 1).unsqueeze(1)).float()


def dyadic(n, count, seed=0):
    """Groups of n rewards that float32 holds exactly: of both signs, with ties, from few levels and from many."""
    generator = random.Random(1000 * n + seed)
    levels = [range(-2, 3), range(-40, 41), range(0, 3), range(-7, 0)]
    return [[Fraction(generator.choice(levels[row % 4]), 8) for _ in range(n)] for row in range(count)]


def near(found, truth, rel):
    """Whether a float is so clearly within `rel` of a Fraction that no exact comparison, which takes longer, is needed.

    The truth as a float is off by 2**-53 of it, which the margin of a thousandth covers many times.
    """
    try:
        rounded = float(truth)
    except OverflowError:
        return False
    return abs(rounded) > 1e-37 and abs(found - rounded) < 0.999 * rel * abs(rounded)


def assert_equal(found, exact, rel=5e-7, where=""):
    """Advantages [P, N] against rows of Fractions: to rounding, and 0 where they are exactly 0."""
    for row, (values, expected) in enumerate(zip(found.tolist(), exact, strict=True)):
        for value, truth in zip(values, expected, strict=True):
            if near(value, truth, rel):
                continue
            limit = abs(truth) * rel if truth else 1e-12
            assert abs(Fraction(value) - truth) <= limit, (where, row, values, [float(x) for x in expected])
