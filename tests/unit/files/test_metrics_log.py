"""metrics.jsonl as it may be: growing, replaced by a resumed run, damaged; whatever the clock shows."""

import json

import pytest

from passk.base.errors import PasskError
from passk.files.metrics_log import NewLines, damaged_line, read_metrics


def line(step: int, time: float = 0.0, **more: object) -> str:
    return json.dumps({"step": step, "time": time, **more}) + "\n"


def steps(lines: list) -> list[int]:
    return [each["step"] for each in lines]


@pytest.mark.parametrize(
    "harm",
    [b"{", b"", b"\x00\x00", b"\xff\xfe", b"[1]", b"3", b"null", b'{"time": 1}', b'{"step": "2"}', b'{"step": true}',
     b"[" * 100_000],
)  # fmt: skip
def test_what_follows_a_damaged_line_is_not_recorded_and_the_line_is_named(tmp_path, harm):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(line(1).encode() + harm + b"\n" + line(3).encode())
    assert steps(read_metrics(file)) == [1]
    assert damaged_line(file) == 2


def test_a_last_line_that_is_not_whole_yet_is_no_damage(tmp_path):
    file = tmp_path / "metrics.jsonl"
    assert (read_metrics(file), damaged_line(file)) == ([], None)
    file.write_text(line(1) + line(2)[:-4])
    assert steps(read_metrics(file)) == [1]
    assert damaged_line(file) is None


def test_new_lines_are_new_whatever_the_clock_shows(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text(line(1, time=1e9))
    new = NewLines(file)
    assert new() == []
    for step, time in ((2, 5.0), (3, -1e9), (4, 0.0)):
        with file.open("a") as output:
            output.write(line(step, time, loss=float("nan")))
        assert steps(new()) == [step]
    assert new() == []


def test_steps_that_a_resumed_run_does_again_are_new_and_those_it_kept_are_not(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(line(step, 1e9) for step in range(1, 6)))
    new = NewLines(file)
    resumed = tmp_path / "resumed"
    resumed.write_text("".join(line(step, 1e9) for step in (1, 2)) + line(3, 5.0))
    resumed.replace(file)
    assert steps(new()) == [3]
    file.write_text(file.read_text() + line(4, 5.0))
    assert steps(new()) == [4]


def test_a_damaged_line_is_new_once_it_is_whole(tmp_path):
    file = tmp_path / "metrics.jsonl"
    new = NewLines(file)
    file.write_text(line(1) + "{\n")
    assert steps(new()) == [1]
    file.write_text(line(1) + line(2))
    assert steps(new()) == [2]


def test_lines_of_an_evaluations_progress_are_new_lines_and_no_steps(tmp_path):
    file = tmp_path / "metrics.jsonl"
    new = NewLines(file)
    file.write_text('{"time": 1.0, "line": "warm on test: 8/16 samples"}\n')
    assert [line["line"] for line in new()] == ["warm on test: 8/16 samples"]
    assert read_metrics(file) == []


def test_a_directory_in_its_place_is_one_line(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(PasskError, match=r"metrics.jsonl: not readable: Is a directory; move it away"):
        read_metrics(tmp_path / "metrics.jsonl")
