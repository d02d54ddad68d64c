"""Which groups of a step are trained on, if a stage filters them (`filter_groups`)."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Group = TypeVar("Group")


def teaches(correct: int, rollouts: int, k: int) -> bool:
    """Return whether a group of N = `rollouts` is kept: neither all incorrect nor with fewer than k incorrect."""
    return 0 < correct <= rollouts - k


def filled(
    sample: Callable[[int], tuple[list[Group], bool]],
    keeps: Callable[[Group], bool],
    size: int,
    max_rounds: int,
) -> tuple[list[Group], list[Group]]:
    """Return the groups of a step, `size` unless the prompts end, and the groups that were dropped.

    sample: takes a number of prompts and returns their groups, and whether the prompts end. Each round samples as many
    prompts as the step lacks. A step that is not full after `max_rounds` takes dropped groups, the earliest first.
    """
    kept: list[Group] = []
    dropped: list[Group] = []
    for _ in range(max_rounds):
        groups, ends = sample(size - len(kept))
        for group in groups:
            (kept if keeps(group) else dropped).append(group)
        if ends or len(kept) == size:
            break
    lacking = size - len(kept)
    return [*kept, *dropped[:lacking]], dropped[lacking:]


def correct(group: Sequence[Any]) -> int:
    """Return the number of correct rollouts in a group of OpenRLHF's experiences, one each."""
    return sum(float(experience.rewards[0]) == 1 for experience in group)
