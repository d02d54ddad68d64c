"""Ordered pairs with names, separators that are no product, and what stands beside a stated answer."""

import pytest

from passk.verifiers import verify


def _judge(text: str, gold: str) -> bool:
    return verify("math", f"So the answer is $\\boxed{{{text}}}$.", gold).correct


@pytest.mark.parametrize(
    ("text", "gold", "correct"),
    [
        ("(x,y)=(3,4)", "(3,4)", True),
        ("(x,y)=(4,3)", "(3,4)", False),
        ("(4,3)", "(x,y)=(3,4)", False),
        ("(x,y,z)=(2,1,3)", "(1,2,3)", False),
        ("(y,x)=(4,3)", "(x,y)=(3,4)", True),
        ("x=3,\\ y=4", "(3,4)", True),
        ("x=4,\\ y=3", "(3,4)", False),
        ("y=4 \\text{ and } x=3", "(3,4)", True),
        ("y=4,\\ x=3", "(4,3)", False),
        ("length = 4, width = 3", "(4,3)", True),
        ("\\theta=\\pi, r=2", "(2,\\pi)", True),
        ("(4,3)", "x=3, y=4", False),
        ("3, 4", "x=3, y=4", True),
        ("b=3, a=4", "3, 4", True),  # a list without brackets has no order
    ],
)
def test_a_tuple_keeps_its_order_where_one_side_has_names(text, gold, correct):
    assert _judge(text, gold) is correct


@pytest.mark.parametrize("text", ["10'000", "10_000", "10\\_000", "10\\mathord{,}000", "10\\text{,}000"])
def test_separators_of_thousands_in_other_habits_are_read(text):
    assert _judge(text, "10000")
    assert not _judge(text, "0") and not _judge(text, "10")


@pytest.mark.parametrize("text", ["10'00", "5'7", "5\\foo 7", "10\\foo{000}"])
def test_a_prime_or_an_unknown_command_between_digits_is_no_product(text):
    assert not any(_judge(text, gold) for gold in ("0", "35", "1000", "57", "12"))


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("3+4\\mathrm i", "3+4i"),
        ("\\mathrm e^{2}", "e^2"),
        ("3⁄4", "\\frac34"),
        ("3∶2", "3:2"),
        ("ρ^2", "\\rho^2"),
        ("2Δ", "2\\Delta"),
        ("50％", "50\\%"),
    ],
)
def test_more_signs_and_upright_letters_are_read(text, gold):
    assert _judge(text, gold)


@pytest.mark.parametrize(
    "response",
    [
        "Answer: 5 ✅",
        "Answer: **5** ✓",
        "✅ Answer: 5 🎉",
        "The answer is $5$ $\\blacksquare$",
        "The answer is $5\\qed$",
        "The answer is $5$ ∎",
        "The answer is $5$\\\\",
        "The answer is 5 (five)",
        "The answer is $5$ (option B)",
        "Answer:\n> 5",
        "The answer, then, is 5",
        "The answer is, of course, 5.",
    ],
)
def test_ornaments_and_remarks_beside_an_answer_are_no_part_of_it(response):
    assert verify("math", response, "5").correct
    assert not verify("math", response, "6").correct


@pytest.mark.parametrize(
    "response", ["Answer: 5 ❌", "Answer: >5", "The answer is 5 (mod 7)", "The answer is $5\\square 2$"]
)
def test_a_cross_a_bound_and_a_modulus_are_part_of_the_answer(response):
    assert not verify("math", response, "5").correct
