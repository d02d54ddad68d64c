"""Columns of text for a terminal."""

from passk.base.terminal import aligned


def test_columns_are_as_wide_as_their_longest_cell_and_numbers_are_right_aligned():
    rows = [("name", "n", "about"), ("a", "1,000", ""), ("longer", "7", "x")]
    assert aligned(rows, right={1}) == ["name        n  about", "a       1,000", "longer      7  x"]
    assert aligned(rows)[1:] == ["a       1,000", "longer  7      x"]


def test_one_row_of_nothing_is_an_empty_line():
    assert aligned([[""]]) == [""]
