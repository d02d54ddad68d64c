r"""Split a text at its commas, words, relation signs and \pm, outside of brackets."""

import re

_COMMA_NUMBER = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_AND_OR = re.compile(
    r"(?:\\text\s*\{\s*(and|or)\s*\}|(?<![A-Za-z\\])(and|or)(?![A-Za-z])|\\(lor|land|vee|wedge)(?![a-zA-Z]))"
)
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_SIGN = {
    "=": "=", "<": "<", ">": ">", "\\leq": "<=", "\\geq": ">=", "\\neq": "!=", "\\in": "in", "\\approx": "~",
    "\\equiv": "==", "\\sim": "sim", "\\notin": "not in", "\\ni": "ni", "\\subset": "subset", "\\subseteq": "subset",
    "\\to": "->", "\\rightarrow": "->", "\\mapsto": "->", "\\implies": "->", "\\Rightarrow": "->", "\\iff": "<->",
    "\\perp": "perp", "\\parallel": "parallel", "\\mid": "divides", "\\cong": "cong", "\\Leftrightarrow": "<->",
}  # fmt: skip
OPEN, CLOSE = (
    ("{", "(", "[", "\\{", "\\langle", "\\lfloor", "\\lceil"),
    ("}", ")", "]", "\\}", "\\rangle", "\\rfloor", "\\rceil"),
)


def without_commas(text: str) -> str:
    """Return the text with 1,000 as 1000, if three digits follow every comma and no bracket encloses the text."""
    if text.startswith(("(", "[", "\\{")) or re.search(r",\s|,(?![0-9]{3}(?![0-9]))", text):
        return text
    return _COMMA_NUMBER.sub(lambda number: number[0].replace(",", ""), text)


def pieces(text: str) -> tuple[list[str], list[str]]:
    """Split at commas, semicolons, "and" and "or" outside of brackets, and return the parts and the separators."""
    text = _AND_OR.sub(lambda word: "\x1f" if (word[1] or word[2] or word[3]) in ("or", "lor", "vee") else "\x1e", text)
    parts, joints, depth = [""], [], 0
    for token in TOKEN.finditer(text):
        depth += (token[0] in OPEN) - (token[0] in CLOSE)
        if depth <= 0 and token[0] in ",;\x1e\x1f":
            joint = {"\x1e": "and", "\x1f": "or"}.get(token[0], ",")
            if parts[-1].strip():
                joints.append(joint)
                parts.append("")
            elif joints and joint != ",":  # a comma before "or"
                joints[-1] = joint
        else:
            parts[-1] += token[0].replace("\x1e", " and ").replace("\x1f", " or ")
    return [part.strip() for part in parts if part.strip()], joints


def sides(text: str) -> tuple[list[str], list[str]]:
    """Split at relation signs outside of brackets, and return the sides and the signs."""
    parts, signs, depth = [""], [], 0
    for token in TOKEN.finditer(text):
        depth += (token[0] in OPEN) - (token[0] in CLOSE)
        if depth == 0 and token[0] in _SIGN:
            signs.append(_SIGN[token[0]])
            parts.append("")
        else:
            parts[-1] += token[0]
    return parts, signs


def signed(text: str) -> list[str]:
    r"""Return the texts for each sign of \pm. A \mp has the opposite sign of the \pm beside it."""
    plus, minus = r"\\pm(?![a-zA-Z])", r"\\mp(?![a-zA-Z])"
    if re.search(minus, text):
        return [re.sub(minus, b, re.sub(plus, a, text)) for a, b in (("+", "-"), ("-", "+"))]
    texts = [text]
    while re.search(plus, texts[0]):
        texts = [re.sub(plus, sign, each, count=1) for each in texts for sign in "+-"]
    return texts
