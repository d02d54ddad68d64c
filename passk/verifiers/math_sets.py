"""Sets of real numbers: intervals, unions, and the solutions of inequalities in one variable."""

from typing import TYPE_CHECKING, Any

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_values import Joined, Labelled, Listing, Relation, Value

if TYPE_CHECKING:
    from sympy import Set


def as_set(value: Value) -> "Set | None":
    """Return a value as a set of real numbers, or None."""
    from sympy import FiniteSet, Intersection, Interval, Set, Union

    match value:
        case Listing(kind="set"):
            ends = [_end(item) for item in value.items]
            return None if any(end is None for end in ends) else FiniteSet(*ends)
        case Listing(kind="list"):
            parts = [as_set(item) for item in value.items]
            return None if any(part is None for part in parts) or not _has_bound(value) else Union(*parts)
        case Listing(kind=kind) if kind in ("()", "[]", "(]", "[)") and len(value.items) == 2:
            ends = [_end(item) for item in value.items]
            closed = (kind[0] == "[", kind[1] == "]")
            if any(end is None or (end.is_infinite and is_closed) for end, is_closed in zip(ends, closed, strict=True)):
                return None  # no number is infinite
            interval = Interval(*ends, left_open=kind[0] == "(", right_open=kind[1] == ")")
            return None if interval.is_empty else interval  # (3, 1) is a point
        case Labelled():
            return as_set(value.value) or _one(value)
        case Relation():
            return _solved(value)
        case Joined():
            parts = [as_set(item) for item in value.items]
            if any(part is None for part in parts) or len(_variables(value)) != 1:
                return None
            both = Intersection(*parts)
            apart = value.word == "," and both.is_empty
            return Union(*parts) if value.word == "or" or apart else both
    if not isinstance(value, Set):
        return None
    try:
        return _plain(value).doit()
    except MemoryError:
        raise
    except Exception:  # sympy cannot evaluate every set
        return value


def same_sets(gold: "Set", value: "Set") -> bool:
    """Return whether two sets have the same pieces. Their ends are compared like numbers."""
    if gold == value:
        return True
    pieces = [_pieces(side) for side in (gold, value)]
    if len(pieces[0]) != len(pieces[1]):
        return False
    return all(a[:2] == b[:2] and all(map(_same_end, a[2:], b[2:])) for a, b in zip(*pieces, strict=True))


def _pieces(value: "Set") -> list[tuple[Any, ...]]:
    """Return (left open, right open, start, end) of each interval and point, from left to right.

    Another set is one piece: its text.
    """
    from sympy import FiniteSet, Interval, Union

    pieces: list[tuple[Any, ...]] = []
    for part in value.args if isinstance(value, Union) else (value,):
        if isinstance(part, Interval):
            pieces.append((bool(part.left_open), bool(part.right_open), part.start, part.end))
        elif isinstance(part, FiniteSet):
            pieces += [(False, False, point, point) for point in part.args]
        else:
            return [(str(value),)]
    return sorted(pieces, key=lambda piece: float(piece[2].evalf()))


def _same_end(gold: Any, value: Any) -> bool:
    return bool(gold == value) or (not gold.is_infinite and not value.is_infinite and numbers.same(gold, value))


def _has_bound(value: Listing) -> bool:
    """Return whether one of several pairs can only be an interval, not a point: (-oo, 1], [2, 3)."""
    pairs = [item for item in value.items if isinstance(item, Listing) and item.kind != "list"]
    return len(pairs) == len(value.items) and any(
        pair.kind in ("(]", "[)") or any(getattr(end, "is_infinite", False) for end in pair.items) for pair in pairs
    )


def _end(value: Any) -> Any:
    if not getattr(value, "is_number", False):
        return None
    done = value.doit()
    return done if done.is_extended_real else None


def _plain(value: Any) -> Any:
    """Return the set with evaluated ends: sympy leaves a factor -1 in (-oo, 2) unevaluated."""
    from sympy import Interval, Set

    if isinstance(value, Interval):
        return Interval(value.start.doit(), value.end.doit(), value.left_open, value.right_open)
    if value.args and isinstance(value, Set) and all(isinstance(part, Set) for part in value.args):
        return value.func(*map(_plain, value.args))
    return value


def _one(value: Labelled) -> "Set | None":
    from sympy import FiniteSet

    end = _end(value.value)
    return None if end is None else FiniteSet(end)


def _variables(value: Value) -> set[Any]:
    sides = [side for item in value.items for side in item.sides] if isinstance(value, Joined) else value.sides
    return set().union(*(getattr(side, "free_symbols", set()) for side in sides))


def _is_variable(side: Any) -> bool:
    """Return whether a side is only a name: x, or f(x)."""
    from sympy.core.function import AppliedUndef

    return isinstance(side, AppliedUndef) or getattr(side, "is_Symbol", False)


def _solved(value: Relation) -> "Set | None":
    """Return the solutions of bounds on one isolated variable, or None: 1 < x <= 2, x > 3, x != 0."""
    from sympy import FiniteSet, Interval, Reals, oo

    solutions = Reals
    if len(_variables(value)) != 1:
        return None
    if (distance := _distance(value)) is not None:
        return distance
    for left, sign, right in zip(value.sides, value.signs, value.sides[1:], strict=False):
        if _is_variable(right):
            left, right = right, left
            sign = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
        bound = _end(right)
        if not _is_variable(left) or bound is None:
            return None
        match sign:
            case "<" | "<=":
                solutions = solutions.intersect(Interval(-oo, bound, True, sign == "<"))
            case ">" | ">=":
                solutions = solutions.intersect(Interval(bound, oo, sign == ">", True))
            case "!=":
                solutions = solutions - FiniteSet(bound)
            case _:
                return None
    return solutions


def _distance(value: Relation) -> "Set | None":
    """Return the solutions of a bound on a distance, |x - 1| < 2, or None for other relations."""
    from sympy import Abs, Interval, Poly, PolynomialError, Union, oo

    if len(value.signs) != 1 or value.signs[0] not in ("<", ">", "<=", ">="):
        return None
    (left, right), sign = value.sides, value.signs[0]
    if isinstance(right, Abs):
        left, right, sign = right, left, sign.translate(str.maketrans("<>", "><"))
    radius = _end(right)
    if not isinstance(left, Abs) or radius is None or radius.is_infinite or not radius.is_positive:
        return None
    try:
        slope, start = Poly(left.args[0], *_variables(value)).all_coeffs()
    except (PolynomialError, ValueError):  # not linear
        return None
    ends = sorted((((-radius - start) / slope), (radius - start) / slope), key=lambda end: float(end.evalf()))
    is_open = "=" not in sign
    if sign[0] == "<":
        return Interval(*ends, is_open, is_open)
    return Union(Interval(-oo, ends[0], True, is_open), Interval(ends[1], oo, is_open, True))
