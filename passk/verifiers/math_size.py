"""How large the numbers are that evaluating an expression comes by."""

from typing import Any

_LONG = 30
"""digits of an exponent that is worked out to see how large a power is"""


def size(value: Any) -> float:
    """Return an upper bound on the decimal digits of every number in an expression, once it is evaluated."""
    from sympy import Float, Integer, Mul, Pow, Rational, binomial, factorial, gamma

    parts = [size(part) for part in getattr(value, "args", ())]
    match value:
        case Integer() | Rational():
            return max(abs(value.p), value.q).bit_length() * 0.30103
        case Float():
            return max(0.0, float(value._mpf_[2] + value._mpf_[3]) * 0.30103)
        case Pow() if value.exp.is_number and parts[1] < _LONG:
            exponent = value.exp.evalf(5)
            power = abs(exponent) if exponent.is_comparable else 10 ** parts[1]
            return parts[0] * max(float(min(power, 10**9)), 1.0)
        case Pow():
            return max(parts[0], 0 if value.base.free_symbols else 0.3) * 10 ** min(parts[1], 9.0)
        case factorial() | gamma():
            return max(parts[0], 1.0) * 10 ** min(parts[0], 9.0)
        case binomial():
            return max(parts[0], 1.0) * 10 ** min(min(parts), 9.0)
        case Mul():
            return sum(parts)
    return max(parts, default=0.0)
