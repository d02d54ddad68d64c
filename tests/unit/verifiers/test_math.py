"""math: math-verify's reading of what is right, and its leniencies mended."""

import threading

import pytest

from passk import verifiers
from passk.verifiers import verify
from passk.verifiers.math import _parsed


def judged(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).reason


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("given", "answer", "reason"),
    [
        # math-verify alone calls all but the equation right
        ("3=5", "5", "restated"),
        ("1 = 2 = 5", "5", "restated"),
        ("\\int_0^5 1 dx", "5", "restated"),
        ("\\sum_{i=1}^{5} 1", "5", "restated"),
        ("\\lim_{x \\to 5} x", "5", "restated"),
        ("2x+3=13", "x=5", "restated"),
        ("0.00000002", "0.00000001", "wrong"),
        ("0.0010004", "0.001", "wrong"),
        ("on", "no", "wrong"),
        # and these wrong
        ("5 \\text{ or } 6", "5", "wrong"),
        ("4, 5", "5", "wrong"),
        ("\\pm 5", "5", "wrong"),
        ("y=5", "x=5", "wrong"),
        ("(2,1)", "(1,2)", "wrong"),
        ("[1,2]", "(1,2)", "wrong"),
        ("x^2", "y^2", "wrong"),
        ("2^{2024}", "2^{2023}", "wrong"),
        ("0.333", "\\frac{1}{3}", "wrong"),
        ("\\frac{0}{0}", "5", "wrong"),
        ("5 < 6", "5", "wrong"),
        ("\\text{not } 5", "5", "wrong"),
        ("\\frac{1}{", "5", "no answer"),
        ("5]", "5", "unreadable"),
        ("9^{9^{9^{9}}}", "5", "unreadable"),
        ("99999999!", "5", "unreadable"),
        ("", "5", "no answer"),
    ],
)
def test_what_is_not_the_answer_is_not_right(given, answer, reason):
    assert judged(given, answer) == reason


def test_what_was_mended_is_still_to_be_mended():
    import math_verify

    for gold, given in (("5", "3=5"), ("5", "\\sum_{i=1}^{5} 1"), ("no", "on"), ("0.00000001", "0.00000002")):
        assert math_verify.verify(_parsed(gold), _parsed(given), timeout_seconds=None), (
            "a guard that is not needed any more"
        )


def test_the_gold_answer_goes_first():
    # asymmetric: an interval is right for the inequality, not the other way
    assert judged("(1,2)", "1<x<2") == "correct"
    assert judged("1<x<2", "(1,2)") == "wrong"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("\\boxed{4} no, \\boxed{5}", "correct"),
        ("\\boxed{5} no, \\boxed{4}", "wrong"),
        ("The answer is 5.", "correct"),
        ("The answer is $5$.", "correct"),
        ("#### 5", "correct"),
        ("<answer>5</answer>", "correct"),
        ("<answer>\\boxed{5}</answer> or \\boxed{4}", "correct"),
        ("It must be 5", "no answer"),
        ("\\boxed{5", "no answer"),
        ("<think>\\boxed{5}</think>", "no answer"),
        ("\\boxed{5} and then \\boxed{??}", "unreadable"),  # math-verify goes back to the 5
        ("\\boxed{\\text{final answer is $5$. I hope}}", "wrong"),
    ],
)
def test_the_last_answer_is_read_and_no_other(response, reason):
    assert verify("math", response, "5").reason == reason


def test_boxes_side_by_side_are_one_answer():
    assert verify("math", "$\\boxed{2}$ and $\\boxed{1}$", "1,2").correct
    assert verify("math", "\\boxed{2}, so \\boxed{1}", "1,2").reason == "wrong"
    assert verify("math", "\\boxed{1}, \\boxed{2}", "2").reason == "wrong"


def test_the_same_answer_has_one_form_however_it_is_written():
    def form(given: str, answer: str = "7") -> str:
        return verify("math", f"\\boxed{{{given}}}", answer).extracted

    assert {form(given) for given in ("0.5", "\\frac12", "\\frac{2}{4}", "1/2", "x=\\frac{1}{2}")} == {"1/2"}
    assert form("2, 1") == form("\\{1, 2\\}")
    assert form("3") != form("4")


@pytest.mark.parametrize("answer", ["", " ", "\\frac{1}{", "??", "x" * 500, "9^{9^{9^{9}}}", "\\boxed{}"])
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
