r"""Where the answer stands: every form with a correct answer and with an incorrect one, and the tables of the docs."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from passk.verifiers import verify
from passk.verifiers.extract import as_read, final, opens_thinking
from tests.unit.each import every

PAGE = Path(__file__).parents[3] / "docs" / "verifiers.md"
ROW = re.compile(r"^\| `(.+)` \| (?:`(.+)`|(none)|(an empty text)) \|$", re.MULTILINE)

# {} is the answer
BOXES = (
    "\\boxed {%s}", "\\boxed  {%s}.", "\\boxed\n{%s}", "$\\boxed %s$", "So \\boxed %s.", "\\[ x = \\boxed %s \\]",
    "\\fbox{%s}", "\\fbox {%s}", "\\framebox{%s}", "$$\\boxed{\\,%s\\,}$$", "{\\boxed %s}", "\\(\\boxed %s\\) apples",
    "\\boxed %s and that is all $x$.", "\\boxed{\\boxed{%s}}", "**\\boxed{%s}**", "<answer>\\fbox{%s}</answer>",
    "<answer>$\\boxed %s$</answer>",
)  # fmt: skip
STATEMENTS = (
    "Final Answer: **%s**.", "**Final Answer: %s**", "**Answer**: %s", "**Answer:** %s", "__Answer__: %s",
    "*Answer*: %s", "Answer : %s", "ANSWER: %s", "Final answer = %s", "Answer: `%s`", "> **Answer:** %s",
    "- Answer: %s", "**Final Answer**\n\n%s", "**Answer**\n%s\n\nI hope that helps.", "## Answer\n\n%s\n",
    "### Final Answer\n**%s**", "#### Answer\n%s", "Final Answer\n%s", "**The answer:**\n\n%s",
    "# The final answer:\n\n%s", "**5. Final answer**\n\n%s", "The answer is\n\\[\n%s\n\\]",
    "The answer is:\n\n\\[\n%s\n\\]\n\nwhere all is said.", "The answer is\n$$\n%s\n$$",
    "The answer is: \\[\n%s\n\\]", "**Answer:**\n\n$$%s$$", "The answer is $$ %s $$.", "Answer \\( %s \\)",
    "Answer: \\[%s\\]", "The final answer is \\(%s\\).", "The answer is therefore \\(%s\\), as was to be shown.",
    "The final answer is $%s$. I hope it is correct.", "The answer is %s, since 6*7=42.",
    "The answer is %s. She makes $18 a day.", "The answer is %s because 2 + 2 = 4.",
    "The answer is %s, which is 3 more than 2.", "The answer is %s; the rest is too large.",
    "The answer is %s \u2014 the rest is too large.", "The answer is %s - no other number fits.",
    "The answer is %s (see step 3).", "The answer is %s, not 6.", "The answer is %s, so she has 7 left.",
    "The answer is **%s**. Let me know if you have questions!", "The answer is $%s$, and so we are done.",
    "The answer is %s.\n\nCheck: 3 + 4 = 7.", "Thus the answer should be %s.", "The answer must be %s.",
    "The answer to the question is %s.", "The answer to 2.5 + 2.5 is %s.", "So the answer is then %s.",
    "The correct answer is: %s", "The answers are %s.", "The answer equals %s.", "The answer is exactly %s.",
    "The answer is equal to %s.", "The answer is most likely %s.", "Answer: %s<|im_end|>",
    "The answer is \u201c%s\u201d.", "#### %s", "####%s\n",
    "Answer\n%s", "The answer is:\n- %s\n\nDone.", "**Answer:**\n\n* **%s**", "Answer:\n1. %s", "<b>Answer:</b> %s",
    "The answer is %s, i.e. 6 - 1.", "The answer is %s to the nearest whole number.", "The answer is %s\u3002",
    "The answer, rounded to two places, is %s.", "The answer we look for is %s.", "The answer is:\n```\n%s\n```",
    "<answer>The answer is %s.</answer>",
    "<answer>**%s**</answer>", "<answer>\\(%s\\)</answer>", "<answer>\n%s.\n</answer>",
)  # fmt: skip


def rows() -> list[tuple[str, str | None]]:
    found = [
        (row[1].replace("\\n", "\n"), row[2] if row[2] else None if row[3] else "")
        for row in ROW.finditer(PAGE.read_text())
    ]
    # "\neq" and the like are no line breaks, and no row has them
    return found


def test_the_page_has_tables_of_examples():
    assert len(rows()) >= 30


@every(("response", "answer"), rows())
def test_what_the_page_says_is_read_is_read(response, answer):
    assert final(response, joined=True) == answer


@every("form", (*BOXES, *STATEMENTS))
def test_the_answer_is_read_in_every_form_and_judged(form):
    before = "First I thought of \\boxed{3}, and of x > 4.\n\n"
    for text in (form, before + form):
        for given in ("5", "5.0", "\\frac{10}{2}"):
            assert verify("numeric", text.replace("%s", given), "5").reason == "correct", final(
                text.replace("%s", given)
            )
        for given in ("6", "50", "5.5", "-5", "\\frac{5}{2}"):
            response = text.replace("%s", given)
            assert verify("numeric", response, "5").reason == "incorrect", final(response)


@every("form", [
    "The answer is \\(%s\\).", "**Answer:** \\(%s\\), where x is real", "\\boxed{\\(%s\\)}",
    "<answer>\\[%s\\]</answer>", "The answer is\n\\[\n%s\n\\]", "Answer: $%s$. I hope so.",
])  # fmt: skip
def test_math_reads_a_letter_behind_its_delimiter(form):
    assert verify("math", form.replace("%s", "x + 1"), "1 + x").correct
    assert not verify("math", form.replace("%s", "x - 1"), "1 + x").correct
    assert (
        final(form.replace("%s", "\\begin{pmatrix} 1 \\\\[2pt] 2 \\end{pmatrix}"))
        .strip("$")
        .startswith("\\begin{pmatrix}")
    )
    assert "\\\\[2pt]" in final(form.replace("%s", "\\begin{pmatrix} 1 \\\\[2pt] 2 \\end{pmatrix}"))


@every(
    "response",
    [
        "The answer is 5. No wait, it is not.", "The answer is 5, which is wrong.",
        "The answer is 5 - clearly wrong.", "The answer is 5. That is incorrect.", "The answer is 5, maybe 6.",
        "The answer is 5, or rather 6.", "The answer is 5?", "Is the answer 5?", "The answer is not 5.",
        "The answer isn't 5.", "\\boxed{5}\n\nThe answer is 6.", "\\boxed{5}\n**Answer: 6**",
        "The answers are:\n- 5\n- 6", "**Answers**\n\n* 5\n* 6", "Answers:\n1. 5\n2. 6",
        "Answer:\n-5", "**Answer:**\n\n5. Then we are done.",
        "\\boxed{5}. No, the answer is not 5.", "The answer is 5.\nThe answer is 6.",
        "Answer: 5\n\n## Final answer\n6", "#### 5\n#### 6", "The answer is 6. I first had 5.",
        "The answer is 5 or 6.", "The answer is 6, since 5 + 1 = 6.", "The answer is 5 and 6.",
        "\\boxed{5}, \\boxed 6", "\\fbox{5} no, \\boxed 6", "The answer is 5 million.", "\\boxed 56",
        "\\boxed 5 or 6", "put 5 in a \\boxed please", "#### 5. Check the result", "#### Step 5",
        "The answer is \\boxed{5", "\\boxed", "The answer is: \\[\n5", "**Answer**", "Answers like 5 do not fit.",
        "The answer for part 5 follows.",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_the_one_given_is_not_read(response):
    assert not verify("numeric", response, "5").correct, final(response)


@every(
    "after",
    [
        "So the answer is correct.", "The answer is what we wanted.", "This answer is a good one.",
        "Answer: see above.", "#### 2. Check the result", "#### Step 6", "I hope the answer is helpful.",
        "The answer is in the box.", "Let me know if the answer: clear or not",
        "The answer is positive, as it has to be.",
    ],
)  # fmt: skip
def test_words_about_the_answer_do_not_take_the_place_of_a_box(after):
    assert verify("numeric", f"\\boxed{{5}}. {after}".replace(". #", ".\n#"), "5").correct


@every(
    "response",
    [
        "$\\boxed{E > 0}$, so the third one holds.\n\n**Answer: D**", "\\boxed{5}\n\nThe correct option is (D).",
        "\\boxed{x^2 + 1}\nThe answer is D.", "**Answer: D**\n\nHere \\boxed{E > 0} was used.", "## Answer\nD",
        "**Final Answer**\n\n**D**", "Answer: **D. E > 0**", "\\boxed{\\textbf{(D)}\\ 42}", "\\boxed{D}",
        "\\boxed {D}", "\\fbox{D}", "$\\boxed D$", "The answer is \\(D\\).",
        "The answer is **D**. I hope it is correct.", "#### D", "The answer is D, since A, B and C are too small.",
        "The answer is D because C is too small.", "The best choice is D.",
        "Therefore, the correct answer is:\n\n**D) 42**", "The answer is D \u2013 42 apples.",
        "The answer is (D) 42.", "<answer>The answer is D.</answer>", "The answer: D, it cannot be A or B",
        "\\boxed{\\mathbf{D}}", "\\boxed{\\text{Option D}}", "The answer is option **D**.",
        "\\boxed{\\frac{1}{2}}\n#### D",
    ],
)  # fmt: skip
def test_a_choice_is_read_past_boxes_that_name_no_option(response):
    assert verify("choice", response, "D").correct, final(response, joined=True, options=True)
    for other in "ABCE":
        assert not verify("choice", response, other).correct


@every(
    "response",
    [
        "\\boxed{D}\n\n**Answer: B**", "**Answer: D**\n\\boxed{B}", "\\boxed{D}. The correct option is (B).",
        "**Answer: D**\n\\boxed{}", "\\boxed{D} or \\boxed{B}", "Answer: D\nAnswer: none of them",
        "The answer is D or B.", "\\boxed{E > 0}", "Answer: D is wrong", "The answer is D. No wait, B.",
        "D \\boxed{E > 0} and no more",
    ],
)  # fmt: skip
def test_a_choice_that_is_replaced_or_denied_is_not_read(response):
    assert not verify("choice", response, "D").correct


THOUGHTS = (
    "<think> maybe %s", "<think>\n%s\nbut let me check", "<thinking>%s", "<thought>so %s", "[THINK]%s", "<THINK>%s",
    "<think>a</think> and <think> %s", "<think><think>%s",
)  # fmt: skip


@every("thought", THOUGHTS)
@every("name", ["numeric", "math", "exact", "choice"])
def test_thinking_that_never_ended_is_no_answer(thought, name):
    gold = "B" if name == "choice" else "5"
    for given in (f"\\boxed{{{gold}}}", f"<answer>{gold}</answer>", f"The answer is {gold}.", f"#### {gold}"):
        assert not verify(name, thought.replace("%s", given), gold).correct
        ended = thought.replace("%s", "hm").replace("[THINK]hm", "[THINK]hm[/THINK]")
        closed = ended if "[/" in ended else ended + "</think>"
        if name != "exact" or "{" in given or "<" in given:
            assert verify(name, f"{closed}\n{given}", gold).correct


def test_what_stands_before_thinking_that_is_opened_again_is_read():
    assert final("The answer is 5. <think> or is it \\boxed{6}") == "5"
    assert final("<think>a</think> <think>\\boxed{4}</think> \\boxed{5}") == "5"


@pytest.mark.parametrize("prompt", ["What is 2 + 3?<think>", "<|im_start|>assistant\n<think>\n", "[THINK] "])
def test_a_prompt_that_opens_the_thinking_is_known_by_its_end(prompt):
    assert opens_thinking(prompt)
    for other in (prompt + "</think>\n\n", "Think in <think> and </think>.", "Use <think> first.", "", prompt + "I"):
        assert not opens_thinking(other)


@every("name", ["numeric", "math", "exact", "choice"])
def test_a_response_to_such_a_prompt_has_to_end_its_thinking(name):
    gold = "B" if name == "choice" else "5"
    cut_off, whole = f"I guess \\boxed{{{gold}}}", f"I guess \\boxed{{7}}\n</think>\n\\boxed{{{gold}}}"
    assert verify(name, cut_off, gold).correct
    assert verify(name, as_read(cut_off, opens_thinking=True), gold).reason == "no answer"
    assert verify(name, as_read(whole, opens_thinking=True), gold).correct
    assert as_read(whole, opens_thinking=False) == whole


FILLERS = (
    "\\boxed 9", "\\boxed ", "\\boxed 1{a", "\\fbox{", "#### 1 ", "answer: E>0\n", "\\boxed{1>0},", "The answer to ",
    "answer of a b ", "answer" + " " * 30, "**Answer**\n", "<think>", "</think>", "answer: \\[\n",
    "answer: " + "\\(" * 99, "answer is " + "$1 " * 99, "* ",
)  # fmt: skip


@every("filler", FILLERS)
def test_reading_is_linear_in_the_response(filler):
    def seconds(size: int, *, options: bool) -> Iterator[float]:
        """CPU time of three tries, of which the least counts: other work on the machine only adds to it."""
        response = filler * (size // len(filler))
        for _ in range(3):
            started = time.process_time()
            final(response, joined=True, options=options)
            yield time.process_time() - started

    for options in (False, True):
        # 4 where it is linear, 16 where it is quadratic; the milliseconds are those that every response takes
        limit = 10 * (min(seconds(40_000, options=options)) + 0.005)
        assert any(taken < limit for taken in seconds(160_000, options=options))
