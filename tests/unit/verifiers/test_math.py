"""math: the forms that math-verify reads, without its leniencies."""

import threading

import pytest

from passk import verifiers
from passk.verifiers import verify
from tests.unit.each import every


def judged(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).reason


@every(
    ("given", "answer"),
    [
        ("0.5", "\\frac{1}{2}"), ("\\frac12", "\\frac{1}{2}"), ("\\dfrac{2}{4}", "\\frac{1}{2}"), ("1/2", "0.5"),
        ("5,000", "5000"),
        ("\\sqrt{12}", "2\\sqrt{3}"), ("1+x", "x+1"), ("x=5", "5"), ("5", "x=5"), ("x = 2+3 = 5", "x=5"),
        ("2^{10}", "1024"),
        ("\\{2,1\\}", "\\{1,2\\}"), ("2, 1", "1,2"), ("1,2", "(1,2)"), ("\\left(1,2\\right)", "(1,2)"),
        ("[1,5)", "x \\in [1,5)"),
        ("\\begin{bmatrix}1\\\\2\\end{bmatrix}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}"), ("0.333333", "\\frac{1}{3}"),
        ("90", "90^\\circ"), ("5 \\text{ apples}", "5"), ("\\text{East}", "\\text{east}"), ("C", "\\text{(C)}"),
        ("\\pi", "\\pi"),
        ("2^{2023}", "2^{2023}"), ("\\infty", "\\infty"), ("-\\frac{1}{2}", "\\frac{-1}{2}"), ("x<5", "x<5"),
        ("\\$5", "5"),
    ],
)  # fmt: skip
def test_what_is_equal_is_right(given, answer):
    assert verifiers.check_answer("math", answer) is None
    assert judged(given, answer) == "correct"


@every(
    ("given", "answer", "reason"),
    [
        # math-verify alone calls all but the equation right
        ("3=5", "5", "restated"),
        ("1 = 2 = 5", "5", "restated"),
        ("\\int_0^5 1 dx", "5", "restated"),
        ("\\sum_{i=1}^{5} 1", "5", "restated"),
        ("\\lim_{x \\to 5} x", "5", "restated"),
        ("2x+3=13", "x=5", "restated"),
        ("0.00000002", "0.00000001", "incorrect"),
        ("0.0010004", "0.001", "incorrect"),
        ("on", "no", "incorrect"),
        # and these are incorrect
        ("5 \\text{ or } 6", "5", "incorrect"),
        ("4, 5", "5", "incorrect"),
        ("\\pm 5", "5", "incorrect"),
        ("y=5", "x=5", "incorrect"),
        ("(2,1)", "(1,2)", "incorrect"),
        ("[1,2]", "(1,2)", "incorrect"),
        ("x^2", "y^2", "incorrect"),
        ("2^{2024}", "2^{2023}", "incorrect"),
        ("0.333", "\\frac{1}{3}", "incorrect"),
        ("\\frac{0}{0}", "5", "incorrect"),
        ("5 < 6", "5", "incorrect"),
        ("\\text{not } 5", "5", "incorrect"),
        ("\\frac{1}{", "5", "no answer"),
        ("5]", "5", "unreadable"),
        ("9^{9^{9^{9}}}", "5", "unreadable"),
        ("99999999!", "5", "unreadable"),
        ("", "5", "no answer"),
    ],
)
def test_what_is_not_the_answer_is_not_right(given, answer, reason):
    assert judged(given, answer) == reason


@every(
    "after",
    [
        " \\text{ million}", " \\text { million}", " \\mbox{ hundred}", "\\text{ squared}", "\\text{!}",
        "\\text{\u00b2}",
        " \\text{ or 6 or 7}", " \\mathrm{ or 6}", " \\text{, not 6}", ", \\text{not 6}", " \\text{ is wrong}",
        " \\textbf{ million}", " \\text{ cm or 6}", " \\text{ plus } {6}", " \\text{ cm, so } {6}", "\\text{6}",
        " \\text{ $\\pm 1$}", " \\text{\\textbf{ million}}", " \\text{ and more}",
        " \\text{ sixteenths}", "\\text{ gross}", " \\text{ Mio}",
    ],
)  # fmt: skip
def test_a_text_that_is_no_unit_makes_a_value_unreadable(after):
    assert judged(f"5{after}", "5") == "unreadable"
    assert verifiers.check_answer("math", f"5{after}")


@every(
    "after",
    [
        " \\text{ cm}", "\\,\\mathrm{cm}", " \\text{ dollars}", "^\\circ", "^\\circ \\text{C}",
        " \\text{ square units}",
        " \\text{ cm}^2", " \\text{ cm}^{3}", " \\text{ cm^2}", "\\text{ m}/\\text{s}",
        " \\text{ m} \\cdot \\text{s}^{-1}", " \\mbox{ miles per hour}", "~\\text{km/h}", " \\text{ a.m.}", "\\text{ }",
        " \\text{ quarters}", "\\text{ kilos}", " \\text{ gross tons}",
    ],
)  # fmt: skip
def test_a_text_that_is_a_unit_is_passed_over(after):
    assert judged(f"5{after}", "5") == "correct"
    assert judged("5", f"5{after}") == "correct"
    assert judged(f"6{after}", "5") == "incorrect"


def test_values_with_units_are_as_many_as_there_are():
    assert judged("5 \\text{ cm}, 6 \\text{ cm}", "5") == "incorrect"
    assert judged("5 \\text{ cm} \\text{ and } 6 \\text{ cm}", "5, 6") == "correct"
    assert judged("x = 1 \\text{ or } x = 2", "1, 2") == "correct"


@every(
    ("given", "answer"),
    [
        ("\\text{Monday}", "\\text{Monday}"), ("\\text{even}", "even"), ("(\\text{A})", "A"),
        ("\\text{not both}", "not both"),
        ("\\text{A} \\text{ and } \\text{B}", "A, B"), ("3+4\\mathrm{i}", "3+4i"), ("2\\mathrm{e}", "2e"),
    ],
)  # fmt: skip
def test_an_answer_in_words_or_upright_letters_stays_one(given, answer):
    assert judged(given, answer) == judged(answer, given) == "correct"


@every(
    ("given", "answer"),
    [
        ("\\frac{1}{20!}", "\\frac{1}{21!}"), ("-\\frac{1}{20!}", "\\frac{1}{20!}"),
        ("\\frac{10!}{30!}", "\\frac{12!}{30!}"), ("\\frac{1}{20!}", "x = \\frac{1}{21!}"),
        ("\\frac{1}{20!}", "0 \\cdot 5"),
        ("\\frac{2}{10^8}", "0.00000001"),
    ],
)  # fmt: skip
def test_small_numbers_differ_by_their_own_measure(given, answer):
    assert judged(given, answer) == "incorrect"
    assert judged(answer, answer) == judged(given, given) == "correct"


@every(
    ("given", "answer"),
    [
        ("\\frac{1}{2432902008176640000}", "\\frac{1}{20!}"), ("\\frac{1}{21 \\cdot 20!}", "\\frac{1}{21!}"),
        ("0", "\\sqrt{2}\\sqrt{3}-\\sqrt{6}"), ("\\sqrt{6}-\\sqrt{2}\\sqrt{3}", "0"), ("1.414214", "\\sqrt{2}"),
        ("2000!", "2000 \\cdot 1999!"), ("50", "50\\%"), ("0.5", "50\\%"), ("50\\%", "\\frac{1}{2}"),
        ("\\infty", "+\\infty"), ("i^2", "i^2"),
    ],
)  # fmt: skip
def test_equal_numbers_stay_equal_however_large_or_small(given, answer):
    assert judged(given, answer) == "correct"


def test_what_math_verify_takes_and_passk_does_not_is_still_so():
    import math_verify

    for gold, given in (
        ("5", "3=5"),
        ("5", "\\sum_{i=1}^{5} 1"),
        ("0.00000001", "0.00000002"),
        ("\\frac{1}{21!}", "\\frac{1}{20!}"),
        ("4:20", "6:30"),
        ("12", "5 7"),
        ("5", "5 \\text{ million}"),
        ("5", "5t"),
    ):
        theirs = math_verify.parse(f"${gold}$"), math_verify.parse(f"\\boxed{{{given}}}")
        assert math_verify.verify(*theirs), f"a guard that is not needed any more: {given}"
        assert judged(given, gold) != "correct"


def test_the_gold_answer_goes_first():
    # asymmetric: an interval is right for the inequality, not the other way
    assert judged("(1,2)", "1<x<2") == "correct"
    assert judged("1<x<2", "(1,2)") == "incorrect"


@every(
    ("response", "reason"),
    [
        ("\\boxed{4} no, \\boxed{5}", "correct"),
        ("\\boxed{5} no, \\boxed{4}", "incorrect"),
        ("The answer is 5.", "correct"),
        ("The answer is $5$.", "correct"),
        ("#### 5", "correct"),
        ("<answer>5</answer>", "correct"),
        ("<answer>\\boxed{5}</answer> or \\boxed{4}", "correct"),
        ("It must be 5", "no answer"),
        ("\\boxed{5", "no answer"),
        ("<think>\\boxed{5}</think>", "no answer"),
        ("\\boxed{5} and then \\boxed{??}", "unreadable"),  # math-verify goes back to the 5
        ("\\boxed{\\text{final answer is $5$. I hope}}", "incorrect"),
    ],
)
def test_the_last_answer_is_read_and_no_other(response, reason):
    assert verify("math", response, "5").reason == reason


def test_boxes_side_by_side_are_one_answer():
    assert verify("math", "$\\boxed{2}$ and $\\boxed{1}$", "1,2").correct
    assert verify("math", "\\boxed{2}, so \\boxed{1}", "1,2").reason == "incorrect"
    assert verify("math", "\\boxed{1}, \\boxed{2}", "2").reason == "incorrect"


def test_the_same_answer_has_one_form_however_it_is_written():
    def form(given: str, answer: str = "7") -> str:
        return verify("math", f"\\boxed{{{given}}}", answer).extracted

    assert {form(given) for given in ("0.5", "\\frac12", "\\frac{2}{4}", "1/2", "x=\\frac{1}{2}")} == {"1/2"}
    assert form("2, 1") == form("\\{1, 2\\}")
    assert form("3") != form("4")


@every("answer", ["", " ", "\\frac{1}{", "??", "x" * 500, "9^{9^{9^{9}}}", "\\boxed{}"])
def test_an_unreadable_gold_answer_says_so_in_one_line(answer):
    said = verifiers.check_answer("math", answer)
    assert said.startswith("answer: ") and "\n" not in said


def test_it_works_in_a_thread_where_math_verifys_own_timeouts_raise():
    import math_verify

    found = []

    def in_thread() -> None:
        with pytest.raises(ValueError, match="threaded environment"):
            math_verify.parse("$987$")
        found.append(judged("987654321", "987654321"))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert found == ["correct"]
