r"""Mathematics, by math-verify, with the leniencies mended that would pay for what is no answer.

Read is the last <answer>...</answer>; in it, or without one, the last \boxed{ } (boxes side by side are one
answer with several parts); without either what follows the last "answer is", "answer:" or "####". Nothing
else is searched: math-verify alone takes the last number of any text for the answer, and where the last
expression cannot be read the one before it.

What is read is compared by `math_verify.verify(gold, given)`, in that order, which is not symmetric. Beyond
it, not right are:

- a relation between numbers that does not hold, such as 3 = 5 for 5: math-verify looks at its right side;
- what restates the question: a sum, product, integral, limit or derivative that the answer has not, and
  an equation that is not solved, where the answer is x = 5;
- a number that differs by more than 1e-5 of the answer: math-verify rounds decimals to 6 places, so that 1e-8 is
  2e-8, and looks at 15 of the difference of others, so that 1/21! is 1/20!;
- a value with a text after it that is no unit: math-verify passes over any, so that 5 \text{ million} is 5;
- letters in another order: a word is compared as a word, not as a product of its letters.

docs/verifiers.md lists what stays. sympy can run for hours or eat all memory over a short text: this runs in
the pool's children, with math-verify's own timeouts, which work by SIGALRM in a main thread alone, off.
"""

import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import final
from passk.verifiers.units import makes_another

if TYPE_CHECKING:
    from sympy import Basic

REASONS = ("correct", "no answer", "unreadable", "restated", "wrong")
EXAMPLE = (r"So the answer is $\boxed{\frac{1}{2}}$.", "0.5")
NEEDS_DEADLINE = True
ROUNDING = 1e-5
LONGEST = 400
"""characters of an answer that are read: those of the benchmarks have up to some 200, and parsing is not linear"""
DIGITS = 10_000
"""of the largest number that is worked out: 9^{9^{9^9}} is no answer, and takes the deadline to find that out"""

_DELIMITERS = re.compile(r"(?<!\\)\$|\\[()\[\]](?![a-z])")
_TEXT = r"\\(?:text(?:rm|bf|it|normal)?|math(?:rm|bf|it)|mbox)\s*\{"
_SPACE = r"(?:\s|~|\\[,;:! ])*"
_ONE = re.compile(rf"{_TEXT}((?:[^{{}}\\]|\\[ ,;$%])*)\}}((?:\s*\^\s*(?:[0-9]|\{{\s*-?[0-9]\s*\}})|\{{\^[0-9]\}})?)")
_ESCAPED = re.compile(r"\\[ ,;]|~")
_POWER = re.compile(r"(?<=[A-Za-z])\^-?[0-9]")
_AND_OR = re.compile(rf",?\s*{_TEXT}\s*(?:and|or)\s*\}}")
# texts one after another, or with a stroke or a dot between them, at the end of a value
_TAIL = re.compile(
    rf"(?<=[0-9A-Za-z)}}\]|%°!.']){_SPACE}({_ONE.pattern}(?:{_SPACE}(?:/|\\cdot)?{_SPACE}{_ONE.pattern})*){_SPACE}"
    r"(?=$|[,;.)}\]]|\\\}|(?:and|or)\b)"
)
_CUT = re.compile(r"\}(?:\^[0-9]|\{\^[0-9]\})?$")
_UNITS = re.compile(r"[(\[]?[A-Za-z%°$€£¥µΩ][A-Za-z%°$€£¥²³µΩ/.,()' ·-]*")
_WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]+)*")


def verify(response: str, answer: str) -> Verdict:
    """`extracted`: the value as sympy prints it, evaluated. Raises AnswerError for an unreadable answer."""
    _gold(answer)
    given = _bare(final(response, joined=True) or "")
    if not given:
        return Verdict(0.0, False, "", "no answer")
    if len(given) > LONGEST:
        return Verdict(0.0, False, given[:LONGEST], "unreadable")
    return _verdict(given, answer)


@lru_cache(maxsize=16_384)  # rollouts of one problem give the same few answers again and again
def _verdict(given: str, answer: str) -> Verdict:
    gold, word, wanted = _gold(answer), _word(given), _word(answer)
    if wanted and word:
        right = word == wanted
        return Verdict(float(right), right, word, "correct" if right else "wrong")
    value = _parsed(given)
    if value is None:
        return Verdict(0.0, False, " ".join(given.split()), "unreadable")
    if _restated(gold, value):
        return Verdict(0.0, False, " ".join(given.split()), "restated")
    right = _equal(gold, value)
    return Verdict(float(right), right, word or _canonical(gold, value), "correct" if right else "wrong")


def check_answer(answer: str) -> str | None:
    """It is one expression, and right as a response."""
    try:
        gold = _gold(answer)
    except AnswerError as error:
        return str(error)
    return None if _word(answer) or _equal(gold, gold) else f"answer: not equal to itself: {answer[:80]!r}; mend it"


@lru_cache(maxsize=1024)
def _gold(answer: str) -> "Basic":
    # a whole solution as the answer has a box in it
    found = final(answer, joined=True) if "\\boxed{" in answer else answer.strip()
    value = _parsed(found) if found and len(found) <= LONGEST else None
    if value is None:
        raise AnswerError(f"answer: not an expression that math-verify reads: {answer[:80]!r}")
    return value


def _bare(text: str) -> str:
    """Without the signs of math mode, and the full stop of its sentence."""
    return _DELIMITERS.sub(" ", text).strip().rstrip(".").strip()


def _parsed(text: str) -> "Basic | None":
    """The expression that a short text is, or None where it is none."""
    import math_verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its timeouts are off
    text = _without_units(_bare(text))
    if not text or "\\boxed" in text:
        return None
    config = [math_verify.LatexExtractionConfig(boxed_match_priority=0)]
    found = math_verify.parse(
        f"\\boxed{{{text}}}", config, "no_fallback", extraction_mode="first_match", parsing_timeout=None
    )
    if not found or isinstance(found[0], str) or _size(found[0]) > DIGITS:
        return None
    return found[0]


def _without_units(text: str) -> str | None:
    """The text without the units that end its values; None where what ends one is no unit.

    math-verify passes over all from the first such text to the end, whatever it says.
    """
    if _word(text):
        return text
    refused = False

    def read(tail: re.Match[str]) -> str:
        nonlocal refused
        parts = [(_ESCAPED.sub(" ", one[1]).replace("\\", "").strip(), one[2]) for one in _ONE.finditer(tail[1])]
        words, power = parts[0]
        if len(parts) == 1 and (not words or (len(words) == 1 and words.isalpha() and makes_another(words))):
            # the i of 5\mathrm{i}; "4 i" is the imaginary unit for math-verify, the i of "4i" a variable
            return f"{' ' * tail.string[tail.start() - 1].isalpha()}{words}{power}"
        said = " ".join(_POWER.sub("", words) for words, _ in parts)
        refused |= not _UNITS.fullmatch(said) or makes_another(said)
        return ""

    text = _TAIL.sub(read, _AND_OR.sub(",", text))
    first = re.search(_TEXT, text)
    cut = first and text[: first.start()].strip() and _CUT.search(text)
    return None if refused or cut else text


def _size(value: Any) -> float:
    """An upper bound on the decimal digits of every number that evaluating the expression comes by."""
    from sympy import Float, Integer, Mul, Pow, Rational, binomial, factorial, gamma

    parts = [_size(part) for part in getattr(value, "args", ())]
    match value:
        case Integer() | Rational():
            return max(abs(value.p), value.q).bit_length() * 0.30103
        case Float():
            return max(0.0, float(value._mpf_[2] + value._mpf_[3]) * 0.30103)
        case Pow():
            return max(parts[0], 0 if value.base.free_symbols else 0.3) * 10 ** min(parts[1], 9.0)
        case factorial() | gamma():
            return max(parts[0], 1.0) * 10 ** min(parts[0], 9.0)
        case binomial():
            return max(parts[0], 1.0) * 10 ** min(min(parts), 9.0)
        case Mul():
            return sum(parts)
    return max(parts, default=0.0)


def _equal(gold: "Basic", value: "Basic") -> bool:
    import math_verify

    return math_verify.verify(gold, value, timeout_seconds=None) and (gold == value or _near(gold, value))


def _near(gold: "Basic", value: "Basic") -> bool:
    """Whether two numbers that math-verify calls equal are so by the answer's own measure; True for what is no number.

    math-verify compares to 6 places, or to 15 by their difference, so that 1/21! is 1/20!. Factorials are not
    multiplied out here: what this costs is bounded by `_size`.
    """
    from math_verify.grader import is_equation, take_last_relation
    from sympy import Derivative, Integral, Limit, Product, Sum

    gold, value = (take_last_relation(side).rhs if is_equation(side) else side for side in (gold, value))
    if not all(getattr(side, "is_number", False) for side in (gold, value)):
        return True
    if gold.has(Sum, Product, Integral, Limit, Derivative):
        return True
    try:
        return any(abs(a - b) <= ROUNDING * abs(a) for a in _decimals(gold) for b in _decimals(value))
    except MemoryError:
        raise
    except Exception:  # infinity, or what has no decimals
        return True


def _decimals(number: "Basic") -> "list[Basic]":
    """The number as a decimal; per cent as either number that it is taken for."""
    from math_verify.grader import get_pct_val
    from sympy import Float, Integer

    per_cent = get_pct_val(number)
    found = [part.evalf(20) for part in ((number,) if per_cent is None else (per_cent, per_cent / 100))]
    if not all(decimal.is_finite for decimal in found):
        raise ValueError("not finite")
    # of precision 1 is what sympy found to be 0 as far as it looked
    return [Integer(0) if isinstance(decimal, Float) and decimal._prec == 1 else decimal for decimal in found]


def _restated(gold: "Basic", value: "Basic") -> bool:
    """Whether the value is no answer but a question, or a claim that is false."""
    from math_verify.grader import is_assignment_relation, is_equation, is_relation
    from sympy import Derivative, Integral, Limit, Product, Sum

    if any(value.has(kind) and not gold.has(kind) for kind in (Sum, Product, Integral, Limit, Derivative)):
        return True
    if not is_relation(value):
        return False
    if is_assignment_relation(gold) and is_equation(value) and not is_assignment_relation(value):
        return True
    relations = (value,) if hasattr(value, "lhs") else value.args
    return any(not relation.free_symbols and relation.doit() == False for relation in relations)  # noqa: E712


def _word(text: str) -> str | None:
    r"""A word or several, \text{ } and brackets taken off, in small letters; None where it is none."""
    plain = " ".join(_WRAPPED.sub(r"\1", _DELIMITERS.sub(" ", text)).replace("\\ ", " ").split())
    plain = plain.strip(".").strip()
    return plain.casefold() if _WORD.fullmatch(plain) else None


def _canonical(gold: "Basic", value: "Basic") -> str:
    """The value in one form, whoever wrote it: evaluated, decimals as fractions, x = 5 as 5 where 5 is asked for."""
    from math_verify.grader import is_equation, take_last_relation
    from sympy import Float, Rational

    if is_equation(value) and not is_equation(gold):
        value = take_last_relation(value).rhs
    try:
        done = value.doit()
        return str(Rational(str(done)) if isinstance(done, Float) else done)[:LONGEST]
    except MemoryError:
        raise
    except Exception:  # what sympy cannot evaluate it may still print
        return str(value)[:LONGEST]
