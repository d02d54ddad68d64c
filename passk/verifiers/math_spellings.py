"""Other spellings of LaTeX commands, units, bases and binomials, and systems of equations as lists."""

import re
from math import prod

_SIGNS = "odot|oplus|otimes|star|ast|perp|parallel|circ|pm|mp|dagger"
_NAMES = {"-": "minus", "+": "plus", "*": "ast"}
_SPELLINGS = (
    (re.compile(r"\\(?:[dtcsx]|nice|flat)frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![a-zA-Z])"), r"\\binom"),
    (re.compile(r"\\(?:leqslant|leqq|le)(?![a-zA-Z])"), r"\\leq "),
    (re.compile(r"\\(?:geqslant|geqq|ge)(?![a-zA-Z])"), r"\\geq "),
    (re.compile(r"\\ne(?![a-zA-Z])"), r"\\neq "), (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"), (re.compile(r"<="), r"\\leq "), (re.compile(r">="), r"\\geq "),
    (re.compile(r"!="), r"\\neq "), (re.compile(r"\\varnothing(?![a-zA-Z])|\\O(?![a-zA-Z])"), r"\\emptyset "),
    (re.compile(r"\\(?:lbrace)(?![a-zA-Z])"), r"\\{"), (re.compile(r"\\(?:rbrace)(?![a-zA-Z])"), r"\\}"),
    (re.compile(r"\\(?:degree|textdegree)(?![a-zA-Z])|(?<=[0-9])\s*\\deg(?![a-zA-Z])|\\text\{ ?°\}"), r"^\\circ "),
    (re.compile(r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![a-zA-Z])|\^\s*(?:o(?![a-zA-Z])|\{o\})"), r"^\\circ "),
    (re.compile(r"\\mathbb\{R\}\s*(?:[\^_]\s*\{?\s*\\geq\s*0\s*\}?|_\s*\{?0\}?\s*\^\s*\{?\+\}?|\^\s*\{?\+\}?\s*_\s*\{?0\}?)"),
     r"[0,\\infty)"),
    (re.compile(r"(?<=[0-9])\s*\^\\circ\s*([CF])\s*$"), r"^\\circ \\text{\1}"),
    (re.compile(r"\\mathbb\{R\}\s*-\s*(?=(?:\\left\s*)?\\\{)"), r"\\mathbb{R}\\setminus "),
    (re.compile(r"(?<=[)\]\[])\s*U\s*(?=(?:\\left\s*)?(?:[(\[\]]|\\\{))"), r"\\cup "),
    (re.compile(r"(?<=[0-9])\s*\\ast(?![a-zA-Z])"), r"\\cdot "),
    (re.compile(r"(?<![0-9!.])([0-9]{1,3})!!(?!!)"), lambda match: str(prod(range(int(match[1]), 0, -2)))),
    (re.compile(r"\\cr(?![a-zA-Z])"), r"\\\\"), (re.compile(r"\{([pbBvV]?)smallmatrix\}"), r"{\1matrix}"),
    (re.compile(r"\\(max|min|gcd)\s*\\\{([^{}\\]*)\\\}"), r"\\\1(\2)"),
    (re.compile(r"\\log_10(?![0-9])"), r"\\log_{10} "), (re.compile(r"\\log_([0-9])(?=[0-9])"), r"\\log_{\1} "),
    (re.compile(r"\\(?:[bp]?mod)(?![a-zA-Z])\s*\{?\s*([0-9]+)\s*\}?|\(?\s*\\(?:text|mathrm|textrm)\{\s*\(?mod\s*\}"
                r"(?:\s|~|\\[ ,;:])*([0-9]+)\s*\)|\(\s*mod\s+([0-9]+)\s*\)"),
     lambda match: f"\\pmod{{{match[1] or match[2] or match[3]}}}"),
    (re.compile(r"\\mathbb\{R\}\s*(?:\^|_)\s*(?:\+|\{\s*(?:\+|>\s*0)\s*\})"), r"(0,\\infty)"),
    (re.compile(r"\\(?:colon)(?![a-zA-Z])|\{:\}|\\!:\\!"), ":"),
    (re.compile(r"\\(?:space|thinspace)(?![a-zA-Z])"), "~"),
    (re.compile(r"\\backslash(?![a-zA-Z])"), r"\\setminus "),
    (re.compile(r"\\(?:dots[cbmio]?|cdots)(?![a-zA-Z])"), r"\\ldots "),
    (re.compile(r"\\(?:text(?:normal|rm|it|bf|sf|tt)?|mbox|hbox|mathrm|mathit|mathsf|mathtt)(?=\s*\{)"), r"\\text"),
    (re.compile(r"\\(?:math(?:rm|it|sf)|text(?:rm|it)?)\s+([A-Za-z0-9])"), r"\\text{\1}"),
    (re.compile(r"\\(?:math(?:ord|punct|bin|rel))\{\s*,\s*\}|\\text\{,\}"), r"{,}"),
    (re.compile(r"\\(?:boldsymbol|bm|mathbf|pmb)(?=\s*\{)"), r"\\mathbf"), (re.compile(r"\\text\s+\{"), r"\\text{"),
    (re.compile(r"\*\*(?=\S)(?<=\S\*\*)"), "^"),
    (re.compile(r"\s*(?:\\text\{\s*)?(?<![a-zA-Z])(?:percent(?:age)?|pct)(?![a-zA-Z])(?:\s*\})?|(?<!\\)%"), r"\\%"),
    (re.compile(r"\\\\\s*\[-?[0-9.]+\s*(?:pt|em|ex|mm|cm|in)\]"), r"\\\\"),
    (re.compile(r"\\text\{\s*([,;:])\s+\}"), r"\1 "),
    (re.compile(r"\\dot\s*\{?([0-9])\}?([0-9]*)\\dot\s*\{?([0-9])\}?"), r"\\overline{\1\2\3}"),
    # Conditions: for integer k, k an integer, for all n.
    (re.compile(r"[,;]?\s*\\text\{\s*,?\s*(?:(?:for|where|with)\s+)?(?:(?:all|any|some|every|each)\s+)?integers?\s*\}"
                r"\s*([a-z])(?![a-z])"), r", \1\\in\\mathbb{Z}"),
    (re.compile(r"[,;]?\s*(?:\\text\{\s*,?\s*(?:where|for|with)?\s*\}?\s*|\s)\$?([a-z])\$?\s*(?:\\text\{\s*)?(?:is\s+)?"
                r"any?\s+integer\s*\}"), r", \1\\in\\mathbb{Z}"),
    (re.compile(r"[,;]?\s*\\text\{\s*,?\s*(?:for|where|with)\s*\}\s*(?=[a-z]\s*\\in(?![a-z]))"), ", "),
    (re.compile(r"[,;]?\s*\\text\{\s*,?\s*for (?:all|any|every|each)\b[^{}]*\}[^,;]*$"), ""),
    (re.compile(r"\\big(cup|cap)(?![a-zA-Z])"), r"\\\1 "),
    (re.compile(r"\^\s*(?:\{((?:\s*\\prime(?![a-zA-Z])\s*){1,3})\}|\\prime(?![a-zA-Z]))"),
     lambda match: "'" * match[0].count("prime")),
    # Subscripts that are signs: M_\odot, x_{+}.
    (re.compile(rf"(?<=[A-Za-z])_\s*(?:\{{\s*\\({_SIGNS})\s*\}}|\\({_SIGNS})(?![a-zA-Z]))"),
     lambda match: f"_{{{match[1] or match[2]}}}"),
    (re.compile(r"(?<=[A-Za-z])_\{\s*([-+*])\s*\}"), lambda match: f"_{{{_NAMES[match[1]]}}}"),
    # 1./3
    (re.compile(r"(?<=[0-9])\.(?=\s*(?:[-+*/)\]},]|\\(?:times|cdot|div|pi|sqrt|frac|leq?|geq?)(?![a-zA-Z])))"), ""),
    (re.compile(r"\\mathbb\s+([A-Z])|\\mathbf\{([NZQR])\}"), r"\\mathbb{\1\2}"),
    (re.compile(r"\\(?:hat|widehat|vec|overrightarrow)\s*\{?\s*\\?([ijk])(?:math)?(?![a-zA-Z])\s*\}?"),
     r"\\mathbf{\1}"),
    (re.compile(r"\\(?:operatorname\{\s*|text\{\s*)?(arc)?(c?)tg(?![a-zA-Z])(?:\s*\})?"), r"\\\1\2tg "),
    (re.compile(r"\\arcctg "), r"\\arccot "), (re.compile(r"\\arctg "), r"\\arctan "),
    (re.compile(r"\\ctg "), r"\\cot "), (re.compile(r"\\tg "), r"\\tan "),
    (re.compile(r"\\log_\s*(?:\{\s*e\s*\}|e(?![a-zA-Z]))"), r"\\ln "),
    # \ln 3/\ln 2 is no logarithm of a quotient.
    (re.compile(r"\\(ln|log|lg)\s*([0-9]+(?:\.[0-9]+)?|[a-z])\s*/(?=\s*\\(?:ln|log|lg)(?![a-zA-Z]))"), r"\\\1(\2)/"),
    (re.compile(r"^\s*(?:\\(?:therefore|implies|Rightarrow|Longrightarrow|iff)(?![a-zA-Z])|[∴⇒⟹])\s*"), ""),
    (re.compile(
        r"^\s*\\text\{\s*(?:(?:so|thus|hence|therefore|then|the|our|final|correct|answers?|solutions?|results?|values?)\b"
        r",?\s*)*(?:is|are|equals|answer:|solutions?:)\s*\}(?=\s*\S)", re.IGNORECASE), ""),
    (re.compile(r"^\s*(?:US\$|(?:USD|EUR|GBP|INR|Rs\.?)(?=[\s0-9]))\s*"), ""),
    (re.compile(r"(?<=[0-9}])\s*\^\s*\{?\s*\\text\s*\{\s*(?:st|nd|rd|th)\s*\}(?:\s*\})?"), ""),
    (re.compile(r"(?<=[0-9])(?:\s|\\[,;: ]|~)*\\mu\s*\\text\{\s*"), r"\\text{µ"),
    (re.compile(r"(?<=[0-9])(?:\s|\\[,;: ]|~)*\\Omega\s*$"), r"\\text{ Ω}"),
    (re.compile(r"(?<=[0-9}])\s*\\frac\{\\text\{([A-Za-z ]+)\}\}\{\\text\{([A-Za-z ]+)\}(?:\^\{?2\}?)?\}\s*$"),
     r"\\text{ \1/\2}"),
    (re.compile(r"^\s*([0-9]+)(?:\s*\\text\{\s*to\s*\}\s*|\s+to\s+)([0-9]+)\s*$|(?<=[0-9])\\text\{\s*:\s*\}(?=[0-9])"),
     lambda match: f"{match[1]}:{match[2]}" if match[1] else ":"),
    (re.compile(r"^\s*(?:x\s*=\s*)?\\text\{\s*(?:the set of )?all real(?: number)?s (?:x )?(?:except|other than)"
                r"(?: for)?\s*(?:\}\s*(.+)|([^{}]+)\})\s*$", re.IGNORECASE),
     lambda match: f"\\mathbb{{R}}\\setminus\\{{{_AND.sub(', ', match[1] or match[2])}\\}}"),
    (re.compile(r"^\s*(?:\\text\{)?\s*(?:the set of )?all (?:real numbers|reals)\.?\s*\}?\s*$", re.IGNORECASE),
     r"\\mathbb{R}"),
    (re.compile(r"\\text\{\s*(-?\s*)infinity\s*\}", re.IGNORECASE), r"\1\\infty "),
    (re.compile(r"(?<![a-zA-Z])C\(\s*([0-9]+)\s*,\s*([0-9]+)\s*\)|\{\s*([0-9]+)\s*\\choose\s*([0-9]+)\s*\}"),
     lambda match: _binomial(match[1] or match[3], match[2] or match[4])),
    (re.compile(r"(?:\{\})?[_^]\{?([0-9]{1,4})\}?\s*(?:P|\\text\{\s*P\s*\})_\{?([0-9]{1,4})\}?"),
     lambda match: f"\\frac{{{match[1]}!}}{{{max(int(match[1]) - int(match[2]), 0)}!}}"),
    (re.compile(r"\\text\{\s*C\s*\}(?=\s*[_^])"), "C"),
    (re.compile(r"(?:\{\})?[_^]\{?([0-9]+)\}?\s*C_\{?([0-9]+)\}?"), lambda match: _binomial(match[1], match[2])),
    (re.compile(r"(?<![a-zA-Z])C_\{?([0-9]+)\}?\^\{?([0-9]+)\}?|(?<![a-zA-Z])C\^\{?([0-9]+)\}?_\{?([0-9]+)\}?"),
     lambda match: _binomial(*sorted(filter(None, match.groups()), key=int, reverse=True))),
    (re.compile(r"^\s*\\text\{\s*([(]?[A-Za-z]+[)]?(?:\s*,\s*(?:and\s)?\s*[(]?[A-Za-z]+[)]?|\s+and\s+[(]?[A-Za-z]+[)]?)+)\s*\.?\}\s*$"),
     lambda match: re.sub(r"([A-Za-z]{2,})|\(([A-Za-z])\)", _word, match[1])),
    # 1011 \text{ (base 2)} and (1011)_2
    (re.compile(
        r"(?<![0-9A-Za-z.,])([0-9A-F]+)(?:\s*\\text\{\s*\(?\s*|\s+)(?:in )?base[ -]?\s*(?:\}\s*\{?)?"
        r"([0-9]{1,2}|two|three|four|five|six|seven|eight|nine|ten)\)?\s*\}?\s*$"),
     r"\1_{\2}"),
    (re.compile(
        r"^\s*\(?\s*(?:\\text\{)?([0-9A-Fa-f]+)(?:\\text\{([A-Fa-f]+)\})?\}?\s*\)?\s*"
        r"_\s*\{?\s*\(?(?:\\text\{\s*base\s*\}?)?\s*([0-9]{1,2})\)?\s*\}{0,2}\s*$"),
     lambda match: f"{match[1]}{match[2] or ''}_{{{match[3]}}}"),
)  # fmt: skip
_AND = re.compile(r"\\text\{\s*,?\s*(?:and|or)\s*\}|(?<![a-z])(?:and|or)(?![a-z])")
_SYSTEM = re.compile(
    r"(?:\\left\s*)?(?:\\\{|\\lbrace)?\s*"
    r"\\begin\{(cases|aligned|align|gathered|split|array)\*?\}(?:\{[lcr| ]*\})?(.*?)\\end\{\1\*?\}"
    r"\s*(?:\\right\s*\.)?",
    re.DOTALL,
)
_CONDITION = re.compile(r"\\text\s*\{|\\quad|(?<!\\)&\s*(?![=<>]|\\[lg]e)")


def respelled(text: str) -> str:
    """Return the text with one spelling of each form, and a system of equations as a list."""
    text = _SYSTEM.sub(_listed, text)
    for pattern, command in _SPELLINGS:
        text = pattern.sub(command, text)
    return text


def _listed(system: re.Match[str]) -> str:
    """Return the rows of a system with commas between them. A piecewise function or a matrix is unchanged."""
    rows = [row.strip().rstrip(",;.").strip() for row in system[2].split("\\\\")]
    rows = [row for row in rows if row]
    if not rows or not all("=" in row for row in rows) or any(_CONDITION.search(row) for row in rows):
        return system[0]
    return ", ".join(row.replace("&", "") for row in rows)


def _binomial(above: str, below: str) -> str:
    return f"\\binom{{{above}}}{{{below}}}"


def _word(match: re.Match[str]) -> str:
    r"""Return a word of a list in \text{ }; "and" as a comma, a letter without its brackets."""
    return match[2] or (", " if match[1] == "and" else f"\\text{{{match[1]}}}")
