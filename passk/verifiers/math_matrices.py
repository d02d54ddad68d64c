r"""Comparison of a matrix with brackets: a column or row as a tuple, rows as lists in a list ([[1, 2], [3, 4]])."""

from typing import Any

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_values import Listing, Value


def same_as_tuple(gold: Value, value: Value) -> bool | None:
    """Compare a matrix with a tuple, or with a list of its rows; None for other values."""
    from sympy.matrices import MatrixBase

    sides = [side for side in (gold, value) if isinstance(side, MatrixBase)]
    lists = [side for side in (gold, value) if isinstance(side, Listing)]
    if len(sides) != 1 or len(lists) != 1:
        return None
    matrix, listing = sides[0], lists[0]
    if rows := _rows(listing):
        same_shape = [len(row) for row in rows] == [matrix.cols] * matrix.rows
        return same_shape and _same(matrix, [item for row in rows for item in row])
    if 1 not in matrix.shape or listing.kind == "set" or len(matrix) != len(listing.items):
        return False
    return _same(matrix, list(listing.items))


def _rows(listing: Listing) -> list[list[Value]]:
    """Return the rows of [[1, 2], [3, 4]], or no rows for another list."""
    rows = [list(row.items) for row in listing.items if isinstance(row, Listing) and row.kind == "[]"]
    return rows if listing.kind == "[]" and len(rows) == len(listing.items) else []


def _same(matrix: Any, items: list[Value]) -> bool:
    return all(map(numbers.same_or_false, matrix.flat(), items))
