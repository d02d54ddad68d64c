"""Whether two expressions are equal: as decimals, at a few points, or by math-verify."""

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sympy import Basic

ROUNDING = 1e-5
"""of the gold answer: what a decimal may be off by; math-verify's six places have to agree too"""
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
    found = by_value(gold, value)
    return _by_math_verify(gold, value) if found is None else found


def same_or_false(gold: Any, value: Any) -> bool:
    """As `same`, False where one side is no expression."""
    return hasattr(gold, "atoms") and hasattr(value, "atoms") and same(gold, value)


def is_number(value: Any) -> bool:
    from sympy import Derivative, Integral, Limit, Product, Sum

    return bool(getattr(value, "is_number", False)) and not value.has(Sum, Product, Integral, Limit, Derivative)


def order(left: Any, right: Any) -> str | None:
    """Return one of = < > for two real numbers, = or <> for complex ones; None where one is no number."""
    if not is_number(left) or not is_number(right):
        return None
    if (found := _same_numbers(left, right)) is None:
        return None
    if found:
        return "="
    try:
        a, b = decimals(left)[0], decimals(right)[0]
        return "<>" if a.imag or b.imag else "<" if a.real < b.real else ">"
    except MemoryError:
        raise
    except Exception:  # what has no decimals
        return None


def decimals(number: "Basic") -> list[Any]:
    """The number as mpmath's complex one; per cent as either number that it is taken for."""
    from sympy import Integer

    per_cent = get_percent(number)
    found = []
    for part in (number,) if per_cent is None else (per_cent, per_cent / Integer(100)):
        found.append(_decimal(part))
    return found


def _decimal(number: "Basic") -> Any:
    import mpmath
    from sympy import Float, Integer

    value = number.evalf(_PRECISION)
    real, imaginary = value.as_real_imag()
    parts = [Integer(0) if isinstance(part, Float) and part._prec == 1 else part for part in (real, imaginary)]
    if not all(part.is_Number and part.is_finite for part in parts):
        raise ValueError("not a finite number")
    with mpmath.workdps(_PRECISION):
        return mpmath.mpc(*(mpmath.mpf(str(part)) for part in parts))


def _same_numbers(gold: "Basic", value: "Basic") -> bool | None:
    """None where one has no decimals."""
    from sympy import Float, Rational

    if isinstance(gold, Rational) and isinstance(value, Rational):
        return bool(gold == value)
    try:
        golds, values = decimals(gold), decimals(value)
    except MemoryError:
        raise
    except Exception:  # infinity, zero divisions, what has no decimals
        return None
    rounded = gold.has(Float) or value.has(Float)
    close = any(_close(a, b, rounded=rounded) for a in golds for b in values)
    return close and (rounded or _same_integers(gold, value))


def _same_integers(gold: "Basic", value: "Basic") -> bool:
    """Whether numbers that are close are equal, where both are rational: 2^{2004} is not 2^{2004} + 1."""
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
    """Whether two expressions are equal at a few points; None where too few points say so."""
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
    """Values of the sides at the same points; None where they cannot be worked out."""
    from sympy import Derivative, Integral, Limit, Pow, Product, Sum
    from sympy.core.function import AppliedUndef

    if any(side.has(Sum, Product, Integral, Limit, Derivative) for side in sides):
        return None
    names = sorted(set().union(*(side.free_symbols | side.atoms(AppliedUndef) for side in sides)), key=str)
    if not names:
        return None
    rng, found = random.Random(0), []
    towers = any(power.exp.free_symbols for side in sides for power in side.atoms(Pow))
    for _ in range(3 * count):
        # powers of powers stay small up to the e-th root of e; elsewhere |x - 50| has to differ from 50 - x
        point = {name: _coordinate(rng, 140 if towers or len(found) < 3 else 40_000) for name in names}
        try:
            found.append(tuple(_decimal(side.xreplace(point)) for side in sides))
        except MemoryError:
            raise
        except Exception:  # a pole, or what has no decimals there
            continue
        if len(found) == count:
            break
    return found


def _coordinate(rng: random.Random, most: int) -> "Basic":
    from sympy import Rational

    return Rational(rng.choice((-1, 1, 1)) * rng.randint(20, most), 97)


def proportional(gold: tuple[Any, str, Any], value: tuple[Any, str, Any]) -> bool:
    """Return whether two relations are one: a constant, positive where order counts, times the other."""
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
    except Exception:  # shapes that do not fit
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
