"""The log lines that passk writes while a test runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from passk.base import logs


@contextmanager
def logged_lines(act: Callable[[str], object] | None = None) -> Iterator[list[str]]:
    """Give the lines of passk's loggers in this block. act: is called with each."""
    lines: list[str] = []

    def take(_: int, line: str) -> None:
        lines.append(line)
        if act:
            act(line)

    logs.show()
    with logs.sent_to(take):
        yield lines
