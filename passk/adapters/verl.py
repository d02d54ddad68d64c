"""Register every estimator with verl as an advantage estimator, named passk/<estimator>. In a run of verl, add

    +ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES=passk.adapters.verl
    algorithm.adv_estimator=passk/passk_analytical
    +algorithm.passk.k=4
    +algorithm.passk.options.sigma=false

The first line makes every process of verl import this module, and the import registers the estimators. The prefix
keeps them apart from verl's own grpo, rloo and others, which differ. In your own program, `import
passk.adapters.verl` is enough.

Rollouts are grouped by verl's uid, in any order. Groups may differ in size. The reward of a rollout is the sum of its
token rewards. A rollout whose response mask is all zero is left out of its group. verl's rejection sampling zeroes the
mask of rejected rollouts, and the rows that fill up a batch have such a mask too.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from omegaconf import OmegaConf
from verl.trainer.ppo.core_algos import register_adv_est

from passk import advantage
from passk.adapters import groups
from passk.base.errors import ConfigError, PasskError, nearest

PREFIX = "passk/"

Estimator = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def register() -> list[str]:
    """Register every estimator with verl, and return the names. A second call changes nothing.

    Raise verl's ValueError if other code has registered one of the names.
    """
    for name in advantage.names():
        register_adv_est(PREFIX + name)(estimator(name))
    return [PREFIX + name for name in advantage.names()]


@cache
def estimator(name: str) -> Estimator:
    """Return the estimator of that name as a function that verl calls.

    token_level_rewards, response_mask: [B, T].
    index: [B], equal for the rollouts of a prompt.
    config: verl's algorithm section; `passk.k` and `passk.options` are read.
    Returns (advantages, returns), [B, T]: both hold the rollout's advantage where the mask is 1, and 0 elsewhere.

    Raise ConfigError for a k or options that the estimator rejects. Raise PasskError for an estimator that needs more
    than rewards, and as `passk.advantage.compute`.
    """

    def estimate(
        token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: Any, config: Any, **_: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        estimator = advantage.get(name)
        if estimator.needs:
            raise PasskError(
                f"algorithm.adv_estimator: {name} needs {estimator.needs[0]}, which verl passes to no estimator; "
                "choose an estimator that needs only rewards"
            )
        k, options = _settings(estimator, config)
        rewards, trained = token_level_rewards.sum(dim=-1), response_mask.any(dim=-1)
        values = groups.advantages(estimator, rewards, index.tolist(), trained.tolist(), k, options)
        advantages = values.unsqueeze(-1) * response_mask
        return advantages, advantages

    return estimate


def _settings(estimator: advantage.Estimator, config: Any) -> tuple[int, dict[str, Any]]:
    section = (config or {}).get("passk") or {}
    settings = OmegaConf.to_container(OmegaConf.create({"passk": section}), resolve=True)["passk"]
    known = ("k", "options")
    if not isinstance(settings, Mapping) or not isinstance(settings.get("options", {}), Mapping):
        raise ConfigError("algorithm.passk", "must be of the form {k: 4, options: {name: value}}", "write it so")
    for key in settings:
        if key not in known:
            raise ConfigError(f"algorithm.passk.{key}", "does not exist", nearest(key, known))
    if "k" not in settings and estimator.k != "1":
        raise ConfigError("algorithm.passk.k", f"{estimator.name} requires k", "add +algorithm.passk.k=4")
    return settings.get("k", 1), dict(settings.get("options", {}))


register()
