"""Log lines of a run in Prefect: they go to the run's logger, a PasskError is one line, and secrets are hidden."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.logging import get_run_logger

from passk.base import logs
from passk.base.errors import PasskError


class OneLine(logs.Redacted):
    """A filter that drops the traceback of a PasskError. Any other error is a bug, so its traceback stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place and keep it."""
        if record.exc_info and isinstance(record.exc_info[1], PasskError):
            record.exc_info = None
        return super().filter(record)


_ONE_LINE = OneLine()


def one_line_errors() -> None:
    """Make Prefect log a PasskError without its traceback. Further calls have no effect."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_LINE)


@contextmanager
def to_run() -> Iterator[None]:
    """Send passk's log lines of the block to the logger of the current flow run or task run."""
    logs.show()
    one_line_errors()
    with logs.sent_to(get_run_logger().log):
        yield
