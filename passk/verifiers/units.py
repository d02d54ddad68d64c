"""Units after a number, and words after a number that change its value."""

import re

_UNIT = re.compile(r"(?:[-/](?=[A-Za-z]{2}))?[A-Za-z%°€£¥₹¢µΩ][A-Za-z%°€£¥²³µΩ/^.*·-]*(?: [A-Za-z%°²³µΩ/^.·-]+){0,2}")
_NO_UNIT = re.compile(
    r"\b(?:and|or|not|no|isn't|is|was|wrong|incorrect|false|maybe|perhaps|to|but|than|about|approximately|roughly"
    r"|plus|minus|opposite|inverse|reciprocal|times|over|mod|modulo|choose|below|negative|x|e|pi|tau|phi|infinity|inf|root|sqrt|log|ln|sin|cos|tan"
    r"|squared|cubed|factorial|doubled|tripled|halved|twice|thrice|base|binary|octal|hex|hexadecimal"
    r"|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|(?:hundred|thousand|(?:m|b|tr|quadr|quint|sext)illion|milliard|dozen|lakh|lac|crore)s?|tens"
    r"|mil|mln|mio|mn|bn|bln|bil|tn|mrd|tsd"
    r"|half|halves|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|twelfth|hundredth|thousandth|millionth)s?"
    # "5 sixteenth notes" and "5 eleventh graders" are five
    r"|(?:eleventh|(?:thir|four|fif|six|seven|eigh|nine)teenth|(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet)ieth"
    r"|(?:b|tr)illionth)(?:s|(?=$| of\b))"
    r")(?![a-z])|[*^]",
    re.IGNORECASE,
)
# "5 gross tons", "5 grand pianos", "5 mega watts" and "an average score" are units with a noun.
_MULTIPLE = re.compile(
    r"-?(?:score|gross|grand|deca|hecto|mega|giga|tera|peta|exa|deci|centi|milli|micro|nano|pico)"
    r"(?=$| of\b)",
    re.IGNORECASE,
)
# A single letter is a variable, the imaginary unit or a thousand, except for letters of units, and "a day".
_LETTER = re.compile(r"(?<![A-Za-z.])(?![ACFJLNVWghlms])(?!a [A-Za-z]{2})[A-Za-z](?![A-Za-z.])")

_TEXT = r"\\text\s*\{((?:[^{}\\]|\\[ ,;$%]|\^\{-?[0-9]\})*)\}(\s*\^\s*(?:[0-9]|\{\s*-?[0-9]\s*\}))?"
_ONE_TEXT = re.compile(_TEXT)
# Adjacent texts, or texts with a slash or a dot between them, at the end of a value.
_TEXTS = re.compile(rf"(?<=[0-9A-Za-z)}}\]|%!.'])\s*({_TEXT}(?:\s*(?:(?:/|\\cdot)\s*)?{_TEXT})*)\s*$")
_UNIT_TEXT = re.compile(r"[(\[]?[A-Za-z%°$€£¥₹¢µΩ][A-Za-z%°$€£¥²³µΩ/.,()' ·-]*")
_POWER = re.compile(r"(?<=[A-Za-z])\^(?:\{-?[0-9]\}|-?[0-9])")

_SHORT = (
    "mm|cm|dm|km|mi|ft|yd|in|kg|mg|lb|lbs|oz|ml|mL|cl|kL|gal|qt|pt|hr|hrs|min|mins|sec|secs|ms|mph|kph|kmh|cc|sq|cu"
    "|Hz|kHz|kW|kWh|kJ|km/h|km/hr|mi/h|ft/s|m/s|cm/s|rad|deg|men|cows|pm|am|USD|EUR|GB|MB|pts|yrs|yr|wk|ants|eggs"
    "|cats|dogs|cars|pens|bags|tons|cups|boys|kids|ways|bits|feet|days|inch|mile|mils|cent|year|hour|unit"
)
_PLAIN = re.compile(
    r"(?:(?<=[0-9)}%])|(?<=\\pi))(?P<gap>\s*)(?P<unit>[A-Za-z]+\.?(?:(?:\s*\^\{-?[1-3]\})?(?:\s+|\s*/\s*|-)[A-Za-z]+\.?)*)"
    r"(?:\s*\^\{(?P<power>-?[1-3])\})?\s*$"
)
_WORDS = re.compile(r"[A-Za-z]+(?:/[A-Za-z]+)?")
_SHORT_WORD = re.compile(rf"(?:{_SHORT})s?")
# Shorter words that are units only after a blank.
_SPACED_WORD = re.compile(
    r"(?:cup|jar|box|bus|day|ton|row|toy|egg|ant|pen|bag|car|cat|dog|cow|hen|pie|man|hat|pig|bit|job|lap|run|can|cap|key)"
    r"(?:s|es)?"
)
_LONG_WORD = re.compile(r"(?=[a-z]*[aeiouy])[a-z]{4,}", re.IGNORECASE)
_LINK = re.compile(r"per|a|an|the|of|and|p\.?m|a\.?m|[msh]")
_ONE_LETTER = re.compile(r"(?<=[0-9)}])\s+[ACFJLNVWghlms](?:\s*\^\{[23]\})?(?:\s*/\s*[smh](?:\s*\^\{2\})?)?\s*$")


def is_unit(text: str) -> bool:
    """Return whether a text is a unit of up to three words."""
    return bool(_UNIT.fullmatch(text)) and not makes_another(text)


def makes_another(text: str) -> bool:
    """Return whether a word or letter changes or denies the number before it: million, squared, not."""
    return bool(_NO_UNIT.search(text) or _MULTIPLE.match(text) or _LETTER.search(text))


def without_unit(text: str) -> str | None:
    r"""Return a value without its final unit, as \text{ } or plain; None if its end is no unit.

    text: output of `math_text.clean`. A single letter in \text{ } that is no unit is a variable.
    """
    if tail := _TEXTS.search(text):
        before = text[: tail.start()]
        parts = [(one[1].replace("\\", "").strip(), one[2] or "") for one in _ONE_TEXT.finditer(tail[1])]
        words, power = parts[0]
        if len(parts) == 1 and (not words or (len(words) == 1 and words.isalpha() and makes_another(words))):
            return f"{before} {words}{power}" if words else before
        unit = " ".join(_POWER.sub("", words) for words, _ in parts)
        return before if _UNIT_TEXT.fullmatch(unit) and not makes_another(unit) else None
    tail = _PLAIN.search(text)
    if not tail or not _is_plain_unit(tail["unit"], spaced=bool(tail["gap"])):
        return text
    return None if makes_another(_POWER.sub("", tail["unit"])) else text[: tail.start()]


def without_letter(text: str) -> str:
    """Return a number without the letter that may be its unit: "5 m", "60 m/s"."""
    return _ONE_LETTER.sub("", text)


def _is_plain_unit(text: str, *, spaced: bool) -> bool:
    """Return whether letters after a number are words instead of a product of variables."""
    words = _WORDS.findall(_POWER.sub("", text))
    first = words[0]
    if not _SHORT_WORD.fullmatch(first):
        first, _, below = first.partition("/")
        if not spaced or not (_SPACED_WORD.fullmatch(first) or _LONG_WORD.fullmatch(first)):
            return False
        words += [below] if below else []
    known = (_SHORT_WORD, _SPACED_WORD, _LONG_WORD, _LINK)
    return all(any(form.fullmatch(word) for form in known) for word in words[1:])
