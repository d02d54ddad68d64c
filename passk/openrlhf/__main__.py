"""OpenRLHF's train_ppo_ray with the advantage estimators of passk.

    python -m passk.openrlhf <OpenRLHF flags> --passk.advantage passk_analytical --passk.k 4

Everything else is OpenRLHF's own: models, engines, reward function, checkpoints, logging. The estimator takes
the place of `--algo.advantage.estimator` (give `group_norm`, which adds no whitening of its own), and
`--reward.clip_range` does not touch the advantage. Metrics and rollouts of every step are written to
`--passk.record`. On a cluster each node needs passk installed, as it needs OpenRLHF.
"""

import argparse
import os
import runpy
import sys
from collections.abc import Mapping
from typing import Any

from passk.base.errors import ConfigError
from passk.openrlhf.settings import PluginSettings, split_arguments
from passk.openrlhf.step_recorder import require_new
from passk.runtime import actor_monitor, worker_setup
from passk.runtime.environment import passed_on

CALLS_AT_ONCE = 100_000
# What openrlhf.cli.train_ppo_ray gives Ray's workers where it starts Ray itself; we do it in its place.
UPSTREAM_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "true",
    "NCCL_DEBUG": "WARN",
    "RAY_ENABLE_ZERO_COPY_TORCH_TENSORS": "1",
}


def main(arguments: list[str]) -> None:
    settings, rest = split_arguments(arguments)
    check(settings, rest)
    worker_setup.install()

    import openrlhf.trainer.ppo_trainer as upstream_trainer
    import openrlhf.trainer.ray.ppo_actor as upstream_actor
    import openrlhf.trainer.ray.vllm_engine as upstream_engine
    import ray

    from passk.openrlhf.policy import PasskPolicy
    from passk.openrlhf.rollout_engine import PasskEngine
    from passk.openrlhf.trainer import TrainerFactory

    # In a job of Ray's the same variables have come with the job already; ours are the same or more.
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
    ray.init(runtime_env=runtime_environment(os.environ))
    actor_monitor.start()

    # The driver takes these names from their modules when it runs, and so starts ours.
    upstream_trainer.PPOTrainer = TrainerFactory(settings)
    upstream_actor.PolicyModelActor = ray.remote(num_gpus=1)(PasskPolicy)
    # Where it is deterministic, all prompts of a step wait for one more call: Ray's 1,000 at once would be a deadlock.
    upstream_engine.RolloutRayActor = ray.remote(max_concurrency=CALLS_AT_ONCE)(PasskEngine)
    sys.argv = ["openrlhf.cli.train_ppo_ray", *rest]
    runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__")


def check(settings: PluginSettings, arguments: list[str]) -> None:
    """Raise ConfigError where our settings and OpenRLHF's `arguments` do not go together, or a record would be lost."""
    parser = argparse.ArgumentParser(prog="python -m passk.openrlhf", add_help=False)
    parser.add_argument("--rollout.n_samples_per_prompt", dest="rollouts", type=int, default=1)  # as OpenRLHF has it
    parser.add_argument("--train.async_enable", dest="asynchronous", action="store_true")
    parser.add_argument("--train.full_determinism_enable", dest="deterministic", action="store_true")
    parser.add_argument("--algo.dynamic_filtering_enable", dest="filtering", action="store_true")
    parser.add_argument("--ckpt.load_enable", dest="resumes", action="store_true")
    asked, _ = parser.parse_known_args(arguments)
    if asked.asynchronous:
        raise ConfigError("--train.async_enable: the plugin works in OpenRLHF's synchronous trainer; leave it out")
    if asked.deterministic and asked.filtering:
        raise ConfigError(
            "--algo.dynamic_filtering_enable: replaces prompts as answers arrive, so no run is like another; "
            "leave it or --train.full_determinism_enable out"
        )
    settings.check(asked.rollouts)
    if not asked.resumes:
        require_new(settings.record)  # the trainer looks again: it may be on another node, and others may have begun


def runtime_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Ray's runtime_env for a training job, from the driver's environment."""
    workers = {name: variables.get(name, value) for name, value in UPSTREAM_ENVIRONMENT.items()}
    workers |= passed_on(variables)  # a cluster that somebody else started has not our environment
    return {"env_vars": workers, "worker_process_setup_hook": "passk.runtime.worker_setup.install"}


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ConfigError as error:
        # One that was raised in an actor comes as Ray's, whose text is the traceback.
        print(f"passk: {getattr(error, 'cause', error)}", file=sys.stderr)
        sys.exit(2)
