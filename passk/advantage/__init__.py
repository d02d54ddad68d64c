"""Advantage estimators: rewards [P, N] of P prompts with N rollouts each -> advantages [P, N], float32.

    advantage.compute("passk_analytical", rewards, k=4)
    advantage.compute("edas", rewards, k=1, answers=[["7", "8", None, "7"]], base="dr_grpo")

An estimator has no state: every token of a rollout gets its rollout's advantage. `names()` are all there are,
`get(name)` is one with its formula, source, options and needs (passk/advantage/estimator.py). Importing this
imports neither torch nor an estimator.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from passk.advantage.estimator import Estimator, count_estimator, estimator, read_options
from passk.advantage.registry import get, names
from passk.base.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["Estimator", "check", "compute", "count_estimator", "estimator", "get", "names", "needs", "read_options"]


def check(name: str | Estimator, k: int, n: int, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All options, once the estimator is there, is defined for k of n and takes the options.

    Raises ConfigError otherwise, field first and mend last.
    """
    found = get(name) if isinstance(name, str) else name
    found.check_k(k, n)
    complete = found.validated(options or {})
    if "base" in complete:  # a transform of another estimator's advantages
        if complete["base"] == found.name:
            raise ConfigError(f"options.base: {found.name} cannot change its own advantages; name another estimator")
        try:
            check(complete["base"], k, n, complete.get("base_options"))
        except ConfigError as error:
            # the fields as they are called here
            said = str(error).removeprefix("options.")
            own = (
                said.replace("advantage:", "options.base:", 1) if said == str(error) else f"options.base_options.{said}"
            )
            raise ConfigError(own) from None
    if found.counts:
        found.pairs(n, k, complete)
    return complete


def needs(name: str | Estimator, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the inputs that the estimator needs, each with the estimator that needs it (itself or its base).

    options: all of them, as `check` returns them.
    """
    found = get(name) if isinstance(name, str) else name
    below: dict[str, str] = {}
    if "base" in options:
        base = get(options["base"])
        below = needs(base, {**base.options, **(options.get("base_options") or {})})
    return below | dict.fromkeys(found.needs, found.name)


def compute(name: str | Estimator, rewards: "torch.Tensor", k: int, **inputs: Any) -> "torch.Tensor":
    """Advantages of a batch by an estimator, given by its name or itself.

    rewards: [P, N], a row a prompt, a tensor or what torch.as_tensor takes; read as float32.
    inputs: the estimator's options, and what it may need, which other estimators pass over: `answers`, [P][N] of str or
    None (or int64 [P, N], equal where the answers to a prompt are equal, negative for none); `entropy`, [P, N],
    mean nats a token; `generator`, a torch.Generator on the CPU for an estimator that draws.
    Returns [P, N], float32, on the device of the rewards.

    Raises ConfigError as `check` does, and PasskError for rewards or inputs that are not of that shape, not
    finite, or not what the estimator takes.
    """
    from passk.advantage.batch import advantages

    return advantages(get(name) if isinstance(name, str) else name, rewards, k, inputs)
