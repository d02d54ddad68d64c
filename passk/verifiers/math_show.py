"""Canonical text of a value, which identifies equal answers."""

import hashlib
from typing import Any

from passk.verifiers.math_equal import same_label
from passk.verifiers.math_times import settled
from passk.verifiers.math_values import RATIO, Based, Joined, Labelled, Listing, Relation, Time, Value, Words

LONGEST = 400
_OPERATIONS = 60
"""Most operations of an expression that is expanded."""
_EXPONENT = 8


def show(value: Value, gold: Value) -> str:
    """Return the canonical text of a value, without the name of x = 5 if the gold answer has none or the same."""
    _, value = settled(gold, value)
    if isinstance(value, Labelled) and (not isinstance(gold, Labelled) or same_label(gold, value)):
        value = value.value
    ordered = isinstance(gold, Listing) and gold.kind not in ("list", "set", RATIO)
    if ordered and isinstance(value, Listing) and value.kind == "list":  # a tuple without brackets keeps its order
        return _limited(", ".join(map(_shown, value.items)))
    return _limited(_shown(value))


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
        done = value.doit()
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
