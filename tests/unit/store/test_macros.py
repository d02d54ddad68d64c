"""The SQL macros against exact arithmetic."""

import random
from fractions import Fraction
from math import comb

import duckdb
import pytest

from passk.statistics import pass_at_k
from passk.store import schema

TINY = Fraction(1, 10**300)
"""below this a double has no digits to compare"""


@pytest.fixture(scope="module")
def store():
    with duckdb.connect() as connection:
        schema.create(connection)
        yield connection


def exact(name, n, c, k):
    if name == "pass_at_k":
        return 1 - Fraction(comb(n - c, k), comb(n, k))
    return Fraction(comb(c, k), comb(n, k))


def cases():
    """Every (n, c, k) of small n; of large n the edges, and some drawn."""
    for n in range(1, 13):
        yield from ((n, c, k) for c in range(n + 1) for k in range(1, n + 1))
    rng = random.Random(0)
    for n in (32, 64, 1024, 9_999, 10_000):
        edges = (0, 1, 2, n // 2, n - 2, n - 1, n)
        yield from ((n, c, k) for c in edges for k in edges[1:])
        yield from ((n, rng.randint(0, n), rng.randint(1, n)) for _ in range(8))
        yield from ((n, rng.randint(0, n // 100 + 1), rng.randint(1, n // 100 + 1)) for _ in range(8))


@pytest.mark.parametrize("name", ["pass_at_k", "pass_hat_k"])
def test_a_macro_is_exact_to_the_last_digits_for_n_up_to_10000(store, name):
    drawn = list(cases())
    assert max(n for n, _, _ in drawn) == 10_000
    values = ", ".join(map(str, drawn))
    found = store.execute(f"SELECT n, c, k, {name}(n, c, k) FROM (VALUES {values}) AS t(n, c, k)").fetchall()
    assert len(found) == len(drawn)
    for n, c, k, value in found:
        expected = exact(name, n, c, k)
        if expected in (0, 1):
            assert value == expected, (n, c, k)
        elif expected < TINY:
            assert value < 1e-299, (n, c, k)
        else:
            assert abs(Fraction(value) - expected) <= expected * Fraction(1, 10**12), (n, c, k, value)


def test_the_macro_says_what_the_estimator_of_the_report_says(store):
    for n, c, k in [(32, 3, 8), (16, 0, 4), (256, 200, 64)]:
        (value,) = store.execute("SELECT pass_at_k(?, ?, ?)", [n, c, k]).fetchone()
        assert value == pytest.approx(float(pass_at_k.pass_at_k(n, c, k)), rel=1e-12)


@pytest.mark.parametrize("name", ["pass_at_k", "pass_hat_k"])
@pytest.mark.parametrize(("n", "c", "k"), [(4, 2, 5), (4, 5, 1), (4, -1, 1), (4, 2, 0)])
def test_what_makes_no_sense_is_an_error_and_no_number(store, name, n, c, k):
    with pytest.raises(duckdb.Error, match=rf"{name}\(n, c, k\): 0 <= c <= n and 1 <= k <= n, not n = {n}, c = {c}"):
        store.execute(f"SELECT {name}({n}, {c}, {k})").fetchall()


def test_an_unknown_number_makes_an_unknown_result(store):
    assert store.execute("SELECT pass_at_k(NULL, 1, 1), pass_hat_k(4, NULL, 1), pass_at_k(4, 1, NULL)").fetchone() == (
        (None,) * 3
    )


def test_columns_of_any_name_can_be_given(store):
    columns = ["i", "s", "k", "c", "n", "x", "_passk_i", "_passk_sum", "_passk_term", "_passk_product"]
    for name in ("pass_at_k", "pass_hat_k"):
        for first in columns:
            for second in columns:
                if first != second:
                    query = f"SELECT {name}({first}, {second}, 4) FROM (SELECT 10 AS {first}, 6 AS {second})"
                    assert store.execute(query).fetchone()[0] == pytest.approx(float(exact(name, 10, 6, 4)))


def test_the_macro_and_the_view_of_one_name_are_kept_apart(filed):
    with duckdb.connect(str(filed.store), read_only=True) as connection:
        query = "SELECT pass_at_k(2, 1, 1), max(pass_at_k.pass_at_k) <= 1 FROM pass_at_k"
        assert connection.execute(query).fetchone() == (0.5, True)


def test_few_wrong_is_where_every_set_of_k_has_a_right_one(store):
    for n in range(1, 8):
        for c in range(n + 1):
            for k in range(1, n + 1):
                (few,) = store.execute(f"SELECT few_incorrect({n}, {c}, {k})").fetchone()
                assert few == (exact("pass_at_k", n, c, k) == 1)
