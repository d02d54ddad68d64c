"""Evaluate the policy on held-out benchmarks between training steps, with the vLLM engines of the training.

An evaluation draws no random number of the training. Its engines are seeded from the run's seed and the step, and the
next training step seeds them again. It resets vLLM's prefix cache, so no rollout depends on it.

Each evaluation, a step and a benchmark, is one line of evaluations.jsonl (passk/files/schema.py, EVALUATION). A kill
loses an evaluation as a whole, and the resumed training repeats it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from passk import problems, verifiers
from passk.base.randomness import seed_of
from passk.experiment.benchmark import Benchmark
from passk.experiment.fields import Count, Natural
from passk.experiment.flag_value import FlagValue
from passk.experiment.selection import held_out_ks
from passk.models import sampling
from passk.models.prompt_format import PLAIN, PromptFormat
from passk.statistics.bootstrap import mean_intervals
from passk.statistics.maj_at_k import maj_at_each
from passk.statistics.pass_at_k import pass_at_k
from passk.verifiers import Verdict, pool

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class HeldOutBenchmark(Benchmark):
    """A benchmark with the file of its problems. Its `samples` are those of an evaluation during the training."""

    file: str = Field(min_length=1)


class HeldOut(FlagValue):
    """Evaluations of a stage: at step 0, every `every` steps and at the last step."""

    every: Count
    seed: Natural
    benchmarks: dict[str, HeldOutBenchmark] = Field(min_length=1)
    opens_thinking: bool = False
    format: PromptFormat = PLAIN

    def is_due(self, step: int, *, last: bool) -> bool:
        """Return whether the policy is evaluated after a step; 0 is the start of the stage."""
        return step % self.every == 0 or last


class Response(NamedTuple):
    """A sampled response."""

    text: str
    tokens: int
    truncated: bool


Sample = Callable[[list[list[int]], list[list[int]], dict[str, Any]], list[list[Response]]]
"""Function that samples: tokens of each prompt, the seeds of its responses, vLLM's parameters -> responses, [P][n]."""


def evaluate(
    held_out: HeldOut,
    name: str,
    step: int,
    sample: Sample,
    tokenizer: "PreTrainedTokenizerBase",
) -> dict[str, Any]:
    """Evaluate the engines' model on one benchmark, and return the line of evaluations.jsonl without its times.

    Raise PasskError if the verifier fails on more than `max_failed` of the samples.
    """
    benchmark = held_out.benchmarks[name]
    rows = problems.load(Path(benchmark.file)).select_columns(["id", "prompt", "answer", "verifier"]).to_list()
    prompts = held_out.format.prompts(tokenizer, [row["prompt"] for row in rows])
    tokens = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    seeds = [
        [seed_of("held out", held_out.seed, step, name, row["id"], number) for number in range(benchmark.samples)]
        for row in rows
    ]
    responses = sample(tokens, seeds, sampling.parameters(benchmark.model_dump()))
    submit, opens_thinking = pool.shared().submit, held_out.opens_thinking
    futures = [
        sampling.submitted(submit, row, [response.text for response in each], opens_thinking=opens_thinking)
        for row, each in zip(rows, responses, strict=True)
    ]
    judged = [sampling.verdicts(row["id"], each) for row, each in zip(rows, futures, strict=True)]
    reasons = Counter(verdict.reason for each in judged for verdict in each)
    shares = {reason: count / reasons.total() for reason, count in sorted(reasons.items())}
    verifiers.stop_above(benchmark.max_failed, shares, where=f"evaluation of step {step} on {name}")
    correct = np.array([sum(verdict.correct for verdict in each) for each in judged])
    flat = [response for each in responses for response in each]
    return {
        "step": step,
        "benchmark": name,
        "problems": Path(benchmark.file).stem,
        "samples": benchmark.samples,
        "pass_at_k": figures(benchmark.samples, correct, benchmark.k),
        "maj_at_k": majorities(judged, benchmark.k),
        "correct": dict(zip([row["id"] for row in rows], correct.tolist(), strict=True)),
        "length": float(np.mean([response.tokens for response in flat])),
        "truncated": float(np.mean([response.truncated for response in flat])),
        "tokens": sum(response.tokens for response in flat),
        "reasons": shares,
    }


def figures(samples: int, correct: np.ndarray, ks: Sequence[int]) -> dict[str, dict[str, float]]:
    """Return pass@1 and pass@k of the benchmark's k up to `samples`: k as text -> value and 95 % interval.

    correct: correct samples of each problem, [P]. The intervals cover variation between problems.
    """
    known = held_out_ks(samples, ks)
    return _with_intervals(known, [pass_at_k(samples, correct, k) for k in known])


def majorities(judged: Sequence[Sequence[Verdict]], ks: Sequence[int]) -> dict[str, dict[str, float]]:
    """Return maj@k of the benchmark's k above 1 up to the samples, as `figures` does; empty without such a k.

    judged: verdicts of each problem's samples, [P][n]. Answers are equal if their texts are.
    """
    known = [k for k in held_out_ks(len(judged[0]), ks) if k > 1]
    if not known:
        return {}
    codes = {"": -1}
    answers = [[codes.setdefault(verdict.extracted, len(codes)) for verdict in each] for each in judged]
    correct = [[verdict.correct for verdict in each] for each in judged]
    return _with_intervals(known, maj_at_each(answers, correct, known))


def _with_intervals(ks: Sequence[int], values: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """Return k as text -> mean over problems and 95 % interval. values: of each k, [P]."""
    return {
        str(k): {"value": estimate.value, "lower": estimate.low, "upper": estimate.high}
        for k, estimate in zip(ks, mean_intervals(np.column_stack(values)), strict=True)
    }
