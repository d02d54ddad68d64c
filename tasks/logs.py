"""Filter of Prefect's log: a PasskError is one line, and keys and passwords are hidden."""

import logging

from passk.base.errors import PasskError
from passk.base.redact import hidden


class OneLine(logging.Filter):
    """A filter that drops the traceback of a PasskError. Any other error is a bug, so its traceback stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place and keep it."""
        record.msg, record.args = hidden(record.getMessage()), ()
        if record.exc_info and isinstance(record.exc_info[1], PasskError):
            record.exc_info = None
        elif record.exc_info:
            # every formatter uses this text if it is set
            record.exc_text = hidden(_PLAIN.formatException(record.exc_info))
        return True


_PLAIN = logging.Formatter()
_ONE_LINE = OneLine()


def one_line_errors() -> None:
    """Make Prefect log a PasskError without its traceback. Further calls have no effect."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_LINE)
