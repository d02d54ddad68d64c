r"""Parse a text at its commas, brackets and relation signs into a value.

latex2sympy parses the expressions between them, and unions of sets. The caller limits the length of texts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from passk.verifiers import math_numbers as numbers
from passk.verifiers import math_split as split
from passk.verifiers.math_conditions import without_conditions
from passk.verifiers.math_expression import expression
from passk.verifiers.math_text import clean, ungrouped
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
    is_empty,
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
_NUMERALS = ("zero", "one", *_BASES, "eleven", "twelve")
_COMMAS = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?")
# ]1, 2[ is (1, 2)
_REVERSED = re.compile(
    r"((?:(?<![0-9A-Za-z)}])|(?<=\\cup)|(?<=\\cap)|(?<=\\in))[\[\]])([^\[\],;]+[,;][^\[\],;]+)([\[\]])"
)
_RESIDUE = re.compile(r"(?:([a-z])\s*\\equiv\s*)?(-?[0-9]{1,40})\s*\\pmod\s*\{\s*([0-9]{1,40})\s*\}")
_TRANSPOSED = re.compile(r"([(\[].*[)\]])\s*\^\s*\{\s*(?:T|\\top|\\intercal|\\(?:text|mathbf)\s*\{\s*T\s*\})\s*\}")
_POINT = re.compile(r"[A-Z]'?(?:_\{?[0-9]\}?)?\s*(\([^()]*[,;][^()]*\))")
_SOLVED = ("=", "in", "<", ">", "<=", ">=", "!=", "~")
_DESCRIBED = re.compile(r"\s*[a-zA-Z]\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?:\\mid(?![a-zA-Z])|\||:)(.*)", re.DOTALL)


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
        return _worded(word)
    text = _REVERSED.sub(lambda pair: f"{'(['[pair[1] == '[']}{pair[2]}{')]'[pair[3] == ']']}", text)
    plain = without_unit(text)
    if plain and _COMMAS.fullmatch(plain.strip()):
        return expression(plain.replace(",", ""))
    pieces, joints = split.pieces(split.without_commas(text))
    if len(pieces) > 1:
        return _joined(pieces, joints)
    return _piece(text)


def _worded(word: str) -> Value:
    if is_empty(word):
        return expression("\\emptyset")
    return expression(str(_NUMERALS.index(word))) if word in _NUMERALS else Words(word)


def _residue(residue: re.Match[str]) -> Value:
    """Return a number modulo another one as words: 19 (mod 12) is "7 mod 12"."""
    modulus = int(residue[3])
    if not modulus:
        raise Unreadable
    value = Words(f"{int(residue[2]) % modulus} mod {modulus}")
    return Labelled(residue[1], None, value) if residue[1] else value


def _joined(pieces: list[str], joints: list[str]) -> Value:
    """Return the value of several pieces: a list, or joined relations."""
    operands = [_piece(piece) for piece in pieces]
    if alternatives := _alternatives(operands, joints):
        return alternatives
    values = without_conditions(_listed(tuple(operands)).items)
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, Relation) for value in values):
        return Joined("or" if "or" in joints else "and" if "and" in joints else ",", tuple(values))
    labels = {value.label for value in values if isinstance(value, Labelled)}
    first = values[0]
    if isinstance(first, Relation) and first.signs == ("!=",) and all(map(numbers.is_number, values[1:])):
        # x \neq 1, 2
        return Joined("and", (first, *(Relation((first.sides[0], value), first.signs) for value in values[1:])))
    if len(labels) == 1 and isinstance(first, Labelled) and first.label.startswith("("):
        # (x, y) = (1, 2), (3, 4)
        parts = [value.value if isinstance(value, Labelled) else value for value in values]
        if all(isinstance(part, Listing) for part in parts):
            return _listed(tuple(replace(first, value=part) for part in parts))
    if len(labels) == 1 and isinstance(first, Labelled):
        # x = 1, 2 and x = 1, x = 2 are one list
        parts = tuple(value.value if isinstance(value, Labelled) else value for value in values)
        return Labelled(first.label, first.side, _listed(parts))
    return _listed(tuple(values))


def _alternatives(values: list[Value], joints: list[str]) -> Value | None:
    """Return x = 1, y = 2 or x = 3, y = 4 as a list of tuples, x = 1 or y = 2 as joined equations, None for others."""
    named = [value for value in values if isinstance(value, Labelled)]
    names = [value.label for value in named]
    count = len(set(names))
    if len(named) != len(values) or count < 2:
        return None
    if len(names) > count and len(names) % count == 0 and names == names[:count] * (len(names) // count):
        solutions = [sorted(named[at : at + count], key=lambda one: one.label) for at in range(0, len(named), count)]
        label = f"({','.join(sorted(set(names)))})"
        return _listed(
            tuple(Labelled(label, None, Listing("()", tuple(one.value for one in each))) for each in solutions)
        )
    if "or" in joints and all(value.side is not None for value in named):
        return Joined("or", tuple(Relation((value.side, value.value), ("=",)) for value in named if value.side))
    return None


def _listed(values: tuple[Value, ...]) -> Listing:
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
    if residue := _RESIDUE.fullmatch(text):
        return _residue(residue)
    sides, signs = split.sides(text)
    if signs:
        return _related(sides, signs)
    plain = without_unit(text)
    if plain is None or not plain.strip():
        raise Unreadable
    text = plain.strip()
    if word := words(text):
        return _worded(word)
    if based := _BASED.fullmatch(text):
        return Based(based[1].lower().lstrip("0") or "0", _BASES.get(based[2], based[2]))
    if transposed := _TRANSPOSED.fullmatch(text):
        row = _bracketed(transposed[1])
        if isinstance(row, Listing) and row.kind in ("()", "[]"):
            return Listing("()", row.items)
    if bracketed := _bracketed(text):
        return bracketed
    if point := _POINT.fullmatch(text):  # P(1, 2)
        return Labelled(text[0], None, _piece(point[1]))
    if len(parts := re.split(r"(?<!\{):(?!\})", text)) > 2:
        return _ratio([expression(part.strip()) for part in parts])
    count = len(re.findall(r"\\(?:pm|mp)(?![a-zA-Z])", text))
    if count > _SIGNS_READ:
        raise Unreadable
    if count:
        return Listing("list", tuple(expression(each) for each in split.signed(text)))
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
    tokens = [token[0] for token in split.TOKEN.finditer(text)]
    pair = (tokens[0], tokens[-1])
    depth = 0
    if tokens[0] not in split.OPEN or tokens[-1] not in split.CLOSE or len(tokens) < 2:
        return None
    for place, token in enumerate(tokens):
        depth += (token in split.OPEN) - (token in split.CLOSE)
        if depth == 0 and place < len(tokens) - 1:
            return None
    inner = ungrouped("".join(tokens[1:-1]).strip())
    pieces, _ = split.pieces(inner)
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
