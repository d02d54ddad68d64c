"""Every estimator as an advantage estimator of verl, under the name passk/<estimator>. In a run of verl, add

    +ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES=passk.adapters.verl
    algorithm.adv_estimator=passk/passk_analytical
    +algorithm.passk.k=4
    +algorithm.passk.options.sigma=false

The first makes every process of verl import this module, and importing it registers the estimators. The prefix is
there because verl has a grpo, an rloo and others of its own, which are something else. In a program of one's own,
`import passk.adapters.verl` is enough.

Rollouts are grouped by verl's uid, in any order, and groups may differ in size. The reward of a rollout is the sum
of its token rewards. A rollout whose response mask is all zero is not in its group: verl's rejection sampling zeroes
the mask of rejected rollouts, and the rows that fill up a batch have such a mask too.
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
    """Register every estimator with verl, and return the names. Doing it again changes nothing.

    Raises verl's ValueError where somebody else has registered one of the names.
    """
    for name in advantage.names():
        register_adv_est(PREFIX + name)(estimator(name))
    return [PREFIX + name for name in advantage.names()]


@cache
def estimator(name: str) -> Estimator:
    """The estimator of that name as verl calls it.

    token_level_rewards, response_mask: [B, T]; index: [B], equal for the rollouts of a prompt; config: verl's
    algorithm section, of which `passk.k` and `passk.options` are read. Returns (advantages, returns), [B, T]: both
    the rollout's advantage where the mask is 1, 0 elsewhere.

    Raise ConfigError for a k or options that the estimator does not take, PasskError for one that needs more
    than rewards, and as `passk.advantage.compute`.
    """

    def estimate(
        token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: Any, config: Any, **_: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        estimator = advantage.get(name)
        if estimator.needs:
            raise PasskError(
                f"algorithm.adv_estimator: {name} needs {estimator.needs[0]}, which verl hands to no estimator; "
                "choose an estimator that needs rewards alone"
            )
        k, options = _settings(estimator, config)
        rewards, trained = token_level_rewards.sum(dim=-1), response_mask.any(dim=-1)
        found = groups.advantages(estimator, rewards, index.tolist(), trained.tolist(), k, options)
        advantages = found.unsqueeze(-1) * response_mask
        return advantages, advantages

    return estimate


def _settings(estimator: advantage.Estimator, config: Any) -> tuple[int, dict[str, Any]]:
    section = (config or {}).get("passk") or {}
    given = OmegaConf.to_container(OmegaConf.create({"passk": section}), resolve=True)["passk"]
    known = ("k", "options")
    if not isinstance(given, Mapping) or not isinstance(given.get("options", {}), Mapping):
        raise ConfigError("algorithm.passk: must be of the form {k: 4, options: {name: value}}")
    for key in given:
        if key not in known:
            raise ConfigError(f"algorithm.passk.{key}: does not exist{nearest(key, known)}")
    if "k" not in given and estimator.k != "1":
        raise ConfigError(f"algorithm.passk.k: {estimator.name} needs it; add +algorithm.passk.k=4")
    return given.get("k", 1), dict(given.get("options", {}))


register()
