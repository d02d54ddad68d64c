"""A model that brings Python code is refused before anything is run, unless the experiment file trusts it."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment import benchmark_presets, config
from passk.experiment.plan import plan
from passk.models import remote_code
from passk.pipeline import evaluation_request, stages
from passk.pipeline.preflight import check_installation
from tests.unit.experiment.test_config import GOOD
from tests.unit.models.own_code import change, code_in


@pytest.fixture
def model(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "model")


def described(model, **fields):
    raw = yaml.safe_load(GOOD) | {"model": {"path": str(model), **fields}}
    raw["compute"] = {"profile": "cpu"}
    return config.parse(raw)


def custom_generate(model):
    (model / "custom_generate").mkdir()
    (model / "custom_generate" / "generate.py").touch()


CONFIGS = (
    "config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json",
    "video_preprocessor_config.json", "generation_config.json",
)  # fmt: skip


@pytest.mark.parametrize("file", CONFIGS)
def test_code_in_any_configuration_is_refused_and_with_trust_accepted(model, tmp_path, file):
    check_installation(described(model))
    code_in(model, tmp_path / "ran", file)
    with pytest.raises(ConfigError, match=rf"^model.path: .*auto_map in {file}.*trust_remote_code: true") as raised:
        check_installation(described(model))
    assert "\n" not in str(raised.value)
    check_installation(described(model, trust_remote_code=True))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change_it", "reason"),
    [
        (lambda model: change(model / "config.json", text_config={"auto_map": {"AutoConfig": "a.B"}}), "auto_map"),
        (lambda model: change(model / "config.json", parts=[{"auto_map": {"AutoConfig": "a/b--c.D"}}]), "auto_map"),
        (lambda model: change(model / "config.json", attn_implementation="owner/kernel"), "attn_implementation"),
        (lambda model: change(model / "config.json", _attn_implementation={"": "owner/kernel"}), "attn_implementation"),
        (lambda model: change(model / "adapter_config.json", base_model_name_or_path="a/b"), "names a base model"),
        (lambda model: (model / "generation_config.json").write_text("{"), "not readable as JSON"),
        (custom_generate, "custom_generate"),
    ],
)  # fmt: skip
def test_other_ways_to_bring_code_are_refused_too(model, change_it, reason):
    change_it(model)
    with pytest.raises(ConfigError, match=f"^model.path: .*{reason}"):
        remote_code.check(model, trusted=False)
    assert remote_code.has_code(model)


def test_a_plain_model_is_accepted(model):
    change(model / "config.json", auto_map={}, attn_implementation="flash_attention_2")
    remote_code.check(model, trusted=False)
    remote_code.check(model.parent / "not made yet", trusted=False)
    assert not remote_code.has_code(model)


def test_trust_without_a_path_is_refused():
    with pytest.raises(ConfigError, match=r"^model: .*trust_remote_code has no effect"):
        config.parse(yaml.safe_load(GOOD) | {"model": {"tiny": {}, "trust_remote_code": True}})


def passk(directory, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", "from passk.cli.main import main; main()", *arguments],
        cwd=directory, env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip


def written(directory, experiment):
    raw = experiment.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    (directory / "own.yaml").write_text(yaml.safe_dump(raw))


@pytest.mark.parametrize("command", [["plan", "own.yaml"], ["run", "own.yaml"]])
def test_plan_and_run_refuse_it_in_one_line_and_run_nothing(model, tmp_path, command):
    code_in(model, tmp_path / "ran")
    written(tmp_path, described(model))
    done = passk(tmp_path, *command)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "model.path: loading" in done.stderr and "auto_map in config.json" in done.stderr
    assert not (tmp_path / "ran").exists() and not (tmp_path / "runs").exists()


def test_the_plan_says_whether_code_runs(model, tmp_path):
    written(tmp_path, described(model))
    assert f"# model {model}: its own code is refused" in passk(tmp_path, "plan", "own.yaml").stdout
    code_in(model, tmp_path / "ran")
    written(tmp_path, described(model, trust_remote_code=True))
    said = passk(tmp_path, "plan", "own.yaml")
    assert f"# model {model}: its own code runs (model.trust_remote_code)" in said.stdout
    assert not (tmp_path / "ran").exists()


def test_evaluate_refuses_it_and_takes_trust_from_the_file(model, tmp_path):
    code_in(model, tmp_path / "ran")
    done = passk(tmp_path, "evaluate", "--model", str(model), "--benchmark", "maze-easy")
    assert done.returncode == 2 and "auto_map in config.json" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "ran").exists() and not (tmp_path / "runs").exists()
    for trusted in (True, False):
        written(tmp_path, described(model, trust_remote_code=trusted))
        made = benchmark_presets.experiment(str(model), file=tmp_path / "own.yaml")
        assert made.model.trust_remote_code == trusted


@pytest.mark.parametrize("trusted", [True, False])
def test_vllm_gets_what_the_experiment_says(model, tmp_path, trusted):
    laid_out = plan(described(model, trust_remote_code=trusted), tmp_path / "runs")
    planned = laid_out.evaluations[0]
    name = planned.benchmark.problems
    problems.save(problems.generate(laid_out.experiment.problems[name], 1), laid_out.problems[name])
    assert evaluation_request.request(laid_out, planned).engine["trust_remote_code"] is trusted


def test_a_checkpoint_of_a_stage_is_looked_at_again_before_it_is_loaded(model, tiny, tmp_path):
    laid_out = plan(described(tiny), tmp_path / "runs")
    code_in(model, tmp_path / "ran")
    changed = replace(laid_out, model=model)
    first = next(stage for stage in changed.stages if stage.stage.parent is None)
    with pytest.raises(ConfigError, match=r"^model\.path: .*auto_map"):
        stages.command(changed, first)
