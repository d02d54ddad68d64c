r"""Names of variables that are free: x = \pi k, k \in \mathbb{Z}, and f(n) = n + 1 for f(x) = x + 1."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from passk.verifiers.math_values import Labelled, Listing, Value, expressions

_FUNCTION = re.compile(r"(.+)\(([a-z])\)")


def without_conditions(values: Sequence[Value]) -> list[Value]:
    """Return the values without the domains of their variables. An integer variable is called k."""
    from sympy import Symbol

    kept = list(values)
    for condition in values:
        if not (domain := _domain(condition)):
            continue
        others = [value for value in kept if value is not condition]
        symbols = [symbol for value in others for part in _parts(value) for symbol in part.free_symbols]
        names = [symbol for symbol in symbols if symbol.name == condition.label]
        if not names:
            continue
        kept = others
        if domain == "integers":
            kept = [_renamed(value, dict.fromkeys(names, Symbol("k", **names[0].assumptions0))) for value in kept]
    return kept


def with_argument(gold: Value, value: Value) -> Value:
    """Return a function with the argument of the gold answer's function: f(n) = n + 1 as f(x) = x + 1."""
    if not (isinstance(gold, Labelled) and isinstance(value, Labelled)) or gold.label == value.label:
        return value
    ours, theirs = (_FUNCTION.fullmatch(side.label) for side in (gold, value))
    if not ours or not theirs or ours[1] != theirs[1]:
        return value
    from sympy import Symbol

    symbols = {symbol for part in _parts(value) for symbol in part.free_symbols}
    if any(symbol.name == ours[2] for symbol in symbols):
        return value
    names = {symbol: Symbol(ours[2], **symbol.assumptions0) for symbol in symbols if symbol.name == theirs[2]}
    return replace(_renamed(value, names), label=gold.label)


def _domain(value: Value) -> str | None:
    from sympy import S

    if not isinstance(value, Labelled) or len(value.label) != 1:
        return None
    if value.value in (S.Integers, S.Naturals, S.Naturals0):
        return "integers"
    return "reals" if value.value in (S.Reals, S.Rationals) else None


def _parts(value: Value) -> list[Any]:
    return [part for part in expressions(value) if hasattr(part, "free_symbols")]


def _renamed(value: Value, names: dict[Any, Any]) -> Value:
    if isinstance(value, Labelled):
        return replace(value, value=_renamed(value.value, names))
    if isinstance(value, Listing):
        return replace(value, items=tuple(_renamed(item, names) for item in value.items))
    return value.xreplace(names) if hasattr(value, "xreplace") else value
