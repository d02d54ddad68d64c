"""`passk probe interference` on the files of a finished stage, written by hand."""

import json
import shutil

import pandas as pd
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from passk import problems
from passk.base.errors import ConfigError
from passk.cli.main import app
from passk.experiment import config, plan
from passk.files.layout import export_of, kept_model
from passk.models.tiny import load_tokenizer, make_tiny
from passk.pipeline import interference, stages
from tests.unit.experiment.test_config import GOOD

SMALL = {"tiny": {"layers": 1, "hidden_size": 32, "heads": 1, "feed_forward": 32, "max_length": 64}}


@pytest.fixture
def laid_out(request, tmp_path):
    """GOOD with a finished stage `arm`: two steps with a group of each difficulty, half of the rollouts correct.

    The stage exported another model after step 1. A parameter is what it has as `stop`.
    """
    raw = yaml.safe_load(GOOD) | {"model": SMALL}
    raw["problems"]["train"]["size"] = 8
    raw["stages"]["arm"]["stop"] = getattr(request, "param", [])
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(raw))
    one = plan.plan(config.parse(raw), tmp_path / "runs")
    stages.prepare(one)
    arm = one.stages[1]
    rows = problems.load(one.problems["train"]).to_list()
    chosen = {each: next(row["id"] for row in rows if row["difficulty"] == each) for each in ("easy", "hard")}
    (arm.directory / "rollouts").mkdir(parents=True)
    for step in (1, 2):
        found = [
            {
                "step": step,
                "problem": name,
                "response": text,
                "reward": reward,
                "advantage": 3 * reward - 1.0,
                "truncated": cut,
            }
            for name in chosen.values()
            for text, reward, cut in (("LR", 1.0, False), ("UUUU", 0.0, True))
        ]
        pd.DataFrame(found).to_parquet(arm.directory / "rollouts" / f"step-{step:06d}.parquet")
    shutil.copytree(one.model, arm.directory / "model")
    make_tiny(one.experiment.model.tiny, export_of(arm.directory, 1), seed=77)
    (arm.directory / "manifest.json").write_text(json.dumps({"steps": 2}))
    return one, tmp_path, chosen


@pytest.mark.parametrize(
    ("laid_out", "step", "steps", "place"),
    [([], None, [1, 2], "model"), (["R"], 1, [1], "exports/step-000001"), (["S"], None, [1, 2], "model")],
    indirect=["laid_out"],
)
def test_the_products_are_those_of_gradients_of_the_stages_rollouts(laid_out, step, steps, place):
    one, _, chosen = laid_out
    found = interference.measured(one, "arm", 2, step)
    assert found.steps == steps and found.problems == {"easy": len(steps), "hard": len(steps)}
    model = AutoModelForCausalLM.from_pretrained(one.stages[1].directory / place, dtype="float32").eval()
    tokenizer = load_tokenizer(one.model)
    prompts = {row["id"]: row["prompt"] for row in problems.load(one.problems["train"]).to_list()}

    end = "" if one.stages[1].stage.stop == ("R",) else tokenizer.eos_token

    def gradient(problem, weights):
        """Of a group, the same in both steps: 1 / 2 of each response. `LR` ends with its end token or the stop text."""
        loss = torch.zeros(())
        for text, weight in zip(("LR" + end, "UUUU"), weights, strict=True):
            prompt, response = (tokenizer(each)["input_ids"] for each in (prompts[problem], text))
            tokens = torch.tensor([prompt + response])
            log_probs = model(tokens).logits[0].log_softmax(-1)
            for at in range(len(prompt), tokens.shape[1]):
                loss = loss + weight / 2 * log_probs[at - 1, tokens[0, at]]
        model.zero_grad()
        loss.backward()
        return torch.cat([each.grad.flatten() for each in model.parameters()])

    pass1 = {name: gradient(problem, (0.5, -0.5)) for name, problem in chosen.items()}
    trained = {name: gradient(problem, (2.0, -1.0)) for name, problem in chosen.items()}
    assert len(found.products) == 8
    for each in found.products:
        other = {"reward": pass1, "trained": trained}[each.gradient][each.by]
        assert each.inner == pytest.approx(float(pass1[each.of] @ other), rel=1e-3)
        assert each.cosine == pytest.approx(float(torch.cosine_similarity(pass1[each.of], other, dim=0)), abs=1e-3)


def test_the_command_prints_a_table_or_json(laid_out):
    _, directory, _ = laid_out
    words = [
        "probe",
        "interference",
        str(directory / "small.yaml"),
        "--stage",
        "arm",
        "--runs",
        str(directory / "runs"),
    ]
    shown = CliRunner().invoke(app, words, catch_exceptions=False)
    lines = shown.stdout.splitlines()
    assert shown.exit_code == 0 and lines[0].split() == [
        "pass@1",
        "of",
        "step",
        "on",
        "gradient",
        "inner",
        "product",
        "cosine",
    ]
    assert lines[1].split()[:3] == ["easy", "easy", "reward"] and lines[1].endswith("+1.000")
    assert lines[-1] == "groups of rollouts: easy 1, hard 1; steps 2 to 2"
    content = json.loads(CliRunner().invoke(app, [*words, "--step", "1", "--json"], catch_exceptions=False).stdout)
    assert content["steps"] == [1] and len(content["products"]) == 8


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("army", "stage: 'army' does not exist; did you mean arm?"),
        ("warm", "stage: warm is an sft stage, which has no rollouts; name an rl stage"),
    ],
)
def test_a_stage_that_has_no_rollouts_is_refused(laid_out, name, line):
    with pytest.raises(ConfigError) as error:
        interference.measured(laid_out[0], name, 1)
    assert str(error.value) == line


def test_a_step_without_a_model_is_refused_with_the_steps_that_have_one(laid_out):
    with pytest.raises(ConfigError, match="^step: arm has no model of step 3; name one of 1, 2$"):
        interference.measured(laid_out[0], "arm", 1, 3)


def test_a_kept_model_is_one_of_its_stage(laid_out):
    directory = laid_out[0].stages[1].directory
    shutil.move(export_of(directory, 1), kept_model(directory, 1))
    assert interference.measured(laid_out[0], "arm", 1, 1).steps == [1]


def test_a_stage_that_is_not_finished_is_refused(laid_out):
    (laid_out[0].stages[1].directory / "manifest.json").unlink()
    with pytest.raises(ConfigError, match="^stage: arm is not finished; run the experiment first$"):
        interference.measured(laid_out[0], "arm", 1)
