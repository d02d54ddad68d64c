"""A progress line appears at once, then every ten seconds, and at the end."""

import threading

from passk.base import progress_line
from passk.base.progress_line import ProgressLine


def test_a_line_is_logged_first_then_at_most_every_ten_seconds_and_at_the_end(monkeypatch):
    clock, lines = [100.0], []
    monkeypatch.setattr(progress_line.time, "perf_counter", lambda: clock[0])
    progress = ProgressLine(lines.append)
    for seconds in (0, 1, 8.9, 0.1, 9.9):
        clock[0] += seconds
        progress.update(lambda: f"at {clock[0]:g}")
    assert lines == ["at 100", "at 110"]
    progress.update(lambda: "end", finished=True)
    assert lines[2:] == ["end"]


def test_work_that_does_not_report_is_logged_by_a_thread_that_ends_with_it(monkeypatch):
    monkeypatch.setattr(progress_line, "EVERY_SECONDS", 0.01)
    lines, enough = [], threading.Event()

    def log(line):
        lines.append(line)
        if len(lines) == 3:
            enough.set()

    with ProgressLine(log).repeated(lambda: "working"):
        assert enough.wait(30)
    count = len(lines)
    assert "progress line" not in [thread.name for thread in threading.enumerate()]
    assert set(lines) == {"working"} and len(lines) == count
