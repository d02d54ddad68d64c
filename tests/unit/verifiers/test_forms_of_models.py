r"""Forms that language models write: systems, conditions, bases, decimals, boxes in formulas, JSON, retractions."""

from passk import verifiers
from passk.verifiers import verify
from passk.verifiers.extract import final
from tests.unit.each import every


def boxed(given: str, answer: str) -> str:
    return verify("math", f"So it is $\\boxed{{{given}}}$.", answer).reason


@every(
    ("answer", "forms", "others"),
    [
        (
            "(4,-3)",
            ["\\begin{cases}x=4\\\\y=-3\\end{cases}", "\\left\\{\\begin{array}{l}x=4\\\\y=-3\\end{array}\\right.",
             "\\begin{aligned}x&=4\\\\y&=-3\\end{aligned}", "P(4,-3)", "Q=(4,-3)", "\\{(4,-3)\\}", "(4;-3)"],
            ["\\begin{cases}x=-3\\\\y=4\\end{cases}", "P(-3,4)", "\\{(4,-3),(1,2)\\}", "\\{4,-3\\}"],
        ),
        (
            "\\begin{cases}a=4\\\\b=7\\end{cases}",
            ["a=4, b=7", "(4,7)", "b=7,a=4", "\\begin{cases} b = 7, \\\\ a = 4. \\end{cases}"],
            ["(7,4)", "a=7,b=4", "4"],
        ),
        (
            "\\begin{pmatrix} 5 & 2 \\\\ 3 & 8 \\end{pmatrix}",
            ["\\begin{bmatrix}5&2\\\\[4pt]3&8\\end{bmatrix}", "M=\\begin{pmatrix}5&2\\\\3&8\\\\\\end{pmatrix}",
             "\\left[\\begin{array}{cc}5&2\\\\3&8\\end{array}\\right]"],
            ["\\begin{vmatrix}5&2\\\\3&8\\end{vmatrix}", "34", "\\begin{pmatrix}5&3\\\\2&8\\end{pmatrix}"],
        ),
        ("5\\mathbf{i}-2\\mathbf{j}", ["5\\hat{i}-2\\hat{j}",
         "-2\\hat{\\jmath}+5\\hat{\\imath}"], ["5\\hat{i}+2\\hat{j}"]),
        (
            "x=\\frac{\\pi}{6}+k\\pi, k\\in\\mathbb{Z}",
            ["\\frac{\\pi}{6}+k\\pi", "x = \\frac{(6k+1)\\pi}{6}, k\\in\\mathbb{Z}",
             "x=\\frac\\pi6+n\\pi, n \\in \\mathbb{Z}",
             "x=\\frac{\\pi}{6}+k\\pi \\quad (k\\in\\mathbb{Z})",
              "x=\\frac\\pi6+k\\pi \\text{ for } k\\in\\mathbb{Z}",
             "x=\\frac\\pi6+n\\pi \\text{ for any integer } n"],
            ["x=\\frac{\\pi}{6}+2k\\pi, k\\in\\mathbb{Z}", "x=\\frac{\\pi}{3}+k\\pi,k\\in\\mathbb{Z}", "\\frac\\pi6"],
        ),
        ("3^n-1", ["3^n-1 \\text{ for all } n", "-1+3^{n}", "a_n=3^n-1 \\text{ for every } n \\ge 1"], ["3^{n-1}",
         "3n-1"]),
        ("y=4x+1", ["f(x)=4x+1", "y = 1+4x"], ["f(x)=4x-1", "g=4x+1"]),
        (
            "(-\\infty,-2]\\cup[2,\\infty)",
            ["|x|\\ge 2", "2 \\le |x|", "(-\\infty,-2]\\bigcup[2,\\infty)", "(-\\infty,-2] \\text{ or } [2,\\infty)"],
            ["|x|>2", "|x|\\le 2", "|x|\\ge 3", "|x-1|\\ge 2"],
        ),
        ("[-1,5]", ["|x-2|\\le 3", "|2x-4|\\le 6"], ["|x-2|<3", "|x+2|\\le3"]),
        ("\\mathbb{R}", ["\\mathbb R", "\\text{all real numbers}", "(-\\infty,\\infty)"], ["\\mathbb{Q}",
         "\\mathbb{Z}", "R^2"]),
        ("\\emptyset", ["\\varnothing", "\\{\\}"], ["\\{\\emptyset\\}", "0"]),
        ("1101_2", ["(1101)_2", "1101_{\\text{base }2}", "1101 \\text{ (base 2)}", "1101_{(2)}"], ["1101_3", "13",
         "1100_2"]),
        ("2:3:4", ["4:6:8", "1:1.5:2"], ["4:3:2", "\\frac16", "2:3", "2,3,4"]),
        ("\\log_2 5", ["\\log_{2}5", "log₂5", "\\lg 5/\\lg 2", "\\ln 5/\\ln 2"], ["\\log_5 2", "\\log_2 6"]),
        ("3", ["\\log_{2}8", "\\log_e e^3"], ["\\log_{2}9", "\\log_{8}2"]),
        ("56", ["{8 \\choose 3}", "C(8,3)", "{}_8C_3", "C_8^3", "C^3_8"], ["C(8,4)", "{8 \\choose 4}"]),
        ("\\cot x", ["\\operatorname{ctg} x", "\\frac{1}{\\operatorname{tg} x}"], ["\\operatorname{tg} x"]),
        (
            "31",
            ["31\\\\", "31\\text{ min}", "31^{\\text{st}}", "\\text{The answer is } 31", "\\therefore n = 31",
             "\\text{n = 31}",
             "31 \\frac{\\text{m}}{\\text{s}}", "31\\,\\Omega", "31\\,\\mu\\text{m}", "31¢", "\\text{€}31",
              "\\|v\\|=31"],
            ["\\text{The answer is not } 31", "31\\text{ min or } 32"],
        ),
        ("\\frac{3}{4}", ["¾ cup", "\\frac{3}{4} jar"], ["\\frac{3}{4} dozen"]),
        ("\\text{Ann, Tom}", ["Tom, Ann", "\\text{Tom and Ann}"], ["Ann", "\\text{Ann and Bob}"]),
        ("1,2,\\dots,9", ["1, 2, \\ldots, 9"], ["1,2,9", "1,2,\\dots,8"]),
    ],
)  # fmt: skip
def test_a_form_is_read_and_an_incorrect_answer_in_it_is_not_correct(answer, forms, others):
    assert verifiers.check_answer("math", answer) is None
    assert {given: boxed(given, answer) for given in forms} == dict.fromkeys(forms, "correct")
    assert [given for given in others if boxed(given, answer) == "correct"] == []


@every(
    ("answer", "correct", "incorrect"),
    [
        ("7", ["7.0", "7.00000"], ["6.999999", "7.000001", "7.0000001"]),
        ("0.25", ["0.250", "\\frac14"], ["0.250001", "0.2500001"]),
        ("\\frac{1000}{1001}", ["0.999000999000999", "0.999001"], ["0.999", "1"]),
        ("\\sqrt{2}", ["1.414214", "1.41421356"], ["1.41421", "1.414"]),
        ("6.02 \\times 10^{23}", ["6.02e23", "602\\times10^{21}", "602000000000000000000000"], ["6.03e23", "6.02e22"]),
        ("0.3", ["0.30000000000000004"], ["0.300001"]),
        ("12.5\\%", ["12.5", "0.125", "\\frac{1}{8}", "12.50\\%"], ["0.125\\%", "1250\\%", "\\frac{1}{8}\\%"]),
    ],
)
def test_a_decimal_is_exact_where_the_gold_answer_is(answer, correct, incorrect):
    assert {given: boxed(given, answer) for given in correct} == dict.fromkeys(correct, "correct")
    assert [given for given in incorrect if boxed(given, answer) == "correct"] == []


@every(("given", "answer"), [("2x=24", "24"), ("x^2=24", "24"), ("x+5=24", "24"), ("\\sqrt{x}=24", "24")])
def test_an_unsolved_equation_is_no_number(given, answer):
    assert boxed(given, answer) == "restated"


@every("given", ["a+b=24", "\\frac{AB}{CD}=24", "24\\cos A=24\\cos A=24", "x+\\frac1x=24", "f(2)=24"])
def test_an_expression_that_is_asked_for_may_stand_before_its_value(given):
    assert boxed(given, "24") == "correct"


def test_an_absolute_value_is_not_its_argument_and_roots_assume_positive_variables():
    for given, answer in (("|x|", "x"), ("\\sqrt{x^2}", "x"), ("x", "|x|"), ("|x-2|", "2-x")):
        assert boxed(given, answer) == "incorrect"
    assert boxed("60\\sqrt{x^3}", "60x\\sqrt{x}") == boxed("\\ln x^2", "2\\ln x") == "correct"


@every(
    ("response", "answer"),
    [
        ("$x = -\\boxed{5}$", "-5"), ("$\\boxed{5}^2$", "5^2"), ("$\\boxed{1101}_2$", "1101_2"),
         ("$\\boxed{5}\\pi$", "5\\pi"),
        ("$\\boxed{5}\\%$", "5\\%"), ("- \\boxed{5}", "5"), ("\\boxed{5}.", "5"), ("\\boxed{5}, so we stop", "5"),
        ("\\boxed{5}6", "5 6"), ("\\boxed{5},000", "5 ,000"), ("\\boxed{5} 6 more lines", "5"), ("\\boxed{17\\\\}",
         "17"),
        ('{"answer": 5}', "5"), ('{"reasoning": "4+1", "answer": "5"}', "5"),
         ('{"final_answer": "\\\\frac{1}{2}"}', "\\frac{1}{2}"),
        ('{"answer": "\\frac{1}{2}"}', "\\frac{1}{2}"), ('```json\n{\n  "answer": "5"\n}\n```', "5"),
        ("Ans: 5", "5"), ("Answer -> 5", "5"), ("The answer is 5 [/INST]", "5"), ("The answer is '5'.", "5"),
        ("The answer is 5<｜end▁of▁sentence｜>", "5"), ("Suppose the answer is 5. Then 25 = 26.", None),
        ("The answer is 4. Check whether the answer is 5.", "4"),
        ("\\boxed{5}\n\nWe check our answer: $5 + 1 = 6$.", "5"),
        ("The answer is not \\boxed{5}.", "not 5"), ("It cannot be $\\boxed{5}$", "not 5"),
    ],
)  # fmt: skip
def test_the_answer_of_a_response(response, answer):
    assert final(response, joined=True) == answer


@every(
    "response",
    [
        "\\boxed{5} is not the answer.", "\\boxed{5} is wrong", "No, $\\boxed{5}$ is incorrect; it is 6.",
        "The answer isn't \\boxed{5}", "\\boxed{5}. No, that is wrong.", "$\\boxed{5}$, which is not correct",
        "The answer is 5. Actually, it's 6.", "The answer is 5. Hmm, actually it should be 6.",
        "The answer is 5. Oops, that is $6$.", "Answer: Let x = 5", "Answer: Suppose x = 5",
         '{"answer": 6, "check": 5}',
        "Answer: 5; actually 6", "\\boxed{5}, actually 6", "Answer: 5 (actually 6)",
        "The answer is 5, but it might be 6.",
        '{"answer": "5"}\nThe answer is 6.', "If the answer is 5, then 25 = 26.",
    ],
)  # fmt: skip
@every("name", ["math", "numeric"])
def test_an_answer_that_is_taken_back_or_supposed_is_not_correct(response, name):
    assert not verify(name, response, "5").correct


@every(
    "response",
    [
        "\\boxed{5} is the answer.", "\\boxed{5} is correct, not 6.", "\\boxed{5}, not 4.", "$\\boxed{5}$ (not 4)",
        "\\boxed{5}\n\nThe rest is not needed.", "The answer is 5. Actually, it is easy to see.",
        "The answer is 5. Actually 5 = 2 + 3", "The answer is 5. So the number of eggs is actually 5",
    ],
)  # fmt: skip
def test_an_answer_that_is_confirmed_stays(response):
    assert verify("math", response, "5").correct


@every(
    ("response", "letter"),
    [
        ("C is the correct answer.", "C"), ("A is wrong. So option (C) is the best choice.", "C"),
         ('{"answer": "C"}', "C"),
        ("The correct letter is C.", "C"), ("The answer is letter C.", "C"), ("**C** is the correct option", "C"),
        ("The answer is not \\boxed{C}", None), ("C is the correct answer to part 1 only.", None),
        ("C is the correct answer? No.", None), ("It is said that C is the correct answer, but no.", None),
    ],
)  # fmt: skip
def test_a_letter_may_be_the_subject_of_its_sentence(response, letter):
    assert verify("choice", response, "C").correct is (letter == "C")
