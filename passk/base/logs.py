"""Log lines of passk: where they go, without keys and passwords.

Every module logs with `logging.getLogger(__name__)`. A command calls `show` once, and its lines are printed. Inside
`sent_to(sink)` the lines of that context go to `sink` instead, such as the logger of a Prefect run.
"""

import contextvars
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from passk.base.redact import hidden
from passk.base.terminal import printable

PACKAGES = ("passk", "flows", "tasks", "reports", "studies", "bench", "dev")
Sink = Callable[[int, str], None]
"""Receives a level of `logging` and a line."""
_sink: contextvars.ContextVar[Sink | None] = contextvars.ContextVar("passk_sink", default=None)
_PLAIN = logging.Formatter()


class Redacted(logging.Filter):
    """A filter that removes secrets from the message and from the traceback. Add it to a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place and keep it."""
        record.msg, record.args = hidden(record.getMessage()), ()
        if record.exc_info:
            # every formatter uses this text if it is set
            record.exc_text = hidden(_PLAIN.formatException(record.exc_info))
        return True


class _Lines(logging.Handler):
    """Send a line to the sink of its context, else print it. Standard error gets warnings, standard output the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(Redacted())

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit without the handler's lock, since a sink may wait for a server while other threads log."""
        if kept := self.filter(record):
            record.msg = printable(record.msg)  # a message may quote a data set or a model
            if record.exc_text:
                record.exc_text = "\n".join(map(printable, record.exc_text.split("\n")))
            self.emit(record)
        return bool(kept)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if sink := _sink.get():
                sink(record.levelno, self.format(record))
            else:
                stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
                line = f"{self.format(record)}\n"  # one write, so that lines of several threads stay whole
                print(line, end="", file=stream, flush=True)
        except Exception:  # a log line never ends a run
            self.handleError(record)


_lines = _Lines()


def show() -> None:
    """Show the lines of passk's loggers from INFO on, in this process. Further calls have no effect."""
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False  # Prefect's handler of the root logger would show each line again
        logger.addHandler(_lines)


@contextmanager
def sent_to(sink: Sink) -> Iterator[None]:
    """Send the lines of the block to `sink`, also those of threads that `thread` starts in it."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)


def thread(work: Callable[[], None], name: str) -> threading.Thread:
    """Return a daemon thread whose lines go where those of its caller go."""
    return threading.Thread(target=contextvars.copy_context().run, args=(work,), name=name, daemon=True)
