r"""One letter of several options.

`final` of passk/verifiers/extract.py finds the answer. It skips boxes and statements with mathematics (E > 0). A
response of up to 12 characters is read whole. "The correct option is" counts like "the answer is".

The text must name one option: B, (B), b, \text{B}, "B) the blue one", "B because ...", "option B". A second letter
that can be an option makes it no answer: "A or B", "B, not C", "B or I", "B, or rather (c)". A letter in a reason does
not ("B because C is too small").

A denied letter is no answer either: `(B) is clearly wrong`, `(B) is not right`, `(B) cannot be right`, `B. No wait`,
or a bare `not` or `wrong` after it. With a capital, `No`, `Wrong`, `False` and `None` are the text of an option
("B. No, because ..."). A later "not" belongs to an explanation. Time is linear in the response.
"""

import re

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import after_thinking, final
from passk.verifiers.stated import RETRACTED, without_remnant

REASONS = ("correct", "no answer", "several options", "denied", "incorrect")
EXAMPLE = ("The answer is (B).", "B")
NEEDS_DEADLINE = False

_LONGEST = 1000
_WRAPPED = re.compile(r"\\(?:text|math)(?:rm|bf|it|sf|tt|normal)?\s*\{([^{}]*)\}|\\mbox\s*\{([^{}]*)\}")
_ALONE = re.compile(r"(?:option|choice|letter)?\s*[(\[]?\s*([A-Za-z])\s*[)\]]?[.:]?", re.IGNORECASE)
# A letter and the sign that marks it as an option: a bracket, a colon, a reason. "A good one" is no letter.
_FIRST = re.compile(
    r"""(?:[Oo]ption\ |[Cc]hoice\ |[Ll]etter\ )?
    (?: [(\[]([A-Z])[)\]] | ([A-Z])(?: [).:,] | (?=\ +(?:(?:because|since|as|which|is)\b|[–—-]{1,3}\ |\()) ) )
    (.*)""",
    re.DOTALL | re.VERBOSE,
)
# After these words a letter belongs to the reason.
_REASON = re.compile(r"\b(?:because|since|as|which|while|whereas|it|they)\b")
_OR = r"(?i:or|and|rather|actually|maybe|perhaps|possibly|probably|sorry|no(?=,)|I mean|make (?:it|that))\b"
# Lower-case letters count only directly after the option: explanations number their points as (a).
_OTHER = re.compile(
    rf"\A\W*(?:{_OR}[\s,]*)+(?:[(\[]?([a-z])[)\]]|([b-h])(?=\s*(?:$|[.,;:?!](?![a-z]))))"
    r"|\A\s*[,/&]\s*[(\[]([a-hj-uwyz])[)\]](?=\W*$)"
    r"|(?<![A-Za-z0-9'])([B-HJ-Z])(?![A-Za-z0-9']|\s*[=<>^+≤≥])|[(\[]([A-Z])[)\]]|\b(A)(?=[).:,]|$| (?:or|and)\b)"
    r"|(?:\b(?:or|and)\b|[,/])\s*([AI])(?=\s*(?:[).:,;/]|$)|\s+(?:or|and|because|since)\b)"
)
_ENDS = r"(?=\s*(?:$|[^\w\s]))"
# Without "only", which is no denial after "not", and without "morally", which is the text of an option.
_SURE = (
    r"(?:clearly|obviously|plainly|evidently|definitely|certainly|surely|undoubtedly|absolutely|totally|completely"
    r"|entirely|wholly|utterly|fully|quite|simply|just|actually|really|indeed|probably|likely|apparently|almost|most"
    r"|very|also|still|even|thus|therefore|technically|partly|partially)\b"
)
_SURELY = rf"(?: +{_SURE})*"
_ONE = r"(?:answer|option|choice|one)"
_RIGHT = rf"(?:right|correct|it|the (?:(?:right|correct|best) )?{_ONE}|an? (?:right|correct|valid) {_ONE})\b"
_WRONG = rf"(?:wrong|incorrect|(?:an?|the) (?:wrong|incorrect) {_ONE})\b"
_NOT = r"(?: +not|n['\u2019]t)(?! +(?:just|simply)\b)"
_CANNOT = rf"(?:can(?:not|['\u2019]t)|won['\u2019]t|(?:can|could|would|will|must|should)(?:{_NOT}| +never))"
_MUST_BE = (
    rf"(?:(?:would|will|must|should){_SURELY} +be|(?:has|ought) +to +be|(?:seem|look|sound|appear)s(?: +to +be)?)"
)
# "(B) is not affected by heat" and "(B) No" are an option and its text; neither has a comma. True and false describe
# statements ("must be false" is an option's text), so they deny the letter in the plainest words only.
_DENIED = re.compile(
    rf"\W*(?:is|was)(?: +false\b|{_NOT} +true\b|{_SURELY} +{_WRONG}|{_SURELY}{_NOT}(?:{_ENDS}|{_SURELY} +{_RIGHT}))"
    rf"|\W*{_MUST_BE}{_SURELY} +{_WRONG}(?! +to\b)|\W*{_CANNOT}(?: +possibly)?{_SURELY} +be{_SURELY} +{_RIGHT}"
    rf"|\s*[,;?!]{_SURELY}\s*(?:not|no|wrong|incorrect|false|none)(?: +of +(?:them|these|those))?{_ENDS}",
    re.IGNORECASE,
)
# Lower case only: `B. Wrong` and `B. probably not` are the letter and its text.
_TAKEN_BACK = re.compile(rf"[\W_]*(?:not|(?:{_SURE}\W+)*(?:wrong|incorrect))\W*")


def verify(response: str, answer: str) -> Verdict:
    """Judge a response by the letter `answer`; `extracted` is the letter of the response.

    Raises AnswerError if `answer` is not one letter from A to Z.
    """
    if problem := check_answer(answer):
        raise AnswerError(problem)
    text = without_remnant(after_thinking(response)).strip()
    extracted = final(response, joined=True, options=True)
    if extracted is None:
        extracted = text if len(text) <= 12 else ""
    extracted = _WRAPPED.sub(r"\1\2", extracted[:_LONGEST]).strip().rstrip(".").strip(" *`$_")
    if alone := _ALONE.fullmatch(extracted):
        return _verdict(alone[1].upper(), answer)
    if not (first := _FIRST.match(extracted)):
        return Verdict(0.0, False, "", "no answer")
    letter = first[1] or first[2]
    rest = first[3]
    if _DENIED.match(rest) or _TAKEN_BACK.fullmatch(rest) or RETRACTED.search(first[0]):
        return Verdict(0.0, False, "", "denied")
    before_reason = _REASON.split(rest, maxsplit=1)[0]
    if any(next(filter(None, other.groups())).upper() != letter for other in _OTHER.finditer(before_reason)):
        return Verdict(0.0, False, "", "several options")
    return _verdict(letter, answer)


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a gold letter, or None."""
    good = len(answer) == 1 and answer.isascii() and answer.isupper()
    return None if good else f"answer: not one letter from A to Z: {answer[:80]!r}; give the option's letter"


def _verdict(letter: str, answer: str) -> Verdict:
    correct = letter == answer
    return Verdict(float(correct), correct, letter, "correct" if correct else "incorrect")
