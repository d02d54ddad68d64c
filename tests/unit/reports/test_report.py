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

from passk.errors import PasskError
from passk.evaluate.compare import holm, sign_flip_p
from passk.evaluate.intervals import Estimate
from passk.layout import write_json
from passk.store import ingest_experiment_record, rebuild
from reports import provenance, results_table, write_report
from reports.answer import NO_DIFFERENCE, answer, interval, p_text
from reports.comparison import Comparison, Difference
from reports.report import FIGURES
from reports.results import ALL, load
from reports.study_tables import Paired
from reports.style import spread
from tests.unit.reports.conftest import text_of


@pytest.fixture(scope="module")
def written(filed_once):
    """The report of the default run and its text."""
    path = write_report(filed_once.store, filed_once.directory)
    return filed_once, path, path.read_text()


def amend(run, **changes):
    """Change experiment.json as a later run would, and file it."""
    record = json.loads((run.directory / "experiment.json").read_text()) | changes
    write_json(run.directory / "experiment.json", record)
    ingest_experiment_record(run.store, run.directory)


def wall_clock(run):
    """What the report says of the wall time: what -> seconds, as they are written."""
    text = text_of(run.store, run.name)
    rows = re.findall(r"^\| (\S[^|]*?) +\| +([-\d.,]+) \| +[-\d.]+% \|$", text, re.M)
    return dict(rows)


def test_the_first_screen_has_question_answer_table_and_differences(written):
    _, _, text = written
    screen = text[: text.index("## Training")]
    assert screen.startswith("# maze-cpu\n\n**Does training for Pass@4 first make")
    assert "`pass4-pass1` solves more than `pass1`" in screen
    rows = re.findall(
        r"^\| (all together|`easy`|`hard`) +\| `[\w-]+` +\|.*\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", screen, re.M
    )
    assert len(rows) == 3 * 4
    assert "`easy`: 16 problems, 16 samples each" in screen
    assert "| `pass4-pass1` − `pass1` | `hard`" in screen
    top, rest = screen.split("### By benchmark")
    assert "all together" in top and "| `hard`" not in top
    assert "| all together" not in rest


def test_every_difference_has_its_p_value_and_one_corrected_for_all_of_them(written):
    run, _, text = written
    found = Comparison([load(run.store, run.name)])
    rows = re.findall(r"^\| `[\w-]+` − `[\w-]+` +\| [^|]+\|(.*)\|$", text, re.M)
    cells = [cell.strip() for row in rows for cell in row.split("|")]
    given = [p_text(p) for pair in found.p_values.values() for p in pair]
    assert len(found.p_values) == 18 == len(cells) / 3 and "all 18 differences" in text
    assert sorted(cells[1::3] + cells[2::3]) == sorted(given)
    pairs = list(found.p_values.values())
    assert [corrected for _, corrected in pairs] == pytest.approx(list(holm([p for p, _ in pairs])))
    one = found.between_arms[0]
    scores = [found.results[0].values(name, one.benchmark, one.k) for name in (one.of, one.to)]
    assert found.p_values[one][0] == sign_flip_p(*scores)
    weak = [d for d, (_, corrected) in found.p_values.items() if d.sign and corrected >= 0.05]
    assert weak and f"in bold, {len(weak)} is not below 0.05 once corrected" in text


def test_a_difference_that_does_not_outlive_the_correction_is_said_in_the_answer(filed_once):
    found = Comparison([load(filed_once.store, filed_once.name)])
    first = next(d for d in found.between_arms if d.sign)
    found.p_values[first] = (0.03, 0.54)
    said = [line for line in answer(found) if line.startswith("Corrected")]
    assert said == [f"Corrected for all 18 differences, it is not clear at pass@{first.k} (p 0.540)."]


@pytest.mark.parametrize(
    ("low", "high", "sign"), [(0.0004, 0.1, 0), (0.0005, 0.1, 1), (-0.1, -0.0004, 0), (-0.1, -0.0005, -1)]
)
def test_what_is_called_clear_is_clear_at_the_digits_that_are_printed(low, high, sign):
    found = Estimate((low + high) / 2, low, high)
    assert Difference("all", "a", "b", 1, 0.5, 0.5, found, ()).sign == sign
    assert Paired(0.5, 0.5, found, {}, 0.01).sign == sign
    assert bool(re.search(r"0\.000[],]", interval(found, signed=True))) == (sign == 0)


def test_the_answer_on_the_warm_start_takes_both_ends_of_k_and_hides_no_benchmark(filed_once):
    found = Comparison([load(filed_once.store, filed_once.name)])
    told = next(line for line in answer(found) if line.startswith("Against the warm start"))
    at_1, at_8 = told.split("; at pass@8 ")
    assert "at pass@1 " in at_1 and all("pass1 (" in part and "pass4-pass1 (" in part for part in (at_1, at_8))
    own = next(d for d in found.over_warm_start if d.benchmark == "easy")
    worse = replace(own, estimate=Estimate(-0.1, -0.2, -0.05))
    found.over_warm_start[:] = [d for d in found.over_warm_start if d.benchmark == ALL] + [worse]
    assert answer(found)[-1] == (
        f"Not so on every benchmark: {own.of} is worse than warm on easy at pass@{own.k} (-0.100 [-0.200, -0.050])."
    )


def test_no_blank_line_is_there_twice(written):
    _, _, text = written
    assert "\n\n\n" not in text


def test_no_blank_line_is_there_twice_before_the_run_has_an_end(filed):
    amend(filed, sessions=[])
    text = text_of(filed.store, filed.name)
    assert "Where the wall time" not in text and "\n\n\n" not in text


def test_where_no_sample_was_cut_off_that_is_said(filed, parquet):
    assert "None was cut off." not in text_of(filed.store, filed.name)
    for file in (filed.directory / "samples").glob("key-pass4-pass1-*/samples.parquet"):
        rows = parquet.columns(file)
        pq.write_table(pa.table({**rows, "finish_reason": ["stop"] * len(rows["sample"])}), file)
    rebuild(filed.runs)
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


def test_provenance_says_command_versions_seed_hashes_and_a_dirty_tree(written):
    _, _, text = written
    for part in (
        "passk run experiments/maze-cpu.yaml",
        "vllm 0.29.0",
        "Seeds: 17",
        "`key-pass4`",
        "uncommitted changes",
    ):
        assert part in text


def test_no_difference_is_said_where_the_interval_holds_zero(filed):
    source = filed.directory / "samples" / "key-pass1-easy" / "samples.parquet"
    for benchmark in ("easy", "hard"):
        own = source.parent.parent / f"key-pass1-{benchmark}" / "samples.parquet"
        (filed.directory / "samples" / f"key-pass4-pass1-{benchmark}" / "samples.parquet").write_bytes(own.read_bytes())
    rebuild(filed.runs)
    found = Comparison([load(filed.store, filed.name)])
    assert NO_DIFFERENCE in answer(found)[0]
    assert not re.search("more|less", answer(found)[0])
    top = {name: found.cells["all", name, 1] for name in ("pass1", "pass4-pass1")}
    assert not any(cell.best for cell in top.values()), "two equal checkpoints, and one is marked as best"


def test_a_benchmark_that_says_otherwise_is_not_hidden_by_the_mean(run_factory, tmp_path):
    run = run_factory(tmp_path / "runs", problems=120)
    rebuild(run.runs)
    sentences = answer(Comparison([load(run.store, run.name)]))
    assert "solves more than pass1" in sentences[0]
    assert sentences[1].startswith("Not so on every benchmark: less on easy at pass@1")


def test_a_failed_arm_is_called_failed_and_the_rest_is_reported(filed):
    (filed.directory / "stages" / "key-pass4-pass1" / "manifest.json").unlink()
    for benchmark in ("easy", "hard"):
        (filed.directory / "samples" / f"key-pass4-pass1-{benchmark}" / "manifest.json").unlink()
    rebuild(filed.runs)
    amend(filed, failures={"pass4-pass1": "the trainer | ended `with` status 1"})
    text = text_of(filed.store, filed.name)
    assert "\n`pass4-pass1` failed in stage `pass4-pass1`." in text
    assert "## Failures" in text and "``the trainer ¦ ended `with` status 1``" in text.replace("`` ", "``").replace(
        " ``", "``"
    )
    assert "| `easy`    | `pass1`" in text


def test_a_sampling_that_failed_is_not_called_one_that_is_to_come(filed):
    samplings = json.loads((filed.directory / "experiment.json").read_text())["samplings"]
    without = {arm: [key for key in samplings if not key.startswith(f"key-{arm}-e")] for arm in ("pass1",)}
    amend(filed, samplings=[key for key in samplings if "pass1" not in key], failures={"sample": "out of memory"})
    first = answer(Comparison([load(filed.store, filed.name)]))[0]
    assert first == "Sampling failed; there are no samples of pass1 and pass4-pass1."
    amend(filed, samplings=without["pass1"])
    assert answer(Comparison([load(filed.store, filed.name)]))[0].startswith("Sampling failed before its end")
    amend(filed, samplings=[])
    assert not [line for line in answer(Comparison([load(filed.store, filed.name)])) if "yet" in line]


def test_code_that_changed_between_two_runs_is_said_of_each(filed):
    """What the first run trained was made by its commit, whatever the second one ran from."""

    def said(*codes):
        sessions = [{"seconds": 9.0, "phases": {}} | ({"code": code} if code else {}) for code in codes]
        amend(filed, sessions=sessions, code={"commit": "latest", "dirty": False})
        facts = provenance.facts(Comparison([load(filed.store, filed.name)]))
        return next(fact for fact in facts if fact.startswith("Code: ")).removeprefix("Code: ")

    one, two = {"commit": "one", "dirty": False}, {"commit": "two", "dirty": True}
    assert said(one, two, one) == (
        "`one`, clean (runs 1 and 3 of the command); `two`, with uncommitted changes (run 2 of the command)"
    )
    assert said(one, one) == "`one`, clean"
    assert said(None, None) == "`latest`, clean"
    assert said(None, two) == "`two`, with uncommitted changes (run 2 of the command); of run 1 not on record"


def test_a_run_that_did_nothing_yet_has_a_report(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    filed.store.unlink()
    amend(
        filed,
        samplings=[],
        stages=dict.fromkeys(record["stages"], "none"),
        failures={"warm": "no room on the disk"},
    )
    text = write_report(filed.store, filed.directory).read_text()
    assert "`pass1` failed in stage `warm`." in text
    assert "Nothing has been sampled yet." in text
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
        "maze-cpu", "Results", "Training", "pass@k over k", "Accuracy by difficulty", "Which problems", "Verdicts",
        "Samples", "Cost", "Failures and retries", "Provenance", "Run it again",
    ]  # fmt: skip


def test_the_problems_that_one_arm_alone_solves_are_counted_and_named(written):
    run, _, text = written
    found = Comparison([load(run.store, run.name)])
    mine = found.results[0].problems("pass4-pass1", "hard")["c"] > 0
    theirs = found.results[0].problems("pass1", "hard")["c"] > 0
    counts = [int(both.sum()) for both in (mine & theirs, mine & ~theirs, ~mine & theirs, ~mine & ~theirs)]
    row = re.search(r"^\| `pass4-pass1` against `pass1` \| `hard` +\|(.*)\|$", text, re.M)
    assert [int(cell) for cell in row[1].split("|")] == counts
    for _, problem in (mine & ~theirs)[mine & ~theirs].index[:1]:
        assert re.search(rf"^\| `pass4-pass1` \| `pass1` +\| `hard` +\| `{problem}` \|", text, re.M)


def test_the_wall_time_is_accounted_for_to_what_no_phase_has(filed):
    phases = {"prepare": 10.0, "train pass1": 60.0, "sample": 20.0}
    amend(filed, sessions=[{"started": "2026-11-21T02:00:00Z", "seconds": 97.5, "phases": phases}] * 2)
    found = wall_clock(filed)
    assert found["together"] == "195" and found["orchestration: between all these"] == "15.0"
    assert found["training steps"] == "46.8" and found["preparation"] == "20.0"
    assert found["sampling"] == f"{8 * 4.25:.1f}" and found["start-up of the sampling engine"] == "6.0"
    assert "It took 2 runs of the command, each" in text_of(filed.store, filed.name)


def test_what_ran_side_by_side_counts_once_and_the_start_of_the_process_is_orchestration(filed):
    phases = {"start Ray": 5.0, "train pass1": 60.0, "train pass4": 50.0, "file": 3.0, "sample": 20.0}
    amend(filed, sessions=[{"before": 8.0, "seconds": 100.0, "busy": 95.0, "phases": phases, "ended": "done"}])
    found = wall_clock(filed)
    assert found["together"] == "108" and found["orchestration: between all these"] == "5.0"
    assert found["orchestration: imports and the server's start"] == "8.0"
    assert found["side by side, counted twice above"] == "-43.0"


def test_the_time_of_a_stage_that_is_not_finished_is_not_called_the_launch_of_others(filed):
    (filed.directory / "stages" / "key-pass4-pass1" / "manifest.json").unlink()
    rebuild(filed.runs)
    amend(filed, sessions=[{"seconds": 300.0, "phases": {"train pass1": 90.0, "train pass4-pass1": 200.0}}])
    found = wall_clock(filed)
    assert found["stages that are not finished"] == "200"
    assert found["launch and end of the jobs, steps done again"] == "21.7"  # 90 less 18 steps of 2.6 and 21.5


def test_what_was_tried_again_says_how_often_after_which_step_and_why(filed):
    lost = {"what": "train pass4", "reason": "the Ray | cluster `died`"}
    amend(
        filed,
        sessions=[
            {"seconds": 9.0, "phases": {}, "failed": [{**lost, "step": 3}, {**lost, "step": 5}], "ended": None},
            {"seconds": 9.0, "failed": [{"what": "sample", "step": None, "reason": "x"}], "ended": "failed"},
            {"seconds": 9.0, "phases": {}, "failed": [], "ended": "done"},
        ],
    )  # fmt: skip
    text = text_of(filed.store, filed.name)
    row = re.search(r"^\| `train pass4` +\| 2 +\| 1 +\| 3, 5 +\| finished +\| (.*?) +\|$", text, re.M)
    assert row[1] == "`` the Ray ¦ cluster `died` ``"
    assert re.search(r"^\| `sample` +\| 1 +\| 2 +\| – +\| finished +\| `x` +\|$", text, re.M)
    assert "It took 3 runs of the command (1 done, 1 failed and 1 stopped or killed)" in text


def test_verdicts_that_a_verifier_came_to_none_are_seen_in_training_and_on_benchmarks(filed, parquet):
    metrics = filed.directory / "stages" / "key-pass1" / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    shares = [{"correct": 0.5, "into a wall": 0.25, "timeout": 0.25}, {"correct": 0.5, "crash": 0.5}]
    for i, line in enumerate(lines):
        line["reasons"] = shares[i % 2]
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    samples = filed.directory / "samples" / "key-warm-hard" / "samples.parquet"
    rows = parquet.columns(samples)
    wrong = [i for i, right in enumerate(rows["correct"]) if not right]
    rows["reason"][wrong[0]] = "crash"
    pq.write_table(pa.table(rows), samples)
    rebuild(filed.runs)
    text = text_of(filed.store, filed.name)
    header = re.search(r"^\| checkpoint .*\| right \|.*$", text, re.M)[0]
    assert header.split("|")[-3:-1] == [" `timeout` ", " `crash` "]
    cells = re.search(r"^\| `pass1` +\| its training \|(.*)\|$", text, re.M)[1].split("|")
    assert [cell.strip() for cell in cells] == ["50.0%", "12.5%", "12.5%", "25.0%"]
    crashed = re.search(r"^\| `warm` +\| `hard` +\|(.*)\|$", text[text.index("## Verdicts") :], re.M)[1].split("|")
    assert crashed[-1].strip() == f"{1 / len(rows['correct']):.1%}"


def test_an_evaluation_alone_says_what_is_solved_and_nothing_of_arms(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    warm = {name: [s for s in record["samplings"] if s.startswith(f"key-{name}-")] for name in ("warm", "pass1")}
    stages = {"warm": record["config"]["stages"]["warm"]}
    amend(filed, config={**record["config"], "stages": stages}, stages={"warm": "key-warm"}, samplings=warm["warm"])
    (first, second) = answer(Comparison([load(filed.store, filed.name)]))
    value = r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]"
    assert re.fullmatch(f"warm solves {value} at pass@1 and {value} at pass@8 of all problems together.", first)
    assert re.fullmatch(f"At pass@1: easy {value} and hard {value}.", second)
    assert "### Arms" not in text_of(filed.store, filed.name)
    assert "**Bold**" not in text_of(filed.store, filed.name), "there is nothing to be better than"
    amend(filed, failures={"sample": "the engine died"})
    assert answer(Comparison([load(filed.store, filed.name)]))[0] == "Sampling failed."


def test_gpu_hours_are_counted_where_there_are_gpus(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    config = {**record["config"], "compute": {"profile": "gpu", "nodes": 2, "gpus_per_node": 8}}
    amend(filed, config=config)
    text = text_of(filed.store, filed.name)
    wall, generation, *_, startup = re.search(r"^\| GPU hours +\|[ |]+(.*?) +\|$", text, re.M)[1].split("|")
    steps = 18 + 12 + 6
    assert float(wall) == pytest.approx(16 * (steps * 2.6 + 6 * 0.2) / 3600, abs=0.005)
    assert float(generation) == pytest.approx(16 * steps * 1.1 / 3600, abs=0.005)
    assert float(startup) == pytest.approx(16 * 4 * 21.5 / 3600, abs=0.005)
    sampled = re.search(r"^\| `warm` +\| `easy` +\| +16 \|.*\| +(\S+) \|$", text[text.index("\nSampling:") :], re.M)
    assert float(sampled[1]) == pytest.approx(16 * 4.25 / 3600, abs=0.005)


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
        found = [what for what, secret in planted.items() if secret in file.read_text()]
        assert not found, file.name
    assert path.read_text().count("[hidden]") >= 4


def test_labels_are_moved_apart_and_stay_in_order():
    places = spread([0.5, 0.51, 0.9, 0.505], gap=0.1, low=0.0, high=1.0)
    ordered = [places[i] for i in (0, 3, 1, 2)]
    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(ordered))
    assert min(places) >= 0 and max(places) <= 1
