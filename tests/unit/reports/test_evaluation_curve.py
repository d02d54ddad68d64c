"""The curve of held-out pass@k: a method's stages joined, seeds together, and the reference line of a benchmark."""

import json

import pandas as pd
import pytest

from passk.files.layout import write_json
from passk.store import reading
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.figures import evaluation_curve
from reports.figures.evaluation_curve import Panel
from reports.report import FIGURES, render
from tests.unit.reports.conftest import ingest_again


def methods(*runs) -> tuple[Comparison, dict]:
    comparison = Comparison([load(run.store, run.name) for run in runs])
    return comparison, {each.method.name: each for each in comparison.trained_methods}


def report(run) -> str:
    """Draw the curve as `write_report` does, and return the report's text without the other figures."""
    comparison, figures = methods(run)[0], run.directory / "figures"
    drawn = {"evaluation_curve": FIGURES["evaluation_curve"](comparison, figures / "evaluation_curve")}
    return render(run.store, comparison, run.name, dict.fromkeys(FIGURES, False) | drawn)


def with_reference(run, **reference) -> None:
    record = json.loads((run.directory / "experiment.json").read_text())
    record["config"]["benchmarks"]["easy"]["reference_line"] = reference
    write_json(run.directory / "experiment.json", record)


def test_the_view_has_a_row_for_each_evaluation_and_k(filed):
    with reading(filed.store) as store:
        frame = store.execute("FROM evaluation_curve ORDER BY ALL").df()
    assert len(frame) == 3 * 2 * 2 * 2  # stages, steps, benchmarks, k
    row = frame[(frame.stage == "pass4-pass1") & (frame.step == 6) & (frame.benchmark == "hard") & (frame.k == 8)]
    assert row[["total_step", "samples", "problem_count", "seconds"]].iloc[0].tolist() == [18, 8, 16, 2.5]
    assert row[["pass_at_k", "lower", "upper"]].iloc[0].tolist() == pytest.approx([0.36, 0.31, 0.41])
    assert row[["maj_at_k", "maj_lower", "maj_upper"]].iloc[0].tolist() == pytest.approx([0.1, 0.08, 0.12])
    assert frame[frame.k == 1].maj_at_k.isna().all()


def test_a_line_that_was_written_again_counts_once_in_the_store(filed):
    [file] = [stage / "evaluations.jsonl" for stage in filed.stages() if stage.name == "key-pass1"]
    first = json.loads(file.read_text().splitlines()[0])
    first["pass_at_k"]["1"]["value"], first["time"] = 0.5, first["time"] + 1
    file.write_text(file.read_text() + json.dumps(first) + "\n")
    ingest_again(filed, file.parent)
    with reading(filed.store) as store:
        where = "WHERE stage = 'pass1' AND step = 0 AND benchmark = 'easy' AND k = 1"
        assert store.execute(f"SELECT pass_at_k FROM evaluation_curve {where}").fetchall() == [(0.5,)]


def test_the_stages_of_a_method_are_joined_where_one_starts_from_the_other(filed):
    comparison, by_name = methods(filed)
    joined = evaluation_curve.points(comparison.results[0], by_name["pass4-pass1"], Panel("easy", "pass", 1))
    assert joined.index.tolist() == [0, 12, 18]
    # 0.72 at the end of pass4 and 0.62 at the start of its child, which is the same model
    assert joined["value"].tolist() == pytest.approx([0.62, 0.67, 0.72])
    alone = evaluation_curve.points(comparison.results[0], by_name["pass1"], Panel("easy", "maj", 8))
    assert alone.index.tolist() == [0, 18]
    assert alone.loc[18].tolist() == pytest.approx([0.35, 0.33, 0.37])


def test_seeds_are_averaged_at_the_steps_that_all_have():
    runs = [
        pd.DataFrame({"value": values, "lower": 0.0, "upper": 1.0}, index=steps)
        for steps, values in (([0, 5, 9], [0.1, 0.3, 0.5]), ([0, 5, 7], [0.3, 0.4, 0.9]))
    ]
    drawn = evaluation_curve.band(runs)
    assert drawn.index.tolist() == [0, 5]
    assert drawn["value"].tolist() == pytest.approx([0.2, 0.35])
    assert drawn[["lower", "upper"]].to_numpy().tolist() == [[0.1, 0.3], [0.3, 0.4]]
    pd.testing.assert_frame_equal(evaluation_curve.band(runs[:1]), runs[0])


def test_the_report_has_the_figure_and_the_reference_line(filed):
    with_reference(filed, value=0.7, label="reward of copying the <hint>")
    ingest_again(filed, filed.directory)
    text = report(filed)
    assert "## Held-out pass@k during the training" in text
    assert r"Dashed: `easy`, 0.7, reward of copying the \<hint\>." in text
    drawing = (filed.directory / "figures" / "evaluation_curve.svg").read_text()
    assert "reward of copying the &lt;hint&gt;" in drawing
    assert drawing.count("pass4-pass1") >= 2
    for title in ("easy: pass@1", "hard: pass@8", "easy: maj@8", "hard: maj@8"):
        assert title in drawing
    assert "The last panels have maj@k" in text


def test_evaluations_of_an_earlier_passk_have_no_majority_and_no_panel_of_it(filed):
    for file in (stage / "evaluations.jsonl" for stage in filed.stages()):
        if file.exists():
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            file.write_text("".join(json.dumps(line | {"maj_at_k": None}) + "\n" for line in lines[:1]))
            with file.open("a") as rest:
                for line in lines[1:]:
                    del line["maj_at_k"]
                    rest.write(json.dumps(line) + "\n")
    ingest_again(filed, *filed.stages())
    text = report(filed)
    drawing = (filed.directory / "figures" / "evaluation_curve.svg").read_text()
    assert "hard: pass@8" in drawing and "maj@" not in drawing and "maj@k" not in text


def test_without_evaluations_there_is_neither_figure_nor_section(filed):
    for stage in filed.stages():
        (stage / "evaluations.jsonl").unlink(missing_ok=True)
    ingest_again(filed, *filed.stages())
    assert "during the training" not in report(filed)
    assert not (filed.directory / "figures" / "evaluation_curve.svg").exists()
