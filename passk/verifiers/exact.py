r"""The answer word for word: Unicode's NFC, runs of white space are one space, nothing else is forgiven.

The text that is compared is the last <answer>...</answer>; in it, or without one in the response, the last \boxed{ }
(of several side by side all); without either the whole response. Case counts, and so does every sign. Linear in the
response.
"""

import unicodedata

from passk.verifiers import LONGEST, AnswerError, Verdict
from passk.verifiers.extract import after_thinking, last_answer, last_boxes

REASONS = ("correct", "no answer", "wrong")
EXAMPLE = ("<answer>Old  Oak</answer>", "Old Oak")
NEEDS_DEADLINE = False


def verify(response: str, answer: str) -> Verdict:
    """Compare a response with `answer`; `extracted` is the first 1000 characters of the text that is compared.

    Raises AnswerError for an empty answer.
    """
    if problem := check_answer(answer):
        raise AnswerError(problem)
    given = _normal(_read(response))
    if not given:
        return Verdict(0.0, False, "", "no answer")
    right = given == _normal(answer)
    return Verdict(float(right), right, given[:LONGEST], "correct" if right else "wrong")


def check_answer(answer: str) -> str | None:
    """Return what is wrong with a gold text, or None."""
    return None if _normal(answer) else "answer: empty, no response can be correct; give the text"


def _read(response: str) -> str:
    text = after_thinking(response)
    tagged = last_answer(text)
    within = text if tagged is None else tagged
    boxed = last_boxes(within)
    return within if boxed is None else boxed


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
