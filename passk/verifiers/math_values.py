"""Types of mathematical answers: words, a time, a list, set, tuple or interval, relations, an expression."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_text import clean

if TYPE_CHECKING:
    from sympy import Basic

_NO_TEXT = re.compile(r"[-+(\[{\s.]*(?:[0-9]|\\frac|\\sqrt)|\\boxed")
_WRAPPED = re.compile(r"\\(?:text|mathbf)\s*\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z]{2,}(?:[ '-]+[A-Za-z]+)*")
_ARTICLE = re.compile(r"\A(?:an?|the) (?=[a-z]{2})")
_NO_VALUE = re.compile(r"(?:(?:limit|value|it) )?(?:does not|doesn't) exist|dne")
_NOTHING = re.compile(
    r"(?:(?:there|it|equation|system) (?:is|are|has|have) |has )?no (?:real )?(?:solutions?|roots?)(?: exists?)?"
    r"|(?:empty|null) set"
)
_TIME = re.compile(
    r"([0-9]{1,2})\s*:\s*([0-5][0-9])(?::([0-5][0-9]))?\s*(a\.?\s?m\.?|p\.?\s?m\.?|noon|midnight|o'clock)?",
    re.IGNORECASE,
)
_HOUR = re.compile(r"([0-9]{1,2})()()\s*(a\.?\s?m\.?|p\.?\s?m\.?|noon|midnight|o'clock)", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:[a-zA-Z]|\\[a-zA-Z]+(?![a-zA-Z])|\\[|#]|'|_(?:\{[^{}]*\}|[0-9a-zA-Z])|\^\{?[*']+\}?|\^\{-1\}|\{|\}|\s|\||:|/"
    r"|(?<=[a-zA-Z}'])\([^()]*\)|(?<![a-zA-Z}'])\([^()0-9=<>]*\))+"
)
_NOT_LABEL = re.compile(r"\\(?:sqrt|pi|sin|cos|tan|log|ln|cdot|times|infty)(?![a-zA-Z])|^e$|^i$")
SUPPOSED = re.compile(r"(?:let|if|suppose|assume|when|not|no)(?![a-z])", re.IGNORECASE)
_SPACED = re.compile(r"\s+|\\(?:text|mathbf|overline|angle|measuredangle|triangle|vec|,)(?![a-zA-Z])|[{}|]")
RATIO = "ratio"
"""Kind of a list with the parts of 1:2:3, divided by the first one."""
_ORDERS = {"=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "<>"}
"""Sign -> orders of two numbers that satisfy it."""


@dataclass(frozen=True)
class Words:
    text: str


@dataclass(frozen=True)
class Time:
    """A time of day, or a ratio if the other side is a ratio."""

    hour: int
    minute: int
    second: int
    half: str
    """One of am, pm and "" (not stated)."""
    whole: bool = False
    """Whether the minutes are missing: 5 p.m., which equals 5 if the other side is no time."""


@dataclass(frozen=True)
class Based:
    """Digits in a stated base: 204_5."""

    digits: str
    base: str


@dataclass(frozen=True)
class Listing:
    kind: str
    """One of list (bare, with commas), set, ratio (of three or more numbers), and the brackets (), [], (], [)."""
    items: tuple["Value", ...]


@dataclass(frozen=True)
class Relation:
    """Sides with a sign between each two: b > a > c, 2x + 3y = 6."""

    sides: tuple["Value", ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Labelled:
    """x = 5, f(2) = 7, (x, y) = (1, 2), x \\in [1, 2)."""

    label: str
    side: "Value | None"
    """Label as an expression, or None."""
    value: "Value"


@dataclass(frozen=True)
class Joined:
    """Relations with "and" or "or" between them."""

    word: str
    items: tuple["Value", ...]


Value = Union[Words, Time, Based, Listing, Relation, Labelled, Joined, "Basic"]


class Unreadable(Exception):
    """The text is no answer that can be judged. The verifier catches it."""


def as_text(text: str) -> Words | None:
    r"""Return an answer that is no expression as a text for comparison, without blanks and styles.

    None if it begins like a number, has no word, or has unbalanced braces.
    """
    try:
        cleaned = clean(text)
    except RecursionError:
        return None
    if (
        not cleaned
        or (_NO_TEXT.match(cleaned) and "\\ldots" not in cleaned)
        or not re.search("[A-Za-z]{2}|[A-Za-z] ", cleaned)
    ):
        return None
    braces = re.sub(r"\\.", "", cleaned)
    if braces.count("{") != braces.count("}"):
        return None
    return Words(re.sub(r"\\(?:text|mathbf)(?![a-zA-Z])|[\s{}]", "", cleaned).casefold())


def words(text: str) -> str | None:
    r"""Return one or several words in lower case, without \text{ }; None for other texts."""
    plain = " ".join(_WRAPPED.sub(r"\1", text).replace("\\ ", " ").split()).strip(".").strip()
    if not _WORD.fullmatch(plain):
        return None
    without_article = _ARTICLE.sub("", plain.casefold())
    return "does not exist" if _NO_VALUE.fullmatch(without_article) else without_article


def is_empty(word: str) -> bool:
    """Return whether words name the empty set: no solution, the empty set."""
    return bool(_NOTHING.fullmatch(word))


def time(text: str) -> Time | None:
    r"""Return 4:30, \text{4:30 p.m.} or 5 p.m. as a time; None for anything else."""
    plain = re.sub(r"\\(?:text\w*|math\w+|mbox)\s*\{|\\[,;:! ()\[\]]|[{}$~]", " ", text)
    plain = " ".join(plain.split()).rstrip(". ").strip()
    match = _TIME.fullmatch(plain) or _HOUR.fullmatch(plain)
    if not match or int(match[1]) > 24:
        return None
    half = (match[4] or "").lower().replace(".", "").replace(" ", "").replace("o'clock", "")
    half = {"noon": "pm", "midnight": "am"}.get(half, half)
    return Time(int(match[1]), int(match[2] or 0), int(match[3] or 0), half, not match[2])


def is_label(text: str) -> bool:
    """Return whether a text is a name: x, m_{max}, f(2), |AB|, \\angle ABC, (x, y)."""
    text = text.strip()
    return (
        not SUPPOSED.match(text)
        and bool(_LABEL.fullmatch(text))
        and not _NOT_LABEL.search(text)
        and bool(re.search("[a-zA-Z]", text))
    )


def label(text: str) -> str:
    return _SPACED.sub("", text)


def expressions(value: Value | None) -> "Iterable[Basic]":
    """Yield every expression in a value."""
    match value:
        case None | Words() | Time() | Based():
            return
        case Listing() | Joined():
            parts: Sequence[Value | None] = value.items
        case Relation():
            parts = value.sides
        case Labelled():
            parts = (value.value,)
        case _:
            if hasattr(value, "atoms"):
                yield value
            return
    for part in parts:
        yield from expressions(part)


def is_false(value: "Value") -> bool:
    """Return whether a relation between numbers is false: 3 = 5."""
    if not isinstance(value, Relation):
        return isinstance(value, Joined) and any(map(is_false, value.items))
    for left, sign, right in zip(value.sides, value.signs, value.sides[1:], strict=False):
        order = numbers.order(left, right)
        if order is not None and order not in _ORDERS.get(sign, order):
            return True
    return False
