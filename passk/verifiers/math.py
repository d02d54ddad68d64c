r"""Mathematics: numbers, expressions, equations, sets, tuples, times and words, as a mathematician compares them.

The last answer of a response is read (passk/verifiers/extract.py). Boxes side by side are one answer. Nothing else is
searched, and an answer that cannot be read is `unreadable`.

`math_text.py` rewrites the text as plain LaTeX and `math_read.py` takes it apart. `math_equal.py` compares it with
the gold answer. latex2sympy reads the expressions, and math-verify judges those that no decimals decide.
docs/verifiers-math.md lists what is read, what is forgiven and what is not.

sympy can run for hours or use all memory on a short text. This verifier therefore runs in the pool's children, without
math-verify's own timeouts, which need SIGALRM and the main thread.
"""

import logging
from functools import lru_cache

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import final
from passk.verifiers.math_equal import equal, restated
from passk.verifiers.math_read import read
from passk.verifiers.math_show import LONGEST, show
from passk.verifiers.math_values import Unreadable, Value, Words, as_text, expressions
from passk.verifiers.units import without_letter

REASONS = ("correct", "no answer", "unreadable", "restated", "wrong")
EXAMPLE = (r"So the answer is $\boxed{\frac{1}{2}}$.", "0.5")
NEEDS_DEADLINE = True


def verify(response: str, answer: str) -> Verdict:
    """Judge a response. `extracted` is its answer in one form. Raises AnswerError for an unreadable gold answer."""
    _gold(answer)
    given = (final(response, joined=True) or "").strip()
    if not given.strip("$ ."):
        return Verdict(0.0, False, "", "no answer")
    if len(given) > LONGEST:
        return Verdict(0.0, False, given[:LONGEST], "unreadable")
    return _verdict(given, answer)


@lru_cache(maxsize=16_384)  # rollouts of one problem give the same few answers again and again
def _verdict(given: str, answer: str) -> Verdict:
    gold = _gold(answer)
    if given == answer:
        return Verdict(1.0, True, show(gold, gold), "correct")
    if not any(part.free_symbols for part in expressions(gold)):
        given = without_letter(given)
    value = None if _is_text(answer) else _value(given)
    if value is None:
        text = as_text(given)
        correct = text is not None and text == gold
        shown = text.text if text else " ".join(given.split())
        return Verdict(float(correct), correct, shown, "correct" if correct else "wrong" if text else "unreadable")
    if restated(gold, value):
        return Verdict(0.0, False, show(value, gold), "restated")
    correct = equal(gold, value)
    return Verdict(float(correct), correct, show(value, gold), "correct" if correct else "wrong")


def check_answer(answer: str) -> str | None:
    """Return why the gold answer cannot be judged by, or None."""
    try:
        gold = _gold(answer)
    except AnswerError as error:
        return str(error)
    return None if equal(gold, gold) else f"answer: not equal to itself: {answer[:80]!r}; give another form of it"


@lru_cache(maxsize=1024)
def _gold(answer: str) -> Value:
    # a whole solution as the answer has a box in it
    found = _stated(answer)
    value = _value(found) if found else None
    if value is None and found:
        value = as_text(found)
    if value is None:
        raise AnswerError(
            f"answer: not an expression that the verifier reads: {answer[:80]!r}; give another form of it"
        )
    return value


def _is_text(answer: str) -> bool:
    """Whether the gold answer is no expression and is compared as a text."""
    return isinstance(_gold(answer), Words) and _value(_stated(answer)) is None


def _stated(answer: str) -> str:
    found = (final(answer, joined=True) or "") if "\\boxed" in answer else answer.strip()
    return found if len(found) <= LONGEST else ""


def _value(text: str) -> Value | None:
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its timeouts are off
    try:
        return read(text)
    except Unreadable:
        return None
