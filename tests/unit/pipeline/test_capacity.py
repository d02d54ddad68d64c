"""What does not fit is refused before the start, in one line with the numbers and what to lower."""

import copy
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config
from passk.experiment.model import TinyModel
from passk.experiment.plan import plan
from passk.models.model_size import ModelSize
from passk.models.tiny import make_tiny
from passk.pipeline import capacity, evaluation_length, memory, preflight, stages
from passk.pipeline.memory import GIB
from tests.unit.experiment.test_config import GOOD
from tests.unit.models.test_model_size import SMOLLM2


def experiment(tmp_path, *, model=SMOLLM2, **changes):
    """GOOD with a model in a directory; changes: fields by their path with _ for the dot."""
    directory = tmp_path / "model"
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(model))
    raw = copy.deepcopy(yaml.safe_load(GOOD))
    raw["model"] = {"path": str(directory)}
    for path, value in changes.items():
        section, name, field = path.split("__")
        (raw[section][name] if name else raw[section])[field] = value
    return config.parse(raw)


def refusal(check, *arguments) -> str:
    with pytest.raises(ConfigError) as error:
        check(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_sequence_longer_than_the_models_context_is_refused_with_the_excess(tmp_path):
    size = ModelSize.of(experiment(tmp_path).model.path)
    capacity.check_context(experiment(tmp_path, stages__arm__max_response=8192 - 31), size)
    line = refusal(capacity.check_context, experiment(tmp_path, stages__arm__max_response=9000), size)
    assert line.startswith("stages.arm.max_response: max_prompt + max_response = 9031 tokens are more than the 8192")
    assert line.endswith("lower it by 839")
    line = refusal(capacity.check_context, experiment(tmp_path, stages__warm__max_length=9000), size)
    assert line.startswith("stages.warm.max_length: max_length = 9000 tokens") and line.endswith("by 808")


def test_the_default_of_max_prompt_counts_for_the_context(tmp_path):
    fits = experiment(tmp_path, stages__arm__max_response=8192 - 1024)
    raw = fits.model_dump(mode="json", by_alias=True, exclude_unset=True)
    del raw["stages"]["arm"]["max_prompt"]
    size = capacity.size_of(fits)
    capacity.check_context(config.parse(raw), size)
    raw["stages"]["arm"]["max_response"] += 1
    line = refusal(capacity.check_context, config.parse(raw), size)
    assert "max_prompt + max_response = 8193 tokens" in line and line.endswith("lower it by 1")


def test_a_kv_cache_too_small_for_one_sequence_is_refused_with_the_size_that_fits(tmp_path):
    wide = SMOLLM2 | {"num_key_value_heads": 9, "max_position_embeddings": 131_072}
    large = experiment(tmp_path, model=wide, stages__arm__max_response=100_000)
    line = refusal(capacity.check_context, large, capacity.size_of(large))
    needed = -(-2 * 2 * 30 * 9 * 64 * 100_031 // GIB)
    assert line.startswith("compute.kv_cache_gib: 1 GiB cannot hold a sequence of stages.arm, 100031 tokens; ")
    assert f"raise it to {needed} GiB" in line


def free(monkeypatch, gib: float):
    monkeypatch.setattr(capacity.psutil, "virtual_memory", lambda: SimpleNamespace(available=gib * GIB))


def test_what_exceeds_the_free_memory_names_the_field_that_lowers_the_largest_part(tmp_path, monkeypatch):
    fits = experiment(tmp_path, compute____micro_batch=2)
    needed = memory.of_stage(capacity.size_of(fits), fits.stages["arm"], fits)
    free(monkeypatch, needed.gib + 0.1)
    capacity.check_memory(fits)
    free(monkeypatch, needed.gib - 0.1)
    line = refusal(capacity.check_memory, fits)
    assert line.startswith("model.path: stages.arm needs about") and "are free; lower it" in line
    free(monkeypatch, needed.gib + 0.1)
    line = refusal(capacity.check_memory, experiment(tmp_path, compute____micro_batch=256))
    assert line.startswith("compute.micro_batch: stages.") and "logits" in line
    line = refusal(capacity.check_memory, experiment(tmp_path, compute____micro_batch=2, compute____kv_cache_gib=99))
    assert line.startswith("compute.kv_cache_gib: the evaluation needs about")
    line = refusal(
        capacity.check_memory, experiment(tmp_path, compute____micro_batch=2, compute____max_parallel_stages=2)
    )
    assert line.startswith("compute.max_parallel_stages: 2 stages of about")


def test_the_plan_has_the_memory_of_the_evaluations_too(tmp_path):
    cpu = experiment(tmp_path, compute____kv_cache_gib=3)
    size = capacity.size_of(cpu)
    assert memory.about_evaluations(size, cpu) == f"memory: about {memory.of_evaluation(size, cpu)}"
    assert "KV cache 3.0" in memory.about_evaluations(size, cpu)
    gpu = experiment(tmp_path, compute____profile="gpu", compute____tensor_parallel=2, compute____engines=1)
    large = replace(size, weights=8 * GIB)
    line = memory.about_evaluations(large, gpu)
    assert "engine's weights 8.0" in line and line.endswith(f"and {size.kv_bytes // 2:,} bytes of KV cache per token")


def test_the_trainer_and_an_engine_must_fit_on_a_gpu(tmp_path):
    gpu = {"compute____profile": "gpu", "compute____micro_batch": 2}
    size = capacity.size_of(experiment(tmp_path))
    large = replace(size, weights=7_600_000_000)
    fits = experiment(tmp_path, **gpu)
    capacity.check_gpus(fits, 80.0)
    shared = memory.trainer(large, fits.stages["arm"], experiment(tmp_path, **gpu, compute____gpus_per_node=8))
    alone = memory.trainer(large, fits.stages["arm"], fits)
    # ZeRO-2 divides the gradients and Adam's state, not the weights
    states = "weights and Adam"
    assert alone.parts[states] == 18 * large.weights and shared.parts[states] == (2 + 16 / 8) * large.weights
    line = refusal(capacity.check_gpus, fits, 3.0)
    assert line.startswith("model.path: the trainer of stages.") and "raise compute.gpus_per_node" in line
    line = refusal(capacity.check_gpus, experiment(tmp_path, **gpu, compute____memory_utilization=0.001), 80.0)
    assert line.startswith("compute.memory_utilization: an engine of stages.arm needs about")


def test_gradients_and_adams_state_of_lora_are_those_of_its_adapter(tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        llama = get_peft_model(
            LlamaForCausalLM(LlamaConfig(**SMOLLM2)),
            LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
    adapter, _ = llama.get_nb_trainable_parameters()
    size, wanted = capacity.size_of(experiment(tmp_path)), experiment(tmp_path, stages__arm__lora={"rank": 16})
    stage = wanted.stages["arm"]
    needed = memory.trainer(size, stage, wanted).parts["weights and Adam"]
    assert needed == (2 + 4) * size.weights + (18 + 4) * adapter
    assert memory.disk(size, stage) == pytest.approx(2 * memory.CHECKPOINT_BYTES * adapter + 2 * size.weights)


def test_checkpoints_that_do_not_fit_on_the_disk_are_refused_and_those_there_count(tmp_path, monkeypatch):
    laid_out = plan(experiment(tmp_path), tmp_path / "runs")
    weights = capacity.size_of(laid_out.experiment).weights
    needed = int(weights * (2 * memory.CHECKPOINT_BYTES + 2) + 2 * weights)

    def disk(gib):
        monkeypatch.setattr(capacity.shutil, "disk_usage", lambda _: SimpleNamespace(free=gib))

    disk(needed + 1)
    capacity.check_disk(laid_out)
    disk(needed - 1000)
    assert refusal(capacity.check_disk, laid_out).startswith("runs: the checkpoints of a stage and the trained models")
    for planned in laid_out.stages:
        (planned.directory / "checkpoints").mkdir(parents=True)
        (planned.directory / "checkpoints" / "state").write_bytes(b"0" * 2000)
    capacity.check_disk(laid_out)


def test_a_directory_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^model.path: .* has no tokenizer \(tokenizer.json\); copy"):
        preflight._model_is_there(experiment(tmp_path).model.path, trusted=False)


def test_the_engine_of_an_evaluation_has_the_length_that_its_prompts_need(tmp_path):
    made = tmp_path / "model"
    make_tiny(TinyModel(max_length=131_072), made, seed=1)
    raw = yaml.safe_load(GOOD)
    laid_out = plan(config.parse(raw | {"model": {"path": str(made)}, "stages": {}}), tmp_path / "runs")
    stages.prepare(laid_out)
    longest = evaluation_length.longest_sequence(laid_out)
    assert 16 < longest < 64
    too_long = copy.deepcopy(raw)
    too_long["benchmarks"]["test"]["max_response"] = 131_060
    other = plan(config.parse(too_long | {"model": {"path": str(made)}, "stages": {}}), tmp_path / "others")
    with pytest.raises(
        ConfigError, match=r"^benchmarks.test.max_response: its longest prompt has \d+ tokens, .* 131072"
    ):
        stages.prepare(other)


def test_a_response_that_a_tiny_model_would_cut_is_refused_before_the_training(tmp_path):
    raw = copy.deepcopy(yaml.safe_load(GOOD))
    stages.prepare(plan(config.parse(raw), tmp_path / "runs"))
    raw["benchmarks"]["test"]["max_response"] = TinyModel().max_length - 8
    with pytest.raises(
        ConfigError, match=r"^benchmarks.test.max_response: its longest prompt has \d+ tokens.* exceeds"
    ):
        stages.prepare(plan(config.parse(raw), tmp_path / "runs"))
