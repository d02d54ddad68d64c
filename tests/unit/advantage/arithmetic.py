"""Rational arithmetic of the definitions: what several estimators are made of."""

import math
from collections import Counter
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache

_DIGITS = Context(prec=80)


def root(x):
    """The square root of a Fraction to 2**-256 of the numbers that it is made of."""
    return Fraction(math.isqrt((x.numerator * x.denominator) << 512), x.denominator << 256)


@cache
def log(x):
    """The natural logarithm of a Fraction, to 80 digits."""
    return Fraction(_DIGITS.ln(_DIGITS.divide(Decimal(x.numerator), Decimal(x.denominator))))


@cache
def exp(x):
    """e to a Fraction, to 80 digits."""
    return Fraction(_DIGITS.exp(_DIGITS.divide(Decimal(x.numerator), Decimal(x.denominator))))


@cache
def power(base, exponent):
    """A Fraction to a Fraction, exact for a whole exponent; 0 to the 0 is 1."""
    if exponent == int(exponent):
        return base ** int(exponent)
    return exp(exponent * log(base)) if base else Fraction(0)


def rounded(x):
    """A Fraction to 2**-300: sums of many keep a short denominator."""
    return Fraction(round(x * 2**300), 2**300)


def total(values):
    """The sum of Fractions over one denominator: to reduce it after each addition takes three to five times as long."""
    values = list(values)
    scale = math.lcm(*(value.denominator for value in values))
    return Fraction(sum(value.numerator * (scale // value.denominator) for value in values), scale)


def mean(values):
    values = list(values)
    return total(values) / len(values)


def centred(values):
    middle = mean(values)
    return [value - middle for value in values]


def standardised(values, ddof=0):
    """Less their mean, by their deviation; 0 where there is none."""
    off = centred(values)
    squares = total(value**2 for value in off)
    if squares == 0:
        return [Fraction(0)] * len(values)
    deviation = root(Fraction(squares, len(values) - ddof))
    return [value / deviation for value in off]


def others(n, *out):
    return [i for i in range(n) if i not in out]


def places(n, k):
    """The floor(n / k) groups of k rollouts in their order."""
    return [range(start, start + k) for start in range(0, n // k * k, k)]


def best(r, members):
    return max(r[i] for i in members)


def share(r):
    return total(r) / len(r)


def elected(r, answers, members):
    """Reward of the answer that most members gave, a tie broken evenly; 0 without any answer."""
    votes = Counter(answers[i] for i in members if answers[i] is not None)
    front = [answer for answer, count in votes.items() if count == max(votes.values())]
    return mean(mean(r[i] for i in members if answers[i] == answer) for answer in front) if front else Fraction(0)
