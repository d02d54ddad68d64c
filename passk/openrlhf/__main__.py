"""Run OpenRLHF's train_ppo_ray with the advantage estimators of passk.

    python -m passk.openrlhf <OpenRLHF flags> --passk.advantage passk_analytical --passk.k 4

Everything else is OpenRLHF's own: models, engines, reward function, checkpoints, logging. The estimator replaces
`--algo.advantage.estimator`. Set that flag to `group_norm`, which adds no whitening of its own. `--reward.clip_range`
does not change the advantage. The plugin writes metrics and rollouts of every step to `--passk.record`. On a cluster
install passk on each node, beside OpenRLHF.
"""

import argparse
import os
import runpy
import sys
from collections.abc import Mapping
from typing import Any

from passk.base.errors import ConfigError
from passk.methods import Method
from passk.openrlhf import needed_gpus
from passk.openrlhf.settings import PluginSettings, split_arguments
from passk.openrlhf.step_recorder import require_new
from passk.runtime import actor_monitor, failure_record, ray_gpus, worker_setup
from passk.runtime.environment import passed_on

CALLS_AT_ONCE = 100_000
# openrlhf.cli.train_ppo_ray sets these for Ray's workers if it starts Ray itself. Here passk starts Ray.
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
    import openrlhf.trainer.ray.launcher as upstream_launcher
    import openrlhf.trainer.ray.ppo_actor as upstream_actor
    import openrlhf.trainer.ray.vllm_engine as upstream_engine
    import ray

    from passk.openrlhf.actor_factory import ActorFactory
    from passk.openrlhf.policy import PasskPolicy
    from passk.openrlhf.reference import PasskReference
    from passk.openrlhf.rollout_engine import PasskEngine
    from passk.openrlhf.trainer import TrainerFactory

    # A Ray job has already brought its variables. Ours include them.
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
    ray.init(runtime_env=runtime_environment(os.environ))
    actor_monitor.start()
    ray_gpus.wait_for(needed_gpus.needed(rest) or 0)

    # The driver looks these names up in their modules at run time, and so starts passk's classes.
    upstream_trainer.PPOTrainer = TrainerFactory(settings)
    upstream_actor.PolicyModelActor = ActorFactory(
        PasskPolicy, ema=settings.ema, method=settings.method, sum_tokens=settings.sum_tokens
    )
    if settings.reference:
        upstream_launcher.ReferenceModelActor = ActorFactory(PasskReference, reference=settings.reference)
    # With determinism all prompts of a step wait for one more call. Ray's default of 1,000 calls would deadlock.
    upstream_engine.RolloutRayActor = ray.remote(max_concurrency=CALLS_AT_ONCE)(PasskEngine)
    sys.argv = ["openrlhf.cli.train_ppo_ray", *rest]
    runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__")


def check(settings: PluginSettings, arguments: list[str]) -> None:
    """Raise ConfigError if passk's settings conflict with OpenRLHF's `arguments`, or a record would be lost."""
    parser = argparse.ArgumentParser(prog="python -m passk.openrlhf", add_help=False)
    parser.add_argument("--rollout.n_samples_per_prompt", dest="rollouts", type=int, default=1)  # OpenRLHF's default
    parser.add_argument("--train.async_enable", dest="asynchronous", action="store_true")
    parser.add_argument("--train.full_determinism_enable", dest="deterministic", action="store_true")
    parser.add_argument("--algo.dynamic_filtering_enable", dest="filtering", action="store_true")
    parser.add_argument("--ckpt.load_enable", dest="resumes", action="store_true")
    parser.add_argument("--actor.entropy_coef", dest="entropy", type=float)
    parser.add_argument("--actor.loss_agg_mode", dest="aggregation", default="token-mean")  # OpenRLHF's default
    parser.add_argument("--actor.policy_loss_type", dest="loss", default="ppo")  # OpenRLHF's default
    parser.add_argument("--algo.kl.init_coef", dest="kl", type=float, default=0.01)  # OpenRLHF's default
    parser.add_argument("--algo.kl.use_loss", dest="kl_in_loss", action="store_true")
    options, _ = parser.parse_known_args(arguments)
    if options.asynchronous:
        raise ConfigError(
            "--train.async_enable", "the plugin supports only OpenRLHF's synchronous trainer", "remove the flag"
        )
    if options.deterministic and settings.filter_groups:
        raise ConfigError(
            "--passk.filter_groups",
            "samples an unknown number of prompts, so no run is reproducible",
            "remove it or --train.full_determinism_enable",
        )
    if options.deterministic and options.filtering:
        raise ConfigError(
            "--algo.dynamic_filtering_enable",
            "replaces prompts as responses arrive, so no run is reproducible",
            "remove it or --train.full_determinism_enable",
        )
    if settings.sum_tokens and (options.aggregation, options.loss) != ("token-mean", "ppo"):
        raise ConfigError(
            "--passk.sum_tokens", "divides OpenRLHF's token-mean of ppo anew", "use these two, or remove the flag"
        )
    if settings.method:
        _check_method(settings.method, options, settings)
    settings.check(options.rollouts)
    if not options.resumes:
        require_new(settings.record)  # the trainer checks again, perhaps on another node


def _check_method(method: Method, options: argparse.Namespace, settings: PluginSettings) -> None:
    """Raise ConfigError for a method that OpenRLHF's settings would break late or bias without a word."""
    if method.needs_demonstrations and not settings.problems:
        raise ConfigError("--passk.method", "needs the demonstrations of problems", "add --passk.problems FILE")
    penalized = options.kl > 0
    if method.needs_kl and not (penalized and options.kl_in_loss):
        raise ConfigError(
            "--passk.method",
            "changes the reference of a KL penalty in the loss",
            "add --algo.kl.use_loss, with --algo.kl.init_coef above 0",
        )
    if penalized and not options.kl_in_loss:
        raise ConfigError(
            "--passk.method",
            f"changes advantages, and the KL penalty of --algo.kl.init_coef {options.kl:g} is a part of them",
            "set it to 0, or add --algo.kl.use_loss",
        )
    if method.changes_loss() and options.entropy is None:
        raise ConfigError(
            "--passk.method", "reads the entropy of each token, which is off", "add --actor.entropy_coef 0"
        )


def runtime_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return Ray's runtime_env for a training job, from the driver's environment."""
    workers = {name: variables.get(name, value) for name, value in UPSTREAM_ENVIRONMENT.items()}
    workers |= passed_on(variables)  # an existing cluster lacks the driver's environment
    return {"env_vars": workers, "worker_process_setup_hook": "passk.runtime.worker_setup.install"}


if __name__ == "__main__":
    with failure_record.recorded():
        main(sys.argv[1:])
