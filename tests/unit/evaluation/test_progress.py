"""Log lines while checkpoints are sampled."""

from passk.evaluation import progress
from tests.log_lines import logged_lines


def test_lines_tell_done_of_total_pace_and_time_left_and_reach_whoever_follows(tmp_path, monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"time": 1, "line": "of the run before"}\n')
    with logged_lines() as said, progress.followed(file):
        tell = progress.Progress(file, "warm on easy", total=1000, done=200)
        clock[0] += 1
        tell(0, 0, 50)
        clock[0] += 9
        tell(100, 1000)
        clock[0] += 2
        tell(100, 1000)
        clock[0] += 8
        tell(600, 6000)
    assert said == [
        "warm on easy: resuming, 200 of 1000 samples are done",
        "warm on easy: 200/1000 samples, 0 samples/s, 50 tokens/s, no sample yet",
        "warm on easy: 400/1000 samples, 16.7 samples/s, 167 tokens/s, 0:36 left",
        "warm on easy: 1000/1000 samples, 40 samples/s, 400 tokens/s, took 0:20",
    ]
    assert capsys.readouterr().out.splitlines() == said


def test_a_damaged_line_is_not_shown_and_those_after_it_are(tmp_path):
    file = tmp_path / "metrics.jsonl"
    with logged_lines() as said, progress.followed(file):
        file.write_bytes(b'{"line": "one"}\n\xff\n[]\n{}\n{"line": "two"}\n')
    assert said == ["one", "two"]
