"""Format text for a terminal: aligned columns, durations, and untrusted text made harmless."""

from collections.abc import Container, Sequence


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Return a line per row, with columns two spaces apart and as wide as their longest cell.

    rows: one or more, a cell per column. right: indices of the columns that are right-aligned, as numbers are.
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
    """Return a duration as 5:03, or as 1:05:03 from one hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def printable(text: str) -> str:
    """Return the text with escapes and control characters spelled out, such as \\x1b for ESC."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def shortened(text: str, longest: int) -> str:
    """Return at most `longest` characters: the beginning and the end of a longer text, and its length between them."""
    if len(text) <= longest:
        return text
    end = longest // 4
    left_out = f" [... {len(text):,} characters in all ...] "
    return f"{text[: longest - end - len(left_out)]}{left_out}{text[-end:]}"
