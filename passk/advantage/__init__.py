"""Advantage rules: rewards [P, N] of P prompts with N rollouts each -> advantages [P, N], float32 both.

One file a rule, and a rule is a function `(rewards, k) -> advantages` without any other state. Every token
of a rollout gets its rollout's advantage. Rules are found by name in a registry that refuses a clash and
imports a rule, and torch with it, only when it computes: what checks an experiment's file may ask it
freely.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from passk.errors import ConfigError, PasskError, nearest

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Rule:
    name: str
    function: str
    """"package.module:function", imported at its first use"""
    k: Literal["1", "< N"]
    """where the rule is defined"""


_rules: dict[str, Rule] = {}


def register(rule: Rule) -> None:
    """Make a rule known by its name. Raises PasskError where the name is taken."""
    if rule.name in _rules:
        raise PasskError(f"rule: {rule.name} is {_rules[rule.name].function} already; name {rule.function} otherwise")
    _rules[rule.name] = rule


register(Rule("grpo", "passk.advantage.grpo:grpo", k="1"))
register(Rule("passk_analytical", "passk.advantage.passk_analytical:passk_analytical", k="< N"))


def names() -> list[str]:
    return sorted(_rules)


def check(name: str, k: int, n: int) -> None:
    """Raise ConfigError, field first and mend last, unless the rule is there and is defined for k of n."""
    if name not in _rules:
        raise ConfigError(f"rule: {name!r} does not exist{nearest(name, _rules)}")
    if k < 1:
        raise ConfigError(f"k: must be 1 or more, not {k}")
    if _rules[name].k == "1" and k != 1:
        raise ConfigError(f"k: {name} is a Pass@1 rule, not one for k = {k}; set k to 1 or rule to passk_analytical")
    if _rules[name].k == "< N" and k >= n:
        raise ConfigError(
            f"k: must be smaller than the rollouts a prompt ({n}), not {k}: at k = {n} every advantage is 0; "
            "lower k or raise rollouts"
        )


def compute(name: str, rewards: "torch.Tensor", k: int) -> "torch.Tensor":
    """Advantages of a batch by the rule `name`.

    rewards: [P, N], a row a prompt; read as float32. Returns [P, N], float32, on the same device.
    Raises ConfigError as `check` does, and PasskError for rewards that are not [P, N], not finite, or
    not what the rule takes.
    """
    if rewards.dim() != 2 or rewards.shape[1] == 0:
        raise PasskError(f"rewards: must be [prompts, rollouts], not of shape {list(rewards.shape)}")
    check(name, k, rewards.shape[1])
    rewards = rewards.detach().float()
    finite = rewards.isfinite()
    if not finite.all():
        raise PasskError(f"rewards: {int((~finite).sum())} of {rewards.numel()} are NaN or infinite")
    module, _, function = _rules[name].function.partition(":")
    return getattr(importlib.import_module(module), function)(rewards, k)
