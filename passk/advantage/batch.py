"""Apply an estimator to a batch. The input checks are the same for all estimators."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from passk import advantage
from passk.advantage.estimator import INPUTS, LARGEST, Estimator, plain
from passk.base.errors import PasskError

_SMALLEST = torch.finfo(torch.float32).tiny


def advantages(estimator: Estimator, rewards: torch.Tensor, k: int, inputs: Mapping[str, Any]) -> torch.Tensor:
    """Return the advantages as `passk.advantage.compute` does, for an estimator that is already resolved."""
    if not isinstance(rewards, torch.Tensor):
        try:
            rewards = torch.as_tensor(rewards)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PasskError(f"rewards: must be numbers, [prompts, rollouts]: {error}") from None
    if rewards.dim() != 2 or rewards.shape[1] == 0:
        raise PasskError(f"rewards: must have shape [prompts, rollouts], not {list(rewards.shape)}")
    rewards = rewards.detach().float()
    k = plain(k)
    options = {name: plain(value) for name, value in inputs.items() if name not in INPUTS}
    if estimator.counts:
        return looked_up(estimator, rewards, k, options)
    tensors = {name: value for name, value in inputs.items() if name in INPUTS and value is not None}
    options = advantage.check(estimator, k, rewards.shape[1], options)
    if not (rewards * 0).sum() == 0:
        raise _not_finite(rewards)
    if estimator.binary and (rewards * (1 - rewards)).any():
        raise _not_binary(estimator, rewards)
    if estimator.graded and not (rewards * (1 - rewards)).any() and len(rewards.unique()) > 1:
        raise PasskError(
            f"rewards: {estimator.name} needs graded rewards, not only 0 and 1; use a verifier that grades"
        )
    result = estimator(rewards.double(), k, **options, **_inputs(estimator, tensors, rewards))
    if result.shape != rewards.shape or result.isnan().any():
        raise PasskError(
            f"advantage: {estimator.name} returned NaN or the shape {list(result.shape)}, not {list(rewards.shape)}; "
            "fix the estimator"
        )
    return result.clamp(-LARGEST, LARGEST).float()


def looked_up(estimator: Estimator, rewards: torch.Tensor, k: int, options: Mapping[str, Any]) -> torch.Tensor:
    """Return the advantages of float32 rewards [P, N] by the table of a count estimator."""
    n = rewards.shape[1]
    # The key includes types because True, 1 and 1.0 are equal.
    key = tuple((name, type(value), value) for name, value in options.items())
    try:
        entry = table(estimator, n, k, type(k), rewards.device, key)
    except TypeError:  # an unhashable k or option is always invalid
        advantage.check(estimator, k, n, options)
        raise
    off = torch.addcmul(rewards, rewards, rewards, value=-1).reshape(-1)  # r - r * r
    if off.dot(off):  # NaN for a reward that is not finite; within 1e-22 of 0 counts as 0
        raise _not_binary(estimator, rewards) if rewards.isfinite().all() else _not_finite(rewards)
    count = rewards.sum(dim=1, keepdim=True)
    at = count.long()
    if entry.weight is not None:
        return torch.sub(count, rewards, alpha=n).mul_(entry.weight.take(at))
    return (1 - rewards).mul_(entry.incorrect.take(at)).addcmul_(rewards, entry.correct.take(at))


class Table(NamedTuple):
    """Advantages of an incorrect and a correct rollout, by the number c of correct ones, [N + 1].

    `weight` is set if the advantages of every prompt sum to 0, as for nearly every estimator. They are then
    weight (c - N r). This takes one look-up less, and c - N r is a whole number, so no digit is lost.
    """

    incorrect: torch.Tensor
    correct: torch.Tensor
    weight: torch.Tensor | None


@lru_cache(maxsize=256)
def table(
    estimator: Estimator, n: int, k: int, _: type, device: torch.device, options: tuple[tuple[str, type, Any], ...]
) -> Table:
    """Return the table of an estimator for N rollouts, k and options.

    Float64 is rounded once to float32. Values below float32's smallest normal number (1.2e-38) become 0.
    """
    complete = advantage.check(estimator, k, n, {name: value for name, _, value in options})
    pairs = torch.tensor(estimator.pairs(n, k, complete), dtype=torch.float64)
    pairs = pairs.masked_fill(pairs.abs() < _SMALLEST, 0.0)
    incorrect, correct = pairs.unbind(dim=1)
    counts = torch.arange(n, dtype=torch.float64)
    weight = torch.nn.functional.pad(correct[:n] / (counts - n), (0, 1))
    away = (counts * weight[:n] - incorrect[:n]).abs()
    centred = correct[n] == 0 and bool((away <= 1e-12 * incorrect[:n].abs()).all())
    normal = bool(((weight == 0) | (weight.abs() >= _SMALLEST)).all())
    incorrect, correct, weight = (part.float().contiguous().to(device) for part in (incorrect, correct, weight))
    return Table(incorrect, correct, weight if centred and normal else None)


def _inputs(estimator: Estimator, tensors: Mapping[str, Any], rewards: torch.Tensor) -> dict[str, Any]:
    missing = [name for name in estimator.needs if tensors.get(name) is None]
    if missing[:1] == ["state"]:
        raise PasskError(f"state: {estimator.name} keeps one over steps; pass state={{}}, the same dict in each step")
    if missing:
        raise PasskError(f"{missing[0]}: {estimator.name} needs it in shape {list(rewards.shape)}; pass {missing[0]}=")
    inputs = {name: value for name, value in tensors.items() if name in estimator.inputs}
    if "answers" in inputs:
        inputs["answers"] = _numbered(inputs["answers"], rewards)
    if "entropy" in inputs:
        inputs["entropy"] = _entropy(inputs["entropy"], rewards)
    return inputs


def _numbered(answers: Any, rewards: torch.Tensor) -> torch.Tensor:
    shape = list(rewards.shape)
    if isinstance(answers, torch.Tensor):
        if list(answers.shape) != shape or answers.is_floating_point():
            raise PasskError(
                f"answers: must be integers of the rewards' shape {shape}, not {answers.dtype} {list(answers.shape)}"
            )
        return answers.long().to(rewards.device)
    try:
        if len(answers) == shape[0] and all(not isinstance(row, str) and len(row) == shape[1] for row in answers):
            return torch.tensor([_numbers(row) for row in answers], dtype=torch.long, device=rewards.device).view(shape)
    except TypeError:  # not a list of lists, or answers that are not hashable
        pass
    raise PasskError(f"answers: must be texts of the rewards' shape {shape}; pass a list of {shape[1]} per prompt")


def _numbers(row: Sequence[str | None]) -> list[int]:
    seen: dict[str, int] = {}
    return [-1 if answer is None else seen.setdefault(answer, len(seen)) for answer in row]


def _entropy(entropy: Any, rewards: torch.Tensor) -> torch.Tensor:
    try:
        entropy = torch.as_tensor(entropy, dtype=torch.float64, device=rewards.device)
    except (TypeError, ValueError, RuntimeError):
        entropy = torch.full((), torch.nan)
    if entropy.shape != rewards.shape or not entropy.isfinite().all():
        raise PasskError(f"entropy: must be finite and of the rewards' shape {list(rewards.shape)}")
    return entropy


def _not_finite(rewards: torch.Tensor) -> PasskError:
    bad = int((~rewards.isfinite()).sum())
    return PasskError(f"rewards: {bad} of {rewards.numel()} are NaN or infinite; fix the reward function")


def _not_binary(estimator: Estimator, rewards: torch.Tensor) -> PasskError:
    other = rewards[(rewards != 0) & (rewards != 1)]
    shown = ", ".join(f"{value:g}" for value in other.unique()[:3].tolist())
    return PasskError(f"rewards: {estimator.name} accepts only 0 and 1, not {shown}; use a verifier that scores 0 or 1")
