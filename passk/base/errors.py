"""Errors that passk raises for users: one line, the field first, the fix last."""

import copy
import copyreg
import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

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
    """Return a text as one line that is safe to show in a message, with at most LONGEST characters."""
    return shortened(clean(text), LONGEST)


def one_line(error: BaseException, longest: int | None = None) -> str:
    """Return the message of another library's exception as one line, cut after `longest` characters."""
    return " ".join(str(error).split())[:longest]


def typed_line(error: BaseException, longest: int | None = None) -> str:
    """Return the type and the message of another library's exception as one line, cut after `longest` characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:longest]


def clean(text: str) -> str:
    """Return a text as one line without keys, passwords and control characters."""
    lines = (part.strip() for part in hidden(text).splitlines())
    return printable(" ".join(part for part in lines if part))


class ConfigError(PasskError):
    """Bad input, found before anything is started or written. The CLI exits with status 2.

    The message is `field: problem; fix`, after `where: ` if the place is known. The four attributes are its parts, each
    one line without keys and passwords, and never cut.
    """

    def __init__(self, field: str, problem: str, fix: str, where: str = "") -> None:
        self.field, self.fix, self.where = map(clean, (field, fix, where))
        begin = f"{self.field}: "  # it may tell that the problem begins with a secret
        self.problem = clean(begin + problem).removeprefix(begin)
        at = f"{self.where}: " if self.where else ""
        super().__init__(f"{at}{begin}{self.problem}; {self.fix}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the attributes, since the constructors of subclasses may differ."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__

    def replaced(self, **parts: str) -> Self:
        """Return a copy with other parts: field, problem, fix or where."""
        now = {"field": self.field, "problem": self.problem, "fix": self.fix, "where": self.where}
        changed = copy.copy(self)
        ConfigError.__init__(changed, **now | parts)
        return changed


class InvalidError(ValueError):
    """An invalid value, raised where its field is unknown. The message is `problem; fix`."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return f"{self.problem}; {self.fix}"


class SomeFailed(PasskError):
    """A run that reached its report although a stage, the evaluation or the ingest failed. The message names which."""


@contextmanager
def under(section: str) -> Iterator[None]:
    """Prefix the field of a ConfigError with the section that holds it. Other errors pass unchanged."""
    try:
        yield
    except ConfigError as error:
        raise error.replaced(field=f"{section}.{error.field}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the fix for a mistyped name: 'did you mean X?', or the list of known names."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(known)}"
