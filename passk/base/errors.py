"""Errors that passk raises for users: one line, the field first, the fix last."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from passk.base.redact import hidden
from passk.base.terminal import printable, shortened

LONGEST = 2000
"""Characters of a message."""


class PasskError(Exception):
    """A failure whose message alone explains it. Logs, records and the UI show it unchanged.

    The message is one line without keys and passwords. It may quote a model or a log, so control characters are
    escaped. A long message is cut in its middle, because the fix comes last.
    """

    def __init__(self, message: str) -> None:
        super().__init__(line(message))


def line(text: str) -> str:
    """Return a text as one line that is safe to show in a message."""
    lines = (part.strip() for part in hidden(text).splitlines())
    return shortened(printable(" ".join(part for part in lines if part)), LONGEST)


class ConfigError(PasskError):
    """Bad input, found before anything is started or written. The CLI exits with status 2."""


class SomeFailed(PasskError):
    """A run that reached its report although a stage, the evaluation or the ingest failed. The message names which."""


@contextmanager
def under(section: str) -> Iterator[None]:
    """Prefix the field of an error with the section that holds it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{section}.{error}") from None
    except PasskError as error:
        raise PasskError(f"{section}.{error}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for a mistyped name, or the list of known names."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; choose one of {', '.join(known)}"
