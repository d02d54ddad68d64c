"""Record a training run: a line of metrics per step, and the step's rollouts as Parquet."""

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from passk.base.errors import ConfigError, PasskError
from passk.files import durable, file_lock, layout
from passk.files.metrics_log import read_metrics
from passk.files.schema import METRICS, ROLLOUT_COLUMNS
from passk.openrlhf import mismatch
from passk.openrlhf.difficulty import difficulties, means
from passk.openrlhf.group_filter import teaches
from passk.openrlhf.prompt_label import ANSWER_HALVES, REASON, answer_id, problem_of, reason_of
from passk.openrlhf.settings import PluginSettings
from passk.statistics.pass_at_k import pass_at_k

if TYPE_CHECKING:
    import torch
    from openrlhf.trainer.ppo_utils.experience import Experience
    from transformers import PreTrainedTokenizerBase


class Rollout(NamedTuple):
    """One rollout, in the order of generation."""

    prompt: str
    label: Any
    """Label as in the dataset."""
    tokens: list[int]
    """Token ids of the response."""
    truncated: bool
    surprise: float | None
    """Mean -log p of its sampled tokens, in nats: an unbiased estimate of the policy's mean entropy. None without
    log-probabilities."""
    reason: str | None = None
    """Reason of the verdict; None for a reward function that is not passk's."""
    answer: int | None = None
    """Identity of the extracted answer, -1 for none; None for a reward function that is not passk's."""


def gathered(experiences: "list[Experience]", order: "torch.Tensor") -> list[Rollout]:
    """Return the rollouts of a batch in the order of generation, from OpenRLHF's experiences.

    order: [R], the position of each row at generation.
    """
    rows: list[Rollout] = []
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
            rows.append(Rollout(e.prompts[row], e.labels[row], response, bool(cut[row]), surprise, reason, answer))
    by_place = dict(zip(order.tolist(), rows, strict=True))
    return [by_place[place] for place in range(len(rows))]


@dataclass(frozen=True)
class Rollouts:
    """One step's rollouts in the order of generation: P prompts with N rollouts each, R = P x N."""

    problems: list[str]
    """Problem ids, [P]."""
    tokens: list[list[int]]
    """Response token ids, [R]."""
    truncated: np.ndarray
    """Truncated responses, [R] bool."""
    rewards: np.ndarray
    """Rewards of the verifier, [P, N]."""
    advantages: np.ndarray
    """Advantages, [P, N]."""
    k: int
    seconds_advantage: float
    reasons: dict[str, float] | None = None
    """Share of the rollouts with each verdict reason; None for a reward function that is not passk's."""
    mismatch: Mapping[str, float] = field(default_factory=dict)
    """Difference between vLLM's and the trainer's log-probabilities (mismatch.py)."""
    dropped: Self | None = None
    """Groups that were sampled and not trained on; None without a filter of groups."""

    @classmethod
    def of(
        cls,
        rollouts: list[Rollout],
        rewards: "torch.Tensor",
        advantages: "torch.Tensor",
        k: int,
        seconds_advantage: float,
        mismatch: Mapping[str, float],
        dropped: Self | None = None,
    ) -> Self:
        """Collect a step. rollouts: [R], those of a prompt together. rewards, advantages: [P, N]."""
        return cls(
            problems=[problem_of(rollout.prompt, rollout.label) for rollout in rollouts[:: rewards.shape[1]]],
            tokens=[rollout.tokens for rollout in rollouts],
            truncated=np.array([rollout.truncated for rollout in rollouts]),
            rewards=rewards.cpu().numpy(),
            advantages=advantages.cpu().numpy(),
            k=k,
            seconds_advantage=seconds_advantage,
            reasons=_shares([rollout.reason for rollout in rollouts]),
            mismatch=mismatch,
            dropped=dropped,
        )

    @property
    def generated(self) -> Self:
        """The rollouts with those that the filter dropped, so that their metrics are those of the policy."""
        more = self.dropped
        if more is None or not more.problems:
            return replace(self, dropped=None)
        share = len(self.tokens) / (len(self.tokens) + len(more.tokens))
        reasons = None
        if self.reasons is not None and more.reasons is not None:
            names = sorted({*self.reasons, *more.reasons})
            reasons = {n: self.reasons.get(n, 0) * share + more.reasons.get(n, 0) * (1 - share) for n in names}
        return replace(
            self,
            problems=self.problems + more.problems,
            tokens=self.tokens + more.tokens,
            truncated=np.concatenate([self.truncated, more.truncated]),
            rewards=np.concatenate([self.rewards, more.rewards]),
            advantages=np.concatenate([self.advantages, more.advantages]),
            reasons=reasons,
            dropped=None,
        )

    def metrics(self, difficulty: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the metrics of all groups that were generated (passk/files/schema.py, METRICS).

        difficulty: of each problem that has one.
        """
        if self.dropped is not None:
            counts, n = (self.rewards == 1).sum(axis=1).tolist(), self.rewards.shape[1]
            used = sum(teaches(correct, n, self.k) for correct in counts)
            return self.generated.metrics(difficulty) | {"used_groups": used}
        prompts, samples = self.rewards.shape
        correct = (self.rewards == 1).sum(axis=1)  # [P]
        responses = [tuple(tokens) for tokens in self.tokens]
        groups = [responses[i * samples : (i + 1) * samples] for i in range(prompts)]
        lengths = [len(tokens) for tokens in responses]
        # Some estimators accept a k above N, for which a group of N has no pass@k.
        ks = sorted({k for k in (*(2**i for i in range(samples.bit_length())), self.k) if k <= samples})
        return {
            "k": self.k,
            "reward": float(self.rewards.mean()),
            "pass_at_k": {str(k): float(pass_at_k(samples, correct, k).mean()) for k in ks},
            "reward_by_difficulty": means(self.problems, self.rewards.mean(axis=1), difficulty or {}),
            "pass_at_k_by_difficulty": means(self.problems, pass_at_k(samples, correct, self.k), difficulty or {})
            if self.k in ks
            else {},
            "all_incorrect": float((correct == 0).mean()),
            "all_correct": float((correct == samples).mean()),
            "few_incorrect": float((samples - correct < self.k).mean()),
            "generated_groups": prompts,
            "used_groups": prompts,
            "correct_counts": np.bincount(correct, minlength=samples + 1).tolist(),
            "distinct": float(np.mean([len(set(group)) / samples for group in groups])),
            "length": float(np.mean(lengths)),
            "tokens": int(sum(lengths)),
            "truncated": float(self.truncated.mean()),
            "seconds_advantage": self.seconds_advantage,
            "reasons": self.reasons,
            **{name: self.mismatch.get(name) for name in mismatch.NAMES},
        }

    def table(self, step: int, tokenizer: "PreTrainedTokenizerBase") -> dict[str, list]:
        """Return the columns of ROLLOUT_COLUMNS by name, with a row per rollout."""
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
    """Writer of a stage's metrics.jsonl and rollouts/. A directory has one writer."""

    def __init__(self, settings: PluginSettings) -> None:
        self.advantage = settings.advantage
        self.difficulty = difficulties(settings.problems)
        self.log = MetricsLog(settings.record)
        self._directory = settings.record
        layout.rollouts(settings.record).mkdir(parents=True, exist_ok=True)

    def begin_anew(self) -> None:
        """Lock the directory for this run. Raise ConfigError if it holds another run's steps, or another run writes."""
        try:
            file_lock.keep(layout.writer(self._directory), waits=False)
        except PasskError as error:
            raise ConfigError("--passk.record", str(error), "choose another directory") from None
        require_new(self._directory)

    def forget_after(self, step: int) -> None:
        """Delete the records of steps after `step`."""
        self.log.forget_after(step)
        for file, recorded in layout.rollout_files(self._directory).items():
            if recorded is not None and recorded > step:
                file.unlink()

    def write(
        self,
        step: int,
        rollouts: Rollouts,
        status: dict[str, Any],
        seconds: float,
        tokenizer: "PreTrainedTokenizerBase",
    ) -> None:
        """Record a finished step. status: OpenRLHF's own metrics of it; seconds: time since the previous step."""
        import pyarrow
        import pyarrow.parquet

        file = layout.rollouts_of(self._directory, step)
        table = pyarrow.table(rollouts.table(step, tokenizer))
        with durable.written(file) as output:
            pyarrow.parquet.write_table(table, output, compression="zstd")
        self.log.write(
            {
                "step": step,
                "seconds": seconds,
                "lr": status.get("actor_lr"),
                "grad_norm": status.get("actor_grad_norm"),
                "policy_loss": status.get("policy_loss"),
                "estimator": self.advantage.at(step),
                "entropy": status.get("entropy_loss"),
                "clip_ratio": status.get("ppo_clip_ratio"),
                "kl": status.get("kl"),
                "logprob_gap": status.get("logprob_gap"),
                "importance_filtered": status.get("is_filter_ratio"),
                "seconds_generation": status.get("timing/generation"),
                "seconds_experience": status.get("timing/make_experience"),
                "seconds_training": status.get("timing/ppo_train"),
                "seconds_sync": status.get("timing/broadcast"),
                **rollouts.metrics(self.difficulty),
            }
        )


def require_new(directory: Path) -> None:
    """Raise ConfigError if `directory` holds a run's recorded steps, which a new run would erase."""
    if read_metrics(layout.metrics(directory)) or any(layout.rollouts(directory).glob("*.parquet")):
        raise ConfigError(
            "--passk.record",
            f"{directory} holds the steps of another run, which this run would erase",
            "choose another directory, delete that one, or resume from that run's checkpoint by --ckpt.load_enable",
        )


class MetricsLog:
    """The file metrics.jsonl: one complete line per step."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = layout.metrics(directory)

    def write(self, metrics: dict[str, Any]) -> None:
        unknown = metrics.keys() - set(METRICS)
        assert not unknown, f"metrics that passk/files/schema.py does not define: {sorted(unknown)}"
        with durable.telling_when_full(self.path), self.path.open("a") as file:
            file.write(json.dumps({**metrics, "time": time.time()}) + "\n")
            # A checkpoint that survives a machine crash needs its record.
            file.flush()
            os.fsync(file.fileno())

    def forget_after(self, step: int) -> None:
        """Lock the file, and drop the lines of later steps and an incomplete last line."""
        file_lock.keep(layout.writer(self.path.parent))
        kept = [line for line in read_metrics(self.path) if line["step"] <= step]
        durable.write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))
