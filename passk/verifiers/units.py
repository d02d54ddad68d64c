"""What may stand after a number and leave it the number that it is, and what makes another one of it."""

import re

_UNIT = re.compile(r"(?:[-/](?=[A-Za-z]{2}))?[A-Za-z%°€£¥µΩ][A-Za-z%°€£¥²³µΩ/^.*·-]*(?: [A-Za-z%°²³µΩ/^.·-]+){0,2}")
_NO_UNIT = re.compile(
    r"\b(?:and|or|not|no|isn't|is|was|wrong|incorrect|false|maybe|perhaps|to|but|than|about|approximately|roughly"
    r"|plus|minus|times|over|mod|modulo|choose|below|negative|x|e|pi|tau|phi|infinity|inf|root|sqrt|log|ln|sin|cos|tan"
    r"|squared|cubed|factorial|doubled|tripled|halved|twice|thrice|base|binary|octal|hex|hexadecimal"
    r"|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|(?:hundred|thousand|(?:m|b|tr|quadr|quint|sext)illion|milliard|dozen|lakh|lac|crore)s?|tens"
    r"|mil|mln|mio|mn|bn|bln|bil|tn|mrd|tsd"
    r"|half|halves|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|twelfth|hundredth|thousandth|millionth)s?"
    # "5 sixteenth notes" are five, and so are eleventh graders
    r"|(?:eleventh|(?:thir|four|fif|six|seven|eigh|nine)teenth|(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet)ieth"
    r"|(?:b|tr)illionth)(?:s|(?=$| of\b))"
    r")(?![a-z])|[*^]",
    re.IGNORECASE,
)
# "5 gross tons", "5 grand pianos", "5 mega watts" and "an average score" are what their nouns say.
_MULTIPLE = re.compile(
    r"-?(?:score|gross|grand|deca|hecto|mega|giga|tera|peta|exa|deci|centi|milli|micro|nano|pico)"
    r"(?=$| of\b)",
    re.IGNORECASE,
)
# A letter alone is a variable, the imaginary unit or a thousand, but for those that are units too, and "a day".
_LETTER = re.compile(r"(?<![A-Za-z.])(?![ACFJLNVWghlms])(?!a [A-Za-z]{2})[A-Za-z](?![A-Za-z.])")


def is_unit(text: str) -> bool:
    """Whether it is a unit of up to three words and no more."""
    return bool(_UNIT.fullmatch(text)) and not makes_another(text)


def makes_another(text: str) -> bool:
    """Whether a word or a letter in it says another number, or takes back the one before it: million, squared, not."""
    return bool(_NO_UNIT.search(text) or _MULTIPLE.match(text) or _LETTER.search(text))
