"""Parsing of single expressions with latex2sympy, and the size of their numbers."""

import re
from typing import TYPE_CHECKING, Any

from passk.verifiers.math_values import Unreadable

if TYPE_CHECKING:
    from sympy import Basic

DIGITS = 10_000
"""Most digits of a number that is evaluated: 9^{9^{9^9}} is no answer, and its evaluation would take the deadline."""
_TEXT = re.compile(r"\\(?:text|mathbf)\s*\{([^{}]*)\}")
_PROSE = re.compile(r"(?:^|\s)[A-Za-z]{4,}(?=[\s,]|$)")
_LONG = 30
"""Most digits of an exponent that is evaluated to find the size of a power."""


def expression(text: str) -> "Basic":
    """Parse an expression with latex2sympy. Raises Unreadable if it fails, and for too large numbers."""
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
        parsed = latex2sympy(_finished(text), is_real=True, convert_degrees=False, normalization_config=None)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # the lexer, the parser and sympy have different exceptions
        raise Unreadable from None
    if parsed is None or isinstance(parsed, (str, list, tuple, bool)) or size(parsed) > DIGITS:
        raise Unreadable
    imaginary = [symbol for symbol in getattr(parsed, "free_symbols", ()) if symbol.name in ("i", "imath")]
    if imaginary:
        parsed = (
            parsed.subs({symbol: I for symbol in imaginary})
            if isinstance(parsed, MatrixBase)
            else parsed.xreplace({symbol: I for symbol in imaginary})
        )
    return parsed


_OTHER = {"I": "\\iota", "E": "\\Upsilon", "e": "\\Upsilon"}
"""Letters that latex2sympy reads as constants, and the seldom letters that take their place."""


def _finished(text: str) -> str:
    """Return the text with its last changes for latex2sympy: subscripts, \\lg and letters in \\text."""
    text = re.sub(r"(?<!\\log)(?<!\\log )_\{\s*([0-9A-Za-z])\s*\}", r"_\1", text)
    text = re.sub(r"(\\log ?_\{\s*[0-9A-Za-z]+\s*\})(?=\s*[0-9])", r"\1 ", text)
    # latex2sympy drops the power and the subscript of a capital I, and knows no subscript of e.
    text = re.sub(r"\\[A-Za-z]+|I(?=\s*[\^_])|[Ee](?=\s*_)", lambda match: _OTHER.get(match[0], match[0]), text)
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
