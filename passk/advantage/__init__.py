"""Advantage estimators. They map rewards [P, N], P prompts with N rollouts each, to advantages [P, N], float32.

    advantage.compute("passk_analytical", rewards, k=4)
    advantage.compute("edas", rewards, k=1, answers=[["7", "8", None, "7"]], base="dr_grpo")

Every token of a rollout gets its rollout's advantage. An estimator has no state of its own: one that looks at earlier
steps reads and writes the dict that is passed as `state`. `names()` lists all estimators.
`get(name)` returns one with its formula, source, options and needs (passk/advantage/estimator.py). This import loads
neither torch nor an estimator.
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
    """Return all options of an estimator after checking that it exists, is defined for k of n, and accepts them.

    Raise ConfigError otherwise: the field first, the fix last.
    """
    chosen = get(name) if isinstance(name, str) else name
    chosen.check_k(k, n)
    complete = chosen.validated(options or {})
    if "base" in complete:  # a transform of another estimator's advantages
        if complete["base"] == chosen.name:
            raise ConfigError(
                "options.base", f"{chosen.name} cannot change its own advantages", "name another estimator"
            )
        try:
            check(complete["base"], k, n, complete.get("base_options"))
        except ConfigError as error:
            # name the field as the caller sees it
            section, _, option = error.field.partition(".")
            if option:
                field = f"options.base_options.{option}"
            else:
                field = "options.base" if section == "advantage" else section
            raise error.replaced(field=field) from None
        if chosen.binary and get(complete["base"]).graded:
            problem = f"{complete['base']} needs graded rewards, and {chosen.name} accepts only 0 and 1"
            raise ConfigError("options.base", problem, "name another estimator")
    if chosen.counts:
        chosen.pairs(n, k, complete)
    return complete


def needs(name: str | Estimator, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the inputs that the estimator needs, each with the estimator that needs it (itself or its base).

    options: all of them, as `check` returns them.
    """
    chosen = get(name) if isinstance(name, str) else name
    below: dict[str, str] = {}
    if "base" in options:
        base = get(options["base"])
        below = needs(base, {**base.options, **(options.get("base_options") or {})})
    return below | dict.fromkeys(chosen.needs, chosen.name)


def compute(name: str | Estimator, rewards: "torch.Tensor", k: int, **inputs: Any) -> "torch.Tensor":
    """Return the advantages of a batch. The estimator is given by name or as an object.

    rewards: [P, N], a row per prompt, a tensor or input of torch.as_tensor; read as float32.
    inputs: the estimator's options and the following inputs. Estimators ignore inputs that they do not use.
        answers: [P][N] of str or None, or int64 [P, N], equal for equal answers to a prompt and negative for none.
        entropy: [P, N], mean nats per token.
        generator: torch.Generator on the CPU, for an estimator that draws.
        state: dict, empty in the first step and the same one in each later step. The estimator changes it.
    Returns [P, N], float32, on the device of the rewards.

    Raise ConfigError as `check` does. Raise PasskError for rewards or inputs of another shape, that are not finite, or
    that the estimator does not accept.
    """
    from passk.advantage.batch import advantages

    return advantages(get(name) if isinstance(name, str) else name, rewards, k, inputs)
