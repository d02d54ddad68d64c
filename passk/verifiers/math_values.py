r"""What an answer in mathematics is: words, a time, a list, a set, a tuple or interval, relations, an expression.

`read` takes a text apart at its commas, brackets and relation signs; latex2sympy reads the expressions between
them, and unions of sets. Everything is small: texts are limited by the caller, numbers by `size`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from passk.verifiers.math_text import clean
from passk.verifiers.units import without_unit

if TYPE_CHECKING:
    from sympy import Basic

DIGITS = 10_000
"""of the largest number that is worked out: 9^{9^{9^9}} is no answer, and takes the deadline to find that out"""
_SIGNS_READ = 2
"""of \\pm in one expression: more are no answer"""


@dataclass(frozen=True)
class Words:
    text: str


@dataclass(frozen=True)
class Time:
    """A time of the day, or a ratio where the other side is one."""

    hour: int
    minute: int
    second: int
    half: str
    """am, pm, or "" where none is given"""
    whole: bool = False
    """given without minutes: 5 p.m., which is 5 where no time is asked for"""


@dataclass(frozen=True)
class Based:
    """Digits in a stated base: 204_5."""

    digits: str
    base: str


@dataclass(frozen=True)
class Listing:
    kind: str
    """list (bare, with commas), set, or the brackets: (), [], (], [)"""
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
    """the label as an expression, where it is one"""
    value: "Value"


@dataclass(frozen=True)
class Joined:
    """Relations with "and" or "or" between them."""

    word: str
    items: tuple["Value", ...]


Value = Union[Words, Time, Based, Listing, Relation, Labelled, Joined, "Basic"]

_NO_TEXT = re.compile(r"[-+(\[{\s.]*(?:[0-9]|\\frac|\\sqrt)|\\boxed")
_WRAPPED = re.compile(r"\\(?:text|mathbf)\s*\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z]{2,}(?:[ '-]+[A-Za-z]+)*")
_TIME = re.compile(
    r"([0-9]{1,2})\s*:\s*([0-5][0-9])(?::([0-5][0-9]))?\s*(a\.?\s?m\.?|p\.?\s?m\.?|noon|midnight|o'clock)?",
    re.IGNORECASE,
)
_HOUR = re.compile(r"([0-9]{1,2})()()\s*(a\.?\s?m\.?|p\.?\s?m\.?|noon|midnight|o'clock)", re.IGNORECASE)
_BASED = re.compile(
    r"([0-9A-Fa-f]+)_\{?(?:\\text\{ ?)?([0-9]+|two|three|four|five|six|seven|eight|nine|ten)(?: ?\})?\}?"
)
_BASES = dict(
    zip(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], map(str, range(2, 11)), strict=True)
)
_COMMAS = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?")
_COMMA_NUMBER = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_AND_OR = re.compile(
    r"(?:\\text\s*\{\s*(and|or)\s*\}|(?<![A-Za-z\\])(and|or)(?![A-Za-z])|\\(lor|land|vee|wedge)(?![a-zA-Z]))"
)
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_SIGN = {
    "=": "=", "<": "<", ">": ">", "\\leq": "<=", "\\geq": ">=", "\\neq": "!=", "\\in": "in", "\\approx": "~",
    "\\equiv": "==", "\\sim": "~", "\\notin": "not in", "\\ni": "ni", "\\subset": "subset", "\\subseteq": "subset",
    "\\to": "->", "\\rightarrow": "->", "\\mapsto": "->", "\\implies": "->", "\\Rightarrow": "->", "\\iff": "<->",
    "\\perp": "perp", "\\parallel": "parallel", "\\mid": "divides", "\\cong": "cong", "\\Leftrightarrow": "<->",
}  # fmt: skip
_SOLVED = ("=", "in", "<", ">", "<=", ">=", "!=", "~")
_SETS = re.compile(r"\\(?:cup|cap|setminus|mathbb|emptyset)(?![a-zA-Z])")
_LABEL = re.compile(
    r"(?:[a-zA-Z]|\\[a-zA-Z]+|'|_(?:\{[^{}]*\}|[0-9a-zA-Z])|\^\{?[*']+\}?|\^\{-1\}|\{|\}|\s|\||:|/"
    r"|(?<=[a-zA-Z}'])\([^()=<>]*\)|\([^()0-9=<>]*\))+"
)
_NOT_LABEL = re.compile(r"\\(?:sqrt|pi|sin|cos|tan|log|ln|cdot|times|infty)(?![a-zA-Z])|^e$|^i$")
_SPACED = re.compile(r"\s+|\\(?:text|mathbf|overline|angle|measuredangle|triangle|vec|,)(?![a-zA-Z])|[{}|]")
_DESCRIBED = re.compile(r"\s*[a-zA-Z]\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?:\\mid(?![a-zA-Z])|\||:)(.*)", re.DOTALL)
_OPEN, _CLOSE = (
    ("{", "(", "[", "\\{", "\\langle", "\\lfloor", "\\lceil"),
    ("}", ")", "]", "\\}", "\\rangle", "\\rfloor", "\\rceil"),
)


class Unreadable(Exception):
    """The text is no answer that can be judged. Never leaves the verifier."""


def read(text: str) -> Value:
    """Return the value of a short text. Raises Unreadable."""
    if found := time(text):
        return found
    cleaned = clean(text)
    if not cleaned or "\\boxed" in cleaned:
        raise Unreadable
    try:
        return _read(cleaned)
    except RecursionError:
        raise Unreadable from None


def as_text(text: str) -> Words | None:
    r"""Return what no expression is read from as a text to be compared: letters and signs, without blanks and styles.

    None for what begins as a number, has no letter, or has a brace too many: that is a mistake and no text.
    """
    cleaned = clean(text)
    if not cleaned or _NO_TEXT.match(cleaned) or not re.search("[A-Za-z]{2}|[A-Za-z] ", cleaned):
        return None
    braces = re.sub(r"\\.", "", cleaned)
    if braces.count("{") != braces.count("}"):
        return None
    return Words(re.sub(r"\\(?:text|mathbf)(?![a-zA-Z])|[\s{}]", "", cleaned).casefold())


def words(text: str) -> str | None:
    r"""Return a word or several, \text{ } and brackets taken off, in small letters; None where it is none."""
    plain = " ".join(_WRAPPED.sub(r"\1", text).replace("\\ ", " ").split()).strip(".").strip()
    return plain.casefold() if _WORD.fullmatch(plain) else None


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


def _read(text: str) -> Value:
    text = text.strip()
    if word := words(text):
        return Words(word)
    plain = without_unit(text)
    if plain and _COMMAS.fullmatch(plain.strip()):
        return expression(plain.replace(",", ""))
    text = _without_commas(text)
    pieces, joints = _pieces(text)
    if len(pieces) > 1:
        return _joined(pieces, joints)
    return _piece(text)


def _joined(pieces: list[str], joints: list[str]) -> Value:
    """The value of several pieces: a list, or relations that belong together."""
    values = [value for piece in pieces for value in _several(piece)]
    if all(isinstance(value, Relation) for value in values):
        return Joined("or" if "or" in joints else "and" if "and" in joints else ",", tuple(values))
    labels = {value.label for value in values if isinstance(value, Labelled)}
    first = values[0]
    if len(labels) == 1 and isinstance(first, Labelled):
        # x = 1, 2 and x = 1, x = 2 are one list
        parts = tuple(value.value if isinstance(value, Labelled) else value for value in values)
        return Labelled(first.label, first.side, _listed(parts))
    return _listed(tuple(values))


def _listed(values: tuple[Value, ...]) -> Value:
    flat: list[Value] = []
    for value in values:
        flat += value.items if isinstance(value, Listing) and value.kind == "list" else (value,)
    return Listing("list", tuple(flat))


def _several(piece: str) -> Iterator[Value]:
    r"""The value of a piece, or its values where it holds \pm."""
    value = _piece(piece)
    yield from value.items if isinstance(value, Listing) and value.kind == "list" else (value,)


def _piece(text: str) -> Value:
    text = text.strip()
    sides, signs = _sides(text)
    if signs:
        return _related(sides, signs)
    plain = without_unit(text)
    if plain is None or not plain.strip():
        raise Unreadable
    text = plain.strip()
    if word := words(text):
        return Words(word)
    if based := _BASED.fullmatch(text):
        return Based(based[1].lower().lstrip("0") or "0", _BASES.get(based[2], based[2]))
    if found := _bracketed(text):
        return found
    count = len(re.findall(r"\\(?:pm|mp)(?![a-zA-Z])", text))
    if count > _SIGNS_READ:
        raise Unreadable
    if count:
        return Listing("list", tuple(expression(each) for each in _signed(text)))
    return expression(text)


def _related(sides: list[str], signs: list[str]) -> Value:
    if "~" in signs:
        # the value before an approximation is the exact one, unless it is the name
        cut = signs.index("~")
        if cut == 0 and is_label(sides[0]):
            signs[0] = "="
        else:
            sides, signs = sides[: cut + 1], signs[:cut]
            if not signs:
                return _piece(sides[0])
    if not all(side.strip() for side in sides):
        raise Unreadable
    if signs[0] in ("=", "in") and is_label(sides[0]):
        values = [_piece(side) for side in sides[1:]]
        # what stands between is worked out on the way: x = 2 + 3 = 5
        steps = Relation(tuple(values), tuple(signs[1:]))
        if len(values) > 1 and (set(signs) != {"="} or is_false(steps)):
            return Relation((_side(sides[0]), *values), tuple(signs))
        return Labelled(label(sides[0]), _side(sides[0]), values[-1])
    if any(sign not in _SOLVED for sign in signs):
        raise Unreadable
    if signs == ["="] and is_label(sides[1]) and not is_label(sides[0]):
        return Labelled(label(sides[1]), _side(sides[1]), _piece(sides[0]))
    return Relation(tuple(map(_factors, sides)), tuple(signs))


def _side(text: str) -> Value | None:
    try:
        return expression(text.strip())
    except Unreadable:
        return None


def _factors(text: str) -> Value:
    """The value of a side of a relation, where letters alone are a product and no word."""
    value = _piece(text)
    return (_side(text) or value) if isinstance(value, Words) and "\\text" not in text else value


def is_label(text: str) -> bool:
    """Whether it names something: x, m_{max}, f(2), |AB|, \\angle ABC, (x, y)."""
    text = text.strip()
    return bool(_LABEL.fullmatch(text)) and not _NOT_LABEL.search(text) and bool(re.search("[a-zA-Z]", text))


def label(text: str) -> str:
    return _SPACED.sub("", text)


def is_false(value: Value) -> bool:
    """Whether numbers on two sides that a sign joins do not stand in that relation: 3 = 5."""
    if not isinstance(value, Relation):
        return isinstance(value, Joined) and any(map(is_false, value.items))
    from passk.verifiers.math_equal import compare

    for left, sign, right in zip(value.sides, value.signs, value.sides[1:], strict=False):
        order = compare(left, right)
        if order is not None and order not in {"=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "<>"}.get(
            sign, order
        ):
            return True
    return False


def _bracketed(text: str) -> Value | None:
    """A tuple, interval or set where the text is one pair of brackets around several values, or braces around any."""
    tokens = [token[0] for token in _TOKEN.finditer(text)]
    pair = (tokens[0], tokens[-1])
    depth = 0
    if tokens[0] == "]" or tokens[-1] == "[":  # ]1, 2[ is (1, 2)
        tokens = ["(" if tokens[0] in "]" else tokens[0], *tokens[1:-1], ")" if tokens[-1] == "[" else tokens[-1]]
        pair = (tokens[0], tokens[-1])
    if tokens[0] not in _OPEN or tokens[-1] not in _CLOSE or len(tokens) < 2:
        return None
    for place, token in enumerate(tokens):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0 and place < len(tokens) - 1:
            return None
    inner = "".join(tokens[1:-1]).strip()
    pieces, _ = _pieces(inner)
    if pair == ("\\{", "\\}"):
        if not inner:
            return expression("\\emptyset")
        if described := _DESCRIBED.fullmatch(inner):
            return _read(described[1])
        return Listing("set", tuple(value for piece in pieces for value in _several(piece)))
    if len(pieces) < 2 or pair[0] in ("\\lfloor", "\\lceil"):
        if pair == ("(", ")") and inner and (len(pieces) == 1):
            return _piece(inner)
        return None
    if pair[0] == "\\langle":
        pair = ("(", ")")
    if pair[0] not in "([" or pair[1] not in ")]":
        return None
    return Listing("".join(pair), tuple(value for piece in pieces for value in _several(piece)))


def _without_commas(text: str) -> str:
    """The text with 1,000 as 1000, where every comma in it stands before three digits and no bracket is around all."""
    if text.startswith(("(", "[", "\\{")) or re.search(r",\s|,(?![0-9]{3}(?![0-9]))", text):
        return text
    return _COMMA_NUMBER.sub(lambda number: number[0].replace(",", ""), text)


def _pieces(text: str) -> tuple[list[str], list[str]]:
    """Parts at commas, semicolons, "and" and "or" outside of brackets, and what stands between them."""
    text = _AND_OR.sub(lambda word: "\x1f" if (word[1] or word[2] or word[3]) in ("or", "lor", "vee") else "\x1e", text)
    parts, joints, depth = [""], [], 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in _OPEN) - (token[0] in _CLOSE)
        if depth <= 0 and token[0] in ",;\x1e\x1f":
            joints.append({"\x1e": "and", "\x1f": "or"}.get(token[0], ","))
            parts.append("")
        else:
            parts[-1] += token[0].replace("\x1e", " and ").replace("\x1f", " or ")
    return [part.strip() for part in parts if part.strip()], joints


def _sides(text: str) -> tuple[list[str], list[str]]:
    parts, signs, depth = [""], [], 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in _OPEN) - (token[0] in _CLOSE)
        if depth == 0 and token[0] in _SIGN:
            signs.append(_SIGN[token[0]])
            parts.append("")
        else:
            parts[-1] += token[0]
    return parts, signs


def _signed(text: str) -> list[str]:
    r"""The texts that one with \pm stands for; a \mp takes the other sign of the \pm beside it."""
    plus, minus = r"\\pm(?![a-zA-Z])", r"\\mp(?![a-zA-Z])"
    if re.search(minus, text):
        return [re.sub(minus, b, re.sub(plus, a, text)) for a, b in (("+", "-"), ("-", "+"))]
    texts = [text]
    while re.search(plus, texts[0]):
        texts = [re.sub(plus, sign, each, count=1) for each in texts for sign in "+-"]
    return texts


def expression(text: str) -> "Basic":
    """Return what latex2sympy reads. Raises Unreadable for what it does not read, and for numbers that are too large."""
    from latex2sympy2_extended import latex2sympy
    from sympy import I, Mul, Rational, UnevaluatedExpr
    from sympy.matrices import MatrixBase

    from passk.verifiers.math_size import size

    if (percent := text.strip().removesuffix("\\%")) != text.strip() and not re.fullmatch(r"[-+]?[0-9.,]+\s*", percent):
        return Mul(expression(percent), UnevaluatedExpr(Rational(1, 100)), evaluate=False)
    for part in _WRAPPED.finditer(text):
        content = part[1].strip().strip("()").strip()
        if not content.isalpha() or (len(content) > 1 and part[0] != text.strip()):
            raise Unreadable

    try:
        found = latex2sympy(_finished(text), is_real=True, convert_degrees=False, normalization_config=None)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # of the lexer, the parser or sympy: each has its own
        raise Unreadable from None
    if found is None or isinstance(found, (str, list, tuple, bool)) or size(found) > DIGITS:
        raise Unreadable
    imaginary = [symbol for symbol in getattr(found, "free_symbols", ()) if symbol.name in ("i", "imath")]
    if imaginary:
        found = (
            found.subs({symbol: I for symbol in imaginary})
            if isinstance(found, MatrixBase)
            else found.xreplace({symbol: I for symbol in imaginary})
        )
    return found


def _finished(text: str) -> str:
    """The last changes, of what the steps before still need: bars, subscripts, and what latex2sympy has no word for."""
    text = re.sub(r"_\{\s*([0-9A-Za-z])\s*\}", r"_\1", text)
    text = re.sub(r"\\lg(?![a-zA-Z])", r"\\log", text)
    text = re.sub(r"(?<![A-Za-z0-9}])\\text\{([A-Za-z])\}", r"\1", text)
    return re.sub(r"^\+", "", text.strip())
