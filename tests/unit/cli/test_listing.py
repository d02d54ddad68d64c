"""`passk list` shows every experiment, whatever its files contain."""

import json

import pytest

from passk.cli import listing

GOOD = {
    "config": {"stages": {"arm": {"steps": 4}}},
    "stages": {"arm": "key"},
    "sessions": [{"ended": "done"}],
}


@pytest.fixture
def printed(tmp_path, capsys):
    """Write an experiment's record as bytes, and return its row in the table as a list of words."""

    def row(content: bytes, name: str = "maze") -> list[str]:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "experiment.json").write_bytes(content)
        listing.list_experiments(tmp_path)
        _, line = capsys.readouterr().out.splitlines()
        return line.split()

    return row


def test_a_finished_experiment_has_its_steps(printed, tmp_path):
    for name, lines in {"maze": "{}\n{}\n{}\n", "other": "{}\n"}.items():
        (tmp_path / name / "stages" / "key").mkdir(parents=True)
        (tmp_path / name / "stages" / "key" / "metrics.jsonl").write_text(lines)
    assert printed(json.dumps(GOOD).encode()) == ["maze", "done", "3", "4"]


@pytest.mark.parametrize(
    "change",
    [
        {"sessions": [{"ended": 5}]},
        {"sessions": [{"ended": "\x1b[2J"}]},
        {"stages": {"arm": None}},
        {"stages": {"arm": "**x"}},
        {"stages": {"arm": "/etc"}},
        {"sessions": []},
    ],
)
def test_what_a_record_does_not_say_is_not_shown(printed, change):
    state = "stopped" if "sessions" in change else "done"
    assert printed(json.dumps(GOOD | change).encode()) == ["maze", state, "0", "4"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff", b"[]", b"null", b"5", b"[" * 100_000, b"{}",
        json.dumps(GOOD | {"config": {"stages": {"arm": {"steps": float("inf")}}}}).encode(),
        json.dumps(GOOD | {"config": {"stages": {"arm": {"steps": float("nan")}}}}).encode(),
        json.dumps(GOOD | {"config": {"stages": [1]}}).encode(),
        json.dumps(GOOD | {"sessions": [5]}).encode(),
        json.dumps(GOOD | {"sessions": {"a": 1}}).encode(),
        json.dumps(GOOD | {"sessions": [{"ended": []}]}).encode(),
        json.dumps(GOOD | {"stages": {"arm": []}}).encode(),
        json.dumps(GOOD | {"stages": []}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_record_is_named(printed, content):
    assert printed(content) == ["maze", "damaged", "record", "-", "-"]


def test_a_directory_in_place_of_a_file_and_a_hostile_name_are_no_fault(printed, tmp_path, capsys):
    (tmp_path / "maze" / "stages" / "key" / "metrics.jsonl").mkdir(parents=True)
    assert printed(json.dumps(GOOD).encode()) == ["maze", "done", "0", "4"]
    (tmp_path / "other" / "experiment.json").mkdir(parents=True)
    (tmp_path / "\x1b[2J").mkdir()
    (tmp_path / "\x1b[2J" / "experiment.json").write_text(json.dumps(GOOD))
    listing.list_experiments(tmp_path)
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\\x1b[2J" in out and "damaged record" in out
