"""Text for a terminal: rows in columns, times, and what a model or a log may have written, made harmless."""

from collections.abc import Container, Sequence


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """A line a row, the columns two spaces apart and as wide as their longest cell.

    rows: one or more, a cell a column. right: places of the columns that are flush right, as numbers are.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def clock(seconds: float) -> str:
    """5:03, and 1:05:03 from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def printable(text: str) -> str:
    """The text with escapes, control characters and the like spelled out, such as \\x1b for ESC."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def shortened(text: str, longest: int) -> str:
    """At most so many characters: the beginning and the end of a longer one, and how much is left out between."""
    if len(text) <= longest:
        return text
    end = longest // 4
    left_out = f" [... {len(text):,} characters in all ...] "
    return f"{text[: longest - end - len(left_out)]}{left_out}{text[-end:]}"
