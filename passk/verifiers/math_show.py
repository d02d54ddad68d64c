"""Canonical text of a value, which identifies equal answers."""

import hashlib
from typing import Any

from passk.verifiers.math_conditions import with_argument
from passk.verifiers.math_equal import is_point, same_label
from passk.verifiers.math_numbers import exact
from passk.verifiers.math_sets import as_set
from passk.verifiers.math_times import settled
from passk.verifiers.math_values import RATIO, Based, Joined, Labelled, Listing, Relation, Time, Value, Words

LONGEST = 400
_OPERATIONS = 60
"""Most operations of an expression that is expanded."""
_EXPONENT = 8


def show(value: Value, gold: Value) -> str:
    """Return the canonical text of a value, without the name of x = 5 if the gold answer has none or the same."""
    _, value = settled(gold, with_argument(gold, value))
    if (relation := _relation(value, gold)) is not None:
        return _limited(relation)
    if isinstance(value, Labelled) and (not isinstance(gold, Labelled) or same_label(gold, value)):
        value = value.value
    if _is_range(gold) and (value_range := as_set(value)) is not None:
        return _limited(str(exact(value_range)))
    ordered = isinstance(gold, Listing) and gold.kind not in ("list", "set", RATIO)
    if ordered and isinstance(value, Listing) and value.kind == "list":  # a tuple without brackets keeps its order
        return _limited(", ".join(map(_shown, value.items)))
    return _limited(_shown(value))


def _is_range(gold: Value) -> bool:
    """Return whether a gold answer is an interval, a union or a bound, and no point."""
    from sympy import Set

    if isinstance(gold, Relation):
        return "=" not in gold.signs
    brackets = isinstance(gold, Listing) and len(gold.items) == 2 and gold.kind in ("()", "[]", "(]", "[)")
    return isinstance(gold, (Set, Joined)) or (brackets and not is_point(gold))


def _relation(value: Value, gold: Value) -> str | None:
    """Return an equation or bound with several variables as "2*x + y - 4 <= 0", without a common factor, or None.

    An expression is the other side of a gold answer such as y = 2x.
    """
    from sympy import Poly, together

    if isinstance(value, Labelled) and isinstance(gold, (Labelled, Relation)):
        value = Relation((value.side, value.value), ("=",))
    elif isinstance(gold, Labelled) and not isinstance(value, Relation):
        value = Relation((gold.side, value), ("=",))
    if not isinstance(value, Relation) or len(value.signs) != 1:
        return None
    (left, right), sign = value.sides, value.signs[0]
    if sign in (">", ">="):
        left, right, sign = right, left, sign.replace(">", "<")
    if not all(hasattr(side, "as_numer_denom") for side in (left, right)):
        return None
    try:
        difference, below = together(exact(left - right)).as_numer_denom()
        if len(difference.free_symbols) < 2 or difference.count_ops() > _OPERATIONS:
            return None
        _, terms = Poly(difference, *sorted(difference.free_symbols, key=str)).primitive()
        if sign in ("=", "!="):
            terms = terms if terms.LC() > 0 else -terms
        elif not below.is_positive:
            return None
        return f"{terms.as_expr()} {sign} 0"
    except MemoryError:
        raise
    except Exception:  # no polynomial
        return None


def _limited(text: str) -> str:
    """Return the text, or its beginning and a digest of all of it, so that long answers stay distinct."""
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{text[: LONGEST - 20]}... {digest}"


def _shown(value: Value) -> str:
    match value:
        case Words():
            return value.text
        case Time():
            seconds = f":{value.second:02}" if value.second else ""
            return f"{value.hour}:{value.minute:02}{seconds} {value.half}".strip()
        case Based():
            return f"{value.digits}_{value.base}"
        case Labelled():
            return f"{value.label} = {_shown(value.value)}"
        case Listing(kind="list" | "set"):
            return "{" + ", ".join(sorted({_shown(item) for item in value.items})) + "}"
        case Listing(kind="ratio"):
            return ":".join(map(_shown, value.items))
        case Listing():
            return f"{value.kind[0]}{', '.join(map(_shown, value.items))}{value.kind[1]}"
        case Joined():
            return f" {value.word} ".join(sorted(map(_shown, value.items)))
        case Relation() if set(value.signs) <= {">", ">="}:
            turned = [{">": "<", ">=": "<="}[sign] for sign in reversed(value.signs)]
            return _shown(Relation(tuple(reversed(value.sides)), tuple(turned)))
        case Relation():
            first, *rest = map(_shown, value.sides)
            return " ".join([first, *(f"{sign} {side}" for sign, side in zip(value.signs, rest, strict=True))])
    return _expression(value)


def _expression(value: Any) -> str:
    from sympy import Derivative, Float, Integral, Limit, Pow, Product, Rational, Set, Sum, expand, nan, zoo

    if hasattr(value, "has") and value.has(Sum, Product, Integral, Limit, Derivative):
        return str(value)  # its evaluation may take hours
    if isinstance(value, Set):  # a count of its operations iterates over an infinite set
        return str(value)
    try:
        done = exact(value).doit()
        if hasattr(done, "has") and done.has(nan, zoo):
            return str(value)
        if isinstance(done, Float):
            return str(Rational(str(done)))
        small = done.is_Matrix or done.count_ops() <= _OPERATIONS
        if small and all(not power.exp.is_Integer or abs(power.exp) <= _EXPONENT for power in done.atoms(Pow)):
            done = expand(done)
        return str(done)
    except MemoryError:
        raise
    except Exception:  # sympy can print expressions that it cannot evaluate
        return str(value)
