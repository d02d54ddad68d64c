"""What goes into the UI is markdown that shows there, and whatever a log holds stays text."""

import base64
import json
import re
from types import SimpleNamespace

import pytest

from passk.experiment.config import parse
from passk.experiment.plan import plan
from reports.data.markdown import fenced
from tasks import artifacts


@pytest.mark.parametrize(("words", "key"), [(("maze-cpu", "Pass_4.b"), "maze-cpu-pass-4-b"), (("..a..",), "a")])
def test_a_key_is_one_that_prefect_takes(words, key):
    assert artifacts.key(*words) == key


@pytest.fixture
def stage(tmp_path):
    experiment = parse(
        {
            "name": "view", "question": "?", "seed": 1, "model": {"tiny": {}},
            "problems": {name: {"source": "maze", "split": name, "size": 64} for name in ("train", "test")},
            "stages": {"warm": {"kind": "sft", "problems": "train", "steps": 4, "lr": 1e-3}},
            "benchmarks": {"test": {"problems": "test", "samples": 8, "max_response": 8}},
            "compute": {"profile": "cpu"},
        }
    )  # fmt: skip
    planned = plan(experiment, tmp_path).stages[0]
    planned.directory.mkdir(parents=True)
    return planned


def test_a_stages_page_has_its_latest_steps_and_the_paths_of_its_files(stage):
    lines = [{"step": step, "loss": 1 / step, "seconds": 0.5} for step in range(1, 40)]
    (stage.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = artifacts.stage_page(stage, "warm  step 39/40")
    assert "`warm step 39/40`" in page
    assert re.search(r"\| +39 +\|", page)
    assert not re.search(r"\| +20 +\|", page)
    assert str(stage.directory / "log.txt") in page


def test_an_rl_steps_rows_have_reward_and_every_k(stage):
    line = {"step": 1, "k": 4, "reward": 0.25, "pass_at_k": {"1": 0.25, "4": 0.5}, "seconds": 1.0, "loss": None}
    (stage.directory / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    page = artifacts.stage_page(stage)
    assert "pass@4" in page and "0.5000" in page and "0.2500" in page


def test_a_stages_page_has_its_held_out_evaluations(stage):
    line = {"step": 20, "benchmark": "hard", "pass_at_k": {"8": {"value": 0.5, "lower": 0.25, "upper": 0.75}}}
    voted = line | {"step": 40, "maj_at_k": {"8": {"value": 0.25, "lower": 0.125, "upper": 0.5}}}
    (stage.directory / "evaluations.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (line, voted)))
    rows = [re.split(r" *\| *", row.strip("| ")) for row in artifacts.stage_page(stage).splitlines() if "`hard`" in row]
    assert "pass@8" in artifacts.stage_page(stage) and "maj@8" in artifacts.stage_page(stage)
    assert rows[0] == ["20", "`hard`", "0.5000 [0.2500, 0.7500]", "–"], "a line of an earlier passk"
    assert rows[1] == ["40", "`hard`", "0.5000 [0.2500, 0.7500]", "0.2500 [0.1250, 0.5000]"]


def test_steps_whose_k_changed_stand_in_one_table_with_gaps(stage):
    """The first step with k 7 after those with 8 ended its stage: KeyError '7'."""
    ks = {8: ("1", "2", "4", "8", "16"), 7: ("1", "2", "4", "7", "8", "16")}
    lines = [
        {"step": step, "k": k, "reward": 0.25, "pass_at_k": {one: int(one) / 64 for one in ks[k]}, "seconds": 1.0}
        for step, k in enumerate((8, 7, 8), 1)
    ]
    (stage.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = [re.split(r" *\| *", row.strip("| ")) for row in artifacts.stage_page(stage).splitlines() if "|" in row]
    at = rows[0].index("pass@7")
    assert rows[0][at - 1 : at + 3] == ["pass@4", "pass@7", "pass@8", "pass@16"]
    assert [row[at : at + 2] for row in rows[2:5]] == [["–", "0.1250"], ["0.1094", "0.1250"], ["–", "0.1250"]]


def test_a_page_that_cannot_be_made_is_a_warning_and_not_the_end(monkeypatch):
    said = []
    monkeypatch.setattr(artifacts, "get_run_logger", lambda: SimpleNamespace(warning=lambda *words: said.append(words)))
    with artifacts._optional():
        {}["7"]
    assert "KeyError" in said[0][1]


def test_a_reports_figures_are_within_it_unless_they_are_too_large(tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.png").write_bytes(b"picture")
    (tmp_path / "report.md").write_text("# r\n\n![what it shows](figures/a.png)\n")
    inside = f"![what it shows](data:image/png;base64,{base64.b64encode(b'picture').decode()})"
    assert inside in artifacts._with_figures(tmp_path / "report.md")
    monkeypatch.setattr(artifacts, "LARGEST_FIGURES", 3)
    assert "](figures/a.png)" in artifacts._with_figures(tmp_path / "report.md")


@pytest.mark.parametrize(
    "response",
    ["![maze](maze.png)", "![a](../secret.png)", "![a](figures/a.png)", "[![a](figures/../../secret.png)](b.svg)"],
)
def test_a_models_response_brings_no_file_into_the_page(tmp_path, response):
    (tmp_path / "secret.png").write_bytes(b"secret")
    directory = tmp_path / "run"
    (directory / "figures").mkdir(parents=True)
    (directory / "figures" / "a.png").write_bytes(b"picture")
    written = f"# r\n\n![ours](figures/a.png)\n\n{fenced(response)}\n\nRead as `{response}`.\n"
    (directory / "report.md").write_text(written)
    shown = artifacts._with_figures(directory / "report.md")
    assert shown.count("base64,") == 1 and base64.b64encode(b"secret").decode() not in shown
    assert f"\n{response}\n" in shown


def test_a_report_whose_figure_is_gone_is_a_warning_and_not_the_end(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(artifacts, "get_run_logger", lambda: SimpleNamespace(warning=lambda *words: said.append(words)))
    (tmp_path / "report.md").write_text("# r\n\n![ours](figures/a.png)\n")
    artifacts.report("r", tmp_path / "report.md")
    assert len(said) == 1


def test_a_link_to_the_figures_other_form_is_left_out_with_its_brackets(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.png").write_bytes(b"picture")
    (tmp_path / "report.md").write_text("# r\n\n[![what it shows](figures/a.png)](figures/a.svg)\n")
    shown = artifacts._with_figures(tmp_path / "report.md")
    assert shown.splitlines()[-1] == f"![what it shows](data:image/png;base64,{base64.b64encode(b'picture').decode()})"


def test_paragraphs_come_to_be_one_line_and_all_else_stays_as_it_is():
    fenced = "````text\na\n```\nb\n````"
    written = f"# head\n\none\ntwo\nthree\n\n| a |\n|---|\n\n- x\n- y\n\n{fenced}\nafter\nit\n"
    assert artifacts.unwrapped(written) == written.replace("one\ntwo\nthree", "one two three").replace(
        "after\nit", "after it"
    )


def test_only_the_end_of_a_log_is_shown(tmp_path):
    log = tmp_path / "log.txt"
    assert artifacts._tail(log) == ""
    log.write_text("".join(f"line {i}\n" for i in range(100_000)))
    assert artifacts._tail(log).splitlines()[-1] == "line 99999"
    assert len(artifacts._tail(log).splitlines()) == artifacts.LOG_LINES


def test_the_server_being_away_is_a_warning_and_not_the_end(monkeypatch):
    import httpx

    said = []
    monkeypatch.setattr(artifacts, "get_run_logger", lambda: SimpleNamespace(warning=lambda *words: said.append(words)))
    with artifacts._optional():
        raise httpx.ConnectError("refused")
    assert len(said) == 1
