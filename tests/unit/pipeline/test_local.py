"""The steps of a run: the command and the flow record the same, and a damaged item is named until it is restored."""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

import reports
from flows import experiment
from passk.base.errors import PasskError, SomeFailed
from passk.cli import main
from passk.experiment.config import parse
from passk.experiment.plan import plan
from passk.files.layout import write_json
from passk.files.schema import SAMPLE_COLUMNS
from passk.pipeline import stages
from passk.store import queries, reading
from tasks import logs
from tasks import stages as task_steps
from tests.unit.synthetic_run import write_parquet


@pytest.fixture
def laid_out(tmp_path, monkeypatch):
    """An evaluation whose evaluations are finished, and of which the one on `cut` lost the end of its file."""
    monkeypatch.setattr(stages, "prepare", lambda *_: None)
    monkeypatch.setattr(main, "check_machine", lambda _: None)
    described = {
        "name": "tiny", "question": "?", "seed": 1, "model": {"path": str(tmp_path)}, "stages": {},
        "problems": {"test": {"source": "maze", "split": "test", "size": 4}},
        "benchmarks": {name: {"problems": "test", "samples": 8, "max_response": 8} for name in ("whole", "cut")},
        "compute": {"profile": "cpu"},
    }  # fmt: skip
    laid_out = plan(parse(described), tmp_path / "runs")
    for evaluation in laid_out.evaluations:
        write_json(evaluation.directory / "evaluation.json", asdict(evaluation.record))
        write_samples(evaluation.directory)
        write_json(
            evaluation.directory / "manifest.json", {"key": evaluation.record.key, "seconds": 1.0, "samples": 32}
        )
    samples = cut(laid_out) / "samples.parquet"
    samples.write_bytes(samples.read_bytes()[:100])
    return laid_out


def write_samples(directory):
    row = ["RD", 1.0, True, "RD", "reached E", 3, "stop", 17, -0.4]
    rows = [[f"maze-{number % 4}", number // 4, *row] for number in range(32)]
    columns = dict(zip(SAMPLE_COLUMNS, (list(column) for column in zip(*rows, strict=True)), strict=True))
    write_parquet(directory / "samples.parquet", columns)


def cut(laid_out) -> Path:
    return next(evaluation.directory for evaluation in laid_out.evaluations if evaluation.record.benchmark == "cut")


def by_command(laid_out):
    main._carry_out(laid_out, main._without_prefect)


def by_flow(laid_out):
    experiment.run_through(laid_out, "passk run tiny.yaml", SimpleNamespace(pause=None, one=nullcontext))


@pytest.fixture
def tasks(monkeypatch):
    """The flow's tasks without Prefect: each function is called at once."""

    def task(function):
        def run(*words, return_state=False, **_):
            if not return_state:
                return function(*words)
            error = None
            try:
                function(*words)
            except PasskError as raised:
                error = raised

            def result(raise_on_failure=True):
                if error and raise_on_failure:
                    raise error
                return error

            return SimpleNamespace(is_completed=lambda: error is None, result=result)

        return run

    shown = SimpleNamespace(results=lambda *_: None, report=lambda *_: None)
    monkeypatch.setattr(task_steps, "artifacts", shown)
    monkeypatch.setattr(logs, "get_run_logger", lambda: SimpleNamespace(log=print))
    names = ("prepare", "evaluate", "ingest", "report")
    own = {name: task(getattr(task_steps, name).fn) for name in names}
    monkeypatch.setattr(experiment, "tasks", SimpleNamespace(**own))


def failing(*_):
    raise PasskError("no room")


RECORDED = {
    (): (["prepare", "evaluate"], [], "done", {}),
    ("prepare",): (["prepare"], [("prepare", "no room")], "failed", {}),
    ("evaluate",): (["prepare", "evaluate"], [("evaluate", "no room")], "failed", {"evaluate": "no room"}),
    ("ingest",): (["prepare", "evaluate"], [], "failed", {"the ingest": "no room"}),
    ("report",): (["prepare", "evaluate"], [("report", "no room")], "failed", {}),
}
"""Steps that fail -> phases, failures of phases, end and failures of the record."""


@pytest.mark.parametrize("fails", RECORDED)
@pytest.mark.parametrize("carry_out", [main._without_prefect, by_flow])
def test_the_command_and_the_flow_record_the_same_phases_and_failures(laid_out, tasks, monkeypatch, carry_out, fails):
    write_samples(cut(laid_out))
    for name in fails:
        monkeypatch.setattr(*(reports, "write_report") if name == "report" else (stages, name), failing)
    with pytest.raises(PasskError, match="no room") if fails else nullcontext():
        carry_out(laid_out)
    record = json.loads((laid_out.directory / "experiment.json").read_text())
    session = record["sessions"][-1]
    failed = [(each["what"], each["reason"]) for each in session["failed"]]
    assert (list(session["phases"]), failed, session["ended"], record["failures"]) == RECORDED[fails]


@pytest.mark.parametrize("carry_out", [by_command, by_flow])
def test_the_report_is_written_of_the_rest_and_the_failure_stands_in_the_record_and_the_store(
    laid_out, tasks, carry_out
):
    with pytest.raises(SomeFailed, match=rf"^the ingest failed: .*{cut(laid_out).name}"):
        carry_out(laid_out)
    report = (laid_out.directory / "report.md").read_text()
    assert "Ingest failed; this report lacks the items that were not ingested." in report
    assert "1.000 [" in report and cut(laid_out).name in report
    record = json.loads((laid_out.directory / "experiment.json").read_text())
    assert [session["ended"] for session in record["sessions"]] == ["failed"]
    with reading(laid_out.store) as connection:
        filed = queries.experiment(connection, "tiny")
        assert list(queries.evaluations(connection, "tiny")["benchmark"]) == ["whole"]
    assert (filed.failures, filed.sessions) == (record["failures"], record["sessions"])


def test_the_same_command_tells_it_again_until_it_is_mended_and_then_files_it(laid_out, capsys):
    for _ in range(2):
        with pytest.raises(SomeFailed, match="the ingest failed"):
            by_command(laid_out)
    write_samples(cut(laid_out))
    by_command(laid_out)
    assert "Ingest failed" not in (laid_out.directory / "report.md").read_text()
    assert "nothing to do" not in capsys.readouterr().out
    by_command(laid_out)
    assert "tiny: finished, nothing to do" in capsys.readouterr().out
