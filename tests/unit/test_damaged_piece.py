"""A finished item that cannot be read costs a report nothing but itself, and is told until it is mended."""

import json
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
    experiment.run_through(laid_out, "passk run tiny.yaml", SimpleNamespace(pause=None))


@pytest.fixture
def tasks(monkeypatch):
    """The flow's tasks without Prefect."""

    def ended(do):
        error = None
        try:
            do()
        except PasskError as raised:
            error = raised
        return SimpleNamespace(is_completed=lambda: error is None, result=lambda **_: error)

    own = SimpleNamespace(
        prepare=lambda *_, **__: ended(lambda: None),
        evaluate=lambda *_, **__: ended(lambda: None),
        ingest=lambda laid_out, **_: ended(lambda: stages.ingest(laid_out)),
        report=lambda laid_out, *_, **__: reports.write_report(laid_out.store, laid_out.directory),
    )
    monkeypatch.setattr(experiment, "tasks", own)


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
