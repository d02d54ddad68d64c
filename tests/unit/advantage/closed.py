"""Closed forms in rationals, for group sizes that cannot be enumerated: not those of the code under test.

test_precision.py holds them to the enumerations of exact.py.
"""

from fractions import Fraction
from functools import cache
from itertools import accumulate
from math import comb

from tests.unit.advantage import exact

# Estimators of counts: (n, c, k) -> advantages of (an incorrect, a correct) rollout, 0 < c < n


def analytical(n, c, k, sigma=True):
    """Eq. 7-15 of the paper: (incorrect, correct)."""
    solved = 1 - Fraction(comb(n - c, k), comb(n, k))
    deviation = exact.root(solved * (1 - solved)) if sigma else 1
    if solved * (1 - solved) == 0:
        return Fraction(0), Fraction(0)
    return (1 - solved - Fraction(comb(n - c - 1, k - 1), comb(n - 1, k - 1))) / deviation, (1 - solved) / deviation


def exceeding(n, c, k):
    factor = Fraction(4) / (10 * exact.log(c + Fraction(1, 2))) if c else 0
    return tuple(factor * a for a in analytical(n, c, k))


def combination(n, c, k):
    share = Fraction(c, n)
    return tuple(share * a + (1 - share) * b for a, b in zip(analytical(n, c, k), analytical(n, c, 1), strict=True))


def weighted(weight):
    return lambda n, c, k: (-weight(Fraction(c, n), k) * Fraction(c, n), weight(Fraction(c, n), k) * Fraction(n - c, n))


# Estimators of sets, on real-valued rewards


@cache
def choose(n, k):
    """C(0, k) .. C(n, k), each from the one before it; k may be -1."""
    found = [0] * (n + 1 if k < 0 else min(k, n + 1))
    if 0 <= k <= n:
        found.append(1)
        for i in range(k, n):
            found.append(found[-1] * (i + 1) // (i + 1 - k))
    return found


class Sorted:
    """PKPO's quantities of one group by its weights on sorted rewards (arXiv 2505.15201, section 3)."""

    def __init__(self, rewards):
        self.n = len(rewards)
        self.order = sorted(range(self.n), key=lambda i: rewards[i])
        self.g = [rewards[i] for i in self.order]
        scale = max(value.denominator for value in self.g)
        self.whole, self.scale = [int(value * scale) for value in self.g], scale

    @cache  # noqa: B019
    def sums(self, shift, k):
        """Sums over j < i, for i = 0 .. n, of C(j - shift, k) g_j, j from 0."""
        weights = choose(self.n, k)
        return [0, *accumulate(weights[j - shift] * g if j >= shift else 0 for j, g in enumerate(self.whole))]

    def s(self, i, k):
        """S(i, k, all): weight C(i, k-1) on itself and C(j - 1, k - 2) on the higher ones, ranks from 0."""
        higher = self.sums(1, k - 2)
        total = comb(i, k - 1) * self.whole[i] + higher[self.n] - higher[i + 1]
        return Fraction(total, comb(self.n, k) * self.scale)

    def without(self, i, k):
        """Mean best of k of the others: weight C(rank among them, k - 1)."""
        lower, higher = self.sums(0, k - 1), self.sums(1, k - 1)
        return Fraction(lower[i] + higher[self.n] - higher[i + 1], comb(self.n - 1, k) * self.scale)


def sloo(x, i, k):
    return x.s(i, k) - Fraction(k, x.n - 1) * x.without(i, k)


def sloo_minus_one(x, i, k):
    return x.s(i, k) - Fraction(k, x.n) * x.without(i, k - 1)


def maxpo(x, i, k):
    """Each set with i is met by all that are outside of it, each set without i by its k members."""
    with_i = (x.n - k) * comb(x.n, k) * x.s(i, k)
    without = k * comb(x.n - 1, k) * x.without(i, k)
    return Fraction(k, x.n * (x.n - 1) * comb(x.n - 2, k - 1)) * (with_i - without)


ON_SETS = {
    "pkpo_s": Sorted.s,
    "pkpo_sloo": sloo,
    "pkpo_sloo_minus_one": sloo_minus_one,
    "maxpo": maxpo,
    "rspo": lambda x, i, k: x.n * sloo_minus_one(x, i, k),
    "poly_epo": lambda x, i, k: Fraction(x.n - k, k) * maxpo(x, i, k),
}


# Estimators of means: rewards -> (i -> advantage)


def whole(values):
    """The same as integers, all times one number."""
    values = [Fraction(value) for value in values]
    scale = max(value.denominator for value in values)
    return [int(value * scale) for value in values], scale


def standardised(values):
    """i -> (n w_i - sum w) / sqrt(n sum w^2 - (sum w)^2), 0 where there is no spread."""
    w, _ = whole(values)
    n, total = len(w), sum(w)
    spread = exact.root(Fraction(n * sum(x * x for x in w) - total**2))
    return lambda i: (n * w[i] - total) / spread if spread else Fraction(0)


def off_mean(values, by):
    """i -> (n w_i - sum w) / by, in the units of the values."""
    w, scale = whole(values)
    total = sum(w)
    return lambda i: Fraction(len(w) * w[i] - total, by * scale)


def best_of_places(values, k):
    of_groups = standardised([max(values[at : at + k]) for at in range(0, len(values) // k * k, k)])
    return lambda i: of_groups(i // k) if i < len(values) // k * k else Fraction(0)


ON_MEANS = {
    "grpo": lambda values, k: standardised(values),
    "dr_grpo": lambda values, k: off_mean(values, by=len(values)),
    "rloo": lambda values, k: off_mean(values, by=len(values) - 1),
    "passk_full": best_of_places,
}
