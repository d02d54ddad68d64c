r"""One letter of several options.

The letter is read where `final` of passk/verifiers/extract.py finds the answer. Boxes and statements that hold
mathematics (E > 0) are passed over. A response of up to 12 characters is read whole. "The correct option is" counts
as "the answer is" does.

The text that is read must name one option: B, (B), b, \text{B}, "B) the blue one", "B because ...", "option B". A
second letter that can be an option ("A or B", "B, not C", "B or I", "B, or rather (c)") makes it no answer, unless it
stands in a reason ("B because C is too small"). So does a denial of the letter: "(B) is clearly wrong", "(B) is not
right", "(B) cannot be right", a bare "not" or "wrong" after it, "B. No wait". No, Wrong, False and None with a capital
are the text of an option ("B. No, because ..."), and a "not" further on belongs to an explanation. Linear in the
response.
"""

import re

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import after_thinking, final
from passk.verifiers.stated import RETRACTED

REASONS = ("correct", "no answer", "several", "denied", "wrong")
EXAMPLE = ("The answer is (B).", "B")
NEEDS_DEADLINE = False

_LONGEST = 1000
_WRAPPED = re.compile(r"\\(?:text|math)(?:rm|bf|it|sf|tt|normal)?\s*\{([^{}]*)\}|\\mbox\s*\{([^{}]*)\}")
_ALONE = re.compile(r"(?:option|choice)?\s*[(\[]?\s*([A-Za-z])\s*[)\]]?[.:]?", re.IGNORECASE)
# a letter, then what tells that it was an option's: a bracket, a colon, a reason; "A good one" is no letter
_FIRST = re.compile(
    r"""(?:[Oo]ption\ |[Cc]hoice\ )?
    (?: [(\[]([A-Z])[)\]] | ([A-Z])(?: [).:,] | (?=\ +(?:(?:because|since|as|which|is)\b|[–—-]{1,3}\ |\()) ) )
    (.*)""",
    re.DOTALL | re.VERBOSE,
)
# behind these a letter belongs to the reason
_REASON = re.compile(r"\b(?:because|since|as|which|while|whereas|it|they)\b")
_OR = r"(?i:or|and|rather|actually|maybe|perhaps|possibly|probably|sorry|no(?=,)|I mean|make (?:it|that))\b"
# small letters only where they follow at once: an explanation counts its points, and an option's text others, as (a)
_OTHER = re.compile(
    rf"\A\W*(?:{_OR}[\s,]*)+(?:[(\[]?([a-z])[)\]]|([b-h])(?=\s*(?:$|[.,;:?!](?![a-z]))))"
    r"|\A\s*[,/&]\s*[(\[]([a-hj-uwyz])[)\]](?=\W*$)"
    r"|(?<![A-Za-z0-9'])([B-HJ-Z])(?![A-Za-z0-9']|\s*[=<>^+≤≥])|[(\[]([A-Z])[)\]]|\b(A)(?=[).:,]|$| (?:or|and)\b)"
    r"|(?:\b(?:or|and)\b|[,/])\s*([AI])(?=\s*(?:[).:,;/]|$)|\s+(?:or|and|because|since)\b)"
)
_ENDS = r"(?=\s*(?:$|[^\w\s]))"
# not "only", which denies nothing after a "not"; not "morally", which is an option's text
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
# "(B) is not affected by heat" is an option and its text, and so is "(B) No"; neither begins with a comma. True and
# false are said of statements ("must be false" is an option's text): they deny in the plainest words alone.
_DENIED = re.compile(
    rf"\W*(?:is|was)(?: +false\b|{_NOT} +true\b|{_SURELY} +{_WRONG}|{_SURELY}{_NOT}(?:{_ENDS}|{_SURELY} +{_RIGHT}))"
    rf"|\W*{_MUST_BE}{_SURELY} +{_WRONG}(?! +to\b)|\W*{_CANNOT}(?: +possibly)?{_SURELY} +be{_SURELY} +{_RIGHT}"
    rf"|\s*[,;?!]{_SURELY}\s*(?:not|no|wrong|incorrect|false|none)(?: +of +(?:them|these|those))?{_ENDS}",
    re.IGNORECASE,
)
# in small letters: "B. Wrong" is the letter and its text, and so is "B. probably not"
_TAKEN_BACK = re.compile(rf"[\W_]*(?:not|(?:{_SURE}\W+)*(?:wrong|incorrect))\W*")


def verify(response: str, answer: str) -> Verdict:
    """Judge a response by the letter `answer`; `extracted` is the letter that it gives.

    Raises AnswerError where `answer` is not one letter from A to Z.
    """
    if problem := check_answer(answer):
        raise AnswerError(problem)
    text = after_thinking(response).strip()
    given = final(response, joined=True, options=True)
    if given is None:
        given = text if len(text) <= 12 else ""
    given = _WRAPPED.sub(r"\1\2", given[:_LONGEST]).strip().rstrip(".").strip(" *`$_")
    if alone := _ALONE.fullmatch(given):
        return _verdict(alone[1].upper(), answer)
    if not (first := _FIRST.match(given)):
        return Verdict(0.0, False, "", "no answer")
    letter = first[1] or first[2]
    rest = first[3]
    if _DENIED.match(rest) or _TAKEN_BACK.fullmatch(rest) or RETRACTED.search(first[0]):
        return Verdict(0.0, False, "", "denied")
    before_reason = _REASON.split(rest, maxsplit=1)[0]
    if any(next(filter(None, other.groups())).upper() != letter for other in _OTHER.finditer(before_reason)):
        return Verdict(0.0, False, "", "several")
    return _verdict(letter, answer)


def check_answer(answer: str) -> str | None:
    """Return what is wrong with a gold letter, or None."""
    good = len(answer) == 1 and answer.isascii() and answer.isupper()
    return None if good else f"answer: not one letter from A to Z: {answer[:80]!r}; give the option's letter"


def _verdict(letter: str, answer: str) -> Verdict:
    right = letter == answer
    return Verdict(float(right), right, letter, "correct" if right else "wrong")
