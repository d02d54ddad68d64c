"""Prefect logs a failure with the traceback through its own engine. Ours say all in their one line."""

import logging

from passk.errors import PasskError


class OneLine(logging.Filter):
    """Leaves the traceback of a PasskError out; any other error is a bug of ours, and is shown whole."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], PasskError):
            record.exc_info = None
        return True


_ONE_LINE = OneLine()


def one_line_errors() -> None:
    """Make Prefect log a PasskError without its traceback. Doing it twice is doing it once."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_LINE)
