"""numeric: the forms of one number, and what is no number."""

from passk import verifiers
from passk.verifiers import numeric, verify
from tests.unit.each import every


def reason(given: str, answer: str) -> str:
    return verify("numeric", f"So it is $\\boxed{{{given}}}$.", answer).reason


@every(
    ("answer", "forms", "others"),
    [
        ("1251", ["1\\,251", "1{,}251", "1,\\!251", "1~251", "1\u202f251", "1\u2009251", "1,251"], ["251", "1.251"]),
        ("10\\,000", ["10000", "10{,}000", "1e4", "10 \\times 10^3"], ["0", "10"]),
        ("3.14", ["3{,}14", "\\frac{157}{50}", "314 \\cdot 10^{-2}"], ["314", "3"]),
        ("1e-7", ["0.0000001", "10e-8", "1\u00d710^{-7}"], ["1e-6", "1e7", "0"]),
        ("25000", ["2.5e4", "2.5E+4", "2.5 \\times 10^4"], ["2.5e5", "2.5"]),
        ("1.75", ["1\\frac{3}{4}", "1\u00be", "\\frac74", "1\\,\\frac34"], ["\\frac{13}{4}", "\\frac47"]),
        ("\\frac13", ["0.\\overline{3}", "1/3", "0.333...", "\u2153"], ["0.33", "3"]),
        ("73", ["\\textbf{(073)}", "\\mathbf{73}", "(73)", "x_{\\min} = 73", "m_{\\max}=73", "73.0"], ["37", "-73"]),
        ("-5", ["\u22125", "\u20135", "-5.0"], ["5"]),
        ("-3.5", ["\\$-3.5", "$-3.5", "-\\$3.50", "- 3.5"], ["\\$3.5", "-\\$-3.5", "3.5"]),
        ("18", ["{18}", "\\displaystyle 18", "\\large 18", "\\Large{18}", "{\\bf 18}", "\\underline{18}", "\\ 18\\ ",
                "\\color{red}{18}", "\\textcolor{blue}{18}", "18\\;\\text{(eggs)}"],
         ["{1}8", "18\\;\\text{(or 19)}", "\\large 19", "18\\;\\text{(wrong)}"]),
        ("12", ["12 cm\u00b2", "12 dollars", "12\u00b0", "12\\text{ cm}"], ["13 cm", "12x", "12 million"]),
    ],
)  # fmt: skip
def test_one_number_in_its_forms(answer, forms, others):
    assert verifiers.check_answer("numeric", answer) is None
    assert {given: reason(given, answer) for given in forms} == dict.fromkeys(forms, "correct")
    assert [given for given in others if reason(given, answer) == "correct"] == []


@every("text", ["5 7", "5\\,7", "1 251", "1\\ 251", "12\\,34", "5 \\quad 7", "6:30", "1 1/2", "x=y", "5=5"])
def test_digits_side_by_side_and_what_is_no_number(text):
    for answer in ("12", "57", "1251", "5", "1.5"):
        assert reason(text, answer) == "not a number"
    assert verifiers.check_answer("numeric", text).startswith("answer: ")


@every(
    ("text", "answer"),
    [
        ("52 + 20 = 72", "72"), ("72 = 52 + 20", "72"), ("x = 5 + 6 = 11", "11"), ("total = 5 * 6 = 30 apples", "30"),
        ("50% of 20 = 10", "10"), ("1,000 + 200 = 1,200", "1200"), ("20 - 30 = -10", "-10"), ("2 x 6 = 12", "12"),
        ("6 \\times 2 = 12", "12"), ("\\frac{6}{2} = 3", "3"), ("5 apples + 6 apples = 11 apples", "11"),
        ("$20 + $5 = $25", "25"), ("3 + 4 + 5 = 7 + 5 = 12", "12"), ("14 + 5 = 69 kilometers", "69"),
    ],
)  # fmt: skip
def test_a_calculation_states_the_number_on_its_other_side(text, answer):
    assert reason(text, answer) == verify("numeric", f"The answer is {text}.", answer).reason == "correct"


@every("text", [
    "not 5 + 6 = 11", "5 + 6 != 11", "5 + 6 = 11 is wrong", "5 + 6 = 11 or 12", "5 + 6 = 12 = 11", "2x + 3 = 11",
    "3s + 2 = 11", "y + 3 = 11", "f(2) + 3 = 11", "a = 3 + 1, b = 11", "5 + 6 = 11 < 12", "3 = 11",
    "5 + 6 = 11 million", "11 = 2x + 4", "5 and 6 = 11", "13 - 2 = 11 remainder 2",
])  # fmt: skip
def test_an_equation_that_is_no_calculation_is_no_number(text):
    assert numeric.read(text) is None


@every(
    ("text", "answer"),
    [
        ("3 flights in one day", "3"), ("18 dollars every day at the farmers' market", "18"),
        ("20 students in the class", "20"), ("15 - 5 = 10 dollars in a week", "10"),
        ("30 minutes after lunch", "30"), ("$18 per day", "18"),
    ],
)  # fmt: skip
def test_a_phrase_after_a_number_leaves_it(text, answer):
    assert verify("numeric", f"The answer is {text}.", answer).reason == "correct"


@every("text", [
    "5 at most", "5 at least", "5 with a remainder", "5 for two", "10 in base ten", "5 per thousand",
    "5 of them are wrong", "5 in one million", "4 out of 5", "5 for each x",
])  # fmt: skip
def test_a_phrase_that_changes_a_number_makes_it_none(text):
    assert numeric.read(text) is None
