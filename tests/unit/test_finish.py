"""What a power loss may not take: a manifest stands for files that are on the disk, not in a cache."""

import json
import shutil

from passk.experiment.config import parse
from passk.experiment.plan import plan
from passk.pipeline import stages
from tests.unit.experiment.test_config import changed


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
