"""What may stand after a number and leave it the number that it is, and what makes another one of it."""

import re

_UNIT = re.compile(r"(?:[-/](?=[A-Za-z]{2}))?[A-Za-z%°€£¥µΩ][A-Za-z%°€£¥²³µΩ/^.*·-]*(?: [A-Za-z%°²³µΩ/^.·-]+){0,2}")
_NO_UNIT = re.compile(
    r"\b(?:and|or|not|no|isn't|is|was|wrong|incorrect|false|maybe|perhaps|to|but|than|about|approximately|roughly"
    r"|plus|minus|times|over|mod|modulo|choose|below|negative|x|e|pi|tau|phi|infinity|inf|root|sqrt|log|ln|sin|cos|tan"
    r"|squared|cubed|factorial|doubled|tripled|halved|twice|thrice|base|binary|octal|hex|hexadecimal"
    r"|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|(?:hundred|thousand|million|billion|trillion|quadrillion|dozen|lakh|crore)s?|mil|mln|mn|bn|bil|tn"
    r"|half|halves|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|twelfth|hundredth|thousandth|millionth)s?"
    r")(?![a-z])|[*^]",
    re.IGNORECASE,
)
# A letter alone is a variable, the imaginary unit or a thousand, but for those that are units too, and "a day".
_LETTER = re.compile(r"(?<![A-Za-z.])(?![ACFJLNVWghlms])(?!a [A-Za-z]{2})[A-Za-z](?![A-Za-z.])")


def is_unit(text: str) -> bool:
    """Whether it is a unit of up to three words and no more."""
    return bool(_UNIT.fullmatch(text)) and not makes_another(text)


def makes_another(text: str) -> bool:
    """Whether a word or a letter in it says another number, or takes back the one before it: million, squared, not."""
    return bool(_NO_UNIT.search(text) or _LETTER.search(text))
