r"""Rewrite the LaTeX of models as LaTeX that latex2sympy reads.

`clean` maps Unicode signs to commands, drops styles and delimiters, joins digit groups, completes the braces of
\frac12 and \sqrt2, and writes 1e-7 and 0.\overline{3} as exact numbers. It does not judge values.
"""

import re
import unicodedata
from fractions import Fraction

from passk.verifiers.math_spellings import respelled

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙᵢ", "0123456789+-=()ni")
_SIGNS = {
    **dict.fromkeys("−–—‐‑‒﹣－", "-"),
    **dict.fromkeys("·⋅∙•", "\\cdot "),
    **dict(zip("，（）：；＝＋＜＞［］｛｝．", ",():;=+<>[]{}.", strict=True)),
    **dict.fromkeys("\u2009\u202f\u00a0", "~"),
    **dict.fromkeys("\u200b\u2060\ufeff\u2061", ""),
    **{"、": ",", "。": ".", "×": "\\times ", "÷": "\\div ", "°": "^\\circ ", "º": "^\\circ ", "∞": "\\infty "},
    **{"≤": "\\leq ", "≥": "\\geq ", "⩽": "\\leq ", "⩾": "\\geq ", "≠": "\\neq ", "≈": "\\approx ", "±": "\\pm "},
    **{"∓": "\\mp ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "∅": "\\emptyset ", "∖": "\\setminus "},
    **{"ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}"},
    **{"π": "\\pi ", "θ": "\\theta ", "φ": "\\phi ", "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma "},
    **{"δ": "\\delta ", "λ": "\\lambda ", "μ": "\\mu ", "σ": "\\sigma ", "ω": "\\omega ", "∠": "\\angle "},
    **{"√": "\\sqrt ", "∛": "\\sqrt[3] ", "∜": "\\sqrt[4] ", "⟨": "\\langle ", "⟩": "\\rangle ", "′": "'", "″": "''"},
    **{"ρ": "\\rho ", "τ": "\\tau ", "ψ": "\\psi ", "η": "\\eta ", "κ": "\\kappa ", "ξ": "\\xi ", "χ": "\\chi "},
    **{"ε": "\\epsilon ", "ϵ": "\\epsilon ", "ϕ": "\\phi ", "ϑ": "\\theta ", "Δ": "\\Delta ", "Ω": "\\Omega "},
    **{"Γ": "\\Gamma ", "Σ": "\\Sigma ", "Θ": "\\Theta ", "Φ": "\\Phi ", "Λ": "\\Lambda ", "Π": "\\Pi "},
    **{"⁄": "/", "∕": "/", "／": "/", "∶": ":", "∣": "|", "｜": "|", "⋯": "\\ldots ", "％": "%", "＾": "^"},
    **{"…": "\\ldots ", "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ", "△": "\\triangle "},
}
_SIGN = re.compile("[" + "".join(map(re.escape, _SIGNS)) + "]")
_SUPERSCRIPT, _SUBSCRIPT = re.compile("[⁰¹²³⁴-⁾ⁿⁱ]+"), re.compile("[₀-₎ₙᵢ]+")
_DASH = re.compile("[−–—‐‑‒﹣－]")
_THIN_BLANKS = str.maketrans("\u2009\u202f\u00a0", "~~~")
_TIMES_TEN = re.compile(r"(?<=[0-9.])()\s*(?:\\times|\\cdot|×|·|\*)\s*10\s*\^\s*\{?([-+]?[0-9]{1,3})\}?(?![0-9])")
_VULGAR = re.compile("[¼-¾⅐-⅞↉]")

_STATED = re.compile(r"(?<!\\)\$|(?<!\\)\\[()\[\]]|\\[$]|[€£¥₹¢]|\\(?:pounds|euro|yen|textyen)(?![a-zA-Z])")
_ABOUT = re.compile(r"\A((?:\s|\$|\\[(\[])*)~")
_LAYOUT = re.compile(
    r"\\m?(?:left|right)(?![a-zA-Z])\.?|\\(?:[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|rm|bf|it)"
    r"(?![a-zA-Z])|\\(?:hspace|vspace)\*?\{[^{}]*\}|\\color\{[^{}]*\}|\\(?:label|tag)\{[^{}]*\}|\\phantom\{[^{}]*\}"
)
FUNCTIONS = (
    "sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|arccot|arcsec|arccsc|sinh|cosh|tanh|coth|ln|log|lg|exp|lim|max|min"
    "|gcd|lcm|det"
)
# At the end of a text, "min" is a unit.
_OPERATOR = re.compile(rf"(?!\\text\{{\s*min\s*\}}\s*\Z)\\(?:operatorname\*?|text|mathop)\s*\{{\s*({FUNCTIONS})\s*\}}")
_BARE = re.compile(
    r"(?<![\\a-zA-Z])(sqrt|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|ln|log|exp|pi|theta|alpha|beta|infty)(?![a-zA-Z])"
)
_INFINITY = re.compile(r"(?<![\\a-zA-Z])(?:infinity|inf|oo)(?![a-zA-Z])", re.IGNORECASE)
_UPRIGHT = re.compile(r"\\text\{\s*([ei])\s*\}")
_NUMERAL = re.compile(
    r"(?<![0-9a-zA-Z)}\].])\\(?:text|mathbf|underline|mathcal|ensuremath)\{(\s*[-+(]*\.?[0-9][-+0-9.,:/()%!\s\\^]*)\}"
)
_LETTERS = re.compile(r"\\text\{(\s*[A-Za-z](?:\s*+(?:,\s*+(?:(?:and|or)\s)?|(?:and|or)\s)\s*+[A-Za-z])+\s*)\}")
_ALL_TEXT = re.compile(r"\\text\{(\s*(?:[A-Za-z]\s*=\s*)?[-+$]?[0-9][^{}]*)\}")
_EMPTY_TEXT = re.compile(r"\\text\{\s*\}")
_COLOURED = re.compile(r"\\textcolor\{[^{}]*\}(?=\{)")
_SUBSCRIPTED = re.compile(
    r"_\s*(?:\\(max|min|sup|inf|text)(?![a-zA-Z])(?:\{([^{}]*)\})?|\{\s*\\(max|min|text)(?![a-zA-Z])\s*(?:\{([^{}]*)\})?\s*\})"
)

_GAP = r"(?:~|'|\\?_(?=[0-9])|\\[,;:!]|\{,\}(?:\\!)?|,\\!)\s*"
_GROUPS = re.compile(rf"(?<![0-9.])[0-9]{{1,3}}(?:{_GAP}[0-9]{{3}})+(?![0-9])")
_PLACES = re.compile(r"(?<=[0-9])\.[0-9]{3}(?:(?:~|\\[,;:!])\s*[0-9]{3})*(?:~|\\[,;:!])\s*[0-9]{1,3}(?![0-9])")
_GAPS = re.compile(_GAP)
_DECIMAL_COMMA = re.compile(r"(?<![0-9.])([0-9]+)\{,\}([0-9]+)(?![0-9{])")
_SIDE_BY_SIDE = re.compile(r"(?<![\^_])[0-9](?:\s|~|(?<!\\)\\[,;:! ]|\\q?quad|\{\})+[0-9]")
_BLANK = re.compile(r"(?<!\\)\\[,;:! ]|~")
_QUAD = re.compile(r"[,;]?\s*\\q?quad(?![a-zA-Z])\s*(?!\s*\\text|\s*$)")

_POWER_OF_TEN = re.compile(
    r"((?:^|[=,;<>\[]|\((?=[^()]*,)|\\approx|\\leq|\\geq)\s*[-+]?\s*)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE]([-+]?[0-9]{1,3})(?=\s*(?:$|[,;\]<>=]|\)|\\text|\\leq|\\geq))"
)
_REPEATING = re.compile(r"(?<![0-9.])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\s*\{?([0-9]+)\}?(?![0-9])")
_ENDLESS = re.compile(r"(?<![0-9.])([0-9]+)\.([0-9]*?)([0-9]+?)(\3+)(?:\\ldots|\.\.\.)")
_ELLIPSIS = re.compile(r"(?<=[0-9])(\.[0-9]+)(?:\\ldots|\.\.\.)")
_MINUTES = re.compile(r"([0-9]+)\^\\circ\s*([0-9]{1,2})'(?:\s*([0-9]{1,2})(?:''|\"))?")
_PRIME_BETWEEN = re.compile("[0-9]'+[0-9]")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_DEGREES = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*\^\\circ")
_ROOT = re.compile(r"\s*\[")
_EXPONENT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)


def clean(text: str) -> str | None:
    """Return the text as plain LaTeX; None if blanks or primes separate digits."""
    text = signs(_ABOUT.sub(r"\1\\approx ", text))
    text = respelled(text)
    text = _COLOURED.sub("", _LAYOUT.sub(" ", text))
    text = _STATED.sub(" ", text).strip().strip("*").strip()
    text = _OPERATOR.sub(r"\\\1 ", text)
    text = _LETTERS.sub(r"\1", text)
    text = whole[1] if (whole := _ALL_TEXT.fullmatch(text.strip())) else text
    text = _EMPTY_TEXT.sub(" ", text)
    text = _NUMERAL.sub(r"\1", _UPRIGHT.sub(r" \1 ", text))
    text = _SUBSCRIPTED.sub(
        lambda part: "_{" + "".join(filter(None, part.groups())).removeprefix("text").strip() + "}", text
    )
    joined = join_digits(text)
    if joined is None:
        return None
    text = _BLANK.sub(" ", _QUAD.sub(";", joined))
    text = _INFINITY.sub(r"\\infty ", _BARE.sub(r"\\\1 ", text))
    text = _POWER_OF_TEN.sub(_power_of_ten, text)
    text = _ELLIPSIS.sub(r"\1", _ENDLESS.sub(_endless, _REPEATING.sub(_repeating, text)))
    text = _MINUTES.sub(_minutes, text)
    if _PRIME_BETWEEN.search(text):
        return None
    if _TRIGONOMETRY.search(text):
        text = _DEGREES.sub(r"(\\frac{\1\\pi}{180})", text)
    text = _braced(text).replace("^\\circ", "")
    text = re.sub(r"(?<!\\)\s+", " ", text).strip().rstrip(".").strip()
    while text.startswith("{") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def numerals(text: str) -> str | None:
    r"""Return the text with plain forms of numbers: dashes, ½, 10\,000, 0.\overline{3}, 2 \times 10^3.

    None if blanks separate two digits. Signs that may be units, such as ², stay.
    """
    text = _DASH.sub("-", text).translate(_THIN_BLANKS)
    joined = join_digits(_VULGAR.sub(_vulgar, text))
    if joined is None:
        return None
    joined = _TIMES_TEN.sub(r"\1e\2", joined)
    return _braced(_ENDLESS.sub(_endless, _REPEATING.sub(_repeating, joined)))


def signs(text: str) -> str:
    """Return the text with its Unicode signs as LaTeX. Digits of other scripts stay."""
    text = _SUPERSCRIPT.sub(lambda run: f"^{{{run[0].translate(_SUPERSCRIPTS)}}}", text)
    text = _SUBSCRIPT.sub(lambda run: f"_{{{run[0].translate(_SUBSCRIPTS)}}}", text)
    text = _VULGAR.sub(_vulgar, text)
    return _SIGN.sub(lambda sign: _SIGNS[sign[0]], text)


def join_digits(text: str) -> str | None:
    r"""Return the text with 10\,000 as 10000 and 3{,}14 as 3.14; None if other blanks separate two digits."""
    text = _GROUPS.sub(lambda number: _GAPS.sub("", number[0]), text)
    text = _PLACES.sub(lambda places: _GAPS.sub("", places[0]), text)
    text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    return None if _SIDE_BY_SIDE.search(text) else text


def _vulgar(sign: re.Match[str]) -> str:
    above, below = unicodedata.normalize("NFKC", sign[0]).split("⁄")
    return f"\\frac{{{above}}}{{{below}}}"


def _power_of_ten(number: re.Match[str]) -> str:
    value = Fraction(number[2]) * Fraction(10) ** int(number[3])
    below = f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    return number[1] + (str(value) if value.denominator == 1 else below)


def _repeating(number: re.Match[str]) -> str:
    whole, start, block = number.groups()
    shift = 10 ** len(start)
    value = Fraction(int((whole or "0") + start), shift) + Fraction(int(block), shift * (10 ** len(block) - 1))
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _endless(number: re.Match[str]) -> str:
    whole, start, block, more = number.groups()
    if len(block + more) < 3:
        return number[0]
    return _repeating(re.fullmatch(_REPEATING, f"{whole}.{start}\\overline{{{block}}}"))  # type: ignore[arg-type]


def _minutes(angle: re.Match[str]) -> str:
    value = Fraction(int(angle[1])) + Fraction(int(angle[2]), 60) + Fraction(int(angle[3] or 0), 3600)
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _closing(text: str, start: int = 0) -> int:
    """Return the position at which the brace or bracket at `start` closes, or -1."""
    opening, depth = text[start], 0
    closing = {"{": "}", "(": ")", "[": "]"}[opening]
    for token in _TOKEN.finditer(text, start):
        depth += (token[0] == opening) - (token[0] == closing)
        if depth == 0:
            return token.start()
    return -1


def _braced(text: str) -> str:
    r"""Complete the braces of \frac12, \sqrt\pi, \sqrt(2), x^(2) and x^\frac12. Linear except for nested arguments."""
    done, position = [], 0
    while token := _TOKEN.match(text, position):
        position = token.end()
        done.append(token[0])
        if token[0] == "\\text" and text.startswith("{", position) and (end := _closing(text, position)) >= 0:
            done.append(text[position : end + 1])
            position = end + 1
        count = {"\\frac": 2, "\\binom": 2, "\\sqrt": 1, "^": 1}.get(token[0], 0)
        root = _ROOT.match(text, position) if token[0] == "\\sqrt" else None
        if root and (end := _closing(text, root.end() - 1)) >= 0:
            done.append(text[root.end() - 1 : end + 1])
            position = end + 1
        for _ in range(count):
            argument, position = _argument(text, position, token[0])
            done.append(argument)
    return "".join(done)


def _argument(text: str, position: int, command: str) -> tuple[str, int]:
    """Return the argument of a command at `position`, in braces, and the position after it."""
    while position < len(text) and text[position].isspace():
        position += 1
    if position == len(text):
        return "", position
    if text[position] == "{" or (text[position] == "(" and command in ("\\sqrt", "^")):
        end = _closing(text, position)
        return (text[position:], len(text)) if end < 0 else ("{" + _braced(text[position + 1 : end]) + "}", end + 1)
    if command in ("^", "\\sqrt") and (number := _EXPONENT.match(text, position)):
        return "{" + number[0] + "}", number.end()
    token = _TOKEN.match(text, position)
    assert token
    if token[0] in "+-" and command == "^":
        part, end = _argument(text, token.end(), command)
        return "{" + token[0] + part + "}", end
    if token[0] in ("\\frac", "\\sqrt", "\\binom"):
        count = 1 if token[0] == "\\sqrt" else 2
        parts, position = [token[0]], token.end()
        for _ in range(count):
            part, position = _argument(text, position, token[0])
            parts.append(part)
        return "{" + "".join(parts) + "}", position
    if token[0] in "})]^_&" or token[0] in ("\\\\", "\\}"):
        return "", position
    if token[0] == "\\circ":
        return token[0], token.end()
    return "{" + token[0] + "}", token.end()
