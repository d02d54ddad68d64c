"""A method's recipe says where each stage with `until` ended and why."""

import json
from pathlib import Path

import pytest

from passk.files.layout import write_json
from passk.store import reading, rebuild
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.sections.recipes import recipes
from tests.unit.reports.conftest import ingest_again, text_of

UNTIL = {"metric": "reward", "above": 0.2, "window": 3}
CONDITION = "until mean reward over 3 steps is above 0.2"


def end_early(run, stage: str, steps: int) -> Path:
    """Rewrite a run as one whose stage had a condition and ended after `steps` steps; return the stage's directory."""
    [directory] = [path for path in run.stages() if path.name.partition("-")[2] == stage]
    record = json.loads((directory / "stage.json").read_text())
    record["config"] |= {"steps": 99, "until": UNTIL}
    write_json(directory / "stage.json", record)
    lines = (directory / "metrics.jsonl").read_text().splitlines(keepends=True)
    (directory / "metrics.jsonl").write_text("".join(lines[:steps]))
    for file in (directory / "rollouts").glob("step-*.parquet"):
        if int(file.stem.removeprefix("step-")) > steps:
            file.unlink()
    manifest = json.loads((directory / "manifest.json").read_text())
    ended = f"ended at step {steps} of 99: mean reward over 3 steps is 0.3, above 0.2"
    write_json(directory / "manifest.json", manifest | {"steps": steps, "ended": ended})
    experiment = json.loads((run.directory / "experiment.json").read_text())
    experiment["config"]["stages"][stage] |= {"steps": 99, "until": UNTIL}
    write_json(run.directory / "experiment.json", experiment)
    return directory


def test_the_recipe_and_the_store_have_the_step_at_which_a_stage_ended(filed):
    ingest_again(filed, end_early(filed, "pass4", 4), filed.directory)
    text = text_of(filed.store, filed.name)
    line = r"passk\_analytical k=4, ended at step 4 of 99: mean reward over 3 steps is 0.3, above 0.2 → grpo, 6 steps"
    assert f"- `pass4-pass1`: {line}, from `warm`" in text
    assert "- `pass1`: grpo, 18 steps, from `warm`" in text
    with reading(filed.store) as store:
        steps = dict(store.execute("SELECT stage, step FROM checkpoints").fetchall())
        ended = dict(store.execute("SELECT name, ended FROM stages").fetchall())
    assert (steps["key-pass4"], steps["key-pass1"]) == (4, 18)
    assert ended["pass4"].startswith("ended at step 4") and ended["pass1"] is None


@pytest.mark.parametrize(("steps", "shown"), [((3, 5, 4), "3 to 5"), ((4, 4, 4), "4")])
def test_seeds_that_end_at_different_steps_show_their_range(seeds, steps, shown):
    for run, last in zip(seeds, steps, strict=True):
        ingest_again(run, end_early(run, "pass1", last), run.directory)
    shown_recipes = [recipe for _, recipe, _ in recipes(Comparison([load(run.store, run.name) for run in seeds]))]
    assert f"grpo, {shown} of at most 99 steps, {CONDITION}" in shown_recipes


def test_a_stage_that_is_not_finished_shows_its_condition(filed):
    (end_early(filed, "pass1", 4) / "manifest.json").unlink()
    rebuild(filed.runs)
    assert f"grpo, at most 99 steps, {CONDITION}, from `warm`" in text_of(filed.store, filed.name)
