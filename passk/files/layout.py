"""Where everything of a run lies. The files are the truth; DuckDB is made from them.

    runs/passk.duckdb                           the index over all experiments
    runs/<experiment>/experiment.json           what was asked: ExperimentRecord
    runs/<experiment>/report.md                 what came out, figures/*.png beside it
    runs/<experiment>/problems/<fingerprint>.parquet
                                                Problem records (passk/problems)
    runs/<experiment>/problems/separation.json  what train and test have in common (passk/problems/contamination.py)
    runs/<experiment>/stages/<key>/
        stage.json                              StageRecord
        metrics.jsonl                           a line a step (METRICS)
        rollouts/step-000001.parquet            a row a rollout (ROLLOUT_COLUMNS)
        checkpoints/                            OpenRLHF's own, each with a seal (passk/openrlhf/checkpoints.py)
        model/                                  the trained weights, HF format
        log.txt                                 everything the trainer printed
        manifest.json                           last of all: the stage is finished
    runs/<experiment>/tensorboard/<stage's name>/
                                                metrics.jsonl again, for TensorBoard (passk/trackers)
    runs/<experiment>/wandb/                    what W&B's client writes, where W&B is named
    runs/<experiment>/evaluations/metrics.jsonl     how far the evaluation is: lines for people, with their time
    runs/<experiment>/evaluations/<key>/
        evaluation.json                           EvaluationRecord
        parts/000001.parquet                    whole problems, while it samples (passk/evaluation/shards.py)
        samples.parquet                         a row a response (SAMPLE_COLUMNS)
        manifest.json                           last of all: the evaluation is finished

Whatever has a manifest is finished and never changes; whatever has none is taken up again.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from passk.base.errors import ConfigError
from passk.files.durable import telling_when_full

STORE = "passk.duckdb"
SERVE = "serve"
"""Directory of the logs of `make serve`."""
_SPLITTERS = {
    ",": "OpenRLHF splits a path there",
    "@": "OpenRLHF splits a path there",
    "::": "the datasets library splits a path there",
    "?": "DuckDB splits a path there",
    "\\": "DuckDB takes it for a /",
}
_LONGEST_PATH = 3500
"""Bytes of the directory of runs; Linux takes paths of 4,096, and files of a checkpoint have the longest ones."""
BASE = "base"
"""the checkpoint name of a model that needed no warm start"""
INGEST = "the ingest"
"""Name of the ingest among an experiment's failures. No stage can have it."""

# A line of metrics.jsonl. Every stage has the first five, an sft stage then `loss`, an rl stage all that follow.
METRICS = {
    "step": "int, from 1",
    "time": "float, Unix seconds at the end of the step",
    "seconds": "float, wall time since the step before was recorded, with the checkpoint that it may have saved",
    "lr": "float, as the schedule stands after the step: while it warms up, that of the next one",
    "grad_norm": "float or null",
    "loss": "float, sft only: mean negative log-likelihood of a response token, in nats",
    "estimator": "str",
    "k": "int",
    "reward": "float, mean over the step's rollouts",
    "pass_at_k": "object, k as text -> unbiased pass@k of the step's own groups",
    "all_incorrect": "float, share of groups without a right answer",
    "all_correct": "float, share of groups without a wrong answer",
    "few_incorrect": "float, share of groups with fewer wrong answers than k: the Pass@k advantage is 0 there",
    "correct_counts": "list of N+1 ints: groups with 0, 1, ... N right answers",
    "distinct": "float, distinct responses of a group / N, mean over groups",
    "entropy": "float or null, nats a token",
    "length": "float, mean response tokens",
    "truncated": "float, share of responses cut at max_response",
    "clip_ratio": "float, share of tokens whose PPO ratio was clipped",
    "logprob_gap": "float or null, nats: mean difference between vLLM's and the trainer's log-probabilities of fixed "
    "tokens before the step's rollouts, largest over the engines; null: the step sampled no rollouts",
    "tokens": "int, response tokens of the step",
    "seconds_generation": "float",
    "seconds_experience": "float, log-probabilities and advantages",
    "seconds_training": "float",
    "seconds_sync": "float, weights to vLLM",
    "seconds_advantage": "float, the estimator itself",
    "reasons": "object, reason of the verifier's verdicts -> share of the rollouts; null: not our reward function",
}
ROLLOUT_COLUMNS = ("step", "problem", "sample", "response", "reward", "advantage", "k", "tokens", "truncated")
SAMPLE_COLUMNS = (
    "problem", "sample", "response", "score", "correct", "extracted", "reason",
    "tokens", "finish_reason", "seed", "logprob",
)  # fmt: skip


@dataclass(frozen=True)
class StageRecord:
    """stage.json: all that decides what the stage makes, and where it stands in its experiment."""

    key: str
    name: str
    kind: str
    experiment: str
    parent: str | None
    """the parent stage's key, or None where the stage starts from the experiment's own model"""
    config: dict[str, Any]
    seed: int
    problems: str
    """fingerprint of the training problems"""
    first_step: int
    """rl steps its ancestors did: the stage goes on in the order of the problems where they stopped"""
    versions: dict[str, str]


@dataclass(frozen=True)
class EvaluationRecord:
    """evaluation.json: one checkpoint sampled on one benchmark."""

    key: str
    experiment: str
    checkpoint: str
    """name of the stage whose model was sampled; "base" is the experiment's own model"""
    stage: str | None
    """that stage's key"""
    benchmark: str
    problems: str
    config: dict[str, Any]
    """the Benchmark: samples, k, temperature, top_p, max_response"""
    seed: int
    versions: dict[str, str]


@dataclass(frozen=True)
class ExperimentRecord:
    """experiment.json, written at the start of a run and completed at its end."""

    name: str
    question: str
    config: dict[str, Any]
    command: str
    versions: dict[str, str]
    hardware: dict[str, Any]
    code: dict[str, Any]
    """git commit and whether the tree was dirty, where there is a git checkout; of the latest session"""
    stages: dict[str, str]
    """stage name -> key, in the order of the graph"""
    evaluations: list[str] = field(default_factory=list)
    """keys"""
    failures: dict[str, str] = field(default_factory=dict)
    """stage's name, "evaluate" or INGEST -> one line"""
    sessions: list[dict[str, Any]] = field(default_factory=list)
    """one for each `passk run` that did something: {"started", "code" (as above, of this session),
    "before" (seconds of its process before that), "seconds", "busy" (those in which a phase went on), "phases": {name:
    seconds}, "failed": [{"what" (phase), "step" (of how many it had done), "reason"}], "ended" ("done", "failed"; null:
    stopped, killed, not there yet), "report_before" (inode, time, size of the report that was there at its start)}"""


def require_usable(runs: Path, name: str) -> None:
    """Raise ConfigError where experiment `name` cannot run under `runs`, before anything is written there."""
    path = str(runs.resolve())
    if not path.isprintable():
        raise ConfigError(f"runs: {path!r} has a character that cannot be printed; name another directory")
    for text, why in _SPLITTERS.items():
        if text in path:
            raise ConfigError(f"runs: {path} has {text!r} in it, and {why}; name a directory without it")
    if (length := len(os.fsencode(path))) > _LONGEST_PATH:
        raise ConfigError(f"runs: the path has {length} bytes; name a directory with {_LONGEST_PATH} or fewer")
    if name in (SERVE, STORE) or name.startswith(f"{STORE}."):
        raise ConfigError(
            f"name: the directory of runs has {name} for something else; give the experiment another name"
        )


def write_json(path: Path, content: Any) -> None:
    """Write whole or not at all: a reader, or a crash, never sees half a file. PasskError where the disk is full."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with telling_when_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w") as file:
                json.dump(content if isinstance(content, dict | list) else asdict(content), file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_finished(directory: Path) -> bool:
    return (directory / "manifest.json").is_file()
