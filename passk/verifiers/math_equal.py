"""Equality of two values of math_values.py. The kind of the gold answer decides the comparison.

Numbers are compared by their decimals and other expressions at a few points. math-verify decides the remaining cases.
Equations are equal if one is a constant multiple of the other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_conditions import with_argument
from passk.verifiers.math_expression import expression
from passk.verifiers.math_matrices import same_as_tuple
from passk.verifiers.math_times import same_time, settled
from passk.verifiers.math_values import (
    RATIO,
    Based,
    Joined,
    Labelled,
    Listing,
    Relation,
    Time,
    Value,
    Words,
    expressions,
)

if TYPE_CHECKING:
    from sympy import Basic

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def equal(gold: Value, value: Value) -> bool:
    """Return whether the value equals the gold answer."""
    gold, value = settled(gold, with_argument(gold, value))
    match gold, value:
        case (Words(), Words()) | (Time(), Time()) | (Based(), Based()):
            return same_time(gold, value) if isinstance(gold, Time) else gold == value
        case Based(), _:
            return numbers.same_or_false(_digits(gold), value)
        case _, Based():
            return numbers.same_or_false(gold, _digits(value))
        case Labelled(), Labelled():
            return _labelled(gold, value)
        case ((Listing() | Labelled()), (Listing() | Labelled())) if _named(gold) or _named(value):
            return _spread_equal(gold, value)
        case Labelled(), (Relation() | Joined()):
            return (_is_interval(gold.value) and equal(gold.value, value)) or _same_relations(_as_relation(gold), value)
        case Labelled(), _:
            return equal(_unnamed(gold), value)
        case Relation(), Labelled():
            return _same_relations(gold, _as_relation(value)) or (
                _is_interval(value.value) and equal(gold, value.value)
            )
        case ((Relation() | Joined()), (Relation() | Joined())):
            return _same_relations(gold, value) or _same_sets(gold, value)
        case _, Labelled():
            return equal(gold, _unnamed(value))
        case _, Relation() if all(sign == "=" for sign in value.signs):
            return equal(gold, value.sides[-1])
        case Listing(), Listing():
            return _same_lists(gold, value) or _same_sets(gold, value)
    if isinstance(gold, Listing) and gold.kind in ("set", "list"):
        return _matched(gold.items, [value]) or _same_sets(gold, value)
    if isinstance(value, Listing) and value.kind in ("set", "list"):
        # {empty set} is not the empty set.
        one_value = (value.kind == "list" or not _is_set(gold)) and _matched([gold], value.items)
        return one_value or _same_sets(gold, value)
    if isinstance(gold, Words) or isinstance(value, Words):
        return numbers.same_or_false(*map(_product, (gold, value)))
    if (vector := same_as_tuple(gold, value)) is not None:
        return vector
    sets = _is_interval(gold) or _is_interval(value) or isinstance(gold, (Relation, Joined))
    if sets and not (is_point(gold) and isinstance(value, (Relation, Joined))):
        return _same_sets(gold, value)
    if isinstance(gold, (Words, Time, Listing, Relation, Joined)) or isinstance(
        value, (Words, Time, Listing, Relation, Joined)
    ):
        return False
    return numbers.same(gold, value)


def _product(value: Value) -> Value:
    r"""Return letters as a product, for comparison with an expression: xy and x \cdot y."""
    return (
        expression(value.text) if isinstance(value, Words) and value.text.isalpha() and len(value.text) < 4 else value
    )


def _digits(value: Based) -> "Basic | None":
    from sympy import Integer

    return Integer(value.digits) if value.digits.isdigit() else None


def same_label(gold: Labelled, value: Labelled) -> bool:
    """Return whether two names are equal. The function f(x) may be called y."""
    names = [label.casefold() for label in (gold.label, value.label)]
    return names[0] == names[1] or set(names) == {"y", "f(x)"}


def _as_relation(value: Labelled) -> Value:
    return Relation((value.side, value.value), ("=",)) if value.side is not None else value


def _labelled(gold: Labelled, value: Labelled) -> bool:
    if same_label(gold, value):
        return equal(gold.value, value.value)
    if _named(gold) or _named(value):
        return _spread_equal(gold, value)
    return _same_relations(_as_relation(gold), _as_relation(value))


def _unnamed(value: Labelled) -> Value:
    """Return a value without its name. Several values of one variable are a set, not a tuple."""
    inner = value.value
    several = isinstance(inner, Listing) and inner.kind == "list" and not value.label.startswith("(")
    if several and not any(isinstance(item, Listing) for item in inner.items):
        return Listing("set", inner.items)
    return inner


def _named(value: Value) -> bool:
    """Return whether the parts of a value have names: x = 1, y = 2 or (x, y) = (1, 2)."""
    if isinstance(value, Listing):
        return any(isinstance(item, Labelled) for item in value.items)
    return isinstance(value, Labelled) and value.label.startswith("(") and isinstance(value.value, Listing)


def _spread(value: Value) -> list[Value]:
    """Return the parts of a value with their names."""
    if isinstance(value, Labelled) and isinstance(value.value, Listing):
        names, parts = value.label.strip("()").split(","), value.value.items
        if len(names) == len(parts):
            return [Labelled(name, None, part) for name, part in zip(names, parts, strict=True)]
        return list(parts)
    return list(value.items) if isinstance(value, Listing) else [value]


def _spread_equal(gold: Value, value: Value) -> bool:
    """Compare values of which one or both have names. A tuple without names keeps its order."""
    golds, values = _spread(gold), _spread(value)
    if all(isinstance(item, Labelled) for item in (*golds, *values)):
        return _matched(golds, values)
    if isinstance(value, Listing) and value.kind == "set":
        return False
    orders = [(_by_name(gold), _by_name(value))]
    if not (_has_letters(gold) or _has_letters(value)):
        orders.append((_bare(golds), _bare(values)))
    if any(len(left) == len(right) and all(map(equal, left, right)) for left, right in orders):
        return True
    return not (_is_tuple(gold) or _is_tuple(value)) and _matched(golds, values)


def _has_letters(value: Value) -> bool:
    """Return whether a value is a list of equations for single letters, whose order is that of the letters."""
    items = value.items if isinstance(value, Listing) else ()
    return bool(items) and all(isinstance(item, Labelled) and len(item.label) == 1 for item in items)


def _bare(items: Sequence[Value]) -> list[Value]:
    return [item.value if isinstance(item, Labelled) else item for item in items]


def _by_name(value: Value) -> list[Value]:
    """Return the parts without their names; a list of equations in the order of its names: y = 4, x = 3 is (3, 4)."""
    items = _spread(value)
    if isinstance(value, Listing) and all(isinstance(item, Labelled) for item in items):
        items = sorted(items, key=lambda item: item.label.casefold().lstrip("\\"))
    return _bare(items)


def _is_tuple(value: Value) -> bool:
    return isinstance(value, Listing) and value.kind not in ("list", "set")


def _matched(golds: Sequence[Value], values: Sequence[Value]) -> bool:
    """Return whether the values are the golds in any order. Repeated values count once."""
    golds, remaining = _distinct(golds), _distinct(values)
    if len(golds) != len(remaining):
        return False
    for gold in golds:
        place = next((place for place, value in enumerate(remaining) if equal(gold, value)), None)
        if place is None:
            return False
        del remaining[place]
    return True


def _distinct(values: Sequence[Value]) -> list[Value]:
    distinct: list[Value] = []
    for value in values:
        if not any(equal(other, value) for other in distinct):
            distinct.append(value)
    return distinct


def _same_lists(gold: Listing, value: Listing) -> bool:
    bare = ("list", "set")
    if gold.kind in bare and value.kind in bare:
        return _matched(gold.items, value.items)
    for one, other in ((gold, value), (value, gold)):
        if one.kind == "set" and len(one.items) == 1 and other.kind != "set":  # {(1, 2)}
            return equal(gold, one.items[0]) if one is value else equal(one.items[0], value)
    if {"set", RATIO} & {gold.kind, value.kind} and gold.kind != value.kind:
        return False
    if len(gold.items) != len(value.items):
        return False
    if len(gold.items) == 2 and "list" not in (gold.kind, value.kind) and gold.kind != value.kind:
        return False
    intervals = {"[)", "(]", "[]"} if len(gold.items) == 2 else {"[)", "(]"}
    if "list" in (gold.kind, value.kind) and intervals & {gold.kind, value.kind}:
        return False
    return all(map(equal, gold.items, value.items))


def _is_set(value: Value) -> bool:
    from sympy import Set

    return isinstance(value, Set)


def _is_interval(value: Value) -> bool:
    return _is_set(value) or (
        isinstance(value, Listing) and value.kind in ("()", "[]", "(]", "[)") and len(value.items) == 2
    )


def is_point(value: Value) -> bool:
    """Return whether a value is a pair (1, 2) that counts as a point in comparison with bounds, not as an interval."""
    if not isinstance(value, Listing) or value.kind != "()":
        return False
    return not any(getattr(item, "is_infinite", False) for part in value.items for item in expressions(part))


def _same_sets(gold: Value, value: Value) -> bool:
    from passk.verifiers.math_sets import as_set, same_sets

    sets = as_set(gold), as_set(value)
    return sets[0] is not None and sets[1] is not None and same_sets(*sets)


def _same_relations(gold: Value, value: Value) -> bool:
    """Return whether two values have equal pairs of sides, up to a constant factor and in any order."""
    golds, values = _pairs(gold), _pairs(value)
    if not golds or len(golds) != len(values):
        return False
    if {_word(gold), _word(value)} == {"and", "or"}:
        return False
    for pair in golds:
        place = next((place for place, other in enumerate(values) if _same_pair(pair, other)), None)
        if place is None:
            return False
        del values[place]
    return True


def _word(value: Value) -> str:
    """Return the word that joins the relations of a value: "and" for a chain, "," if it is open."""
    if isinstance(value, Joined):
        return value.word
    return "and" if isinstance(value, Relation) and len(value.signs) > 1 else ","


def _pairs(value: Value) -> list[tuple[Value, str, Value]]:
    if isinstance(value, Joined):
        return [pair for item in value.items for pair in _pairs(item)]
    if not isinstance(value, Relation):
        return []
    pairs = zip(value.sides, value.signs, value.sides[1:], strict=False)
    # Turn > into <, so that b > a equals a < b.
    return [
        (right, _FLIPPED[sign], left) if sign in (">", ">=") else (left, sign, right) for left, sign, right in pairs
    ]


def _same_pair(gold: tuple[Value, str, Value], value: tuple[Value, str, Value]) -> bool:
    if gold[1] != value[1]:
        return False
    if numbers.proportional(gold, value):
        return True
    ends = [(gold[0], value[0]), (gold[2], value[2])]
    turned = [(gold[0], value[2]), (gold[2], value[0])] if gold[1] in ("=", "!=") else ends
    return any(all(equal(a, b) for a, b in pairs) for pairs in (ends, turned))
