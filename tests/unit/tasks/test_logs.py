"""Our failures are one line in Prefect's log; a bug keeps its traceback."""

import logging
import sys
from types import SimpleNamespace

from passk.base.errors import PasskError
from tasks import logs
from tasks.logs import one_line_errors, to_run


def record_of(error):
    try:
        raise error
    except Exception:
        return logging.LogRecord("prefect.task_runs", logging.ERROR, "", 0, "failed", (), sys.exc_info())


def test_a_failure_of_ours_is_logged_without_a_traceback_and_a_bug_with_it():
    one_line_errors()
    one_line_errors()
    logger = logging.getLogger("prefect.task_runs")
    assert len([f for f in logger.filters if type(f).__name__ == "OneLine"]) == 1
    ours, bug = record_of(PasskError("out of memory")), record_of(KeyError("x"))
    assert logger.filter(ours) and logger.filter(bug)
    assert ours.exc_info is None
    assert bug.exc_info is not None


def test_lines_of_passk_in_a_run_go_to_its_logger_with_their_level_and_nowhere_else(monkeypatch, capsys):
    sent = []
    monkeypatch.setattr(logs, "get_run_logger", lambda: SimpleNamespace(log=lambda *line: sent.append(line)))
    with to_run():
        logging.getLogger("passk.pipeline.stages").info("arm: step %d", 3)
        logging.getLogger("passk.store.index").warning("skipped: 100% of it")
    assert sent == [(logging.INFO, "arm: step 3"), (logging.WARNING, "skipped: 100% of it")]
    assert capsys.readouterr() == ("", "")
