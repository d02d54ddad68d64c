"""Sets of real numbers: intervals, unions, and what an inequality in one variable stands for."""

from typing import TYPE_CHECKING, Any

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_values import Joined, Labelled, Listing, Relation, Value

if TYPE_CHECKING:
    from sympy import Set


def as_set(value: Value) -> "Set | None":
    """Return the set of real numbers a value stands for; None where it is none."""
    from sympy import FiniteSet, Intersection, Interval, Set, Union

    match value:
        case Listing(kind="set"):
            return FiniteSet(*value.items) if all(map(numbers.is_number, value.items)) else None
        case Listing(kind=kind) if kind != "list" and len(value.items) == 2:
            ends = [_end(item) for item in value.items]
            if any(end is None for end in ends):
                return None
            found = Interval(*ends, left_open=kind[0] == "(", right_open=kind[1] == ")")
            return None if found.is_empty else found  # (3, 1) is a point
        case Labelled():
            return as_set(value.value) or _one(value)
        case Relation():
            return _solved(value)
        case Joined():
            parts = [as_set(item) for item in value.items]
            if any(part is None for part in parts) or len(_variables(value)) != 1:
                return None
            both = Intersection(*parts)
            return Union(*parts) if value.word == "or" or both.is_empty else both
    if not isinstance(value, Set):
        return None
    try:
        return _plain(value).doit()
    except MemoryError:
        raise
    except Exception:  # sets that sympy does not join
        return value


def same_sets(gold: "Set", value: "Set") -> bool:
    """Return whether two sets have the same pieces, their ends compared as numbers are."""
    if gold == value:
        return True
    pieces = [_pieces(side) for side in (gold, value)]
    if len(pieces[0]) != len(pieces[1]):
        return False
    return all(a[:2] == b[:2] and all(map(_same_end, a[2:], b[2:])) for a, b in zip(*pieces, strict=True))


def _pieces(value: "Set") -> list[tuple[Any, ...]]:
    """(left open, right open, start, end) of each interval and point, from left to right; [] for other sets."""
    from sympy import FiniteSet, Interval, Union

    found: list[tuple[Any, ...]] = []
    for part in value.args if isinstance(value, Union) else (value,):
        if isinstance(part, Interval):
            found.append((bool(part.left_open), bool(part.right_open), part.start, part.end))
        elif isinstance(part, FiniteSet):
            found += [(False, False, point, point) for point in part.args]
        else:
            return [(str(value),)]
    return sorted(found, key=lambda piece: float(piece[2].evalf()))


def _same_end(gold: Any, value: Any) -> bool:
    return bool(gold == value) or (not gold.is_infinite and not value.is_infinite and numbers.same(gold, value))


def _end(value: Any) -> Any:
    if not getattr(value, "is_number", False):
        return None
    done = value.doit()
    return done if done.is_extended_real else None


def _plain(value: Any) -> Any:
    """The set rebuilt, so that it is evaluated: (-oo, 2) with a factor -1 not multiplied out is no interval yet."""
    from sympy import Interval, Set

    if isinstance(value, Interval):
        return Interval(value.start.doit(), value.end.doit(), value.left_open, value.right_open)
    if value.args and isinstance(value, Set) and all(isinstance(part, Set) for part in value.args):
        return value.func(*map(_plain, value.args))
    return value


def _one(value: Labelled) -> "Set | None":
    from sympy import FiniteSet

    return FiniteSet(value.value) if numbers.is_number(value.value) else None


def _variables(value: Value) -> set[Any]:
    sides = [side for item in value.items for side in item.sides] if isinstance(value, Joined) else value.sides
    return set().union(*(getattr(side, "free_symbols", set()) for side in sides))


def _is_variable(side: Any) -> bool:
    """Whether it is a name alone: x, or f(x)."""
    from sympy.core.function import AppliedUndef

    return isinstance(side, AppliedUndef) or getattr(side, "is_Symbol", False)


def _solved(value: Relation) -> "Set | None":
    """Of bounds for one variable that stands alone: 1 < x <= 2, x > 3, x != 0."""
    from sympy import FiniteSet, Interval, Reals, oo

    found = Reals
    if len(_variables(value)) != 1:
        return None
    for left, sign, right in zip(value.sides, value.signs, value.sides[1:], strict=False):
        if _is_variable(right):
            left, right = right, left
            sign = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
        bound = _end(right)
        if not _is_variable(left) or bound is None:
            return None
        match sign:
            case "<" | "<=":
                found = found.intersect(Interval(-oo, bound, True, sign == "<"))
            case ">" | ">=":
                found = found.intersect(Interval(bound, oo, sign == ">", True))
            case "!=":
                found = found - FiniteSet(bound)
            case _:
                return None
    return found
