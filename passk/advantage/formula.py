"""Evaluate formulas of an experiment: arithmetic, a few functions, and nothing else."""

import ast
import math
import operator
from collections.abc import Callable

from passk.advantage.estimator import shown
from passk.base.errors import ConfigError, InvalidError, one_line

FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "asin": math.asin,
    "min": min,
    "max": max,
}
_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def evaluate(formula: str, **variables: float) -> float:
    """Return the value of, for example, "k * (1 - p) ** (k - 1)". Raise ConfigError for a formula without a value."""
    try:
        return float(_value(ast.parse(formula.strip(), mode="eval").body, variables))
    except InvalidError as error:
        raise ConfigError("options.derivative", f"{shown(formula)}: {error.problem}", error.fix) from None
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError) as error:
        at = ", ".join(f"{name} = {value:g}" for name, value in variables.items())
        reason = one_line(error)
        raise ConfigError(
            "options.derivative", f"{shown(formula)} has no value at {at}: {reason}", "change the formula"
        ) from None


def _value(node: ast.AST, variables: dict[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float()):
            return float(node.value)
        case ast.Name(id=name) if name in variables:
            return variables[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, variables), _value(right, variables))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand, variables))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_value(argument, variables) for argument in arguments))
    known = ", ".join([*variables, "numbers", "+ - * / **", *(f"{name}()" for name in FUNCTIONS)])
    raise InvalidError(f"{shown(ast.unparse(node))} is not supported", f"use {known}")
