"""math: equations, inequalities, names, golds that are texts, and what `extracted` tells apart."""

from itertools import combinations

from passk import verifiers
from passk.verifiers import verify
from tests.unit.each import every


def reason(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).reason


def extracted(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).extracted


@every(
    "forms",
    [
        ["3x-4y=8", "6x-8y=16", "3x-4y-8=0", "y=\\frac{3}{4}x-2", "8=3x-4y", "4y = 3x - 8", "x = \\frac{4y+8}{3}"],
        ["x^2+(y-3)^2=16", "x^2+y^2-6y-7=0", "x^2+y^2=6y+7", "2x^2+2(y-3)^2=32"],
        ["\\frac{x^2}{9}+\\frac{y^2}{5}=1", "5x^2+9y^2=45", "5x^2+9y^2-45=0"],
        ["\\frac{y^2}{4}-x^2=1", "y^2-4x^2=4", "y^2 = 4x^2+4"],
        ["y^2=12x", "x=\\frac{y^2}{12}", "y^2-12x=0"],
        ["xy=6", "y=\\frac{6}{x}", "2xy=12"],
        ["x+2y-z=4", "2x+4y-2z-8=0", "z=x+2y-4"],
        ["a^2+b^2=c^2", "c^2=a^2+b^2", "c^2-b^2=a^2"],
        ["c < b < a", "a > b > c"],
        ["2x+y\\leq 4", "4x+2y\\leq 8", "y \\le 4-2x"],
    ],
)
def test_equations_that_are_scaled_or_rearranged_are_equal(forms):
    for answer in forms:
        assert verifiers.check_answer("math", answer) is None
        assert {given: reason(given, answer) for given in forms} == dict.fromkeys(forms, "correct"), answer


@every(
    ("answer", "others"),
    [
        ("3x-4y=8", ["3x-4y=9", "6x-8y=8", "4x-3y=8", "3x+4y=8", "8", "x=x", "0=0", "3x-4y", "3x-4z=8", "3x-4y<8"]),
        ("x^2+(y-3)^2=16", ["x^2+(y-3)^2=4", "x^2+(y+3)^2=16", "x^2+y^2=16", "(x^2+(y-3)^2)^2=256", "16"]),
        ("\\frac{x^2}{9}+\\frac{y^2}{5}=1", ["9x^2+5y^2=45", "5x^2+9y^2=1", "5x^2-9y^2=45"]),
        ("y^2=12x", ["y=12x", "x^2=12y", "y^2=-12x"]),
        ("y=3x-1", ["y=3x+1", "z=3x-1", "3x+1", "x=3y-1"]),
        ("b > a > c", ["a > b > c", "b > c > a", "b \\geq a \\geq c", "b > a"]),
        ("2x+y\\leq 4", ["2x+y\\geq 4", "-2x-y\\leq -4", "2x+y<4"]),
        ("x=5", ["2x=10", "x-5=0", "y=5", "x=6", "3=5"]),
    ],
)
def test_other_equations_are_not(answer, others):
    assert {given: reason(given, answer) for given in others if reason(given, answer) == "correct"} == {}


def test_an_equation_that_is_not_solved_and_a_false_one_restate_the_question():
    assert reason("2x+3=13", "x=5") == reason("x-5=0", "x=5") == "restated"
    assert reason("x = 2+2 = 5", "x=5") == reason("3=5", "5") == reason("1<0", "5") == "restated"


@every(
    ("given", "answer"),
    [
        ("7", "m_{\\max}=7"), ("m_{\\max}=7", "7"), ("m_{max} = 7", "m_{\\max}=7"), ("m_{\\text{max}}=7",
        "m_{\\max}=7"),
        ("x_{\\min} = -2", "-2"), ("E_1", "E_{1}"), ("f(3)=7", "7"), ("\\angle ABC = 40^\\circ", "40"), ("|AB|=7", "7"),
        ("a+b=7", "7"), ("x = 3+4 = 7", "x=7"), ("7=x", "x=7"), ("x=\\frac13\\approx 0.33", "\\frac13"),
        ("x \\approx 7", "7"),
        ("(x,y)=(3,8)", "(3,8)"), ("x=3, y=8", "(x,y)=(3,8)"), ("y=8, x=3", "x=3,y=8"), ("(3,8)", "x=3, y=8"),
        ("a=1, b=2", "b=2, a=1"), ("P(x)=x^2-1", "(x-1)(x+1)"), ("f(x)=1+2x", "f(x)=2x+1"), ("x=2\\text{ or }x=-3",
        "-3,2"),
        ("\\frac{AB}{CD}=\\frac25", "0.4"), ("S_1:S_2=2:5", "2:5"), ("x\\cdot y", "xy"),
    ],
)  # fmt: skip
def test_a_name_before_a_value_is_left_out_or_compared(given, answer):
    assert reason(given, answer) == "correct"


@every(
    ("given", "answer"),
    [("m_{\\max}=8", "m_{\\max}=7"), ("E_2", "E_{1}"), ("(x,y)=(8,3)", "(x,y)=(3,8)"), ("x=8,y=3", "(x,y)=(3,8)"),
     ("x=8, y=3", "x=3, y=8"), ("a=2, b=1", "a=1, b=2"), ("f(x)=2x", "f(x)=2x+1"), ("x=2\\text{ or }x=3", "-3,2")],
)  # fmt: skip
def test_another_value_under_a_name_is_wrong(given, answer):
    assert reason(given, answer) == "incorrect"


@every(
    ("answer", "forms", "others"),
    [
        ("(-\\infty,1)\\cup(4,\\infty)", ["x<1 \\text{ or } x>4", "x > 4 \\text{ or } x < 1", "x<1, x>4",
        "x\\in(-\\infty,1)\\cup(4,\\infty)",
         "\\{x \\mid x<1 \\text{ or } x>4\\}"], ["x<1 \\text{ or } x>5", "x\\le 1 \\text{ or } x>4", "1<x<4", "x>4"]),
        ("x<1 \\text{ or } x>4", ["(-\\infty,1)\\cup(4,\\infty)", "4<x \\text{ or } 1>x"], ["(1,4)", "x<1"]),
        ("[-2,5)", ["-2\\le x<5", "x\\in[-2,5)", "x\\ge -2 \\text{ and } x<5", "5>x\\ge-2"], ["-2<x<5", "[-2,5]",
        "(-2,5)"]),
        ("x>3", ["(3,\\infty)", "3<x", "-x<-3", "x \\in (3,\\infty)"], ["[3,\\infty)", "x<3", "3"]),
        ("(3,\\infty)", ["x>3"], ["x\\ge3"]),
        ("x\\neq 2", ["\\mathbb{R}\\setminus\\{2\\}", "(-\\infty,2)\\cup(2,\\infty)", "x != 2"], ["x=2",
        "\\mathbb{R}", "x\\neq 3"]),
        ("\\{-1\\}\\cup[2,6]", ["[2,6]\\cup\\{-1\\}"], ["[2,6]", "\\{1\\}\\cup[2,6]"]),
    ],
)  # fmt: skip
def test_bounds_and_intervals_are_one_set(answer, forms, others):
    assert {given: reason(given, answer) for given in forms} == dict.fromkeys(forms, "correct")
    assert [given for given in others if reason(given, answer) == "correct"] == []


@every(
    ("answer", "form", "other"),
    [
        ("\\text{March 4}", "March 4", "March 5"),
        ("x \\equiv 2 \\pmod 9", "x\\equiv 2\\pmod{9}", "x\\equiv 3\\pmod{9}"),
        (
            "\\triangle PQR \\sim \\triangle XYZ",
            "\\triangle PQR\\sim\\triangle XYZ",
            "\\triangle PQR\\sim\\triangle XZY",
        ),
        ("\\text{the 5th of May}", "the 5th of May", "the 6th of May"),
    ],
)
def test_a_gold_answer_that_is_no_expression_is_compared_as_text(answer, form, other):
    assert verifiers.check_answer("math", answer) is None
    assert reason(form, answer) == "correct"
    assert reason(other, answer) == "incorrect"
    assert extracted(form, answer) == extracted(answer, answer) != extracted(other, answer)


@every("answer", ["\\frac{12}{5,\\!525}", "\\frac \\pi7 + 3 - \\sqrt5", "\\frac{1}{2004!}", "90\\text{ square\nunits}"])
def test_golds_that_math_verify_refuses_are_read_at_once(answer):
    assert verifiers.check_answer("math", answer) is None
    assert verify("math", f"\\boxed{{{answer}}}", answer).correct


DIFFERENT = [
    "(x,y)=(5,6)", "(x,y)=(3,4)", "\\frac{a}{0}", "\\frac{b}{0}", "12:00", "1:00", "4:30", "1", "2", "1,2", "1,3",
        "(1,2)", "(1,2]",
    "[1,2]", "x=y", "x=2y", "2x+3y=6", "2x+3y=7", "x<1", "x\\le 1", "x<1 \\text{ or } x>2", "\\text{odd}",
        "\\text{even}", "\\sqrt2",
    "\\sqrt3", "x^2", "x^3", "2^{3000}", "2^{3000}+1", "\\infty", "-\\infty", "\\emptyset", "\\pi", "3.14",
        "y=1, z=2", "y=2, z=1",
    "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\1\\end{pmatrix}", "101_2", "101_3", "0=0", "0=1",
        "1=1",
]  # fmt: skip


@every("answer", ["7", "x=7", "(7,8)", "y=7x", "4:45", "\\text{seven}", "7,8"])
def test_different_answers_have_different_forms(answer):
    forms = {given: extracted(given, answer) for given in DIFFERENT}
    alike = [pair for pair in combinations(DIFFERENT, 2) if forms[pair[0]] == forms[pair[1]]]
    assert alike == []


@every(
    "forms",
    [
        ["0.25", "\\frac14", "\\frac{2}{8}", "1/4", "x=\\frac{1}{4}", "0.250"],
        ["2, 1", "\\{1,2\\}", "1 \\text{ and } 2"],
        ["(1,2)", "\\left( 1, 2 \\right)", "(x,y)=(1,2)"],
        ["2\\sqrt3", "\\sqrt{12}", "2\u221a3"],
        ["(x+1)^2", "x^2+2x+1", "1+2x+x^2"],
        ["4:30", "04:30", "\\text{4:30}"],
        ["\\text{Odd}", "odd"],
    ],
)
def test_one_answer_has_one_form(forms):
    assert len({extracted(given, "7") for given in forms}) == 1
