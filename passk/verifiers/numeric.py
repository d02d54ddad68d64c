r"""One number, compared exactly.

Read is the last <answer>...</answer>; in it, or without one, the last \boxed{ } (of several side
by side all, which are then no one number); without either what follows
the last "answer is", "answer:" or "####" on its line. A number elsewhere is no answer: the last one in a
response is a guess of ours, not the model's.

What is read must be one number: 42, -1,234.5, 3/4, \frac{3}{4}, 2\frac{3}{4}, 1.5e3, before it a currency sign
or "x =", after it a unit of up to three words (passk/verifiers/units.py). Units and per cent are passed over:
42 km is right where 42 m is the answer. What makes another number of it is no unit: 5², 5 pi, 5k, 5i,
5 factorial, 5 dozen, 5 sixteenths; nor is a letter alone, but for those of common units (5 m, 5 s; not K, which is a
thousand more often than kelvin). "4 or 5" is no number, nor is "not 5" or "5 is wrong". Numbers are compared
as fractions; where the answer is no integer a relative difference up to 1e-6 is a matter of rounding.

Linear in the response, and small: numbers have up to 100 characters and exponents up to 300.
"""

import re
from fractions import Fraction

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import final
from passk.verifiers.math_text import numerals
from passk.verifiers.math_values import is_label
from passk.verifiers.units import is_unit

REASONS = ("correct", "no answer", "not a number", "wrong")
EXAMPLE = (r"So it is \boxed{1,250 \text{ apples}}.", "1250")
NEEDS_DEADLINE = False
ROUNDING = Fraction(1, 10**6)
_LONGEST = 200

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+"
_NUMBER = rf"(?:{_DIGITS})(?:[eE][+-]?[0-9]{{1,3}})?"
# A whole number before it is the whole part of a mixed one; no other digit stands beside it.
_FRACTION = (
    r"(?:(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)\s*(?=\\[dt]?frac\{[0-9]+\}\{[0-9]+\}))?"
    rf"\\[dt]?frac\{{\s*(?P<above>[+-]?\s*{_NUMBER})\s*\}}\s*\{{\s*(?P<below>{_NUMBER})\s*\}}"
)
_WHOLE = re.compile(
    rf"(?P<sign>[+-]?)\s*[$€£¥]?\s*"
    rf"(?:{_FRACTION}|(?P<number>{_NUMBER})(?:\s*/\s*(?P<divisor>{_NUMBER}))?)"
    r"\s*(?P<unit>[^\s0-9]+(?:[ ][^\s0-9]+){0,2})?\s*\.*"
)
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}")
# "~" is a blank after a number and "about" before it
_BLANKS = re.compile(r"\\[,;: ]|\\[()\[\]]|\\(?:left|right)|(?<=[0-9.}])~")


def verify(response: str, answer: str) -> Verdict:
    """`extracted`: the number as a fraction in lowest terms. Raises AnswerError where the answer is no number."""
    gold = read(answer)
    if gold is None:
        raise AnswerError(f"answer: not a number: {answer[:80]!r}")
    given = final(response, joined=True)
    if not given:
        return Verdict(0.0, False, "", "no answer")
    number = read(given)
    if number is None:
        return Verdict(0.0, False, "", "not a number")
    right = number == gold or (gold.denominator > 1 and abs(number - gold) <= ROUNDING * abs(gold))
    return Verdict(float(right), right, str(number), "correct" if right else "wrong")


def check_answer(answer: str) -> str | None:
    return None if read(answer) is not None else f"answer: not a number: {answer[:80]!r}; mend it"


def read(text: str) -> Fraction | None:
    """The one number that a short text is, or None."""
    plain = numerals(text) if len(text) <= _LONGEST else None
    if plain is None:
        return None
    text = _TEXT.sub(r"\1", plain).replace("\\!", "").replace("\\$", "$").replace("\\%", "%")
    text = _BLANKS.sub(" ", text).strip().rstrip(". \n").strip("* \n")
    if text.count("$") > 1:  # math mode
        text = text.strip("$ ").rstrip(". ")
    name, _, rest = text.partition("=")
    text = rest.strip() if rest and is_label(name) else text
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    match = _WHOLE.fullmatch(text)
    if not match:
        return None
    unit = (match["unit"] or "").strip(" $.")
    if unit and not is_unit(unit):
        return None
    number, divisor = _value(match["number"] or match["above"]), _value(match["divisor"] or match["below"] or "1")
    if not divisor:
        return None
    number /= divisor
    if match["whole"]:
        if number >= 1:  # 2\frac{3}{2} is 7/2 for one and 3 for another
            return None
        number += _value(match["whole"])
    return -number if match["sign"] == "-" else number


def _value(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").replace(" ", ""))
