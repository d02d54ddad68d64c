"""The expressions between commas, brackets and signs: what latex2sympy reads, and how large its numbers are."""

import re
from typing import TYPE_CHECKING, Any

from passk.verifiers.math_values import Unreadable

if TYPE_CHECKING:
    from sympy import Basic

DIGITS = 10_000
"""of the largest number that is worked out: 9^{9^{9^9}} is no answer, and takes the deadline to find that out"""
_TEXT = re.compile(r"\\(?:text|mathbf)\s*\{([^{}]*)\}")
_PROSE = re.compile(r"(?:^|\s)[A-Za-z]{4,}(?=[\s,]|$)")
_LONG = 30
"""digits of an exponent that is worked out to see how large a power is"""


def expression(text: str) -> "Basic":
    """Return what latex2sympy reads. Raises Unreadable for what it does not read, and for too large numbers."""
    from latex2sympy2_extended import latex2sympy
    from sympy import I, Mul, Rational, UnevaluatedExpr
    from sympy.matrices import MatrixBase

    if (percent := text.strip().removesuffix("\\%")) != text.strip() and not re.fullmatch(r"[-+]?[0-9.,]+\s*", percent):
        return Mul(expression(percent), UnevaluatedExpr(Rational(1, 100)), evaluate=False)
    if _PROSE.search(text):
        raise Unreadable
    for part in _TEXT.finditer(text):
        content = part[1].strip().strip("()").strip()
        if not content.isalpha() or (len(content) > 1 and part[0] != text.strip()):
            raise Unreadable

    try:
        found = latex2sympy(_finished(text), is_real=True, convert_degrees=False, normalization_config=None)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # of the lexer, the parser or sympy: each has its own
        raise Unreadable from None
    if found is None or isinstance(found, (str, list, tuple, bool)) or size(found) > DIGITS:
        raise Unreadable
    imaginary = [symbol for symbol in getattr(found, "free_symbols", ()) if symbol.name in ("i", "imath")]
    if imaginary:
        found = (
            found.subs({symbol: I for symbol in imaginary})
            if isinstance(found, MatrixBase)
            else found.xreplace({symbol: I for symbol in imaginary})
        )
    return found


def _finished(text: str) -> str:
    """The last changes, of what the steps before still need: bars, subscripts, and what latex2sympy has no word for."""
    text = re.sub(r"_\{\s*([0-9A-Za-z])\s*\}", r"_\1", text)
    text = re.sub(r"\\lg(?![a-zA-Z])", r"\\log", text)
    text = re.sub(r"(?<![A-Za-z0-9}])\\text\{([A-Za-z])\}", r"\1", text)
    return re.sub(r"^\+", "", text.strip())


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
