r"""One number, compared exactly.

The answer is the content of the last <answer>...</answer>. In it, or in a response without one, the last \boxed{ }
takes precedence. Adjacent boxes are read together and are no single number. Without a tag and a box, the answer is the
text after the last "answer is", "answer:" or "####" on its line. A number elsewhere is no answer.

The answer must be one number: 42, -1,234.5, 3/4, \frac{3}{4}, 2\frac{3}{4}, 1.5e3. A currency sign, "x =" or a
calculation (30 + 12 =) may stand before it. A unit of up to three words and a phrase (in one day) may stand after it
(passk/verifiers/units.py). Units and per cent are ignored: 42 km is correct if the answer is 42 m. The calculation
itself is not checked.

A word that changes the number is no unit: 5², 5 pi, 5k, 5i, 5 factorial, 5 dozen, 5 sixteenths. A single letter is a
unit only if it is common (5 m, 5 s); K means a thousand more often than kelvin. `4 or 5`, `not 5` and `5 is wrong` are
no numbers. Numbers are compared as fractions. If the answer is no integer, a relative difference up to 1e-6 counts as
rounding.

Time is linear in the response. Numbers have up to 100 characters and exponents up to 300.
"""

import re
from fractions import Fraction

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import final
from passk.verifiers.math_text import numerals, ungrouped, unstyled
from passk.verifiers.math_values import is_label
from passk.verifiers.units import is_unit, makes_another

REASONS = ("correct", "no answer", "not a number", "incorrect")
EXAMPLE = (r"So it is \boxed{1,250 \text{ apples}}.", "1250")
NEEDS_DEADLINE = False
ROUNDING = Fraction(1, 10**6)
_LONGEST = 200

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+"
_NUMBER = rf"(?:{_DIGITS})(?:[eE][+-]?[0-9]{{1,3}})?"
# A whole number before a fraction makes it a mixed number. No other digit may stand beside it.
_FRACTION = (
    r"(?:(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)\s*(?=\\[dtc]?frac\{[0-9]+\}\{[0-9]+\}))?"
    rf"\\[dtc]?frac\{{\s*(?P<above>[+-]?\s*{_NUMBER})\s*\}}\s*\{{\s*(?P<below>[+-]?\s*{_NUMBER})\s*\}}"
)
_WHOLE = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:[$€£¥₹]|US\$|(?:USD|EUR|GBP|INR|Rs\.?)\s)?\s*(?P<inner>[+-]?)\s*"
    rf"(?:{_FRACTION}|(?P<number>{_NUMBER})(?:\s*/\s*(?P<divisor>{_NUMBER}))?)"
    r"\s*(?P<unit>[^\s0-9]+(?:[ ][^\s0-9]+){0,2})?\s*\.*"
)
_TEXT = re.compile(r"\\(?:text(?:bf|rm|it|sf)?|math(?:rm|bf|it|sf)|mbox|underline)\s*\{([^{}]*)\}")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\(?:degree|textdegree)(?![A-Za-z])")
# The power of a unit: cm^2, m/s^2.
_POWER = re.compile(r"(?<=[0-9.}\s])(\\?\s*(?:[A-Za-z]{2,}|[A-Za-z]{1,3}/[sh]|m))\s*\^\s*\{?-?[1-3]\}?(?=[\s.$]*\Z)")
# "~" is a blank after a number and "about" before it.
# Words, operators and the rest of a calculation with numbers alone.
_WORD = re.compile(r"\\?[A-Za-z]+")
_TIMES = re.compile(r"(?<=[0-9)])\s*[xX]\s*(?=[0-9(])")
_OPERATORS = {"times", "plus", "minus", "of", *(f"\\{name}" for name in ("times", "div", "cdot", "frac", "dfrac"))}
_ARITHMETIC = re.compile(r"[0-9\s.,$€£¥₹%+*/×÷·^(){}-]*")
_CALCULATES = re.compile(r"[0-9).}%A-Za-z]\s*(?:[+*/×÷·^-]|\\|times|plus|minus|of)|\\d?frac")
# "3 flights in one day", "18 dollars every day at the market"
_PHRASE = re.compile(
    r"(?<=[0-9A-Za-z.%)}])\s+(?:in|at|on|for|from|of|per|each|every|during|after|with)\s+"
    r"(?P<words>[A-Za-z][A-Za-z', -]{0,60})[\s.]*\Z"
)
_BOUND = re.compile(r"\b(?:most|least|best|worst|remainder|if|when|unless|because|doubt|error)\b", re.IGNORECASE)
_BLANKS = re.compile(r"\\[,;: ]|\\[()\[\]]|\\(?:left|right)|(?<=[0-9.}])~|~(?=[A-Za-z])")


def verify(response: str, answer: str) -> Verdict:
    """Judge a response; `extracted` is its number as a fraction in lowest terms.

    Raises AnswerError if the gold answer is no number.
    """
    if problem := check_answer(answer):
        raise AnswerError(problem)
    gold = read(answer)
    assert gold is not None
    extracted = final(response, joined=True)
    if not extracted:
        return Verdict(0.0, False, "", "no answer")
    number = read(extracted)
    if number is None:
        return Verdict(0.0, False, "", "not a number")
    correct = number == gold or (gold.denominator > 1 and abs(number - gold) <= ROUNDING * abs(gold))
    return Verdict(float(correct), correct, str(number), "correct" if correct else "incorrect")


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a gold number, or None."""
    return None if read(answer) is not None else f"answer: not a number: {answer[:80]!r}; write one number"


def read(text: str) -> Fraction | None:
    """Return a short text as one number, or None."""
    plain = numerals(unstyled(text)) if len(text) <= _LONGEST else None
    if plain is None:
        return None
    text = _TEXT.sub(r"\1", plain).replace("\\!", "").replace("\\$", "$").replace("\\%", "%").replace("{-}", "-")
    text = _POWER.sub(r"\1", _DEGREES.sub("°", _BLANKS.sub(" ", text)))
    text = text.strip().rstrip(". \n").strip("* \n")
    if text.count("$") > 1:  # math mode
        text = text.strip("$ ").rstrip(". ")
    text = ungrouped(_without_phrase(_result(text)))
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    match = _WHOLE.fullmatch(text)
    if not match or (match["sign"] and match["inner"]):
        return None
    unit = (match["unit"] or "").strip(" $.")
    unit = unit[1:-1] if unit.startswith("(") and unit.endswith(")") else unit
    if unit and (_BOUND.search(unit) or not is_unit(unit)):
        return None
    number, divisor = _value(match["number"] or match["above"]), _value(match["divisor"] or match["below"] or "1")
    if not divisor:
        return None
    number /= divisor
    if match["whole"]:
        if number >= 1:  # 2\frac{3}{2} is ambiguous: 7/2 or 3
            return None
        number += _value(match["whole"])
    return -number if "-" in match["sign"] + match["inner"] else number


def _result(text: str) -> str:
    """Return the number's side of `x = 72`, `52 + 20 = 72` or `72 = 52 + 20`; otherwise the text."""
    sides = [side.strip() for side in text.split("=")]
    if len(sides) > 1 and is_label(sides[0]):
        sides = sides[1:]
    first, *others = sides
    if not others:
        return first
    if all(map(_is_calculation, sides[:-1])):
        return sides[-1]
    return first if all(map(_is_calculation, others)) else text


def _is_calculation(text: str) -> bool:
    """Return whether a text is an expression of two numbers or more, with or without units."""
    text = _TIMES.sub("*", text)
    words = _WORD.findall(text)
    return (
        len(re.findall("[0-9]+", text)) > 1
        and bool(_CALCULATES.search(text))
        and all(word in _OPERATORS or (len(word) > 1 and is_unit(word)) for word in words)
        and bool(_ARITHMETIC.fullmatch(_WORD.sub(" ", text)))
    )


def _without_phrase(text: str) -> str:
    """Return a number with its unit, without a phrase after it that does not change it."""
    phrase = _PHRASE.search(text)
    if not phrase:
        return text
    words = re.sub(r"\Aone\b", "a", phrase["words"])
    return text if _BOUND.search(words) or makes_another(words) else text[: phrase.start()]


def _value(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").replace(" ", ""))
