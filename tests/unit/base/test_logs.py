"""A log line of passk is shown plainly and once, goes to the run that it belongs to, and holds no secret."""

import logging
import threading

import pytest

from passk.base import logs, progress_line
from passk.base.progress_line import ProgressLine

SECRET = "hf_" + "planted" * 4


def secret_lines(log):
    log.info("trains with %s", SECRET)
    try:
        raise KeyError(SECRET)
    except KeyError:
        log.exception("failed")


@pytest.mark.parametrize("name", ["passk.pipeline.stages", "tasks.retries", "flows.serve", "reports.report"])
def test_a_line_is_its_text_alone_and_a_warning_is_on_standard_error(capsys, name):
    logs.show()
    logs.show()
    log = logging.getLogger(name)
    log.info("%d of %d done", 1, 2)
    log.debug("left out")
    log.warning("damaged")
    assert capsys.readouterr() == ("1 of 2 done\n", "damaged\n")


def test_only_passks_own_loggers_are_shown(capsys):
    logs.show()
    logging.getLogger("httpx").info("GET /")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("to_sink", [True, False])
def test_no_secret_is_in_a_message_or_in_a_traceback(capsys, to_sink):
    logs.show()
    sent: list[str] = []
    log = logging.getLogger("passk.any")
    if to_sink:
        with logs.sent_to(lambda _, line: sent.append(line)):
            secret_lines(log)
    else:
        secret_lines(log)
        sent += [*capsys.readouterr()]
    shown = "".join(sent)
    assert "Traceback" in shown and shown.count("[hidden]") == 2 and "planted" not in shown
    assert capsys.readouterr() == ("", "")


def test_lines_of_two_runs_in_two_threads_do_not_mix(capsys):
    logs.show()
    log, both = logging.getLogger("passk.any"), threading.Barrier(2)
    sent: dict[str, list] = {"a": [], "b": []}

    def run(name):
        with logs.sent_to(lambda level, line: sent[name].append((level, line))):
            both.wait(10)
            log.info("of %s", name)
            inner = logs.thread(lambda: log.warning("of a thread of %s", name), "inner")
            inner.start()
            inner.join()
            both.wait(10)

    threads = [threading.Thread(target=run, args=(name,)) for name in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sent == {n: [(logging.INFO, f"of {n}"), (logging.WARNING, f"of a thread of {n}")] for n in ("a", "b")}
    log.info("after both")
    assert capsys.readouterr() == ("after both\n", "")


def test_repeated_progress_goes_to_the_run_that_waits(monkeypatch):
    monkeypatch.setattr(progress_line, "EVERY_SECONDS", 0.01)
    enough, lines = threading.Event(), []

    def take(_, line):
        lines.append(line)
        enough.set()

    logs.show()
    log = logging.getLogger("passk.any")
    with logs.sent_to(take), ProgressLine(log.info).repeated(lambda: "working"):
        assert enough.wait(30)
    assert set(lines) == {"working"}


def test_a_sink_that_fails_ends_nothing(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    def broken(*_):
        raise OSError("the server is away")

    logs.show()
    with logs.sent_to(broken):
        logging.getLogger("passk.any").info("goes on")


def test_a_line_shows_no_control_character_and_stays_one_line(capsys):
    logs.show()
    log = logging.getLogger("passk.any")
    log.info("unreadable gold answer: %s", "a\x1b[2J\nstage warm: done\u202e")
    assert capsys.readouterr().out == "unreadable gold answer: a\\x1b[2J\\nstage warm: done\\u202e\n"
    try:
        raise KeyError("x") from ValueError("\x1b]0;title\x07")
    except KeyError:
        log.exception("failed")
    shown = capsys.readouterr().err
    assert "\\x1b]0;title" in shown and shown.replace("\n", "").isprintable() and shown.count("\n") > 3
