"""Equality of two expressions: as decimals, at a few points, or by math-verify."""

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sympy import Basic

ROUNDING = 1e-5
"""Largest relative difference between a decimal and the gold answer. math-verify's six places must agree too."""
DIGITS = 6
"""Fewest digits of a decimal that counts as rounded."""
EXACT = 1e-20
_PRECISION = 30
_POINTS = 5


def same(gold: Any, value: Any) -> bool:
    """Return whether two expressions, matrices or sets are equal."""
    from sympy import Set
    from sympy.matrices import MatrixBase

    if gold is None or value is None:
        return False
    if isinstance(gold, MatrixBase) or isinstance(value, MatrixBase):
        return _same_matrices(gold, value)
    if isinstance(gold, Set) or isinstance(value, Set):
        return gold == value
    by_value = _same_numbers if is_number(gold) and is_number(value) else _same_functions
    is_same = by_value(gold, value)
    return _by_math_verify(gold, value) if is_same is None else is_same


def same_or_false(gold: Any, value: Any) -> bool:
    """Return `same`, or False if one side is no expression."""
    return hasattr(gold, "atoms") and hasattr(value, "atoms") and same(gold, value)


def is_number(value: Any) -> bool:
    from sympy import Derivative, Integral, Limit, Product, Sum

    return bool(getattr(value, "is_number", False)) and not value.has(Sum, Product, Integral, Limit, Derivative)


def order(left: Any, right: Any) -> str | None:
    """Return one of = < > for two real numbers, = or <> for complex ones; None if one is no number."""
    if not is_number(left) or not is_number(right):
        return None
    if (are_equal := _same_numbers(left, right)) is None:
        return None
    if are_equal:
        return "="
    try:
        a, b = decimals(left)[0], decimals(right)[0]
        return "<>" if a.imag or b.imag else "<" if a.real < b.real else ">"
    except MemoryError:
        raise
    except Exception:  # what has no decimals
        return None


def decimals(number: "Basic") -> list[Any]:
    """Return a number as mpmath's complex number; for a percentage, return both readings of it."""
    from sympy import Integer

    per_cent = get_percent(number)
    forms = []
    for part in (number,) if per_cent is None else (per_cent, per_cent / Integer(100)):
        forms.append(_decimal(part))
    return forms


def exact(number: "Basic") -> "Basic":
    """Return an expression with its decimals as fractions: 6.02 is 301/50."""
    from sympy import Float, Rational

    return number.xreplace({part: Rational(str(part)) for part in number.atoms(Float) if part.is_finite})


def _decimal(number: "Basic") -> Any:
    import mpmath
    from sympy import Float, Integer

    value = exact(number).evalf(_PRECISION)
    real, imaginary = value.as_real_imag()
    parts = [Integer(0) if isinstance(part, Float) and part._prec == 1 else part for part in (real, imaginary)]
    if not all(part.is_Number and part.is_finite for part in parts):
        raise ValueError("not a finite number")
    with mpmath.workdps(_PRECISION):
        return mpmath.mpc(*(mpmath.mpf(str(part)) for part in parts))


def _same_numbers(gold: "Basic", value: "Basic") -> bool | None:
    """Return whether two numbers are equal, or None if one has no decimals."""
    from sympy import Float, Rational

    try:
        fractions = exact(gold).doit(), exact(value).doit()
        if all(isinstance(side, Rational) for side in fractions) and fractions[0] == fractions[1]:
            return True
        golds, values = decimals(gold), decimals(value)
    except MemoryError:
        raise
    except Exception:  # infinity, division by zero, no decimals
        return None
    if len(golds) == len(values) == 2:  # two percentages
        golds, values = golds[:1], values[:1]
    rounded = (gold.has(Float) or value.has(Float)) and _may_be_rounded(*fractions)
    close = any(_close(a, b, rounded=rounded) for a in golds for b in values)
    return close and (rounded or _same_integers(gold, value))


def _may_be_rounded(gold: "Basic", value: "Basic") -> bool:
    """Return whether both numbers are irrational, periodic, or decimals with many digits, or differ by noise of floats.

    A rounded decimal has at least DIGITS digits. 2 and 0.25 are exact.
    """
    from sympy import Integer, Rational

    if all(isinstance(side, Rational) for side in (gold, value)) and not isinstance(value, Integer):
        noise = bool(abs(gold - value) <= Rational(1, 2**51) * abs(gold))
    else:
        noise = False
    return noise or all(_has_digits(side) for side in (gold, value))


def _has_digits(number: "Basic") -> bool:
    from sympy import Rational

    if not isinstance(number, Rational):
        return True
    rest, places = number.q, 0
    while rest % 10 == 0 or rest % 2 == 0 or rest % 5 == 0:
        rest //= 10 if rest % 10 == 0 else 2 if rest % 2 == 0 else 5
        places += 1
    return rest > 1 or (places > 0 and len(str(abs(number.p) * 10**places // number.q)) >= DIGITS)


def _same_integers(gold: "Basic", value: "Basic") -> bool:
    """Return whether close numbers are equal, if both are rational: 2^{2004} is not 2^{2004} + 1."""
    from sympy import Rational

    if get_percent(gold) is not None or get_percent(value) is not None:
        return True
    sides = gold.doit(), value.doit()
    return sides[0] == sides[1] if all(isinstance(side, Rational) for side in sides) else True


def get_percent(value: "Basic") -> "Basic | None":
    from math_verify.grader import get_pct_val

    return get_pct_val(value)


def _close(gold: Any, value: Any, *, rounded: bool) -> bool:
    off = abs(gold - value)
    if not rounded:
        return bool(off <= EXACT * abs(gold))
    return bool(off <= ROUNDING * abs(gold) and off <= 1.001e-6)


def _same_functions(gold: "Basic", value: "Basic") -> bool | None:
    """Return whether two expressions are equal at a few points, or None if there are too few points."""
    from sympy import Float

    samples = _samples(gold, value)
    if samples is None:
        return None
    rounded = gold.has(Float) or value.has(Float)
    if not all(_close_enough(a, b, rounded=rounded) for a, b in samples):
        return False
    return True if len(samples) >= 3 else None


def _close_enough(a: Any, b: Any, *, rounded: bool) -> bool:
    return bool(abs(a - b) <= (ROUNDING if rounded else 1e-12) * max(abs(a), 1e-9))


def _samples(*sides: "Basic", count: int = _POINTS) -> list[tuple[Any, ...]] | None:
    """Return the values of the sides at the same points, or None if they cannot be evaluated."""
    from sympy import Derivative, Integral, Limit, Pow, Product, Sum
    from sympy.core.function import AppliedUndef

    if any(side.has(Sum, Product, Integral, Limit, Derivative) for side in sides):
        return None
    names = sorted(set().union(*(side.free_symbols | side.atoms(AppliedUndef) for side in sides)), key=str)
    if not names:
        return None
    rng, kept = random.Random(0), []
    towers = any(power.exp.free_symbols for side in sides for power in side.atoms(Pow))
    for turn in range(4 * count):
        # Small points keep towers of powers finite. Large points make |x - 50| differ from 50 - x.
        most = 140 if towers or len(kept) < 3 else 40_000
        point = {name: _coordinate(rng, most, negative=turn % 2 == 1) for name in names}
        try:
            # The exact value of a tower of powers may have millions of digits.
            values = tuple(
                _decimal(side.evalf(_PRECISION, subs=point) if towers else side.xreplace(point)) for side in sides
            )
        except MemoryError:
            raise
        except Exception:  # a pole, or no decimals
            continue
        # Roots and logarithms assume positive variables. |x| and x differ at a negative point.
        if turn % 2 == 0 or all(abs(value.imag) <= EXACT * abs(value) for value in values):
            kept.append(values)
        if len(kept) == count:
            break
    return kept


def _coordinate(rng: random.Random, most: int, *, negative: bool) -> "Basic":
    from sympy import Rational

    return Rational(rng.choice((-1, -1, 1) if negative else (1,)) * rng.randint(20, most), 97)


def proportional(gold: tuple[Any, str, Any], value: tuple[Any, str, Any]) -> bool:
    """Return whether one relation is a constant multiple of the other. For inequalities the constant is positive."""
    if not all(
        hasattr(side, "free_symbols") and hasattr(side, "as_numer_denom")
        for side in (gold[0], gold[2], value[0], value[2])
    ):
        return False
    from sympy import together

    differences = [side[0] - side[2] for side in (gold, value)]
    if gold[1] in ("=", "!="):
        differences = [together(difference.doit()).as_numer_denom()[0] for difference in differences]
    if differences[0].free_symbols != differences[1].free_symbols:
        return False
    samples = _samples(*differences)
    if not samples or len(samples) < 3 or all(abs(a) < 1e-12 for a, _ in samples):
        return False
    ratios = [b / a for a, b in samples if abs(a) > 1e-12]
    first = ratios[0]
    if abs(first) < 1e-12 or (gold[1] not in ("=", "!=") and (first.real <= 0 or abs(first.imag) > 1e-12)):
        return False
    return all(abs(ratio - first) <= 1e-9 * abs(first) for ratio in ratios)


def _same_matrices(gold: Any, value: Any) -> bool:
    from sympy.matrices import MatrixBase

    try:
        sides = [side if isinstance(side, MatrixBase) else side.doit() for side in (gold, value)]
    except MemoryError:
        raise
    except Exception:  # incompatible shapes
        return False
    if not all(isinstance(side, MatrixBase) for side in sides) or sides[0].shape != sides[1].shape:
        return False
    return all(map(same, sides[0].flat(), sides[1].flat()))


def _by_math_verify(gold: Any, value: Any) -> bool:
    import math_verify

    return bool(math_verify.verify(gold, value, timeout_seconds=None))


def ratio(left: int, right: int) -> "Basic":
    from sympy import Rational

    return Rational(left, right)


def coprime(left: int, right: int) -> bool:
    return right > 0 and math.gcd(left, right) == 1
