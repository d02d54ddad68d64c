"""Text for a markdown file and for a terminal. What a model or a person wrote passes through here first."""

import re
import unicodedata
from collections.abc import Sequence

from passk.base.redact import hidden

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&])")
_LEADING = re.compile(r"^(\s*)([#+=:-]|\d+[.)])")


def visible(text: str) -> str:
    """Control, format and separator characters (but newlines) made visible: ESC as ␛, others as ⟨U+202E⟩.

    Every text of a report comes through here, so keys and passwords are left out here too.
    """
    return "".join(_visible(character) for character in hidden(text))


def _visible(character: str) -> str:
    point = ord(character)
    if character == "\n":
        return character
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "␡"
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"⟨U+{point:04X}⟩"
    return character


def shorten(text: str, characters: int, lines: int) -> str:
    """The beginning of a text, and a word on how much was left out."""
    kept = "\n".join(text[:characters].split("\n")[:lines])
    left = len(text) - len(kept)
    return f"{kept}\n[... {left:,} more characters]" if left else text


def fenced(text: str, characters: int = 1200, lines: int = 30) -> str:
    """A fenced code block; its fence is longer than any run of backticks inside, which so cannot end it."""
    # before it is cut: the first half of a key has no longer its form
    content = visible(shorten(hidden(text), characters, lines))
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{content}\n{fence}"


def inline(text: str) -> str:
    """Plain words on one line, markdown and HTML in them without effect."""
    line = _MARKDOWN.sub(r"\\\1", visible(" ".join(str(text).split())))
    return _LEADING.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", line)


def code(text: str, characters: int = 1200) -> str:
    """A code span on one line, also inside a table, whatever backticks and bars the text has."""
    line = visible(" ".join(str(text).split())).replace("|", "¦")
    if len(line) > characters:
        line = f"{line[:characters]} [... {len(line) - characters:,} more characters]"
    if not line:
        return "–"
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A markdown table whose columns line up in the raw text too; the first `left` columns are flush left."""
    widths = _widths(header, rows)
    rule = [("-" * width) if i < left else ("-" * (width - 1) + ":") for i, width in enumerate(widths)]
    lines = [_padded(row, widths, left) for row in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """The same for a terminal."""
    widths = _widths(header, rows)
    rule = ["-" * width for width in widths]
    return "\n".join("  ".join(_padded(row, widths, left)).rstrip() for row in (header, rule, *rows))


def _widths(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(3, *(len(row[i]) for row in (header, *rows))) for i in range(len(header))]


def _padded(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    pairs = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in pairs]


def listed(words: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def seconds(value: float | None) -> str:
    """Seconds for a table: a digit behind the point below 100."""
    if value is None or value != value:
        return "–"
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
