"""Measure the estimators of passk.advantage against their usual implementations.

    python -m bench.advantage [--metrics RUNS/EXPERIMENT/stages/KEY/metrics.jsonl ...]

All ratios are of one run: the alternatives take turns, and the median counts. Batches are 0/1 rewards with a solve
rate per prompt. Those of PKPO are normal. `--metrics` adds the share of a real training step.
"""

import argparse
import inspect
import json
import math
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from passk import advantage

SEED = 0
K = 8
PROMPTS, ROLLOUTS, WIDE = 1024, 32, 128
SIZES = ((128, 16), (128, 32), (1024, 32), (1024, 128), (8192, 32))
TURNS, SLOW_TURNS = 200, 7
OPTIONS: dict[str, dict[str, Any]] = {
    "edas": {"base": "passk_analytical"},
    "f_grpo": {"gamma": 0.5},
    "ordergrad": {"statistic": "top", "level": 0.25},
    "passk_easy_masked": {"threshold": 0.5},
    "poly_epo": {"diversity": True},
    "rs_grpo": {"beta": 1.0},
    "surrogate": {"derivative": "1 / p"},
    "tsallis": {"q": 0.5},
}
"""Options for the estimators that require some, and the slower way of one."""
GRADED = ("tea",)
"""Estimators that refuse rewards of 0 and 1."""
PKPO = ("pkpo_s", "pkpo_sloo", "pkpo_sloo_minus_one")

Timed = dict[str, Callable[[], Any]]


# The baselines


def of_group(rewards: np.ndarray, k: int) -> np.ndarray:
    """Return the analytic Pass@k advantage of one prompt as in the paper's repository: rewards [N] -> [N].

    arXiv 2508.10751, Eq. 7-15, with 1e-6 added to the deviation. math.comb is the fastest source of the binomials.
    """
    n, c = len(rewards), len(np.where(rewards == 1)[0])
    mean = 1 - math.comb(n - c, k) / math.comb(n, k)
    deviation = np.sqrt(mean * (1 - mean)) + 1e-6
    stays_incorrect = math.comb(n - c - 1, k - 1) / math.comb(n - 1, k - 1) if c < n else 0.0
    correct, incorrect = (1 - mean) / deviation, (1 - mean - stays_incorrect) / deviation
    return np.where(rewards == 1, correct, incorrect)


def by_prompt(rewards: np.ndarray, k: int) -> np.ndarray:
    """Return `of_group` for each row of rewards [P, N], the plain formula once per prompt."""
    return np.stack([of_group(group, k) for group in rewards])


def by_uid(scores: torch.Tensor, uids: Sequence[Hashable], k: int) -> torch.Tensor:
    """Return `of_group` as in a trainer's hook: scores [P * N], the prompt of each rollout in uids -> [P * N]."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, uid in enumerate(uids):
        groups[uid].append(i)
    advantages = torch.zeros_like(scores)
    for places in groups.values():
        values = of_group(np.array([scores[i].item() for i in places]), k)
        for i, value in zip(places, values, strict=True):
            advantages[i] = float(value)
    return advantages


def _share(n: int, k: int, i: int, j: int) -> float:
    """Return m_ij / C(n, k) of PKPO (arXiv 2505.15201), from 0: the share of sets with i whose best is j. O(k)."""
    if i == j and i >= k - 1:
        return k / (n - k + 1) * float(np.prod(np.arange(i - k + 2, i + 1) / np.arange(n - k + 2, n + 1)))
    if j > i and j >= k - 1 and k >= 2:
        return k * (k - 1) / (n * (n - k + 1)) * float(np.prod(np.arange(j - k + 2, j) / np.arange(n - k + 2, n)))
    return 0.0


def _s(g: np.ndarray, k: int) -> np.ndarray:
    n = len(g)
    terms = np.array([_share(n, k, i, i) for i in range(n)]) * g
    terms[:-1] += np.array([_share(n, k, i, i + 1) - _share(n, k, i + 1, i + 1) for i in range(n - 1)]) * g[1:]
    return np.cumsum(terms[::-1])[::-1]


def _b(g: np.ndarray, k: int) -> np.ndarray:
    n = len(g)
    weights = np.array([_share(n - 1, k, i, i) + i * _share(n - 1, k, i - 1, i) for i in range(n - 1)])
    return np.cumsum(np.concatenate([[(weights * g[1:]).sum()], (g[:-1] - g[1:]) * weights]))


def pkpo_of_group(name: str, rewards: np.ndarray, k: int) -> np.ndarray:
    """Return an estimator of PKPO for one prompt in O(N k), by the paper's recursions: rewards [N] -> [N]."""
    order = np.argsort(rewards)
    g, n = rewards[order].astype(float), len(rewards)
    values = _s(g, k)
    if name == "pkpo_sloo":
        values = values - _b(g, k) / (n - 1)
    elif name == "pkpo_sloo_minus_one":
        values = values - _b(g, k - 1) * k / (n * (k - 1))
    unsorted = np.empty(n)
    unsorted[order] = values
    return unsorted


def pkpo_by_prompt(name: str, rewards: np.ndarray, k: int) -> np.ndarray:
    """Return `pkpo_of_group` for each row of rewards [P, N]."""
    return np.stack([pkpo_of_group(name, group, k) for group in rewards])


# The measurements


def binary(prompts: int, rollouts: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(SEED)
    rates = torch.rand(prompts, 1, generator=generator)
    return (torch.rand(prompts, rollouts, generator=generator) < rates).float()


def seconds(timed: Timed, turns: int) -> dict[str, float]:
    """Return the median seconds of each call. The calls take turns, and quick ones run several times per turn."""
    times: dict[str, list[float]] = {name: [] for name in timed}
    calls = {}
    for name, call in timed.items():
        call()  # the first call builds the tables
        started = time.perf_counter()
        call()
        calls[name] = max(1, min(10, int(1e-3 / (time.perf_counter() - started))))
    for _ in range(turns):
        for name, call in timed.items():
            started = time.perf_counter()
            for _ in range(calls[name]):
                call()
            times[name].append((time.perf_counter() - started) / calls[name])
    return {name: statistics.median(values) for name, values in times.items()}


def against_clone(threads: int) -> list[str]:
    torch.set_num_threads(threads)
    lines = []
    for prompts, rollouts in SIZES:
        rewards = binary(prompts, rollouts)
        medians = seconds(
            {
                "clone": rewards.clone,
                "estimator": lambda rewards=rewards: advantage.compute("passk_analytical", rewards, K),
            },
            TURNS,
        )
        estimator, clone = medians["estimator"], medians["clone"]
        lines.append(
            f"| {prompts} x {rollouts} | {threads} | {_us(estimator)} | {_us(clone)} | {estimator / clone:.1f} |"
        )
    return lines


def against_groups() -> list[str]:
    rewards = binary(PROMPTS, ROLLOUTS)
    array, flat = rewards.numpy().astype(float), rewards.flatten()
    uids = [f"prompt-{i // ROLLOUTS}" for i in range(flat.numel())]
    slow = seconds(
        {
            "by uid, as a trainer's hook": lambda: by_uid(flat, uids, K),
            "by row of a numpy array, the formula alone": lambda: by_prompt(array, K),
            "estimator": lambda: advantage.compute("passk_analytical", rewards, K),
        },
        SLOW_TURNS,
    )
    quick = slow.pop("estimator")
    return [f"| {name} | {took * 1e3:.1f} ms | {_us(quick)} | {took / quick:,.0f} |" for name, took in slow.items()]


def pkpo() -> list[str]:
    rewards = torch.randn(PROMPTS, WIDE, generator=torch.Generator().manual_seed(SEED))
    array, lines = rewards.numpy(), []
    for name in PKPO:
        medians = seconds(
            {
                "loop": lambda name=name: pkpo_by_prompt(name, array, K),
                "estimator": lambda name=name: advantage.compute(name, rewards, K),
            },
            SLOW_TURNS,
        )
        loop, estimator = medians["loop"], medians["estimator"]
        lines.append(f"| {name} | {loop:.2f} s | {estimator * 1e3:.2f} ms | {loop / estimator:,.0f} |")
    return lines


def every_estimator() -> list[str]:
    generator = torch.Generator().manual_seed(SEED)
    rewards = binary(PROMPTS, ROLLOUTS)
    answers = torch.randint(0, 6, rewards.shape, generator=generator)
    inputs = {"answers": answers, "entropy": torch.rand(rewards.shape, generator=generator), "state": {}}
    graded = torch.rand(rewards.shape, generator=generator)
    timed: Timed = {"clone": rewards.clone}
    for name in advantage.names():
        estimator = advantage.get(name)
        extra = OPTIONS.get(name, {}) | {need: inputs[need] for need in estimator.inputs if need in inputs}
        if any(
            default is inspect.Parameter.empty and option not in extra for option, default in estimator.options.items()
        ):
            continue  # of another package, with a required option
        k = 1 if estimator.k == "1" else K
        values = graded if name in GRADED else rewards
        timed[name] = lambda of=estimator, values=values, k=k, extra=extra: advantage.compute(of, values, k, **extra)
    medians = seconds(timed, TURNS // 4)
    clone = medians.pop("clone")
    return [
        f"| {name} | {_us(took)} | {took / clone:.0f} |"
        for name, took in sorted(medians.items(), key=lambda item: item[1])
    ]


def share_of_step(metrics: Path) -> str:
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    if not lines or "seconds_advantage" not in lines[0]:
        raise SystemExit(f"--metrics: {metrics} is not of an rl stage; name one of an rl stage")
    estimator, step = ([line[key] for line in lines] for key in ("seconds_advantage", "seconds"))
    each = statistics.median(a / b for a, b in zip(estimator, step, strict=True))
    took = f"{statistics.median(estimator) * 1e3:.2f} ms of {statistics.median(step):.2f} s"
    return f"| {lines[0]['estimator']} | {len(lines)} | {took} | {each:.4%} | {sum(estimator) / sum(step):.4%} |"


def _us(took: float) -> str:
    return f"{took * 1e6:.1f} us"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metrics", type=Path, nargs="+", default=[])
    options = parser.parse_args()
    default = torch.get_num_threads()
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, seed {SEED}; k = {K}, and 1 for Pass@1 estimators")

    print("\n| passk_analytical, 0/1 rewards | threads | estimator | rewards.clone() | ratio |\n|---|---|---|---|---|")
    for threads in sorted({1, default}):
        print("\n".join(against_clone(threads)), flush=True)
    torch.set_num_threads(1)

    print(
        f"\n| passk_analytical, {PROMPTS} x {ROLLOUTS} | a loop over prompts | estimator | ratio |\n|---|---|---|---|"
    )
    print("\n".join(against_groups()), flush=True)

    print(f"\n| real rewards, {PROMPTS} x {WIDE} | O(N k) loop | estimator | ratio |\n|---|---|---|---|")
    print("\n".join(pkpo()), flush=True)

    print(f"\n| estimator, {PROMPTS} x {ROLLOUTS}, 1 thread | time | of clone's |\n|---|---|---|")
    print("\n".join(every_estimator()), flush=True)

    if options.metrics:
        print("\n| a real run's estimator | steps | medians | median share | of all the time |\n|---|---|---|---|---|")
        print("\n".join(share_of_step(path) for path in options.metrics))


if __name__ == "__main__":
    main()
