"""What a power loss may not take: a manifest stands for files that are on the disk, not in a cache."""

import json
import shutil

import pytest
import yaml

from passk.base.errors import PasskError
from passk.experiment.config import parse
from passk.experiment.plan import plan
from passk.files.layout import kept_model, kept_steps
from passk.pipeline import stages
from tests.unit.experiment.test_config import GOOD, changed


def test_a_stages_model_is_on_the_disk_before_its_manifest_and_both_before_its_checkpoints_go(
    tmp_path, flushed, monkeypatch
):
    planned = plan(parse(changed("stages.warm.steps", 2)), tmp_path).stages[0]
    directory, model = planned.directory, planned.directory / "model"
    (model / "tokenizer").mkdir(parents=True)
    (directory / "checkpoints").mkdir()
    files = [model / "config.json", model / "model.safetensors", model / "tokenizer" / "vocab.json"]
    for file in files:
        file.write_text("{}")
    lines = [json.dumps({"step": step}) + "\n" for step in (1, 2)]
    (directory / "metrics.jsonl").write_text("".join(lines))
    flushed_when_removed: dict[str, list] = {}
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: flushed_when_removed.update({path.name: list(flushed)}))

    stages.finish(planned, seconds=1.0, startup=None)

    manifest = next(number for number, path in enumerate(flushed) if "manifest.json" in path.name)
    assert {*files, model, model / "tokenizer"} <= set(flushed[:manifest])
    assert flushed[manifest + 1 :] == [directory], "the manifest's name"
    assert flushed_when_removed["checkpoints"] == flushed


@pytest.mark.parametrize(
    ("until", "rewards", "steps", "ended"),
    [
        ({"above": 0.5}, [0.2, 0.6, 0.8], 3, "ended at step 3 of 9: mean reward over 2 steps is 0.7, above 0.5"),
        ({"below": 0.5}, [0.2, 0.6], 2, "ended at step 2 of 9: mean reward over 2 steps is 0.4, below 0.5"),
        (
            {"above": 0.5},
            [0.1] * 9,
            9,
            "all 9 steps are done; mean reward over 2 steps is 0.1, not above 0.5",
        ),
        ({"above": 0.5}, [0.1] * 8, None, "OpenRLHF ended after 8 of 9 steps"),
        ({"above": 0.5}, [0.2, 0.6, 0.8, 0.8], None, "OpenRLHF ended after 4 of 3 steps"),
        (None, [0.9] * 9, 9, "all 9 steps are done"),
        (None, [0.9] * 8, None, "OpenRLHF ended after 8 of 9 steps"),
    ],
)
def test_the_manifest_has_the_step_at_which_the_condition_was_met_and_the_records_decide_it(
    tmp_path, until, rewards, steps, ended
):
    raw = yaml.safe_load(GOOD)
    raw["stages"]["arm"] |= {"steps": 9, "until": until and {"metric": "reward", "window": 2, **until}}
    planned = plan(parse(raw), tmp_path).stages[1]
    (planned.directory / "model").mkdir(parents=True)
    (planned.directory / "model" / "config.json").write_text("{}")
    lines = [json.dumps({"step": step, "reward": reward}) + "\n" for step, reward in enumerate(rewards, 1)]
    (planned.directory / "metrics.jsonl").write_text("".join(lines))
    if steps is None:
        with pytest.raises(PasskError, match=ended):
            stages.finish(planned, seconds=1.0, startup=None)
        return
    assert stages.finish(planned, seconds=1.0, startup=None) == ended
    manifest = json.loads((planned.directory / "manifest.json").read_text())
    assert (manifest["steps"], manifest["ended"]) == (steps, ended)
    assert planned.steps == steps


def test_the_manifest_names_the_kept_models_and_the_others_are_deleted(tmp_path):
    raw = yaml.safe_load(GOOD)
    raw["benchmarks"]["held"] = {**raw["benchmarks"]["test"], "validation": True}
    raw["stages"]["arm"] |= {"steps": 9, "save_every": 3, "evaluate_every": 2, "evaluate_last": 2}
    raw["stages"]["arm"]["keep_best"] = {"benchmark": "held", "k": 8}
    planned = plan(parse(raw), tmp_path).stages[1]
    directory = planned.directory
    for model in (directory / "model", *(kept_model(directory, step) for step in (2, 3, 4, 6, 9))):
        model.mkdir(parents=True)
        (model / "config.json").write_text("{}")
    lines = [json.dumps({"step": step, "reward": 0.5}) + "\n" for step in range(1, 10)]
    (directory / "metrics.jsonl").write_text("".join(lines))
    values = {0: 0.1, 2: 0.3, 4: 0.4, 6: 0.2}
    lines = [
        json.dumps({"step": step, "benchmark": "held", "pass_at_k": {"8": {"value": value}}}) + "\n"
        for step, value in values.items()
    ]
    (directory / "evaluations.jsonl").write_text("".join(lines))
    stages.finish(planned, seconds=1.0, startup=None)
    assert kept_steps(directory) == [4, 6]
    assert json.loads((directory / "manifest.json").read_text())["models"] == {
        "keep": {"every": 3, "last": 2, "best": {"benchmark": "held", "k": 8}},
        "last": [9, 6],
        "best": 4,
    }
    assert (planned.kept.last, planned.kept.best) == ((9, 6), 4)
