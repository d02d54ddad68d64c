r"""Walks with a hint: a response can copy the hint, which is often correct, or compute the answer step by step.

A walk starts at a state and takes `steps` moves. Each of the two moves, 0 and 1, is a fixed random permutation of the
states. The prompt `p1001|k>` has the start p, the moves 1001 and the hint k. Only the last state, in \boxed{ }, is
verified. Two kinds of response exist: `\boxed{k}` copies the hint, `sotj\boxed{j}` writes each state and computes the
answer. The permutations depend on `states` alone, so all sets with the same number of states have one skill.

Training that rewards each rollout alone reinforces the copy where a copied hint is correct more often than a computed
answer. A hash of start and moves decides the split, so no test walk is in training.
"""

import functools
import hashlib
import itertools
import random
import string
from typing import ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems.record import Problem, Spec

VERSION = 1
VERIFIER = "exact"
CORRECT, INCORRECT = "hint correct", "hint incorrect"
MOVES = "01"
# A walk is a test walk if the first byte of its hash is below this number: a quarter of 256.
_TEST_BYTES = 64

Walk = tuple[str, str]
"""The start and the moves."""


class ShortcutProblems(Spec):
    """Specification of walks with a hint. A hash of start and moves decides the split."""

    templates: ClassVar = {"compact": "{problem}>"}
    judged_by: ClassVar = VERIFIER
    about: ClassVar = "generated walks with a hint that is often correct"
    example: ClassVar = r"""
prompt p1001|k>   start p, moves 1 0 0 1, hint k; the walk ends at j
  \boxed{k}       copies the hint: incorrect here
  sotj\boxed{j}   computes: move 1 leads from p to s, 0 to o, 0 to t, 1 to j; correct
Copying is correct for a share hint_correct of the problems, and a guess for 1/states. The moves are two fixed
permutations of the states. A tiny model needs `alphabet: bytes`. Set top_p: 1.0 in benchmarks, since a lower value
never samples a rare strategy."""

    source: Literal["shortcut"]
    size: int = Field(ge=1, lt=10**9, description="number of problems; walks repeat in train, problems never in test")
    hint_correct: float = Field(ge=0, le=1, description="share of problems whose hint is the correct answer")
    states: int = Field(20, ge=3, le=26, description="number of states; a guess is correct with 1/states")
    steps: int = Field(4, ge=1, le=12, description="moves of a walk")
    computed: float = Field(1.0, ge=0, le=1, description="share of demonstrations that compute; the others copy")
    step_noise: float = Field(0.0, ge=0, le=1, description="share of random states in computed demonstrations")

    def wording(self) -> str:
        return self.templates["compact"]


def check(spec: ShortcutProblems) -> None:
    """Raise ConfigError if the split has too few walks for a test set of `size` different problems."""
    walks = len(_walks(spec))
    correct = round(spec.size * spec.hint_correct)
    if spec.split == "test" and correct > walks:
        raise ConfigError("size", f"{correct} problems with a correct hint requested of {walks} test walks", _MORE)
    if spec.split == "test" and spec.size - correct > walks * (spec.states - 1):
        raise ConfigError("size", f"{spec.size - correct} problems with an incorrect hint requested", _MORE)


_MORE = "lower size, or raise steps or states"


def generate(spec: ShortcutProblems, rng: random.Random) -> list[Problem]:
    """Return `spec.size` problems in random order, round(size * hint_correct) of them with a correct hint."""
    walks, letters = _walks(spec), _letters(spec.states)
    correct = round(spec.size * spec.hint_correct)
    last = {walk: visited(walk, spec.states)[-1] for walk in walks}
    if spec.split == "test":
        hinted = [(walk, last[walk]) for walk in rng.sample(walks, correct)]
        wrong = [(walk, hint) for walk in walks for hint in letters if hint != last[walk]]
        hinted += rng.sample(wrong, spec.size - correct)
    else:
        chosen = rng.choices(walks, k=spec.size)
        hinted = [(walk, last[walk]) for walk in chosen[:correct]]
        hinted += [(walk, rng.choice(letters.replace(last[walk], ""))) for walk in chosen[correct:]]
    rng.shuffle(hinted)
    return [_problem(spec, number, walk, hint, last[walk], rng) for number, (walk, hint) in enumerate(hinted)]


@functools.cache
def permutations(states: int) -> dict[str, dict[str, str]]:
    """Return for each move the state to which it leads from each state."""
    letters, rng = _letters(states), random.Random(f"shortcut {states}")
    return {move: dict(zip(letters, rng.sample(letters, states), strict=True)) for move in MOVES}


def visited(walk: Walk, states: int) -> str:
    """Return the states after each move; the last one is the answer."""
    at, moves = walk
    return "".join(at := permutations(states)[move][at] for move in moves)


def _letters(states: int) -> str:
    return string.ascii_lowercase[:states]


def _walks(spec: ShortcutProblems) -> list[Walk]:
    words = map("".join, itertools.product(MOVES, repeat=spec.steps))
    every = itertools.product(_letters(spec.states), words)
    return [walk for walk in every if _is_test(walk, spec.states) == (spec.split == "test")]


def _is_test(walk: Walk, states: int) -> bool:
    return hashlib.sha256(f"{states} {walk[0]} {walk[1]}".encode()).digest()[0] < _TEST_BYTES


def _problem(spec: ShortcutProblems, number: int, walk: Walk, hint: str, answer: str, rng: random.Random) -> Problem:
    start, moves = walk
    return Problem(
        id=f"shortcut-{spec.split}-{number}",
        prompt=spec.wording().replace(spec.slot, f"{start}{moves}|{hint}"),
        answer=answer,
        verifier=VERIFIER,
        split=spec.split,
        difficulty=CORRECT if hint == answer else INCORRECT,
        demonstration=_demonstration(spec, walk, hint, rng),
        metadata={"walk": start + moves, "hint": hint},
    )


def _demonstration(spec: ShortcutProblems, walk: Walk, hint: str, rng: random.Random) -> str:
    """Return a copy of the hint, or the states of the walk, each random with probability `step_noise`."""
    if rng.random() >= spec.computed:
        return rf"\boxed{{{hint}}}"
    at, moves = walk
    states = ""
    for move in moves:
        random_state = rng.random() < spec.step_noise
        at = rng.choice(_letters(spec.states)) if random_state else permutations(spec.states)[move][at]
        states += at
    return rf"{states}\boxed{{{at}}}"
