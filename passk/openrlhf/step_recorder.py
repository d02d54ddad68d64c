"""The record of a training run: a line of metrics a step, and the step's rollouts as Parquet."""

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from passk.base.errors import ConfigError, PasskError
from passk.files import file_lock
from passk.files.durable import telling_when_full
from passk.files.layout import METRICS, ROLLOUT_COLUMNS
from passk.files.metrics_log import WRITER, read_metrics
from passk.openrlhf.prompt_label import ANSWER_HALVES, REASON, answer_id, problem_of, reason_of
from passk.openrlhf.settings import PluginSettings
from passk.statistics.pass_at_k import pass_at_k

if TYPE_CHECKING:
    import torch
    from openrlhf.trainer.ppo_utils.experience import Experience
    from transformers import PreTrainedTokenizerBase


class Answer(NamedTuple):
    """One rollout as it was generated."""

    prompt: str
    label: Any
    """as the dataset has it"""
    tokens: list[int]
    """the response's"""
    truncated: bool
    surprise: float | None
    """mean -log p of its tokens as they were sampled, nats: an unbiased estimate of the policy's mean entropy; None
    where there are no log-probabilities"""
    reason: str | None = None
    """of the verdict; None where the reward function is not ours"""
    answer: int | None = None
    """Identity of the extracted answer, -1 for none; None where the reward function is not ours."""


def gathered(experiences: "list[Experience]", order: "torch.Tensor") -> list[Answer]:
    """The answers of a batch in the order of generation, as OpenRLHF's experiences hold them.

    order: [R], where each row stood at generation.
    """
    rows: list[Answer] = []
    for e in experiences:
        sequences, kept, cut = e.sequences.numpy(), e.action_mask.numpy().astype(bool), e.truncated.tolist()
        reasons = e.info.get(REASON)
        halves = [e.info[key] for key in ANSWER_HALVES] if ANSWER_HALVES[0] in e.info else None
        log_probs = None if e.action_log_probs is None else e.action_log_probs.float().numpy()
        for row in range(len(e.index)):
            response = sequences[row, 1:][kept[row]].tolist()
            surprise = None
            if log_probs is not None:
                surprise = -float(log_probs[row][kept[row]].mean()) if response else 0.0
            reason = None if reasons is None else reason_of(e.labels[row], int(reasons[row]))
            answer = None if halves is None else answer_id(*(float(half[row]) for half in halves))
            rows.append(Answer(e.prompts[row], e.labels[row], response, bool(cut[row]), surprise, reason, answer))
    by_place = dict(zip(order.tolist(), rows, strict=True))
    return [by_place[place] for place in range(len(rows))]


@dataclass(frozen=True)
class Rollouts:
    """One step's answers in the order of generation; P prompts with N answers each, R = P x N."""

    problems: list[str]
    """[P] ids"""
    tokens: list[list[int]]
    """[R] response token ids"""
    truncated: np.ndarray
    """[R] bool"""
    rewards: np.ndarray
    """[P, N], as the verifier gave them"""
    advantages: np.ndarray
    """[P, N]"""
    k: int
    seconds_advantage: float
    reasons: dict[str, float] | None = None
    """share of the answers with each reason of their verdicts; None where the reward function is not ours"""

    @classmethod
    def of(
        cls,
        answers: list[Answer],
        rewards: "torch.Tensor",
        advantages: "torch.Tensor",
        k: int,
        seconds_advantage: float,
    ) -> Self:
        """answers: [R], a prompt's together; rewards and advantages: [P, N]."""
        return cls(
            problems=[problem_of(answer.prompt, answer.label) for answer in answers[:: rewards.shape[1]]],
            tokens=[answer.tokens for answer in answers],
            truncated=np.array([answer.truncated for answer in answers]),
            rewards=rewards.cpu().numpy(),
            advantages=advantages.cpu().numpy(),
            k=k,
            seconds_advantage=seconds_advantage,
            reasons=_shares([answer.reason for answer in answers]),
        )

    def metrics(self) -> dict[str, Any]:
        """What the groups tell (passk/files/layout.py, METRICS)."""
        prompts, samples = self.rewards.shape
        right = (self.rewards == 1).sum(axis=1)  # [P]
        responses = [tuple(tokens) for tokens in self.tokens]
        groups = [responses[i * samples : (i + 1) * samples] for i in range(prompts)]
        lengths = [len(tokens) for tokens in responses]
        # Some estimators take a k beyond N, of which no group of N tells pass@k.
        ks = sorted({k for k in (*(2**i for i in range(samples.bit_length())), self.k) if k <= samples})
        return {
            "k": self.k,
            "reward": float(self.rewards.mean()),
            "pass_at_k": {str(k): float(pass_at_k(samples, right, k).mean()) for k in ks},
            "all_incorrect": float((right == 0).mean()),
            "all_correct": float((right == samples).mean()),
            "few_incorrect": float((samples - right < self.k).mean()),
            "correct_counts": np.bincount(right, minlength=samples + 1).tolist(),
            "distinct": float(np.mean([len(set(group)) / samples for group in groups])),
            "length": float(np.mean(lengths)),
            "tokens": int(sum(lengths)),
            "truncated": float(self.truncated.mean()),
            "seconds_advantage": self.seconds_advantage,
            "reasons": self.reasons,
        }

    def table(self, step: int, tokenizer: "PreTrainedTokenizerBase") -> dict[str, list]:
        """A column a name of ROLLOUT_COLUMNS, a row a rollout."""
        prompts, samples = self.rewards.shape
        columns = (
            [step] * (prompts * samples),
            [problem for problem in self.problems for _ in range(samples)],
            list(range(samples)) * prompts,
            tokenizer.batch_decode(self.tokens, skip_special_tokens=True),
            self.rewards.flatten().tolist(),
            self.advantages.flatten().tolist(),
            [self.k] * (prompts * samples),
            [len(tokens) for tokens in self.tokens],
            self.truncated.tolist(),
        )
        return dict(zip(ROLLOUT_COLUMNS, columns, strict=True))


def _shares(reasons: list[str | None]) -> dict[str, float] | None:
    if None in reasons:
        return None
    return {str(reason): count / len(reasons) for reason, count in sorted(Counter(reasons).items())}


class StepRecorder:
    """Writes a stage's metrics.jsonl and rollouts/. One writer a directory."""

    def __init__(self, settings: PluginSettings) -> None:
        self.estimator = settings.estimator
        self.log = MetricsLog(settings.record)
        self.rollouts = settings.record / "rollouts"
        self.rollouts.mkdir(parents=True, exist_ok=True)

    def begin_anew(self) -> None:
        """From here on write alone. Raises ConfigError where another run's steps stand, or another run writes."""
        try:
            file_lock.keep(self.log.path.with_name(WRITER), waits=False)
        except PasskError as error:
            raise ConfigError(f"--passk.record: {error}; give another directory") from None
        require_new(self.log.path.parent)

    def forget_after(self, step: int) -> None:
        """Drop what was written for later steps than `step`."""
        self.log.forget_after(step)
        for file in self.rollouts.glob("step-*.parquet"):
            number = file.stem.removeprefix("step-")
            if number.isdecimal() and int(number) > step:
                file.unlink()

    def write(
        self,
        step: int,
        rollouts: Rollouts,
        status: dict[str, Any],
        seconds: float,
        tokenizer: "PreTrainedTokenizerBase",
    ) -> None:
        """Record a finished step. status: OpenRLHF's own metrics of it; seconds: since the one before."""
        import pyarrow
        import pyarrow.parquet

        file = self.rollouts / f"step-{step:06d}.parquet"
        temporary = file.with_suffix(".tmp")
        table = pyarrow.table(rollouts.table(step, tokenizer))
        try:
            with telling_when_full(file), temporary.open("wb") as output:
                pyarrow.parquet.write_table(table, output, compression="zstd")
                output.flush()
                os.fsync(output.fileno())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
        self.log.write(
            {
                "step": step,
                "seconds": seconds,
                "lr": status.get("actor_lr"),
                "grad_norm": status.get("actor_grad_norm"),
                "estimator": self.estimator,
                "entropy": status.get("entropy_loss"),
                "clip_ratio": status.get("ppo_clip_ratio"),
                "logprob_gap": status.get("logprob_gap"),
                "seconds_generation": status.get("timing/generation"),
                "seconds_experience": status.get("timing/make_experience"),
                "seconds_training": status.get("timing/ppo_train"),
                "seconds_sync": status.get("timing/broadcast"),
                **rollouts.metrics(),
            }
        )


def require_new(directory: Path) -> None:
    """Raise ConfigError where a run has recorded steps in `directory`: one that begins anew would erase them."""
    if read_metrics(directory / "metrics.jsonl") or any((directory / "rollouts").glob("*.parquet")):
        raise ConfigError(
            f"--passk.record: {directory} holds the steps of another run, which this one would erase; give another "
            "directory, delete that one, or go on from that run's checkpoint by --ckpt.load_enable"
        )


class MetricsLog:
    """metrics.jsonl: a line a step, whole lines only."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / "metrics.jsonl"

    def write(self, metrics: dict[str, Any]) -> None:
        unknown = metrics.keys() - METRICS.keys()
        assert not unknown, f"metrics that passk/files/layout.py does not name: {sorted(unknown)}"
        with telling_when_full(self.path), self.path.open("a") as file:
            file.write(json.dumps({**metrics, "time": time.time()}) + "\n")
            # A checkpoint that outlives a machine's crash must find its record there too.
            file.flush()
            os.fsync(file.fileno())

    def forget_after(self, step: int) -> None:
        """Drop the lines of later steps, and a last line that a crash cut off; from here on write alone."""
        file_lock.keep(self.path.with_name(WRITER))
        kept = [line for line in read_metrics(self.path) if line["step"] <= step]
        temporary = self.path.with_suffix(".tmp")
        with telling_when_full(self.path), temporary.open("w") as file:
            file.writelines(json.dumps(line) + "\n" for line in kept)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
