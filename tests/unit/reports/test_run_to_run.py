"""A report of one training run a method describes checkpoints and claims nothing about methods."""

import json
import re
from dataclasses import replace

import pytest

from reports import results_table
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.data.run_to_run import MEASURED, measured
from reports.report import FIGURES, render, results_rows
from reports.sections.answer import answer
from tests.unit.reports.conftest import amend, text_of

NOTE = "Each method has one training run, so the numbers describe these checkpoints and not the methods."
CLAIMS = re.compile(
    r"solves (more|less)|better than|worse than|clear|\bp \(Holm\)|p: two-sided|\*\*Bold\*\*|\*\*[+-]?\d"
)


def with_sources(run, *, width=5, model=None, **sources):
    record = json.loads((run.directory / "experiment.json").read_text())
    problems = {name: {"source": source, "width": width} for name, source in sources.items()}
    amend(run, config={**record["config"], "problems": problems, "model": model or {"tiny": {"layers": 4}}})


def test_one_training_run_gets_no_p_value_no_bold_and_no_winner_anywhere(written):
    run, path, _ = written
    table = results_table(run.store, run.name)
    for text in (path.read_text(), path.with_suffix(".html").read_text(), table):
        assert not CLAIMS.search(text.replace("**Does training", "")), CLAIMS.search(text)
        assert NOTE in text and "Reruns with another seed differ by more." in text
    assert "*0." not in table and "<strong>0" not in path.with_suffix(".html").read_text()
    assert not any("*" in cell for row in results_rows(run.store, run.name) for cell in row.values())
    differences = re.findall(r"^\| `[\w-]+` − .*\|$", path.read_text(), re.M)
    assert differences and all(row.count("|") == 5 for row in differences), "an interval at two k, and no p"


def test_several_seeds_have_p_values_bold_and_no_note(seeds_once):
    text = text_of(seeds_once[0].store, *(run.name for run in seeds_once))
    assert "p (Holm)" in text and re.search(r"\*\*[+-]\d", text) and "solves more than" in text
    assert "one training run" not in text and "these checkpoints" not in text


def test_a_method_with_one_run_beside_others_with_several_is_named(seeds):
    for run in seeds[1:]:
        record = json.loads((run.directory / "experiment.json").read_text())
        amend(run, evaluations=[key for key in record["evaluations"] if "pass4-pass1" not in key])
    sentences = answer(Comparison([load(run.store, run.name) for run in seeds]))
    assert (
        "pass4-pass1 has one training run, so the numbers describe these checkpoints and not the methods." in sentences
    )
    assert sentences[0].startswith("Over all benchmarks together, this checkpoint of pass4-pass1 and")
    warm = [line for line in sentences if "warm" in line]
    assert len(warm) == 2 and "pass1 (" in warm[0] and "pass4-pass1 − warm" in warm[1]
    assert "pass4-pass1" not in warm[0] and "pass1 − warm" not in warm[1].replace("pass4-pass1 − warm", "")


@pytest.mark.parametrize(
    ("sources", "known"),
    [
        ({"easy": "maze", "hard": "maze", "train": "gsm8k"}, True),
        ({"easy": "maze", "hard": "maze", "width": 9}, False),
        ({"easy": "maze", "hard": "maze", "model": {"path": "Qwen/Qwen2.5-7B", "tiny": None}}, False),
        ({"easy": "maze", "hard": "gsm8k"}, False),
        ({"easy": "gsm8k", "hard": "gsm8k"}, False),
        ({"easy": "maze"}, False),
        ({}, False),
    ],
)
def test_the_spread_of_reruns_is_printed_for_the_kind_of_problems_that_it_was_measured_on(filed, sources, known):
    with_sources(filed, **sources)
    comparison = Comparison([load(filed.store, filed.name)])
    assert (measured(comparison) is MEASURED["maze"]) is known
    lines = [line for line in answer(comparison) if line.startswith("Run-to-run standard deviation over 5 seeds")]
    assert bool(lines) is known
    if known:
        assert (
            "studies/mazes/tables.md" in lines[0] and "0.056 at pass@1 and 0.030 at pass@8 for a checkpoint" in lines[0]
        )


def test_the_headline_says_when_methods_differ_in_rl_steps(filed, seeds):
    loaded = load(filed.store, filed.name)
    assert "rl steps" not in answer(Comparison([loaded]))[0]
    fewer = loaded.steps[~((loaded.steps["stage"] == "pass1") & (loaded.steps["step"] > 14))]
    headline = answer(Comparison([replace(loaded, steps=fewer)]))[0]
    assert headline.startswith(
        "Over all benchmarks together, this checkpoint of pass4-pass1 and this checkpoint of pass1"
    )
    assert headline.endswith(". The methods differ in rl steps: pass4-pass1 has 18, pass1 has 14.")
    each = [load(run.store, run.name) for run in seeds]
    each[0] = replace(each[0], steps=each[0].steps[each[0].steps["stage"] != "pass4-pass1"])
    headline = answer(Comparison(each))[0]
    assert headline.endswith(". The methods differ in rl steps: pass4-pass1 has 12 to 18, pass1 has 18.")


def test_captions_state_how_each_benchmark_was_sampled_and_what_top_p_cuts_off(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    benchmarks = record["config"]["benchmarks"]
    note = "pass@k at top-p {} cuts off strategies of small probability."
    for top_p, temperature, shown in ((0.95, 1.0, "0.95"), (0.9, 0.6, "0.9 or 0.95"), (1, 0.6, None)):
        benchmarks["easy"] |= {"top_p": top_p, "temperature": temperature}
        benchmarks["hard"]["top_p"] = 1 if shown is None else 0.95
        amend(filed, config={**record["config"], "benchmarks": benchmarks})
        drawn = dict.fromkeys(FIGURES, False) | {"pass_at_k": True, "difficulty": True}
        text = render(filed.store, Comparison([load(filed.store, filed.name)]), filed.name, drawn)
        caption = f"`easy`: 16 problems, 16 samples each, temperature {temperature:g}, top-p {top_p:g}; `hard`"
        assert text.count(caption) == 3, "under the table, pass@k over k and accuracy by difficulty"
        assert (note.format(shown) in text) if shown else ("cuts off" not in text)
