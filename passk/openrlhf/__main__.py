"""OpenRLHF's train_ppo_ray with the advantage rules of passk.

    python -m passk.openrlhf <OpenRLHF flags> --passk.rule passk_analytical --passk.k 4

Everything else is OpenRLHF's own: models, engines, reward function, checkpoints, logging. The rule takes
the place of `--algo.advantage.estimator` (give `group_norm`, which adds no whitening of its own), and
`--reward.clip_range` does not touch the advantage. Metrics and rollouts of every step are written to
`--passk.record`. On a cluster each node needs passk installed, as it needs OpenRLHF.
"""

import os
import runpy
import sys

from passk import advantage
from passk.errors import ConfigError
from passk.openrlhf import cpu
from passk.openrlhf.settings import split_arguments

# What openrlhf.cli.train_ppo_ray gives Ray's workers where it starts Ray itself; we do it in its place.
UPSTREAM_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "true",
    "NCCL_DEBUG": "WARN",
    "RAY_ENABLE_ZERO_COPY_TORCH_TENSORS": "1",
}
# Workers of a cluster that somebody else started have not our environment: these go with the job.
PASSED_ON = (
    "DS_ACCELERATOR",
    "TORCHDYNAMO_DISABLE",
    "OMP_NUM_THREADS",
    "GLOO_SOCKET_IFNAME",
    "DO_NOT_TRACK",
    "HF_HUB_OFFLINE",
)


def main(arguments: list[str]) -> None:
    settings, rest = split_arguments(arguments)
    if "--train.async_enable" in rest:
        raise ConfigError("--train.async_enable: the plugin works in OpenRLHF's synchronous trainer; leave it out")
    if "--rollout.n_samples_per_prompt" in rest:
        rollouts = int(rest[rest.index("--rollout.n_samples_per_prompt") + 1])
        advantage.check(settings.rule, settings.k, rollouts)
    cpu.install_if_asked()

    import openrlhf.trainer.ppo_trainer as upstream
    import ray

    from passk.openrlhf.trainer import TrainerFactory

    environment = {name: os.environ.get(name, value) for name, value in UPSTREAM_ENVIRONMENT.items()}
    environment |= {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("VLLM_")}
    runtime: dict = {"env_vars": environment}
    if os.environ.get(cpu.ENVIRONMENT_SWITCH) == "1":
        environment[cpu.ENVIRONMENT_SWITCH] = "1"
        runtime["worker_process_setup_hook"] = "passk.openrlhf.cpu.install_if_asked"
    ray.init(runtime_env=runtime)

    # train() imports the name from this module when it runs, and so starts ours.
    upstream.PPOTrainer = TrainerFactory(settings)
    sys.argv = ["openrlhf.cli.train_ppo_ray", *rest]
    runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ConfigError as error:
        print(f"passk: {error}", file=sys.stderr)
        sys.exit(2)
