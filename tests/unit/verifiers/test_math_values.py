"""math: the forms of one value that models write, each with an answer that is not it."""

from passk import verifiers
from passk.verifiers import verify
from tests.unit.each import every


def reason(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).reason


def agree(forms: list[str], others: list[str]) -> None:
    """Every form is correct for every other one, and none of the others is correct for the first."""
    for answer in forms:
        assert verifiers.check_answer("math", answer) is None, answer
        for given in forms:
            assert reason(given, answer) == "correct", (given, answer)
    for given in others:
        assert reason(given, forms[0]) in ("incorrect", "unreadable", "restated"), (given, forms[0])


@every(
    ("forms", "others"),
    [
        (
            [
                "1251",
                "1\\,251",
                "1{,}251",
                "1,\\!251",
                "1,251",
                "1~251",
                "1\u2009251",
                "1\u202f251",
                "1\\thinspace 251",
            ],
            ["251", "1251000", "1252", "125.1"],
        ),
        (["10000", "10\\,000", "10{,}000", "10,\\! 000", "10^4"], ["10", "0", "1000", "100000"]),
        (["2345678.25", "2\\,345\\,678.25", "2{,}345{,}678.25", "2,345,678.25"], ["2345678", "2345"]),
        (
            ["7.5", "7{,}5", "\\frac{15}{2}", "7\\frac{1}{2}", "7 \\frac12", "7\\,\\frac{1}{2}", "7\u00bd"],
            ["75", "3.5"],
        ),
        (["2.718\\,28", "2.71828"], ["718", "2.7"]),
        (["(1200, 3)", "(1\\,200, 3)", "(1{,}200, 3)"], ["(1, 200, 3)", "(200, 3)"]),
    ],
)
def test_thin_blanks_and_commas_part_groups_of_three_digits(forms, others):
    agree(forms, others)


@every(
    "text",
    ["5 7", "5\\ 7", "5 \\quad 7", "5\\,7", "12\\,34", "1\\,2345", "1 251", "10\\ 000", "\\sqrt{5 7}", "x^{1 2}",
        "1 1/2",
     "(1 2, 3)", "5\n7"],
)  # fmt: skip
def test_digits_side_by_side_are_no_number_in_an_answer_and_in_a_gold_answer(text):
    for answer in ("12", "57", "35", "7", "5", "1251", "10000"):
        assert reason(text, answer) == "unreadable"
    assert verifiers.check_answer("math", text).startswith("answer: ")


@every(
    ("forms", "others"),
    [
        (["e^2", "\\mathrm{e}^2", "\\text{e}^{2}", "{\\rm e}^2", "e\u00b2"], ["e^3", "2e", "\\mathrm{e}"]),
        (
            ["\\frac{2}{e}", "\\frac{2}{\\mathrm{e}}", "2\\mathrm{e}^{-1}", "\\frac{2}{\\textrm{e}}"],
            ["\\frac{e}{2}", "2"],
        ),
        (["4-3i", "4-3\\mathrm{i}", "-3\\text{i}+4", "4 - 3{\\rm i}"], ["4+3i", "3-4i", "4-3"]),
        (["\\frac{2+i}{5}", "\\frac{2+\\mathrm{i}}{5}", "0.4+0.2\\mathrm{i}"], ["\\frac{2-i}{5}"]),
        (["\\ln 7", "\\operatorname{ln} 7", "\\mathrm{ln}\\,7", "\\text{ln}(7)", "ln 7"], ["\\ln 8", "7"]),
        (["\\frac{\\ln 7}{3}", "\\frac{\\operatorname{ln}(7)}{3}", "\\frac13\\mathrm{ln}7"], ["\\frac{\\ln 3}{7}"]),
        (["\\sin x", "\\operatorname{sin} x", "\\mathrm{sin}(x)", "sin(x)"], ["\\cos x", "\\sin 2x"]),
        (["\\arctan 3", "\\operatorname{arctan} 3", "\\mathrm{arctan}(3)"], ["\\tan 3"]),
    ],
)
def test_constants_and_operators_may_be_upright(forms, others):
    agree(forms, others)


@every(
    ("forms", "others"),
    [
        (["x^3", "x\u00b3"], ["3x", "x^2"]),
        (["a^{12}", "a\u00b9\u00b2"], ["a^1", "a^{21}"]),
        (
            ["3\\sqrt{7}", "3\u221a7", "3\u221a(7)", "3\u221a{7}", "3*sqrt(7)", "3\\sqrt7"],
            ["\\sqrt{21}", "7\u221a3", "3"],
        ),
        (["\\sqrt[3]{5}", "\u221b5", "5^{1/3}"], ["\\sqrt{5}", "3\\sqrt{5}"]),
        (["72", "72\u00b0", "72^\\circ", "72^{\\circ}", "72\\degree", "72 degrees"], ["71\u00b0", "7.2"]),
        (["2ab", "2\u00b7a\u00b7b", "2 \u00d7 a \u00d7 b", "2\\cdot a\\times b"], ["2a+b"]),
        (["(2,\\infty)", "(2,\u221e)", "(2, +\u221e)"], ["[2,\u221e)", "(-2,\u221e)"]),
        (["\\frac{3}{4}", "\u00be", "3/4"], ["\\frac{4}{3}", "\u00bc"]),
        (["-9", "\u22129", "\u20139", "\u20149"], ["9"]),
        (["\\frac{2\\pi}{3}", "2\u03c0/3", "\\frac{2\u03c0}{3}", "2pi/3"], ["\\frac{3\\pi}{2}"]),
        (["x_1", "x\u2081", "x_{1}"], ["x_2"]),
        (["x \\le 4", "x \u2264 4", "x <= 4"], ["x < 4", "x \u2265 4"]),
        (["[0,1]\\cup[2,3]", "[0,1]\u222a[2,3]"], ["[0,1]\u2229[2,3]", "[0,3]"]),
    ],
)
def test_signs_of_unicode_are_read(forms, others):
    agree(forms, others)


@every(
    ("forms", "others"),
    [
        (["0.00003", "3e-5", "3E-5", "3e-05", "3 \\times 10^{-5}", "3\u00d710\u207b\u2075"], ["3e-6", "3e5", "0.0003"]),
        (["41000", "4.1e4", "4.1E+4", "4.1 \\cdot 10^4"], ["4.1e3", "4.1"]),
        (["6e+20", "6 \\times 10^{20}"], ["6e19"]),
        (["(1e3, 2)", "(1000, 2)"], ["(1, 3)"]),
    ],
)
def test_powers_of_ten_may_be_those_of_a_program(forms, others):
    agree(forms, others)


def test_e_with_blanks_or_a_letter_beside_it_is_the_constant():
    assert reason("2e - 1", "2\\mathrm{e}-1") == "correct"
    assert reason("\\frac{2e-1}{3}", "\\frac{2\\mathrm{e}-1}{3}") == "correct"


@every(
    ("forms", "others"),
    [
        (
            ["\\frac{4}{9}", "0.\\overline{4}", "0.\\bar{4}", "0.444\\ldots", "0.4444..."],
            ["0.4", "0.44", "0.\\overline{5}"],
        ),
        (["\\frac{7}{12}", "0.58\\overline{3}", "0.58333..."], ["0.583", "0.\\overline{583}"]),
        (["\\frac{\\pi}{8}", "\\frac\\pi8", "\\frac{\\pi}8", "\\dfrac \\pi 8", "\\tfrac18\\pi"], ["\\frac8\\pi"]),
        (["3.25", "\\mathbf{3.25}", "\\textbf{3.25}", "\\text{3.25}", "\\boldsymbol{3.25}"], ["\\mathbf{3.24}"]),
        (["41", "\\textbf{(041)}", "041", "(41)", "{41}", "**41**", "\\mathbf{41}"], ["\\textbf{(014)}"]),
        (["x^{\\frac23}", "x^\\frac23", "x^{2/3}"], ["x^{3/2}"]),
        (["\\sqrt{6}", "\\sqrt6", "\\sqrt 6", "\\sqrt(6)"], ["6"]),
        (["\\binom{9}{2}", "\\binom92", "36"], ["\\binom{9}{3}"]),
    ],
)
def test_short_and_styled_forms_are_read(forms, others):
    agree(forms, others)


@every(
    ("given", "answer"),
    [
        ("14 cm^2", "14"), ("14 cm\u00b2", "14"), ("14cm", "14"), ("300 dollars", "300"), ("\\$300", "300"),
        ("\u20ac300", "300"),
        ("55 miles per hour", "55"), ("55 km/h", "55"), ("18 square units", "18"), ("3 m", "3"), ("9 m/s", "9"),
        ("2\\sqrt{5} cm", "2\\sqrt{5}"), ("12\u03c0 cm\u00b3", "12\\pi"), ("\\frac{2}{3} hours", "\\frac23"),
        ("\\text{14 cm}", "14"), ("x = 14\\text{ cm}", "14"), ("40 percent", "40\\%"), ("40%", "40"),
        ("14", "14\\text{ cm}"),
        ("5^\\circ 30'", "5.5"),
    ],
)  # fmt: skip
def test_units_in_plain_text_are_passed_over(given, answer):
    assert reason(given, answer) == "correct"


@every(
    ("given", "answer"),
    [("15 cm^2", "14"), ("14x", "14"), ("14 x", "14"), ("14 million", "14"), ("14t", "14"), ("14c", "14"),
        ("14 dozen eggs", "14"),
     ("2\\sqrt{5} cm", "\\sqrt{5}"), ("14 squared", "14"), ("9 m/s", "9m")],
)  # fmt: skip
def test_letters_that_are_no_unit_make_another_value(given, answer):
    assert reason(given, answer) != "correct"


@every(
    ("forms", "others"),
    [
        (["4:30", "\\text{4:30 p.m.}", "4:30\\text{ p.m.}"], ["6:45", "4:03", "3:30", "\\frac{2}{15}"]),
        (["6:30", "06:30"], ["4:20", "3:15", "\\frac15"]),
        (["12:00", "12{:}00"], ["1:00", "6:00", "12"]),
        (["9:15\\text{ p.m.}", "21:15", "9:15 PM", "9:15 pm"], ["9:15 a.m.", "9:16 p.m."]),
        (["12:00\\text{ noon}", "12:00 p.m."], ["12:00 a.m.", "12:00 midnight"]),
        (["7\\text{ a.m.}", "7:00 a.m."], ["7 p.m.", "7:00 p.m."]),
    ],
)
def test_a_time_of_the_day_is_no_ratio(forms, others):
    agree(forms, others)


@every(("given", "answer"), [("6:4", "3:2"), ("3:2", "\\frac32"), ("\\frac{1}{25}", "1:25"), ("2:3:4", "2:3:4")])
def test_a_ratio_stays_one(given, answer):
    assert reason(given, answer) == "correct"


@every(
    ("given", "answer", "correct"),
    [
        ("(4,9)", "\\{4,9\\}", False), ("\\{4,9\\}", "(4,9)", False), ("9, 4", "\\{4,9\\}", True),
        ("\\{9,4\\}", "4,9", True),
        ("4,9", "(4,9)", True), ("9,4", "(4,9)", False), ("(4,9)", "[4,9]", False), ("[4,9)", "[4,9]", False),
        ("\\pm 6", "6,-6", True), ("6", "\\pm 6", False), ("2\\pm\\sqrt3, 7", "7, 2+\\sqrt3, 2-\\sqrt3", True),
        ("7, 2+\\sqrt3", "2\\pm\\sqrt3, 7", False),
        ("\\frac{1\\pm\\sqrt{17}}{4}", "\\frac{1+\\sqrt{17}}{4}, \\frac{1-\\sqrt{17}}{4}", True),
        ("4, 4.0", "4", True), ("4, 5", "4", False), ("4", "4, 5", False), ("x=4,9", "9,4", True),
        ("\\langle 1,2,3\\rangle", "(1,2,3)", True), ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "(1,2)", True),
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "(2,1)", False),
        ("\\begin{pmatrix}1&2\\end{pmatrix}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", False),
        ("\\text{B, D}", "B, D", True), ("D \\text{ and } B", "\\text{B, D}", True),
        ("\\text{B}", "\\text{B, D}", False),
        ("(1,2), (3,4)", "(3,4), (1,2)", True), ("(2,1), (3,4)", "(3,4), (1,2)", False),
    ],
)  # fmt: skip
def test_lists_sets_and_tuples(given, answer, correct):
    assert (reason(given, answer) == "correct") is correct


@every(
    ("given", "answer"),
    [("2^{3000}+1", "2^{3000}"), ("10^{40}", "10^{40}+1"), ("\\frac{1}{2003!}", "\\frac{1}{2004!}"),
        ("2^{-80}", "2^{-81}"),
     ("101_3", "101_2"), ("100_2", "101_2"), ("1e-8", "0"), ("\\sqrt{2}", "1.41")],
)  # fmt: skip
def test_numbers_that_are_close_are_not_equal(given, answer):
    assert reason(given, answer) == "incorrect"
    assert reason(answer, answer) == reason(given, given) == "correct"


@every(
    ("text", "gold", "correct"),
    [
        ("-1./3", "-\\frac{1}{3}", True),
        ("-\\frac13", "-1./3", True),
        ("(1.,2.)", "(1,2)", True),
        ("3.\\times 10^4", "30000", True),
        ("-1./3", "-13", False),
        ("0.\\overline{3}", "\\frac13", True),
        ("E_1+2E_2", "E_{1}+2E_{2}", True),
        ("2E_1+E_2", "E_{1}+2E_{2}", False),
        ("E_1^2", "E_{1}^{2}", True),
        ("e^2+1", "E_{2}+1", False),
        ("2M_\\odot", "2 M_{\\odot}", True),
        ("3M_\\odot", "2 M_{\\odot}", False),
        ("2M_\\oplus", "2 M_{\\odot}", False),
        ("x_{+}-x_{-}", "x_{+} - x_{-}", True),
        ("x_{-}-x_{+}", "x_{+} - x_{-}", False),
        ("45^{\\prime\\prime}", "45''", True),
        ("45^\\prime", "46'", False),
        ("30^{\\circ}30^{\\prime}", "30.5^\\circ", True),
    ],
)
def test_decimals_without_digits_subscripts_of_signs_and_primes_are_read(text, gold, correct):
    assert verify("math", f"\\boxed{{{text}}}", gold).correct is correct


def test_primes_behind_a_box_are_a_unit_and_no_power():
    assert verify("math", "\\boxed{0.003}^{\\prime \\prime}", "0.003").correct
    assert not verify("math", "\\boxed{5}^{2}", "5").correct
