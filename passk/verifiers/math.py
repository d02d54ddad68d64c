r"""Mathematical equivalence of numbers, expressions, equations, sets, tuples, times and words.

Only the last answer of a response is read (passk/verifiers/extract.py). Adjacent boxes are one answer. An answer that
cannot be parsed is `unreadable`.

`math_text.py` rewrites the text as plain LaTeX, `math_read.py` parses it and `math_equal.py` compares it with the gold
answer. latex2sympy parses the expressions. math-verify judges expressions that decimals do not decide.
docs/verifiers-math.md lists the accepted and rejected forms.

sympy can run for hours or use all memory on a short text. This verifier therefore runs in the pool's children, without
math-verify's own timeouts, which need SIGALRM and the main thread.
"""

import logging
from functools import lru_cache

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import final
from passk.verifiers.math_equal import equal
from passk.verifiers.math_read import read
from passk.verifiers.math_restated import restated
from passk.verifiers.math_show import LONGEST, show
from passk.verifiers.math_values import Unreadable, Value, Words, as_text, expressions
from passk.verifiers.units import without_letter

REASONS = ("correct", "no answer", "unreadable", "restated", "incorrect")
EXAMPLE = (r"So the answer is $\boxed{\frac{1}{2}}$.", "0.5")
NEEDS_DEADLINE = True


def verify(response: str, answer: str) -> Verdict:
    """Judge a response; `extracted` is its canonical answer. Raises AnswerError for an unreadable gold answer."""
    _gold(answer)
    extracted = (final(response, joined=True) or "").strip()
    if not extracted.strip("$ ."):
        return Verdict(0.0, False, "", "no answer")
    if len(extracted) > LONGEST:
        return Verdict(0.0, False, extracted[:LONGEST], "unreadable")
    return _verdict(extracted, answer)


@lru_cache(maxsize=16_384)  # rollouts of one problem repeat a few answers
def _verdict(extracted: str, answer: str) -> Verdict:
    gold = _gold(answer)
    if extracted == answer:
        return Verdict(1.0, True, show(gold, gold), "correct")
    if not any(part.free_symbols for part in expressions(gold)):
        extracted = without_letter(extracted)
    value = None if _is_text(answer) else _value(extracted)
    if value is None:
        text = as_text(extracted)
        correct = text is not None and text == gold
        shown = text.text if text else " ".join(extracted.split())
        return Verdict(float(correct), correct, shown, "correct" if correct else "incorrect" if text else "unreadable")
    if restated(gold, value):
        return Verdict(0.0, False, show(value, gold), "restated")
    correct = equal(gold, value)
    return Verdict(float(correct), correct, show(value, gold), "correct" if correct else "incorrect")


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a gold answer, or None."""
    try:
        gold = _gold(answer)
    except AnswerError as error:
        return str(error)
    return None if equal(gold, gold) else f"answer: not equal to itself: {answer[:80]!r}; give another form of it"


@lru_cache(maxsize=1024)
def _gold(answer: str) -> Value:
    # A gold answer may be a whole solution with a box.
    text = _stated(answer)
    value = _value(text) if text else None
    if value is None and text:
        value = as_text(text)
    if value is None:
        raise AnswerError(
            f"answer: not an expression that the verifier reads: {answer[:80]!r}; give another form of it"
        )
    return value


def _is_text(answer: str) -> bool:
    """Return whether the gold answer is compared as a text, because it is no expression."""
    return isinstance(_gold(answer), Words) and _value(_stated(answer)) is None


def _stated(answer: str) -> str:
    text = (final(answer, joined=True) or "") if "\\boxed" in answer else answer.strip()
    return text if len(text) <= LONGEST else ""


def _value(text: str) -> Value | None:
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its timeouts are off
    try:
        return read(text)
    except Unreadable:
        return None
