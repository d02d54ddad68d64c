import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passk.base.errors import PasskError
from passk.files.layout import INGEST
from passk.statistics.bootstrap import Estimate
from passk.store import rebuild
from reports import results_table, write_report
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.figures.style import spread
from reports.report import FIGURES
from reports.sections.answer import NO_DIFFERENCE, answer
from tests.unit.reports.conftest import amend, ingest_again, text_of


def test_the_first_screen_has_question_answer_table_and_differences(written):
    _, _, text = written
    screen = text[: text.index("## Training")]
    assert screen.startswith("# maze-cpu\n\n**Does training for Pass@4 first make")
    assert "\n\nOver all benchmarks together, this checkpoint of `pass4-pass1` and this checkpoint of `pass1`" in screen
    rows = re.findall(
        r"^\| (all together|`easy`|`hard`) +\| `[\w-]+` +\|.*\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", screen, re.M
    )
    assert len(rows) == 3 * 4
    assert "`easy`: 16 problems, 16 samples each, temperature 1, top-p 0.95; " in screen
    assert "| `pass4-pass1` − `pass1` | `hard`" in screen
    top, rest = screen.split("### By benchmark")
    assert "all together" in top and "| `hard`" not in top
    assert "| all together" not in rest


def test_the_report_of_a_rehearsal_begins_with_a_banner(filed, text_once):
    assert "rehearsal" not in text_once
    record = json.loads((filed.directory / "experiment.json").read_text())
    amend(filed, config={**record["config"], "rehearses": "real"})
    title, _, banner, *_ = text_of(filed.store, filed.name).split("\n")
    assert title == "# maze-cpu" and banner.startswith("**This is a rehearsal of `real`, not a result.**")


def test_no_blank_line_is_there_twice(written):
    _, _, text = written
    assert "\n\n\n" not in text


def test_no_blank_line_is_there_twice_before_the_run_has_an_end(filed):
    amend(filed, sessions=[])
    text = text_of(filed.store, filed.name)
    assert "Where the wall time" not in text and "\n\n\n" not in text


def test_a_report_states_that_no_sample_was_cut_off(filed, parquet, text_once):
    assert "None was cut off." not in text_once
    for file in (filed.directory / "evaluations").glob("key-pass4-pass1-*/samples.parquet"):
        rows = parquet.columns(file)
        pq.write_table(pa.table({**rows, "finish_reason": ["stop"] * len(rows["sample"])}), file)
        ingest_again(filed, file.parent)
    assert "None was cut off." in text_of(filed.store, filed.name)


def test_every_link_is_relative_and_leads_to_a_figure_wherever_the_folder_lies(written, tmp_path):
    _, path, text = written
    moved = tmp_path / "elsewhere"
    shutil.copytree(path.parent / "figures", moved / "figures")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert sorted(links) == sorted(f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg"))
    for link in links:
        starts = b"\x89PNG" if link.endswith("png") else b"<?xml"
        assert (moved / link).read_bytes().startswith(starts)


def test_the_same_data_give_the_same_bytes(written, filed):
    """All files of the report, from a store made again, in another process's order of sets and hashes."""
    _, path, _ = written
    filed.store.unlink()
    rebuild(filed.runs)
    code = "import sys, pathlib, reports; reports.write_report(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(filed.store), str(filed.directory)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    names = ["report.md", "report.html", *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg"))]
    for name in names:
        assert (filed.directory / name).read_bytes() == (path.parent / name).read_bytes(), name


def test_no_difference_is_claimed_where_the_interval_holds_zero(filed):
    evaluations = filed.directory / "evaluations"
    for benchmark in ("easy", "hard"):
        own, other = evaluations / f"key-pass1-{benchmark}", evaluations / f"key-pass4-pass1-{benchmark}"
        (other / "samples.parquet").write_bytes((own / "samples.parquet").read_bytes())
        ingest_again(filed, other)
    comparison = Comparison([load(filed.store, filed.name)])
    first = answer(comparison)[0]
    assert "(difference 0.000 [" in first and not re.search(f"more|less|{NO_DIFFERENCE}", first)
    top = {name: comparison.cells["all", name, 1] for name in ("pass1", "pass4-pass1")}
    assert not any(cell.best for cell in top.values()), "two equal checkpoints, and one is marked as best"


def test_a_benchmark_that_says_otherwise_is_not_hidden_by_the_mean(seeds_once):
    comparison = Comparison([load(run.store, run.name) for run in seeds_once])
    assert "solves more than pass1" in answer(comparison)[0]
    own = next(d for d in comparison.between_methods if (d.benchmark, d.k) == ("easy", 1))
    less = replace(own, estimate=Estimate(-0.1, -0.2, -0.05))
    comparison.between_methods[comparison.between_methods.index(own)] = less
    comparison.p_values[less] = (0.01, 0.04)
    text = " ".join(answer(comparison))
    assert "Single benchmarks differ from this: less on easy at pass@1 (-0.100 [-0.200, -0.050])." in text


def test_a_failed_method_is_called_failed_and_the_rest_is_reported(filed):
    (filed.directory / "stages" / "key-pass4-pass1" / "manifest.json").unlink()
    for benchmark in ("easy", "hard"):
        (filed.directory / "evaluations" / f"key-pass4-pass1-{benchmark}" / "manifest.json").unlink()
    rebuild(filed.runs)
    amend(filed, failures={"pass4-pass1": "the trainer | ended `with` status 1"})
    text = text_of(filed.store, filed.name)
    assert "\n`pass4-pass1` failed in stage `pass4-pass1`." in text
    assert "## Failures" in text and "``the trainer ¦ ended `with` status 1``" in text.replace("`` ", "``").replace(
        " ``", "``"
    )
    assert "| `easy`    | `pass1`" in text


def test_an_evaluation_that_failed_is_not_called_one_that_is_to_come(filed):
    evaluations = json.loads((filed.directory / "experiment.json").read_text())["evaluations"]
    without = {method: [key for key in evaluations if not key.startswith(f"key-{method}-e")] for method in ("pass1",)}
    amend(filed, evaluations=[key for key in evaluations if "pass1" not in key], failures={"evaluate": "out of memory"})
    first = answer(Comparison([load(filed.store, filed.name)]))[0]
    assert first == "Evaluation failed; there are no samples of pass1 and pass4-pass1."
    amend(filed, evaluations=without["pass1"])
    assert answer(Comparison([load(filed.store, filed.name)]))[0].startswith("Evaluation failed before its end")
    amend(filed, evaluations=[])
    assert not [line for line in answer(Comparison([load(filed.store, filed.name)])) if "yet" in line]


def test_automatic_retries_are_described_without_a_number_that_would_go_stale(written):
    _, _, text = written
    (line,) = [line for line in text.splitlines() if line.startswith("Failed attempts of all runs. ")]
    assert "retries lost and hung jobs by itself, until further attempts make no progress" in line
    assert not re.search(r"\d|three", line)


def test_items_that_were_not_ingested_are_called_missing_and_the_rest_is_reported(run):
    for file in ("problems/hard.parquet", "stages/key-pass4/manifest.json", "evaluations/key-pass1-easy/manifest.json"):
        (run.directory / file).write_text("{")
    skipped = rebuild(run.runs).skipped
    assert len(skipped) == 3
    amend(run, failures={INGEST: "; ".join(skipped)})
    text = text_of(run.store, run.name)
    assert "Ingest failed; this report lacks the items that were not ingested." in text[: text.index("## ")]
    assert f"| `{INGEST}` | `{run.directory / 'problems' / 'hard.parquet'}" in text and "| `easy`" in text


def test_a_run_that_did_nothing_yet_has_a_report(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    filed.store.unlink()
    amend(
        filed,
        evaluations=[],
        stages=dict.fromkeys(record["stages"], "none"),
        failures={"warm": "no room on the disk"},
    )
    text = write_report(filed.store, filed.directory).read_text()
    assert "`pass1` failed in stage `warm`." in text
    assert "No checkpoint has been evaluated yet." in text
    assert "pass1 failed in stage warm." in results_table(filed.store, filed.name)


def test_the_terminal_table_has_the_numbers_of_the_report_and_no_markdown(written):
    run, _, text = written
    shown = results_table(run.store, run.name)
    numbers = re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", text[: text.index("### Differences")])
    assert numbers and all(number in shown for number in numbers)
    assert "`" not in shown and "|" not in shown


def test_an_experiment_that_is_not_in_the_store_is_named(filed):
    with pytest.raises(PasskError, match="maze-gpu: no such experiment"):
        results_table(filed.store, "maze-gpu")


def test_each_section_of_a_report_is_there(written):
    _, _, text = written
    titles = re.findall(r"^##? (.*)$", re.sub(r"^(```+)text\n.*?^\1$", "", text, flags=re.M | re.S), re.M)
    assert titles == [
        "maze-cpu", "Results", "Held-out pass@k during the training", "Training", "pass@k over k",
        "Accuracy by difficulty", "Which problems", "Verdicts", "Samples", "Cost",
        "Failures and retries", "Provenance", "Reproduce",
    ]  # fmt: skip


def test_the_problems_that_one_method_alone_solves_are_counted_and_named(written):
    run, _, text = written
    comparison = Comparison([load(run.store, run.name)])
    mine = comparison.results[0].problems("pass4-pass1", "hard")["c"] > 0
    theirs = comparison.results[0].problems("pass1", "hard")["c"] > 0
    counts = [int(both.sum()) for both in (mine & theirs, mine & ~theirs, ~mine & theirs, ~mine & ~theirs)]
    row = re.search(r"^\| `pass4-pass1` against `pass1` \| `hard` +\|(.*)\|$", text, re.M)
    assert [int(cell) for cell in row[1].split("|")] == counts
    for _, problem in (mine & ~theirs)[mine & ~theirs].index[:1]:
        assert re.search(rf"^\| `pass4-pass1` \| `pass1` +\| `hard` +\| `{problem}` \|", text, re.M)


def test_verdicts_that_a_verifier_did_not_reach_are_seen_in_training_and_on_benchmarks(filed, parquet):
    metrics = filed.directory / "stages" / "key-pass1" / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    shares = [{"correct": 0.5, "into a wall": 0.25, "timeout": 0.25}, {"correct": 0.5, "crash": 0.5}]
    for i, line in enumerate(lines):
        line["reasons"] = shares[i % 2]
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    samples = filed.directory / "evaluations" / "key-warm-hard" / "samples.parquet"
    rows = parquet.columns(samples)
    incorrect = [i for i, correct in enumerate(rows["correct"]) if not correct]
    rows["reason"][incorrect[0]] = "crash"
    pq.write_table(pa.table(rows), samples)
    ingest_again(filed, metrics.parent, samples.parent)
    text = text_of(filed.store, filed.name)
    header = re.search(r"^\| checkpoint .*\| correct \|.*$", text, re.M)[0]
    assert header.split("|")[-3:-1] == [" `timeout` ", " `crash` "]
    cells = re.search(r"^\| `pass1` +\| its training \|(.*)\|$", text, re.M)[1].split("|")
    assert [cell.strip() for cell in cells] == ["50.0%", "12.5%", "12.5%", "25.0%"]
    crashed = re.search(r"^\| `warm` +\| `hard` +\|(.*)\|$", text[text.index("## Verdicts") :], re.M)[1].split("|")
    assert crashed[-1].strip() == f"{1 / len(rows['correct']):.1%}"


def test_an_evaluation_alone_states_what_is_solved_and_nothing_of_methods(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    warm = {name: [s for s in record["evaluations"] if s.startswith(f"key-{name}-")] for name in ("warm", "pass1")}
    stages = {"warm": record["config"]["stages"]["warm"]}
    amend(filed, config={**record["config"], "stages": stages}, stages={"warm": "key-warm"}, evaluations=warm["warm"])
    (first, second) = answer(Comparison([load(filed.store, filed.name)]))
    value = r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]"
    assert re.fullmatch(f"warm solves {value} at pass@1 and {value} at pass@8 of all benchmarks together.", first)
    assert re.fullmatch(f"At pass@1: easy {value} and hard {value}.", second)
    text = text_of(filed.store, filed.name)
    assert "### Methods" not in text
    assert "**Bold**" not in text, "there is nothing to be better than"
    amend(filed, failures={"evaluate": "the engine died"})
    assert answer(Comparison([load(filed.store, filed.name)]))[0] == "Evaluation failed."


def test_no_secret_of_a_config_a_command_a_failure_or_a_response_is_in_the_report(filed, monkeypatch):
    planted = {
        "environment": "0123456789abcdef0123456789abcdef01234567", "config": "hf_" + "planted1" * 4,
        "command": "planted-password", "failure": "sk-" + "planted2" * 4,
    }  # fmt: skip
    monkeypatch.setenv("WANDB_API_KEY", planted["environment"])
    record = json.loads((filed.directory / "experiment.json").read_text())
    amend(
        filed,
        config={**record["config"], "model": {"path": f"https://{planted['config']}@example.org/m"}},
        command=f"WANDB_API_KEY={planted['command']} passk run experiments/maze-cpu.yaml",
        failures={"pass1": f"login failed: {planted['environment']} and {planted['failure']}"},
    )
    path = write_report(filed.store, filed.directory)
    for file in (path, path.with_suffix(".html"), *(path.parent / "figures").glob("*.svg")):
        leaked = [what for what, secret in planted.items() if secret in file.read_text()]
        assert not leaked, file.name
    assert path.read_text().count("[hidden]") >= 4


def test_labels_are_moved_apart_and_stay_in_order():
    places = spread([0.5, 0.51, 0.9, 0.505], gap=0.1, low=0.0, high=1.0)
    ordered = [places[i] for i in (0, 3, 1, 2)]
    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(ordered))
    assert min(places) >= 0 and max(places) <= 1
