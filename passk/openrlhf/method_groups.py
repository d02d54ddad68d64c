"""Let a method change advantages and reference log-probabilities of whole groups, before the training of a step.

The trainer gathers the rollouts of each prompt from OpenRLHF's experiences. The policy's actors compute, so that hidden
states never leave their process. The trainer writes what comes back into the experiences.
"""

import itertools
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import ray
import torch
from openrlhf.models import Actor
from openrlhf.trainer.ppo_utils.experience import Experience
from openrlhf.trainer.ray.launcher import RayActorGroup
from torch.nn.utils.rnn import pad_sequence

from passk.base.errors import PasskError
from passk.base.randomness import seed_of
from passk.methods.method import Changes, Group, Method
from passk.openrlhf.demonstrations import Demonstrations
from passk.openrlhf.policy_states import PolicyStates

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_OF_EXPERIENCE = {
    "sequences": "sequences",
    "attention_mask": "attention_mask",
    "mask": "action_mask",
    "log_probs": "action_log_probs",
    "advantages": "advantages",
    "base_log_probs": "base_action_log_probs",
}
"""Field of OpenRLHF's experience for each field of a group that has one row per rollout."""


@dataclass(frozen=True)
class Gathered:
    """A group, and where its rows are in OpenRLHF's experiences."""

    group: Group
    rows: list[tuple[Experience, int]]


def gathered(
    experiences: list[Experience],
    order: torch.Tensor,
    rewards: torch.Tensor,
    step: int,
    seed: int,
    demonstrations: Demonstrations | None = None,
) -> list[Gathered]:
    """Return the groups of a step.

    order: [R], the position of each row at generation. rewards: [P, N]. demonstrations: if the method needs them.
    """
    rows = [(experience, row) for experience in experiences for row in range(len(experience.index))]
    by_place = dict(zip(order.tolist(), rows, strict=True))
    groups = []
    for number, of_prompt in enumerate(rewards):
        members = [by_place[number * len(of_prompt) + place] for place in range(len(of_prompt))]
        values = {field: _padded_rows(members, name) for field, name in _OF_EXPERIENCE.items()}
        group = Group(step=step, seed=seed_of("method", seed, step, number), rewards=of_prompt, **values)
        experience, row = members[0]
        group = replace(group, mask=group.mask.bool(), prompt=experience.prompts[row])
        if demonstrations:
            group = demonstrations.added(group, experience.labels[row])
        groups.append(Gathered(group, members))
    return groups


def _padded_rows(members: list[tuple[Experience, int]], name: str) -> torch.Tensor | None:
    values = [getattr(experience, name) for experience, _ in members]
    if values[0] is None:
        return None
    return pad_sequence([value[row] for value, (_, row) in zip(values, members, strict=True)], batch_first=True)


def change(groups: list[Gathered], policy: RayActorGroup) -> None:
    """Write the changes of the policy's method into the experiences of the groups."""
    chunks = ray.get(policy.async_run_method_batch(method_name="act_on_group", group=[one.group for one in groups]))
    for one, changes in zip(groups, itertools.chain.from_iterable(chunks), strict=True):
        for field in fields(Changes):
            value = getattr(changes, field.name)
            if value is not None:
                _write(one.rows, _OF_EXPERIENCE[field.name], value)


def _write(rows: list[tuple[Experience, int]], name: str, values: torch.Tensor) -> None:
    for (experience, row), value in zip(rows, values, strict=True):
        target = getattr(experience, name)
        target[row] = value[: target.shape[1]]


def acted(
    method: Method, group: Group, actor: Actor, micro_batch: int, tokenizer: "PreTrainedTokenizerBase"
) -> Changes:
    """Return what a method changes of a group, on the CPU. Raise PasskError for values that cannot be trained on."""
    device = torch.cuda.current_device()
    here = _moved(group, device)
    actor.eval()
    with torch.no_grad():
        changes = method.of_group(here, PolicyStates(actor, micro_batch, tokenizer))
    actor.train()
    for field in fields(Changes):
        value = getattr(changes, field.name)
        if value is not None and (value.shape != group.mask.shape or not value.isfinite().all()):
            shape = list(group.mask.shape)
            raise PasskError(f"method: {type(method).__name__} returns {field.name} not finite or not {shape}; fix it")
    return _moved(changes, "cpu")


def _moved(values: Any, device: Any) -> Any:
    values_by_field = {field.name: getattr(values, field.name) for field in fields(values)}
    return replace(
        values, **{name: each.to(device) for name, each in values_by_field.items() if isinstance(each, torch.Tensor)}
    )
