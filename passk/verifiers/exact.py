r"""Exact comparison of texts after Unicode NFC, with runs of white space as one space.

The compared text is the content of the last <answer>...</answer>, else the response. If that text has a \boxed{ }, only
the last one counts, with the boxes beside it. Case and all signs count. Time is linear in the response.
"""

import unicodedata

from passk.verifiers import LONGEST, AnswerError, Verdict
from passk.verifiers.extract import after_thinking, last_answer, last_boxes

REASONS = ("correct", "no answer", "incorrect")
EXAMPLE = ("<answer>Old  Oak</answer>", "Old Oak")
NEEDS_DEADLINE = False


def verify(response: str, answer: str) -> Verdict:
    """Compare a response with `answer`; `extracted` is the first 1000 characters of the compared text.

    Raises AnswerError for an empty answer.
    """
    if problem := check_answer(answer):
        raise AnswerError(problem)
    extracted = _normal(_read(response))
    if not extracted:
        return Verdict(0.0, False, "", "no answer")
    correct = extracted == _normal(answer)
    return Verdict(float(correct), correct, extracted[:LONGEST], "correct" if correct else "incorrect")


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a gold text, or None."""
    return None if _normal(answer) else "answer: empty, no response can be correct; give the text"


def _read(response: str) -> str:
    text = after_thinking(response)
    tagged = last_answer(text)
    within = text if tagged is None else tagged
    boxed = last_boxes(within)
    return within if boxed is None else boxed


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
