"""Several checkpoints of one stage are evaluated with vLLM, and the evaluation is killed at the third of them."""

import json
import threading
from pathlib import Path

import pandas as pd
import pytest
import yaml

from passk.experiment import config, plan
from passk.files.layout import kept_model, write_json
from passk.models.tiny import make_tiny
from passk.pipeline import stages
from passk.runtime.failures import StageFailed
from tests.integration.test_kept_models import EXPERIMENT, PROBLEMS, kill_when

pytestmark = pytest.mark.slow
SAMPLES = 8


def manifests(laid_out: plan.Plan) -> dict[Path, int]:
    """Directory of each finished evaluation -> time of its manifest."""
    found = laid_out.directory.glob("evaluations/*/manifest.json")
    return {manifest.parent: manifest.stat().st_mtime_ns for manifest in found}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A finished stage, whose checkpoints are models with different random weights, and its evaluations at the kill."""
    laid_out = plan.plan(config.parse(yaml.safe_load(EXPERIMENT)), tmp_path_factory.mktemp("evaluated"))
    [arm] = laid_out.stages
    directory, tiny = arm.directory, laid_out.experiment.model.tiny
    for step in (6, 4, 2):
        model = directory / "model" if step == 6 else kept_model(directory, step)
        model.mkdir(parents=True)
        make_tiny(tiny, model, seed=step)
    models = {"keep": {"every": 2, "last": 3, "best": arm.stage.keep_best.chosen}, "last": [6, 4, 2], "best": 2}
    write_json(directory / "manifest.json", {"key": arm.record.key, "steps": 6, "models": models})

    def two_are_finished() -> bool:
        return len(manifests(laid_out)) >= 2

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        stages.prepare(laid_out)
        threading.Thread(target=kill_when, args=(two_are_finished, "passk.evaluation.evaluate"), daemon=True).start()
        with pytest.raises(StageFailed):
            stages.evaluate(laid_out)
        at_kill = manifests(laid_out)
        stages.evaluate(laid_out)
    return laid_out, at_kill


def test_an_evaluation_killed_at_its_third_checkpoint_resumes_without_a_sample_lost_or_doubled(evaluated):
    laid_out, at_kill = evaluated
    assert len(laid_out.evaluations) == 4 and 2 <= len(at_kill) < 4
    after = manifests(laid_out)
    assert {directory: after[directory] for directory in at_kill} == at_kill, "a finished one is not touched"
    assert set(after) == {planned.directory for planned in laid_out.evaluations}
    for planned in laid_out.evaluations:
        samples = pd.read_parquet(planned.directory / "samples.parquet")
        assert len(samples) == PROBLEMS * SAMPLES and not samples.duplicated(["problem", "sample"]).any()


def test_each_checkpoint_is_sampled_with_its_own_weights_and_seeds(evaluated):
    laid_out, _ = evaluated
    records = [json.loads((each.directory / "evaluation.json").read_text()) for each in laid_out.evaluations]
    found = [(record["step"], record["best"]) for record in records]
    assert found == [
        (None, False),
        (4, False),
        (2, False),
        (2, True),
    ]
    frames = [pd.read_parquet(planned.directory / "samples.parquet") for planned in laid_out.evaluations]
    for one in range(4):
        for other in range(one):
            assert not frames[one]["logprob"].equals(frames[other]["logprob"])
            assert not frames[one]["seed"].equals(frames[other]["seed"])
