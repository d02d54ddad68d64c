"""Theory of the shortcut in two scalars: the exact expected update of a group, integrated over the steps of a training.

A response computes with probability p = sigmoid(z), else it copies the hint. A computed answer is correct with
probability b = luck + (1 - luck) s. The skill s = sigmoid(u) is the probability that the whole walk is known, and luck
is the probability that a random state is correct. So luck is the floor of b.

Problems with a correct hint have the share e. A copy is correct there, and incorrect for the others. The N rollouts of
a group fall into three classes: computed and correct, computed and incorrect, copied. Their counts are multinomial. The
update of a group is the mean of A_i grad log P(class of i) over its rollouts, in z and u. `moments` sums it over all
counts, with the advantages of passk.advantage.

`train` takes the steps of Adam on the mean and the mean square of a batch's update, both exact. z and u share one
second moment, the sum of theirs, since the weights of a network serve both. Adam's moments continue through all phases,
since they are one stage. SPEED is the learning rate, in logits a step. It is the only free constant (calibration.py).
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit, xlogy

from passk import advantage

Floats = NDArray[np.float64]
ROLLOUTS, PROMPTS, STEPS, SWITCH = 16, 16, 60, 47
"""SWITCH: the first step of Pass@1 training."""
BETAS = (0.9, 0.99)
TINY = 1e-30
"""Keeps the step finite where no group has a signal."""
COMPUTES = 0.11
"""Probability to compute after the demo's warm start with seed 1, measured before the study."""
KNOWN = 0.65**4
"""Skill after the warm start: the share of demonstrated walks without a random state."""
TRIED = 0.08
"""A smaller skill: warm starts of other settings had down to half of the share in their demonstrations."""
SPEED = 0.27
"""Logits a step; the rounded result of calibration.speed()."""
PHASES = {
    "pass1": (("grpo", 1, STEPS),),
    "passk_pass1": (("passk_analytical", 4, SWITCH - 1), ("passk_analytical", 1, STEPS - SWITCH + 1)),
}
"""Method -> estimator, k and steps of each phase."""


class State(NamedTuple):
    """Logits of p and of the skill."""

    z: float
    u: float

    @property
    def p(self) -> float:
        """Probability to compute."""
        return float(expit(self.z))

    def b(self, luck: float) -> float:
        """Return the probability that a computed answer is correct."""
        return float(luck + (1 - luck) * expit(self.u))


START = State(float(logit(COMPUTES)), float(logit(KNOWN)))
WEAK = State(START.z, float(logit(TRIED)))
"""A start with less skill, for the sensitivity of the predictions."""


class Moments(NamedTuple):
    """Mean and mean square of the update (z, u) of one group, [2] each."""

    mean: Floats
    square: Floats


class Point(NamedTuple):
    """A prediction: pass@1 of all problems and of those with an incorrect hint."""

    p: float
    b: float
    every: float
    incorrect: float

    @property
    def leaves(self) -> bool:
        """Whether the training leaves the shortcut."""
        return self.incorrect > 0.5


def moments(state: State, e: float, luck: float, estimator: str, k: int, n: int = ROLLOUTS) -> Moments:
    """Return the exact moments of a group's update over both kinds of problems."""
    p, b, s = state.p, state.b(luck), float(expit(state.u))
    skill = (1 - luck) * s * (1 - s)
    scores = np.array([[1 - p, skill / b], [1 - p, -skill / (1 - b)], [-p, 0.0]])
    counts, log_ways = _counts(n)
    chances = np.exp(log_ways + xlogy(counts, [p * b, p * (1 - b), 1 - p]).sum(axis=1))
    pairs = _advantages(estimator, k, n)
    mean, square = np.zeros(2), np.zeros(2)
    for share, correct in ((e, np.array([1, 0, 1])), (1 - e, np.array([1, 0, 0]))):
        by_class = pairs[counts @ correct][:, correct]
        update = (counts * by_class) @ scores / n
        mean += share * chances @ update
        square += share * chances @ update**2
    return Moments(mean, square)


def train(
    e: float,
    luck: float,
    phases: tuple[tuple[str, int, int], ...],
    speed: float = SPEED,
    start: State = START,
    prompts: int = PROMPTS,
) -> Iterator[State]:
    """Yield the state after each step of Adam on batches of so many prompts."""
    first, second = BETAS
    at, m, v = np.array(start), np.zeros(2), 0.0
    each_step = ((estimator, k) for estimator, k, steps in phases for _ in range(steps))
    for step, (estimator, k) in enumerate(each_step, start=1):
        mean, square = moments(State(*at), e, luck, estimator, k)
        m = first * m + (1 - first) * mean
        v = second * v + (1 - second) * float((mean**2 + (square - mean**2) / prompts).sum())
        at = at + speed * (m / (1 - first**step)) / np.sqrt(v / (1 - second**step) + TINY)
        yield State(*map(float, at))


@cache
def end(e: float, luck: float, method: str, speed: float = SPEED, start: State = START) -> Point:
    """Return the prediction at the end of a method."""
    *_, last = train(e, luck, PHASES[method], speed, start)
    p, b = last.p, last.b(luck)
    return Point(p, b, e * (1 - p + p * b) + (1 - e) * p * b, p * b)


@cache
def turning_point(luck: float, method: str, speed: float = SPEED, start: State = START) -> float | None:
    """Return the e above which the method stays in the shortcut; None if it stays, or leaves, at every e."""
    low, high = 0.01, 0.99
    if not end(low, luck, method, speed, start).leaves or end(high, luck, method, speed, start).leaves:
        return None
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (middle, high) if end(middle, luck, method, speed, start).leaves else (low, middle)
    return (low + high) / 2


@cache
def _counts(n: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the counts of the three classes [M, 3] and the logarithm of their multinomial coefficients [M]."""
    counts = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)])
    return counts, gammaln(n + 1) - gammaln(counts + 1).sum(axis=1)


@cache
def _advantages(estimator: str, k: int, n: int) -> Floats:
    """Return the advantages of an incorrect and a correct rollout by the number of correct ones, [N + 1, 2]."""
    rewards = torch.tril(torch.ones(n + 1, n), diagonal=-1)
    values = advantage.compute(estimator, rewards, k=k).double().numpy()
    # no group of only correct rollouts has an incorrect one, and the reverse
    incorrect, correct = np.append(values[:-1, -1], 0.0), np.insert(values[1:, 0], 0, 0.0)
    return np.stack([incorrect, correct], axis=1)
