"""math: other spellings of sets, systems with several solutions, residues, matrices as rows, and functions."""

import pytest

from passk import verifiers
from passk.verifiers import verify
from tests.unit.each import every


def reason(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).reason


def extracted(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).extracted


@every(
    ("answer", "forms", "others"),
    [
        (
            "(-\\infty,-3]\\cup(2,5)",
            ["]-\\infty,-3]\\cup]2,5[", "(-inf,-3] U (2,5)", "x\\in(-\\infty,-3] \\text{ or } x\\in(2,5)"],
            ["]-\\infty,-3[\\cup]2,5[", "(-inf,-3) U (2,5)", "x\\in(-\\infty,-3] \\text{ or } x\\in(2,6)"],
        ),
        ("[4,9)", ["[4,9[", "\\left[4;9\\right["], ["]4,9[", "]4,9]", "[4,9]", "4,9"]),
        ("-2 < x < 7", ["]-2,7[", "x>-2 \\text{ and } x<7"], ["x>-2 \\text{ or } x<7", "[-2,7[", "x>-2"]),
        ("[\\sqrt[3]{2},5]", ["[2^{1/3},5]"], ["(\\sqrt[3]{2},5]"]),
        (
            "[0,\\infty)",
            ["\\mathbb{R}_{\\ge 0}", "\\mathbb{R}^{\\geq 0}", "\\mathbb{R}_0^+", "\\mathbb{R}^+_0", "x\\ge 0"],
            ["[0,\\infty]", "\\mathbb{R}^+", "\\mathbb{R}_{>0}", "\\mathbb{R}"],
        ),
        (
            "\\mathbb{R}\\setminus\\{-1,3\\}",
            ["\\mathbb{R}-\\{-1,3\\}", "x\\ne -1, 3", "x\\neq 3, x\\neq -1",
             "\\text{all real numbers except } -1 \\text{ and } 3", "\\text{all reals except -1 and 3}"],
            ["\\mathbb{R}-\\{1,3\\}", "x\\ne 3", "x=-1, 3", "\\text{all real numbers except } 3"],
        ),
        ("[-1,1]", ["-1\\le x\\le 1"], ["-1,1", "\\{-1,1\\}", "\\pm 1"]),
        ("-3, 3", ["\\pm 3", "\\{3,-3\\}"], ["[-3,3]", "3", "-3<x<3"]),
        ("x=5 \\text{ or } x=-1", ["-1, 5", "\\{5,-1\\}", "x=5,-1"], ["(5,-1)", "[-1,5]", "x=5"]),
        ("(5,-1)", ["5,-1"], ["x=5,-1", "x=5 \\text{ or } x=-1"]),
        ("x>2 \\text{ or } x<-1", ["x<-1, x>2"], ["x>2 \\text{ and } x<-1", "-1<x<2"]),
        (
            "\\emptyset",
            ["\\text{no solution}", "\\text{No real solutions}", "\\text{There is no solution.}", "\\text{empty set}"],
            ["\\text{one solution}", "\\text{no idea}", "0"],
        ),
        ("\\text{no solution}", ["\\emptyset", "\\{\\}", "\\text{No solutions exist}"], ["\\{0\\}", "\\text{no}"]),
        ("\\text{DNE}", ["\\text{does not exist}", "\\text{The limit does not exist}"], ["\\text{exists}", "0"]),
        ("\\{i,-i\\}", ["\\pm i", "-i, i"], ["\\{2i,-2i\\}", "\\{1,-1\\}"]),
        ("(3,-2,5)", ["\\left( {3, - 2,5} \\right)", "(3,-2,5)^T", "(3,-2,5)^{\\top}"], ["{3,-2}", "(3,2,5)^T"]),
    ],
)  # fmt: skip
def test_a_set_may_be_spelled_in_another_way(answer, forms, others):
    assert verifiers.check_answer("math", answer) is None
    assert {given: reason(given, answer) for given in forms} == dict.fromkeys(forms, "correct")
    assert [given for given in others if reason(given, answer) == "correct"] == []


@every(
    ("answer", "forms", "others"),
    [
        (
            "(1,2),(3,4)",
            ["x=1,y=2 \\text{ or } x=3,y=4", "x=3, y=4; x=1, y=2", "(x,y)=(3,4),(1,2)",
             "y=2,x=1 \\text{ or } y=4,x=3"],
            ["x=1,y=4 \\text{ or } x=3,y=2", "x=2,y=1 \\text{ or } x=4,y=3", "x=1,y=2", "(x,y)=(1,2)"],
        ),
        ("x=1, y=-2", ["(1,-2)", "y=-2 \\text{ and } x=1"], ["x=1 \\text{ or } y=-2", "x=-2, y=1"]),
        ("a=0 \\text{ or } b=0", ["b=0 \\text{ or } a=0"], ["a=0", "a=0 \\text{ and } c=0"]),
        ("f(x)=x+1", ["f(n)=n+1", "f(t)=1+t", "y=x+1"], ["f(n)=n-1", "f(n)=x+1", "g(n)=n+1"]),
        (
            "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
            ["[[1,2],[3,4]]", "\\begin{pmatrix}1&2\\cr3&4\\end{pmatrix}",
             "\\begin{psmallmatrix}1&2\\\\3&4\\end{psmallmatrix}"],
            ["[[1,3],[2,4]]", "[1,2,3,4]", "[[1,2,3,4]]", "[[1,2],[3,4],[5,6]]"],
        ),
        ("x\\equiv 2 \\pmod 9", ["x\\equiv 11\\pmod{9}", "2 \\pmod 9", "x ≡ 2 (mod 9)"],
         ["x\\equiv 3\\pmod 9", "2\\pmod 8"]),
        ("7\\pmod{12}", ["7\\bmod 12", "19 \\pmod{12}", "7 \\ (\\mathrm{mod}\\ 12)"], ["5\\pmod{12}", "7\\pmod{11}"]),
        ("5", ["5"], ["5\\pmod 7", "5 \\bmod 7"]),
    ],
)  # fmt: skip
def test_systems_functions_residues_and_matrices(answer, forms, others):
    assert verifiers.check_answer("math", answer) is None
    assert {given: reason(given, answer) for given in forms} == dict.fromkeys(forms, "correct")
    assert [given for given in others if reason(given, answer) == "correct"] == []


@every(
    ("answer", "forms", "others"),
    [
        ("\\frac{7}{3}", ["\\nicefrac{7}{3}", "\\sfrac73"], ["\\nicefrac{3}{7}"]),
        ("60", ["{}_5P_3", "{}_{5}P_{3}", "{}^5P_3", "_{5}P_3", "3 \\ast 20", "60 \\deg", "60 miles/hour",
         "\\large 60"], ["{}_5P_2", "{}_{5}C_{3}", "6", "60 million/hour"]),
        ("10", ["_{5}C_3", "\\mathrm{C}_5^3", "10 base 10"], ["_{5}C_1", "{}_5P_3"]),
        ("48", ["6!!"], ["6!", "5!!", "6!!!"]),
        ("\\log_2 3", ["\\log_23"], ["\\log_32", "\\log_{23}"]),
        ("\\log 5", ["\\log_10 5", "\\log_{10}5"], ["\\log_1 5", "\\ln 5"]),
        ("I^2R", ["RI^2"], ["IR", "I^3R", "-R"]),
        ("I_1", ["I_{1}"], ["I_2", "I"]),
        ("2:3", ["2 to 3", "4 to 6"], ["3 to 2"]),
        ("4210_5", ["4210 base 5", "4210 base five", "4210 in base 5"], ["4210 base 6", "4211 base 5"]),
        ("\\max(a,b)", ["\\max\\{a,b\\}"], ["\\min\\{a,b\\}"]),
        ("1,2,3", ["1\\text{, }2\\text{, }3"], ["1\\text{, }2"]),
        ("5^\\circ\\text{C}", ["5°C", "5 °F"], ["6°C"]),
        ("0", ["\\text{zero}"], ["\\text{one}"]),
        ("\\text{ellipse}", ["\\text{an ellipse}", "The ellipse"], ["\\text{a circle}"]),
    ],
)  # fmt: skip
def test_more_forms_of_one_value(answer, forms, others):
    assert verifiers.check_answer("math", answer) is None
    assert {given: reason(given, answer) for given in forms} == dict.fromkeys(forms, "correct")
    assert [given for given in others if reason(given, answer) == "correct"] == []


@pytest.mark.parametrize("given", ["x^{2y^3}", "x^{y^{x}}", "(x+y)^{x^2y}"])
def test_a_tower_of_powers_is_compared_by_its_decimals(given):
    """Its exact value at a rational point has millions of digits."""
    assert reason(given, "x^2y^3") == "incorrect"
    assert reason(given, given.replace("(x+y)", "(y+x)")) == "correct"


@every(
    ("answer", "forms", "others"),
    [
        ("7", ["\\frac{\\pi}{2}", "0.5\\pi"], ["\\pi", "0.25\\pi"]),
        ("7", ["x<3", "3>x"], ["x>3", "x\\le 3"]),
        ("2x+3y=6", ["x+y=6", "y=6-x", "6-x-y=0", "2x+2y=12"], ["x+y=7", "x-y=6", "x+y<6"]),
        ("y=2x-5", ["y=3x+1", "3x+1", "3x-y+1=0", "6x+2=2y"], ["y=3x-1", "z=3x+1", "3x=1"]),
        ("2x+y\\le 4", ["x+y\\le 3", "2x+2y\\le 6", "3-x\\ge y"], ["x+y\\ge 3", "x+y<3"]),
        ("x>5", ["x<2", "(-\\infty,2)"], ["x\\le 2", "(2,\\infty)"]),
        ("f(x)=2x", ["f(n)=n^2", "f(x)=x^2"], ["f(x)=x^3"]),
    ],
)  # fmt: skip
def test_equal_answers_have_one_key_and_different_ones_have_not(answer, forms, others):
    keys = {extracted(given, answer) for given in forms}
    assert len(keys) == 1
    assert keys.isdisjoint(extracted(given, answer) for given in others)
    assert len({extracted(given, answer) for given in others}) == len(others)
