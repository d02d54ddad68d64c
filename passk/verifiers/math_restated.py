"""Answers that restate the question: unsolved equations, unevaluated sums and integrals, false claims."""

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_values import Labelled, Relation, Value, expressions, is_false


def restated(gold: Value, value: Value) -> bool:
    """Return whether the value is an unevaluated question instead of an answer, or a false claim."""
    from sympy import Derivative, Integral, Limit, Product, Sum

    kinds = (Sum, Product, Integral, Limit, Derivative)
    wanted = set().union(*(part.atoms(*kinds) for part in expressions(gold)))
    for part in expressions(value):
        if {type(one) for one in part.atoms(*kinds)} - {type(one) for one in wanted}:
            return True
    if is_false(value) or (isinstance(value, Relation) and _unsolved(gold, value)):
        return True
    return isinstance(gold, Labelled) and isinstance(value, Relation) and "=" in value.signs and not _curve(gold)


def _unsolved(gold: Value, value: Relation) -> bool:
    """Return whether a value is an equation in one variable, 2x = 6, where the gold answer is a number.

    Equations with sums of several names or functions may name a quantity: a + b = 6, \\cos A = 1/2, x + 1/x = 3.
    """
    from sympy import Pow
    from sympy.functions.elementary.trigonometric import TrigonometricFunction

    left = value.sides[0]
    if not numbers.is_number(gold) or not hasattr(left, "free_symbols") or len(left.free_symbols) != 1:
        return False
    divided = any(power.exp.could_extract_minus_sign() for power in left.atoms(Pow))
    return not left.has(TrigonometricFunction) and not divided and not getattr(left, "is_Symbol", False)


def _curve(gold: Labelled) -> bool:
    """Return whether an equation with a name on one side describes a line or curve: y = 2x + 1, xy = 1."""
    sides = [gold.side, *expressions(gold.value)]
    return len(set().union(*(getattr(side, "free_symbols", set()) for side in sides))) > 1
