r"""Parse a text at its commas, brackets and relation signs into a value.

latex2sympy parses the expressions between them, and unions of sets. The caller limits the length of texts.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from passk.verifiers.math_conditions import without_conditions
from passk.verifiers.math_expression import expression
from passk.verifiers.math_text import clean
from passk.verifiers.math_values import (
    RATIO,
    SUPPOSED,
    Based,
    Joined,
    Labelled,
    Listing,
    Relation,
    Unreadable,
    Value,
    Words,
    is_false,
    is_label,
    label,
    time,
    words,
)
from passk.verifiers.units import without_unit

_DEEPEST = 20
_SIGNS_READ = 2
"""Most signs \\pm in one expression."""
_BASED = re.compile(
    r"([0-9A-Fa-f]+)_\{?(?:\\text\{ ?)?([0-9]+|two|three|four|five|six|seven|eight|nine|ten)(?: ?\})?\}?"
)
_BASES = dict(
    zip(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], map(str, range(2, 11)), strict=True)
)
_COMMAS = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?")
_COMMA_NUMBER = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_POINT = re.compile(r"[A-Z]'?(?:_\{?[0-9]\}?)?\s*(\([^()]*[,;][^()]*\))")
_AND_OR = re.compile(
    r"(?:\\text\s*\{\s*(and|or)\s*\}|(?<![A-Za-z\\])(and|or)(?![A-Za-z])|\\(lor|land|vee|wedge)(?![a-zA-Z]))"
)
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_SIGN = {
    "=": "=", "<": "<", ">": ">", "\\leq": "<=", "\\geq": ">=", "\\neq": "!=", "\\in": "in", "\\approx": "~",
    "\\equiv": "==", "\\sim": "sim", "\\notin": "not in", "\\ni": "ni", "\\subset": "subset", "\\subseteq": "subset",
    "\\to": "->", "\\rightarrow": "->", "\\mapsto": "->", "\\implies": "->", "\\Rightarrow": "->", "\\iff": "<->",
    "\\perp": "perp", "\\parallel": "parallel", "\\mid": "divides", "\\cong": "cong", "\\Leftrightarrow": "<->",
}  # fmt: skip
_SOLVED = ("=", "in", "<", ">", "<=", ">=", "!=", "~")
_SETS = re.compile(r"\\(?:cup|cap|setminus|mathbb|emptyset)(?![a-zA-Z])")
_DESCRIBED = re.compile(r"\s*[a-zA-Z]\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?:\\mid(?![a-zA-Z])|\||:)(.*)", re.DOTALL)
_OPEN, _CLOSE = (
    ("{", "(", "[", "\\{", "\\langle", "\\lfloor", "\\lceil"),
    ("}", ")", "]", "\\}", "\\rangle", "\\rfloor", "\\rceil"),
)


def read(text: str) -> Value:
    """Return the value of a short text. Raises Unreadable."""
    if clock := time(text):
        return clock
    try:
        cleaned = clean(text)
        if (
            not cleaned
            or "\\boxed" in cleaned
            or ("=" in cleaned and SUPPOSED.match(cleaned))
            or _depth(cleaned) > _DEEPEST
        ):
            raise Unreadable
        return _read(cleaned)
    except RecursionError:
        raise Unreadable from None


def _depth(text: str) -> int:
    """Return the depth of nested brackets, closed or not."""
    depths = list(accumulate((sign in "([{") - (sign in ")]}") for sign in text))
    return max(depths, default=0) - min(0, *depths)


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
    """Return the value of several pieces: a list, or joined relations."""
    values = without_conditions([value for piece in pieces for value in _several(piece)])
    if len(values) == 1:
        return values[0]
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
    r"""Yield the value of a piece, or its values if it has a \pm."""
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
    if point := _POINT.fullmatch(text):  # P(1, 2)
        return Labelled(text[0], None, _piece(point[1]))
    if len(parts := re.split(r"(?<!\{):(?!\})", text)) > 2:
        return _ratio([expression(part.strip()) for part in parts])
    count = len(re.findall(r"\\(?:pm|mp)(?![a-zA-Z])", text))
    if count > _SIGNS_READ:
        raise Unreadable
    if count:
        return Listing("list", tuple(expression(each) for each in _signed(text)))
    return expression(text)


def _ratio(parts: Sequence[Value]) -> Value:
    if not parts[0] or any(getattr(part, "is_zero", False) for part in parts):
        raise Unreadable
    return Listing(RATIO, tuple(part / parts[0] for part in parts))


def _related(sides: list[str], signs: list[str]) -> Value:
    if "~" in signs:
        # The value before an approximation is exact, unless it is the name.
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
        # The sides between are intermediate steps: x = 2 + 3 = 5.
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
    """Return the value of a side of a relation. Bare letters are a product, not a word."""
    value = _piece(text)
    return (_side(text) or value) if isinstance(value, Words) and "\\text" not in text else value


def _bracketed(text: str) -> Value | None:
    """Return a tuple, interval or set if one pair of brackets encloses several values, or braces enclose any."""
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
    """Return the text with 1,000 as 1000, if three digits follow every comma and no bracket encloses the text."""
    if text.startswith(("(", "[", "\\{")) or re.search(r",\s|,(?![0-9]{3}(?![0-9]))", text):
        return text
    return _COMMA_NUMBER.sub(lambda number: number[0].replace(",", ""), text)


def _pieces(text: str) -> tuple[list[str], list[str]]:
    """Split at commas, semicolons, "and" and "or" outside of brackets, and return the parts and the separators."""
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
    r"""Return the texts for each sign of \pm. A \mp has the opposite sign of the \pm beside it."""
    plus, minus = r"\\pm(?![a-zA-Z])", r"\\mp(?![a-zA-Z])"
    if re.search(minus, text):
        return [re.sub(minus, b, re.sub(plus, a, text)) for a, b in (("+", "-"), ("-", "+"))]
    texts = [text]
    while re.search(plus, texts[0]):
        texts = [re.sub(plus, sign, each, count=1) for each in texts for sign in "+-"]
    return texts
