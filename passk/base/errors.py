"""What passk raises at a person: one line, the field first, the mend last."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from passk.base.redact import hidden
from passk.base.terminal import printable, shortened

LONGEST = 2000
"""characters of a message"""


class PasskError(Exception):
    """A failure whose message alone tells a person what happened: it goes into logs, records and the UI as it is.

    One line, without keys and passwords. A part of it may be a model's text, or a log's: control characters are
    spelled out, and what is too long is cut in its middle, since the mend stands last.
    """

    def __init__(self, message: str) -> None:
        super().__init__(line(message))


def line(text: str) -> str:
    """Any text as a person may be shown it in a message."""
    lines = (part.strip() for part in hidden(text).splitlines())
    return shortened(printable(" ".join(part for part in lines if part)), LONGEST)


class ConfigError(PasskError):
    """Bad input, found before anything was started or written. The CLI exits with status 2."""


class SomeFailed(PasskError):
    """A run that came to its end, report and all, although a stage, the evaluation or the filing failed: which, why."""


@contextmanager
def under(section: str) -> Iterator[None]:
    """Complete the field that a room's own check names."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{section}.{error}") from None
    except PasskError as error:
        raise PasskError(f"{section}.{error}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for a mistyped name, or the list of what there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there is {', '.join(known)}"
