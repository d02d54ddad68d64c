"""Text for a markdown file and for a terminal. All text of models and users passes through these functions."""

import re
import unicodedata
from collections.abc import Sequence

from passk.base.redact import hidden

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&])")
_LEADING = re.compile(r"^(\s*)([#+=:-]|\d+[.)])")


def visible(text: str) -> str:
    """Return a text with visible control, format and separator characters: ESC as ␛, others as ⟨U+202E⟩.

    Newlines stay. Keys and passwords are hidden too, because every text of a report passes through this function.
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
    """Return the beginning of a text, followed by the number of characters that are cut."""
    start = "\n".join(text[:characters].split("\n")[:lines])
    cut = len(text) - len(start)
    return f"{start}\n[... {cut:,} more characters]" if cut else text


def fenced(text: str, characters: int = 1200, lines: int = 30) -> str:
    """Return a fenced code block, whose fence is longer than any run of backticks in the text."""
    # hide keys before shortening, because half a key is not recognized
    content = visible(shorten(hidden(text), characters, lines))
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{content}\n{fence}"


def inline(text: str) -> str:
    """Return a text on one line, with markdown and HTML escaped."""
    line = _MARKDOWN.sub(r"\\\1", visible(" ".join(str(text).split())))
    return _LEADING.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", line)


def code(text: str, characters: int = 1200) -> str:
    """Return a code span on one line, valid in a table for any backticks and bars in the text."""
    line = visible(" ".join(str(text).split())).replace("|", "¦")
    if len(line) > characters:
        line = f"{line[:characters]} [... {len(line) - characters:,} more characters]"
    if not line:
        return "–"
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a markdown table with aligned columns in the raw text; the first `left` columns are left-aligned."""
    widths = _widths(header, rows)
    rule = [("-" * width) if i < left else ("-" * (width - 1) + ":") for i, width in enumerate(widths)]
    lines = [_padded(row, widths, left) for row in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return the same table for a terminal."""
    widths = _widths(header, rows)
    rule = ["-" * width for width in widths]
    return "\n".join("  ".join(_padded(row, widths, left)).rstrip() for row in (header, rule, *rows))


def _widths(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(3, *(len(row[i]) for row in (header, *rows))) for i in range(len(header))]


def _padded(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    pairs = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in pairs]


def listed(words: Sequence[str]) -> str:
    """Return a list of words as English text: a; a and b; a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def seconds(value: float | None) -> str:
    """Return seconds for a table, with one decimal below 100; a dash if they are unknown."""
    if value is None or value != value:
        return "–"
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
