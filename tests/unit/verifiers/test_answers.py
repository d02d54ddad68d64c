"""What each verifier takes for an answer, and what it does not."""

import pytest

from passk import verifiers
from passk.base import plugins
from passk.base.errors import ConfigError, PasskError
from passk.verifiers import AnswerError, verify
from tests.unit.each import every

OTHERS = ["choice", "exact", "maze_strict", "numeric"]


@every("name", verifiers.names())
def test_every_verifier_has_what_it_needs_and_its_example_is_right(name):
    module = verifiers.load(name)
    response, answer = module.EXAMPLE
    verdict = verify(name, response, answer)
    assert verdict.correct and verdict.reason == verifiers.reasons(name)[0] == "correct"
    assert verifiers.check_answer(name, answer) is None
    assert verifiers.reasons(name)[-2:] == ("timeout", "crash")
    assert not {"right", "wrong"} & set(" ".join(verifiers.reasons(name)).split())  # docs/glossary.md
    assert module.__doc__
    unreadable = verifiers.check_answer(name, "")
    assert unreadable.startswith("answer: ") and "\n" not in unreadable
    with pytest.raises(AnswerError):
        verify(name, response, "")


@every(
    ("response", "reason"),
    [
        ("<answer>DRRRU</answer>", "correct"),
        ("<answer> d, r -> R; r\nU </answer>", "correct"),
        ("<answer>L</answer> or <answer>DRRRU</answer>", "correct"),
        ("<answer>DRRRU</answer> or <answer>L</answer>", "off the grid"),
        ("DRRRU", "no answer tag"),
        ("\\boxed{DRRRU}", "no answer tag"),
        ("<answer>DRRRU", "no answer tag"),
        ("<think><answer>DRRRU</answer></think>", "no answer tag"),
        ("<answer>go DRRRU</answer>", "not a path"),  # the official meaning passes over every other letter
        ("<answer>DRRRU.</answer>", "not a path"),
        ("<answer>D\u0280RRRU</answer>", "not a path"),
        ("<answer></answer>", "empty"),
    ],
)
def test_maze_strict_wants_the_tag_and_a_path_alone(response, reason):
    assert verify("maze_strict", response, "....\nS*.E\n....\n*...").reason == reason


@every(
    ("response", "reason"),
    [
        ("Old Oak", "correct"),
        ("<answer> Old\n Oak </answer>", "correct"),
        ("So: \\boxed{Old Oak}.", "correct"),
        ("<answer>so \\boxed{Old Oak}</answer>", "correct"),
        ("<think>hm</think>\nOld Oak", "correct"),
        ("old oak", "incorrect"),
        ("Old Oak.", "incorrect"),
        ("It is Old Oak", "incorrect"),
        ("\\boxed{Elm}, \\boxed{Old Oak}", "incorrect"),
        ("<answer></answer> Old Oak", "no answer"),
    ],
)
def test_exact_forgives_white_space_alone(response, reason):
    assert verify("exact", response, "Old Oak").reason == reason


def test_exact_takes_a_letter_and_its_accent_for_the_letter_with_it():
    assert verify("exact", "Ame\u0301lie", "Am\u00e9lie").correct


@every(
    ("given", "answer"),
    [
        ("1250", "1250"), ("1,250", "1250"), ("1{,}250", "1250"), ("1250.00", "1,250"), ("$1250", "1250"),
        ("\\$1,250.00", "1250"), ("1250 dollars", "1250"), ("1250 \\text{ miles per hour}", "1250"),
        ("x = 1250", "1250"),
        ("+1250", "1250"), ("1.25e3", "1250"), ("\\frac{2500}{2}", "1250"), ("2500/2", "1250"), ("**1250**", "1250"),
        ("-3/4", "-0.75"), ("\u22120.75", "-3/4"), (".5", "1/2"), ("50%", "50"), ("0.333333333", "1/3"), ("$7$", "7"),
        ("$\\frac{1}{2}$", "0.5"), ("5 m", "5"), ("5 m\u00b2", "5"), ("5\\,\\text{m/s}", "5"), ("5 square meters",
         "5"), ("5 cm^2", "5"), ("5\\text{ cm}^3", "5"), ("5^\\circ", "5"), ("USD 5", "5"),
        ("5 p.m.", "5"), ("5-mile run", "5"), ("5/hour", "5"), ("5 apples a day", "5"), ("5 seconds", "5"),
        ("5~km", "5"), ("1\\,250", "1250"), ("1,\\!250", "1250"), ("5 percent", "5"), ("5 months", "5"),
        ("5 \u00b0C", "5"), ("1 point", "1"), ("5 quarters", "5"), ("-\\,5", "-5"), ("\\(5\\)", "5"),
        ("5 quarts", "5"), ("5 kilos", "5"), ("1 kilo", "1"), ("1 mill", "1"), ("5 kilometers", "5"),
        ("5 megabytes", "5"), ("5 mega watts", "5"), ("5 apples", "5"), ("5 %", "5"), ("5 ones", "5"), ("5 sixes",
         "5"),
        ("5 tenants", "5"), ("5 scores", "5"), ("85 average score", "85"), ("5 score cards", "5"),
        ("5 gross tons", "5"), ("500 dollars gross", "500"), ("5 grand pianos", "5"), ("5 grandchildren", "5"),
        ("5 pairs", "5"), ("5 sixteenth notes", "5"), ("5 nineteenth-century novels", "5"), ("5 more days", "5"),
        ("5 minutes ago", "5"), ("5th", "5"), ("5 micrograms", "5"), ("5 cents", "5"), ("5 hours old", "5"),
        ("5 quarter notes", "5"),
    ],
)  # fmt: skip
def test_a_number_is_right_however_it_is_written(given, answer):
    for place in ("\\boxed{%s}", "<answer>%s</answer>", "The answer is %s.", "Work.\n#### %s", "Answer:\n%s"):
        assert verify("numeric", place % given, answer).correct, place % given


@every(
    "given",
    [
        "1251", "1250.5", "125", "12,50", "1250 or 1251", "1249, 1250", "not 1250", "1250 is wrong", "1250 and more",
        "1250 hundred", "one 1250", "1250 1", "1250!", "1250^2", "1250/0", "1e99999", "1250 x 2",
        "\u0661\u0662\u0665\u0660",
        "about 1250", "1250?", "1250 x^2", "--1250", "1250 = 1250", "5 = 1250", "12 50",
    ],
)  # fmt: skip
def test_what_is_not_one_number_or_another_one_is_not_right(given):
    for place in ("\\boxed{%s}", "<answer>%s</answer>", "The answer is %s", "#### %s"):
        assert not verify("numeric", place % given, "1250").correct, place % given


@every(
    "after",
    [
        "\u00b2", "\u00b3", " \u00b2", "\u2074", "k", " k", "K", "M", "B", "G", " pi", "\u03c0", "i", " i", "j", "x",
        "x\u00b2", "n", " y", "e", "E", "!", "a", " factorial", " dozen", " dozens", " hundreds", " thousands",
        " million dollars", "mil", " tenths", " hundredths", " halves", " twice", " squared", " base two",
         " in binary",
        " below zero", " degrees below", " mod seven", " of twelve", " point two", " root two", " sin", "-x", "/x",
        "-", "/", "\u00b7", "~6", "\\,6", "\\(6\\)", " less than y", " more than ten", " approximately", "k dollars",
        "/two", "-pi", "-m", " sixteenths", " sixteenth", " sixteenth of", " twentieths", "-sixteenths",
         " billionths",
        " tens", " score", " score of", " gross", " grand", " mega", " giga", " milli", " Mio", "Mio", " Mrd",
        " milliards", " sextillion", " lacs",
    ],
)  # fmt: skip
def test_what_makes_another_number_of_it_is_no_unit(after):
    for gold in ("5", "56"):
        for place in ("\\boxed{%s}", "<answer>%s</answer>", "The answer is %s"):
            assert not verify("numeric", place % f"5{after}", gold).correct, (place, after)
    assert verifiers.check_answer("numeric", f"5{after}")
    assert not verify("numeric", "\\boxed{~5}", "5").correct


@every(
    ("given", "answer"),
    [
        ("2\\frac{1}{2}", "2.5"), ("-2\\frac{1}{2}", "-2.5"), ("2 \\dfrac{1}{2} \\text{ cm}", "5/2"),
        ("x = 2\\,\\tfrac{1}{2}", "2.5"), ("\\$1,234\\frac{1}{2}", "1234.5"), ("\\frac{-3}{ 4 }", "-0.75"),
    ],
)  # fmt: skip
def test_a_whole_number_before_a_fraction_is_added_to_it(given, answer):
    assert verify("numeric", f"\\boxed{{{given}}}", answer).correct
    assert verify("numeric", f"\\boxed{{{answer}}}", given).correct
    assert not verify("numeric", f"\\boxed{{{given}}}", "10.5").correct


@every(
    "given",
    [
        "\\frac{1}{2}3", "\\frac{1}{2}.5", "\\frac{1}{2},000", "\\frac{1}{2}e3", "1e\\frac{3}{1}", ".\\frac{5}{10}",
        "2.5\\frac{1}{2}", "2\\frac{1.5}{2}", "2\\frac{3}{2}", "\\frac{1}{2}\\frac{1}{2}", "2\\frac{1}{2}3", "2 1/2",
        "2\\frac{1}{0}",
    ],
)  # fmt: skip
def test_any_other_digit_beside_a_fraction_makes_it_unreadable(given):
    assert verify("numeric", f"\\boxed{{{given}}}", "2.5").reason == "not a number"
    assert verifiers.check_answer("numeric", given)


def test_an_integer_is_compared_exactly_and_a_rounded_fraction_is_a_fraction():
    assert not verify("numeric", "\\boxed{1000000008}", "1000000007").correct
    assert not verify("numeric", "\\boxed{1000000007.01}", "1000000007").correct
    assert verify("numeric", "\\boxed{3.1415927}", "3.14159265").correct
    assert not verify("numeric", "\\boxed{3.1416}", "3.14159265").correct
    assert not verify("numeric", "1250", "1250").correct  # nothing says that it is the answer


@every(
    "response",
    [
        "B", "(B)", "b", "B.", "\\boxed{B}", "\\boxed{\\text{B}}", "\\boxed{(B)}", "<answer>B</answer>",
        "The answer is B.",
        "The answer is (B) because A is too small.", "Answer: B) the blue one", "answer is **B**", "Answer: option B",
        "A? No. The answer is B", "<answer>B: blue</answer>", "The correct answer is $B$.",
        "Answer: B because it is blue", "B<|im_end|>", "(B)</s>",
    ],
)  # fmt: skip
def test_a_choice_is_its_letter_however_it_is_given(response):
    assert verify("choice", response, "B").reason == "correct"
    assert verify("choice", response, "C").reason != "correct"


@every(
    "response",
    [
        "A or B", "<answer>B or C</answer>", "\\boxed{A, B}", "\\boxed{B}, \\boxed{C}", "The answer is A",
         "Be careful",
        "The answer is B, not C", "The answer is a B-tree", "A good question. B", "The answer is Blue", "B C",
         "not B",
        "The answer is (B) or (C)", "The answer is: B. or C.", "\\boxed{AB}", "none of them", "",
        "The answer is B and D", "The answer is (B), or rather (c)", "The answer is (B) or (c)",
        "The answer is (B), maybe (c).", "Answer: (B)/(c)", "Answer: (B), (c)", "Answer: (B), or rather c.",
        "Answer: B, or rather a)", "Answer: B. Actually, (c)", "Answer: (B), no, (c)", "Answer: (B), I mean (c)",
    ],
)  # fmt: skip
def test_what_names_another_letter_too_or_none_is_no_choice(response):
    assert not verify("choice", response, "B").correct


@every(
    "given",
    [
        "(B) is incorrect", "(B) is wrong, I do not know.", "(B), not", "B: wrong", "B. No wait, none of them.",
        "(B) is not", "(B) is not right", "(B) isn't the answer", "(B) was wrong", "(B), none of them", "(B) not",
        "(B) (wrong)", "B. Wait, no.", "(B). Actually, no.", "B, no, that is wrong",
        "(B) is clearly wrong", "(B) is almost certainly incorrect", "(B) is the wrong answer", "(B) is clearly not",
        "(B) is clearly not right", "(B) is not quite right", "(B) isn\u2019t the answer",
        "(B) is not a correct answer", "(B) cannot be right", "(B) can't possibly be right",
         "(B) could not be correct",
        "(B) could never be right", "(B) can not be it", "(B) would not be the answer", "(B) won't be right",
        "(B) would be wrong", "(B) must surely be wrong", "(B) has to be incorrect", "(B) seems wrong",
        "(B) appears to be quite wrong", "(B), definitely not.", "(B), clearly wrong", "(B) - clearly wrong",
    ],
)  # fmt: skip
def test_a_letter_that_is_denied_is_no_choice(given):
    for place in ("Answer: %s", "The answer is %s", "<answer>%s</answer>", "\\boxed{%s}"):
        assert verify("choice", place % given, "B").reason == "denied", place


@every("after", [" or I", " and I.", ", I", "/I", ", (I)", ", C, or I because", " or A because"])
def test_an_i_in_a_list_of_letters_is_one_of_them(after):
    assert verify("choice", f"The answer is (B){after}", "B").reason == "several options"
    assert verify("choice", "The answer is (I) because", "I").correct


@every(
    "given",
    [
        "(B) because it is not possible that others hold", "B since the rest is wrong", "(B), which is not prime",
        "(B), not because of cost but because of time", "(B), none of the others fit", "B, no other fits",
        "(B), as it is incorrect to add them", "(B), I think", "(B) and I am sure", "(B) is right",
        "(B) is clearly right", "(B) is definitely the correct option", "(B) is not wrong",
         "(B) is clearly not wrong",
        "(B) is not only correct, it is obvious", "(B) is not just the best option, it is the only one",
        "(B) must be right", "(B) would be the best choice", "(B) cannot be wrong", "(B) could not be clearer",
        "(B) seems right", "(B) looks correct", "(B) may be wrong, and I take it still", "(B), probably",
        "(B) is possibly wrong", "(B), clearly", "(B): it would be wrong to wait", "B, which is right",
        "(B) because the rest would be wrong", "(B) because (a) it is cheap or (b) it is quick",
        "(B), and a good one", "B, or the second option", "(B), and e.g. for x = 3 it holds",
        "(B), and n, the number, is even",
        # options and their texts
        "B. False, False", "B) No, because he is not liable", "(B) None of the above", "B. Not wrong, Wrong",
        "B) Wrong, Wrong", "(B) false", "B) no", "(B) is not affected by heat", "B. wait for help",
         "B. No, it is one",
        "(B) cannot be determined", "B) cannot be true", "(B) must be false", "(B) would be wrong to convict him",
        "(B) is clearly not affected by heat", "(B) is morally wrong", "B) is grammatically incorrect",
        "(B) is never true", "B. (a) and (c) only", "B) Both (a) and (b)", "B. Either (a) or (b)", "(B) x = 3",
        "(B), x = 3", "(B) is a false positive", "(B) is a wrong turn", "B) probably not",
        "B. Certainly not",
        # about statements, where the question asks for the false one
        "(B) is clearly false", "(B), which is wrong",
    ],
)  # fmt: skip
def test_an_explanation_or_the_text_of_an_option_may_hold_a_not(given):
    for place in ("Answer: %s", "The answer is %s.", "<answer>%s</answer>"):
        assert verify("choice", place % given, "B").correct, place


def test_a_package_that_takes_a_name_of_ours_or_does_not_import_is_told_in_one_line(bad, tmp_path):
    assert bad in verifiers.names()
    entry = tmp_path / "bad_verifier-1.0.dist-info" / "entry_points.txt"
    (tmp_path / "bad_verifier.py").write_text("1 / 0")
    with pytest.raises(PasskError, match="^verifier: bad cannot be imported from bad_verifier: ZeroDivisionError"):
        verify(bad, "yes", "yes")
    entry.write_text("[passk.verifiers]\nmaze = bad_verifier\n")
    plugins.scan.cache_clear()
    verifiers._locations.cache_clear()
    with pytest.raises(PasskError, match="maze is both passk.verifiers.maze and bad_verifier"):
        verifiers.names()


def test_more_failures_than_are_allowed_are_one_line_that_says_so():
    verifiers.stop_above(0.05, {"correct": 0.95, "timeout": 0.05}, where="step 3")
    with pytest.raises(PasskError, match=r"^max_failed: step 3: .* 5\.1% .*\(timeout 5\.0%, crash 0\.1%\)") as error:
        verifiers.stop_above(0.05, {"correct": 0.949, "timeout": 0.05, "crash": 0.001}, where="step 3")
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError):
        verify("no such", "", "")
