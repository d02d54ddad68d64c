r"""One letter of several options.

Read is the last <answer>...</answer>; in it, or without one, the last \boxed{ } (all of several side by
side); without either what follows the last "answer is", "answer:" or "####" on its line; without that the
whole response, where it is short.

What is read must name one option: B, (B), b, \text{B}, "B) the blue one", "B because ...", "option B". A
second letter that could be an option ("A or B", "B, not C", "B or I") makes it no answer, and so does what denies
the letter: "(B) is wrong", "(B) is not right", a bare "not" or "wrong" after it, "B. No wait". No, Wrong, False
and None with a capital are options' texts ("B. No, because ..."), and a "not" further on is an explanation's.
Linear in the response.
"""

import re

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.reading import after_thinking, final

REASONS = ("correct", "no answer", "several", "denied", "wrong")
EXAMPLE = ("The answer is (B).", "B")
NEEDS_DEADLINE = False

_LONGEST = 1000
_WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
_ALONE = re.compile(r"(?:option|choice)?\s*[(\[]?\s*([A-Za-z])\s*[)\]]?[.:]?", re.IGNORECASE)
# a letter, then what tells that it was an option's: a bracket, a colon, a reason; "A good one" is no letter
_FIRST = re.compile(
    r"(?:[Oo]ption |[Cc]hoice )?(?:[(\[]([A-Z])[)\]]|([A-Z])(?:[).:,]|(?= +(?:because|since|as)\b)))(.*)", re.S
)
_OTHER = re.compile(
    r"(?<![A-Za-z0-9'])([B-HJ-Z])(?![A-Za-z0-9'])|[(\[]([A-Z])[)\]]|\b(A)(?=[).:,]|$| (?:or|and)\b)"
    r"|(?:\b(?:or|and)\b|[,/])\s*([AI])(?=\s*(?:[).:,;/]|$)|\s+(?:or|and|because|since)\b)"
)
_ENDS = r"(?=\s*(?:$|[^\w\s]))"
_RIGHT = r"(?:right|correct|true|it|the (?:(?:right|correct|best) )?(?:answer|option|choice|one))\b"
# "(B) is not affected by heat" is an option and its text, and so is "(B) No"; neither begins with a comma
_DENIED = re.compile(
    rf"\W*(?:is|was) +(?:wrong|incorrect|false)\b|\W*(?:is|was)(?: +not|n't)(?:{_ENDS}| +{_RIGHT})"
    rf"|\s*[,;?!]\s*(?:not|no|wrong|incorrect|false|none)(?: +of +(?:them|these|those))?{_ENDS}",
    re.IGNORECASE,
)
# in small letters: "B. Wrong" is the letter and its text
_TAKEN_BACK = re.compile(r"[\W_]*(?:not|wrong|incorrect)\W*")
_RETRACTED = re.compile(
    r"[.!?;,:)\n–—-]\s*(?:no,? +wait|wait(?=[,.!:;–—-]| +no\b)"
    r"|no,? +(?:that|this|it)(?:'s| +is)(?:n't| +not| +wrong| +incorrect)"
    r"|actually,? +(?:no|not)\b|scratch that|on second thought|I take (?:it|that) back)",
    re.IGNORECASE,
)


def verify(response: str, answer: str) -> Verdict:
    """`answer` and `extracted` are the letter. Raises AnswerError where the answer is not one of A to Z."""
    if problem := check_answer(answer):
        raise AnswerError(problem)
    text = after_thinking(response).strip()
    given = final(response, joined=True)
    if given is None:
        given = text if len(text) <= 12 else ""
    given = _WRAPPED.sub(r"\1", given[:_LONGEST]).strip().rstrip(".").strip(" *`$_")
    if alone := _ALONE.fullmatch(given):
        return _verdict(alone[1].upper(), answer)
    if not (first := _FIRST.match(given)):
        return Verdict(0.0, False, "", "no answer")
    letter = first[1] or first[2]
    rest = first[3]
    if _DENIED.match(rest) or _TAKEN_BACK.fullmatch(rest) or _RETRACTED.search(first[0]):
        return Verdict(0.0, False, "", "denied")
    if any(next(filter(None, other.groups())) != letter for other in _OTHER.finditer(rest)):
        return Verdict(0.0, False, "", "several")
    return _verdict(letter, answer)


def check_answer(answer: str) -> str | None:
    good = len(answer) == 1 and answer.isascii() and answer.isupper()
    return None if good else f"answer: not one letter from A to Z: {answer[:80]!r}; give the option's letter"


def _verdict(letter: str, answer: str) -> Verdict:
    right = letter == answer
    return Verdict(float(right), right, letter, "correct" if right else "wrong")
