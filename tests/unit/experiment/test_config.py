import copy
import os

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config
from passk.experiment.validate import check
from passk.pipeline.preflight import check_machine
from tests.unit.each import every

SFT = {"kind": "sft", "problems": "train", "steps": 2, "lr": 1.0e-3}
GOOD = """
name: small
question: Does it help?
seed: 1
model: {tiny: {}}
problems:
  train: {source: maze, split: train, size: 64}
  test: {source: maze, split: test, size: 8}
stages:
  warm: {kind: sft, problems: train, steps: 2, lr: 1.0e-3}
  arm: {kind: rl, from: warm, problems: train, advantage: passk_analytical, k: 4, steps: 2,
         prompts_per_step: 32, rollouts_per_prompt: 16,
        lr: 1.0e-4, max_prompt: 31, max_response: 16}
benchmarks:
  test: {problems: test, samples: 16, k: [1, 8], max_response: 16}
compute: {profile: cpu}
"""
SHORTEST = {**yaml.safe_load(GOOD)["stages"]["arm"], "max_prompt": 1, "max_response": 1}


def changed(path: str, value):
    """GOOD with the entry at the dotted `path` set to `value`, or taken out where `value` is None."""
    raw = copy.deepcopy(yaml.safe_load(GOOD))
    at = raw
    *parents, last = path.split(".")
    for part in parents:
        at = at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return raw


def refusal(raw) -> str:
    with pytest.raises(ConfigError) as error:
        check(config.parse(raw))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_good_experiment_is_read_and_passes():
    experiment = config.parse(yaml.safe_load(GOOD))
    check(experiment)
    assert experiment.stages["arm"].parent == "warm"


@every(
    ("path", "value", "field", "mend"),
    [
        ("sede", 1, "sede", "did you mean seed?"),
        ("stages.arm.rolouts_per_prompt", 8, "stages.arm.rolouts_per_prompt", "did you mean rollouts_per_prompt?"),
        ("model.tiny.heds", 4, "model.tiny.heds", "did you mean heads?"),
        ("compute.gpu", 8, "compute.gpu", "choose one of"),
        ("stages.arm.k", 16, "stages.arm.k", "smaller than the rollouts"),
        ("stages.arm.k", 0, "stages.arm.k", "must be 1 or more at every step, not 0"),
        ("stages.arm.advantage", "passk_analytic", "stages.arm.advantage", "did you mean passk_analytical?"),
        (
            "stages.arm.advantage",
            "grpo",
            "stages.arm.k",
            "must be 1 for grpo, not 4; set it, or choose a Pass@k estimator",
        ),
        ("stages.arm.from", "wram", "stages.arm.from", "did you mean warm?"),
        ("stages.warm.from", "arm", "stages.arm.from", "a cycle among arm, warm; remove one `from:`"),
        ("stages.arm.from", None, "stages.arm.from", "name an sft stage"),
        ("stages.arm.problems", "tran", "stages.arm.problems", "did you mean train?"),
        ("stages.arm.problems", "test", "stages.arm.problems", "set problems.test.split to train"),
        ("stages.arm.kind", "ppo", "stages.arm.kind", "choose one of rl, sft"),
        ("stages.arm.mini_batch_prompts", 7, "stages.arm.mini_batch_prompts", "does not divide"),
        ("benchmarks.test.problems", "none", "benchmarks.test.problems", "choose one of test, train"),
        ("benchmarks.test.problems", "train", "benchmarks.test.problems", "set problems.train.split to test"),
        ("benchmarks.test.samples", 4, "benchmarks.test.k", "set samples to 8 or more"),
        ("benchmarks.test.temperature", 0, "benchmarks.test.samples", "at temperature 0 all"),
        ("benchmarks", {}, "benchmarks", "at least 1"),
        ("problems.test.size", 0, "problems.test.size", "greater than or equal to 1"),
        ("problems.test.path_length", [5, 2], "problems.test.path_length", "from <= to"),
        ("model", {}, "model", "exactly one of tiny and path; write tiny:"),
        ("model.tiny", {"hidden_size": 96, "heads": 4}, "model.tiny", "multiple of 32"),
        ("stages.warm.max_length", 129, "stages.warm.max_length", "more than the 128 of model.tiny.max_length"),
        ("stages.warm.warmup", 3, "stages.warm", "lower it to 2 or less"),
        ("stages.arm.steps", 10**8, "stages.arm", "lower it below 1000000000"),
        ("model.tiny", {"max_length": 40}, "model.tiny.max_length", "raise it to 47"),
        ("compute.kv_cache_gib", 0.5, "compute.kv_cache_gib", "integer"),
        ("model.tiny", {"layers": 100_000_000}, "compute.kv_cache_gib", "raise it to"),
        ("compute.micro_batch", 100, "compute.micro_batch", "make it a divisor"),
        ("compute", {"profile": "gpu", "gpus_per_node": 8, "colocate": True}, "compute", "set engines to 8"),
        ("compute", {"profile": "gpu", "max_tokens_per_gpu": 4096}, "compute", "needs zero_stage 3"),
        ("compute", {"profile": "gpu", "colocate": True, "zero_stage": 0}, "compute", "set zero_stage to 1, 2 or 3"),
        (
            "compute",
            {"profile": "gpu", "gpus_per_node": 5, "zero_stage": 3, "max_tokens_per_gpu": 4096},
            "stages.warm.batch_size",
            "is not a multiple of the number of GPUs",
        ),
        ("stages.arm.lr", 1.0e30, "stages.arm.lr", "less than or equal to 1, not 1e+30; lower it"),
        ("stages.arm.betas", [0.9, 0.9, 0.9], "stages.arm.betas", "needs at most 2 entries, not 3; remove one"),
        ("stages.arm.betas", 0.9, "stages.arm.betas", "input should be a list, not 0.9; write a list"),
        ("stages.arm", 5, "stages.arm", "input should be a mapping, not 5; write a mapping"),
        ("model", {"path": "x" * 300}, "model.path", "a name in it has 300 bytes; use names of at most 255"),
        ("benchmarks.test.temperature", 1.0e30, "benchmarks.test.temperature", "lower it"),
        ("stages.arm", SHORTEST, "stages.arm.max_response", "raise max_response to 2"),
        ("seed", "one", "seed", "integer"),
        ("question", None, "question", "required"),
        ("stages.base", SFT, "stages.base", "choose another one"),
        ("stages.evaluate", SFT, "stages.evaluate", "choose another one"),
        ("benchmarks.all", {"problems": "test", "max_response": 8}, "benchmarks.all", "choose another one"),
    ],
)
def test_bad_input_meets_one_line_that_names_the_field_and_the_mend(path, value, field, mend):
    line = refusal(changed(path, value))
    assert line.startswith(f"{field}:")
    assert mend in line


def test_a_file_that_is_no_mapping_or_no_yaml_or_not_there_is_refused_by_name(tmp_path):
    for text in ("- a list", "a: [", "\x00", "[" * 100_000, "seed: 2026-13-45"):
        file = tmp_path / "bad.yaml"
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"bad\.yaml"):
            config.load(file)
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "none.yaml")


def test_a_kv_cache_larger_than_the_memory_is_refused_before_anything_starts():
    with pytest.raises(ConfigError, match="compute.kv_cache_gib: .* KV cache 1000000.0.* lower it"):
        check_machine(config.parse(changed("compute.kv_cache_gib", 1_000_000)))


def test_a_model_directory_that_is_not_there_is_refused_by_name(tmp_path):
    for path in (str(tmp_path / "none"), "./none", "no-owner"):
        with pytest.raises(ConfigError, match="model.path: the directory .* does not exist"):
            check_machine(config.parse(changed("model", {"path": path})))
    with pytest.raises(ConfigError, match="config.json"):
        check_machine(config.parse(changed("model", {"path": str(tmp_path)})))


@pytest.mark.parametrize(
    ("compute", "there", "taken"),
    [
        ({"gpus_per_node": 1}, 1, 2),
        ({"gpus_per_node": 1, "colocate": True}, 1, None),
        ({"gpus_per_node": 2, "engines": 2, "tensor_parallel": 2, "max_parallel_stages": 2}, 8, 12),
    ],
)
def test_more_gpus_than_there_are_are_refused_instead_of_waited_for(tmp_path, monkeypatch, compute, there, taken):
    said = "\n".join(f"GPU {i}: NVIDIA A100-SXM4-80GB (UUID: GPU-{i})" for i in range(8))
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{said}'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(there))))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    asked = config.parse(changed("compute", {"profile": "gpu", **compute}))
    if taken is None:
        return check_machine(asked)
    with pytest.raises(
        ConfigError, match=f"^compute.gpus_per_node: .* needs {taken} GPUs.* has {there}; .*RAY_ADDRESS"
    ):
        check_machine(asked)
    monkeypatch.setenv("RAY_ADDRESS", "http://10.0.0.1:8265")
    return check_machine(asked)
