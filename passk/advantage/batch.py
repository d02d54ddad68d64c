"""A batch through an estimator: what is wrong with it is said here, once for all estimators."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from passk import advantage
from passk.advantage.estimator import INPUTS, LARGEST, Estimator, plain
from passk.base.errors import PasskError

_SMALLEST = torch.finfo(torch.float32).tiny


def advantages(estimator: Estimator, rewards: torch.Tensor, k: int, inputs: Mapping[str, Any]) -> torch.Tensor:
    """What `passk.advantage.compute` does, for an estimator that was found."""
    if not isinstance(rewards, torch.Tensor):
        try:
            rewards = torch.as_tensor(rewards)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PasskError(f"rewards: must be numbers, [prompts, rollouts]: {error}") from None
    if rewards.dim() != 2 or rewards.shape[1] == 0:
        raise PasskError(f"rewards: must be [prompts, rollouts], not of shape {list(rewards.shape)}")
    rewards = rewards.detach().float()
    k = plain(k)
    options = {name: plain(value) for name, value in inputs.items() if name not in INPUTS}
    if estimator.counts:
        return looked_up(estimator, rewards, k, options)
    given = {name: value for name, value in inputs.items() if name in INPUTS and value is not None}
    options = advantage.check(estimator, k, rewards.shape[1], options)
    if not (rewards * 0).sum() == 0:
        raise _not_finite(rewards)
    if estimator.binary and (rewards * (1 - rewards)).any():
        raise _not_binary(estimator, rewards)
    found = estimator(rewards.double(), k, **options, **_inputs(estimator, given, rewards))
    if found.shape != rewards.shape or found.isnan().any():
        raise PasskError(
            f"advantage: {estimator.name} gave NaN or the shape {list(found.shape)}, not {list(rewards.shape)}; mend it"
        )
    return found.clamp(-LARGEST, LARGEST).float()


def looked_up(estimator: Estimator, rewards: torch.Tensor, k: int, options: Mapping[str, Any]) -> torch.Tensor:
    """An estimator of counts on float32 rewards [P, N], by its table."""
    n = rewards.shape[1]
    # with their types, since True, 1 and 1.0 are one key otherwise
    key = tuple((name, type(value), value) for name, value in options.items())
    try:
        made = table(estimator, n, k, type(k), rewards.device, key)
    except TypeError:  # a k or an option that is not hashable can only be a wrong one
        advantage.check(estimator, k, n, options)
        raise
    off = torch.addcmul(rewards, rewards, rewards, value=-1).reshape(-1)  # r - r * r
    if off.dot(off):  # also NaN where a reward is not finite; what is within 1e-22 of 0 counts as 0
        raise _not_binary(estimator, rewards) if rewards.isfinite().all() else _not_finite(rewards)
    count = rewards.sum(dim=1, keepdim=True)
    at = count.long()
    if made.weight is not None:
        return torch.sub(count, rewards, alpha=n).mul_(made.weight.take(at))
    return (1 - rewards).mul_(made.wrong.take(at)).addcmul_(rewards, made.right.take(at))


class Table(NamedTuple):
    """The advantages of a wrong and of a right answer beside c right ones, [N + 1].

    `weight` is there where every prompt's advantages sum to 0, as nearly every estimator's do: they are
    weight (c - N r) then, one look-up less, and c - N r is a whole number, so that no digit is lost.
    """

    wrong: torch.Tensor
    right: torch.Tensor
    weight: torch.Tensor | None


@lru_cache(maxsize=256)
def table(
    estimator: Estimator, n: int, k: int, _: type, device: torch.device, options: tuple[tuple[str, type, Any], ...]
) -> Table:
    """The table of an estimator for N rollouts, k and options.

    Float64 rounded once to float32; what is below float32's smallest normal number (1.2e-38) is 0.
    """
    complete = advantage.check(estimator, k, n, {name: value for name, _, value in options})
    pairs = torch.tensor(estimator.pairs(n, k, complete), dtype=torch.float64)
    pairs = pairs.masked_fill(pairs.abs() < _SMALLEST, 0.0)
    wrong, right = pairs.unbind(dim=1)
    counts = torch.arange(n, dtype=torch.float64)
    weight = torch.nn.functional.pad(right[:n] / (counts - n), (0, 1))
    away = (counts * weight[:n] - wrong[:n]).abs()
    centred = right[n] == 0 and bool((away <= 1e-12 * wrong[:n].abs()).all())
    normal = bool(((weight == 0) | (weight.abs() >= _SMALLEST)).all())
    wrong, right, weight = (part.float().contiguous().to(device) for part in (wrong, right, weight))
    return Table(wrong, right, weight if centred and normal else None)


def _inputs(estimator: Estimator, given: Mapping[str, Any], rewards: torch.Tensor) -> dict[str, Any]:
    missing = [name for name in estimator.needs if given.get(name) is None]
    if missing:
        raise PasskError(f"{missing[0]}: {estimator.name} needs it, of shape {list(rewards.shape)}; give {missing[0]}=")
    taken = {name: value for name, value in given.items() if name in estimator.inputs}
    if "answers" in taken:
        taken["answers"] = _numbered(taken["answers"], rewards)
    if "entropy" in taken:
        taken["entropy"] = _entropy(taken["entropy"], rewards)
    return taken


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
    except TypeError:  # no list of lists, or answers that cannot be compared
        pass
    raise PasskError(f"answers: must be texts of the rewards' shape {shape}; give a list of {shape[1]} a prompt")


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
    return PasskError(f"rewards: {bad} of {rewards.numel()} are NaN or infinite; mend the reward function")


def _not_binary(estimator: Estimator, rewards: torch.Tensor) -> PasskError:
    other = rewards[(rewards != 0) & (rewards != 1)]
    shown = ", ".join(f"{value:g}" for value in other.unique()[:3].tolist())
    return PasskError(f"rewards: {estimator.name} takes 0 and 1 alone, not {shown}; use a verifier that scores so")
