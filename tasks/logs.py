"""What of a run gets into Prefect's log: our failures in their one line, and no key or password."""

import logging

from passk.base.errors import PasskError
from passk.base.redact import hidden


class OneLine(logging.Filter):
    """Leaves the traceback of a PasskError out; any other error is a bug of ours, and is shown whole."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = hidden(record.getMessage()), ()
        if record.exc_info and isinstance(record.exc_info[1], PasskError):
            record.exc_info = None
        elif record.exc_info:
            # every formatter takes this text where it is there
            record.exc_text = hidden(_PLAIN.formatException(record.exc_info))
        return True


_PLAIN = logging.Formatter()
_ONE_LINE = OneLine()


def one_line_errors() -> None:
    """Make Prefect log a PasskError without its traceback. Doing it twice is doing it once."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_LINE)
