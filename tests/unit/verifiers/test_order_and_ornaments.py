"""Ordered pairs with names, separators that are no product, and what stands beside a stated answer."""

from passk.verifiers import verify
from tests.unit.each import every


def _judge(text: str, gold: str) -> bool:
    return verify("math", f"So the answer is $\\boxed{{{text}}}$.", gold).correct


@every(
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


@every("text", ["10'000", "10_000", "10\\_000", "10\\mathord{,}000", "10\\text{,}000"])
def test_separators_of_thousands_in_other_habits_are_read(text):
    assert _judge(text, "10000")
    assert not _judge(text, "0") and not _judge(text, "10")


@every("text", ["10'00", "5'7", "5\\foo 7", "10\\foo{000}"])
def test_a_prime_or_an_unknown_command_between_digits_is_no_product(text):
    assert not any(_judge(text, gold) for gold in ("0", "35", "1000", "57", "12"))


@every(
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


@every(
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


@every("response", ["Answer: 5 ❌", "Answer: >5", "The answer is 5 (mod 7)", "The answer is $5\\square 2$"])
def test_a_cross_a_bound_and_a_modulus_are_part_of_the_answer(response):
    assert not verify("math", response, "5").correct


@every(
    ("sentence", "replaces"),
    [
        ("Rounding gives the answer $6$ for the whole trip.", False),
        ("We obtain our answer \\(6\\) from the first equation.", False),
        ("Dividing leads to the final answer $6$ in hours.", False),
        ("Rounding gives the answer $6$.", True),
        ("This gives the answer $6$, because the rest cancels.", True),
        ("This gives the answer $6$ for now. Wait, that is wrong.", True),
        ("**Answer** $6$ in hours", True),
        ("The answer is $6$ for the whole trip.", True),
        ("Answer: $6$ in hours", True),
    ],
)
def test_an_answer_inside_a_sentence_that_continues_leaves_the_box_before_it(sentence, replaces):
    response = f"So \\boxed{{5}}. {sentence}"
    assert verify("math", response, "5").correct is not replaces
    assert verify("math", sentence, "6").extracted


def test_an_answer_inside_a_sentence_counts_where_it_is_the_only_one():
    assert verify("math", "Rounding gives the answer $6$ for the whole trip.", "6").correct


@every(
    "response",
    [
        "The answer is 42 for this problem.",
        "The answer is $42$ for the whole trip, since she drives home again.",
        "The final answer is 42 by the pigeonhole principle.",
        "Answer: 42 of the students",
        "The answer is 42 from the table above.",
        "**Answer** $42$ on average",
        "The answer is 42 apples in each basket.",
        "Answer: 42 with the discount",
        "The answer is 42 dollars per day.",
    ],
)
def test_a_phrase_after_a_stated_number_is_no_part_of_it(response):
    assert verify("math", response, "42").correct
    assert verify("numeric", response, "42").correct
    assert not verify("math", response, "43").correct


@every(
    "phrase",
    [
        "of 50",
        "in thousands",
        "in four",
        "in a million",
        "by 42",
        "for $x$ and 6 for $y$",
        "for adults, 3 for children",
        "with the opposite sign",
        "with a minus sign",
        "of them are wrong",
        "for now. No wait, that is wrong.",
        "for n",
        "from infinity",
        "on the left and three on the right",
    ],
)
def test_a_phrase_that_changes_a_stated_number_is_part_of_it(phrase):
    assert not verify("math", f"The answer is 42 {phrase}", "42").correct
