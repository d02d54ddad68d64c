"""Student's t distribution, for whatever degrees of freedom, without scipy."""

import math

_TINY = 1e-300


def two_sided(t: float, df: float) -> float:
    """The chance of a value as far from 0 as t, or farther: I_x(df/2, 1/2) with x = df / (df + t^2)."""
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t))


def quantile(level: float, df: float) -> float:
    """The t >= 0 within which lies the share `level` of the distribution, from -t to t: to 1e-12 of it."""
    if not (0 <= level < 1 and df > 0):
        raise ValueError(f"no t of level {level} with {df} degrees of freedom")
    low, high = 0.0, 1.0
    while two_sided(high, df) > 1 - level:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if two_sided(middle, df) > 1 - level else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b), by the continued fraction of DLMF 8.17.22 in Lentz's manner."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    numerator, denominator = 1.0, 0.0
    fraction = 1.0
    for i in range(10_000):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        denominator = 1 / _away(1 + term * denominator)
        numerator = _away(1 + term / numerator)
        step = numerator * denominator
        fraction *= step
        if i and abs(1 - step) < 1e-15:
            break
    return front * (fraction - 1)


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
