"""Paths and records of a run. The files are the source of truth; the DuckDB database is built from them.

    runs/passk.duckdb                           the index over all experiments
    runs/rehearsals/                            the same tree for rehearsals (`passk rehearse`)
    runs/<experiment>/experiment.json           configuration and sessions: ExperimentRecord
    runs/<experiment>/report.md                 results, figures/*.png beside it
    runs/<experiment>/problems/<fingerprint>.parquet
                                                Problem records (passk/problems)
    runs/<experiment>/problems/separation.json  problems in both train and test (passk/problems/contamination.py)
    runs/<experiment>/stages/<key>/
        stage.json                              StageRecord
        metrics.jsonl                           one line per step (METRICS)
        evaluations.jsonl                       one line per evaluation during the training (EVALUATION)
        rollouts/step-000001.parquet            one row per rollout (ROLLOUT_COLUMNS)
        checkpoints/                            OpenRLHF's, each with a seal (passk/openrlhf/checkpoints.py)
        model/                                  the trained weights in HF format
        exports/step-000020/                    models of earlier steps in HF format, if the stage exports any
        models/step-000020/                     the same of an earlier checkpoint (passk/experiment/keep.py)
        log.txt                                 the trainer's output
        failure.json                            cause of the last attempt's failure (passk/runtime/failure_record.py)
        manifest.json                           written last: the stage is finished
    runs/<experiment>/tensorboard/<stage's name>/
                                                the metrics for TensorBoard (passk/trackers)
    runs/<experiment>/wandb/                    files of W&B's client, if W&B is a tracker
    runs/<experiment>/evaluations/metrics.jsonl progress of the evaluation: lines for people, with their times
    runs/<experiment>/evaluations/<key>/
        evaluation.json                           EvaluationRecord
        shards/000001.parquet                   shards of samples (passk/evaluation/shards.py)
        samples.parquet                         one row per sample (SAMPLE_COLUMNS)
        manifest.json                           written last: the evaluation is finished

A directory with a manifest is finished and never changes. A directory without one is resumed.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from passk.base.errors import ConfigError
from passk.files.durable import write_text

STORE = "passk.duckdb"
SERVE = "serve"
"""Directory with the logs of `make serve`."""
REHEARSALS = "rehearsals"
"""Directory of the rehearsals, which have a database of their own."""
_SPLITTERS = {
    ",": "OpenRLHF splits a path there",
    "@": "OpenRLHF splits a path there",
    "::": "the datasets library splits a path there",
    "?": "DuckDB splits a path there",
    "\\": "DuckDB reads it as a /",
}
_LONGEST_PATH = 3500
"""Most bytes of the directory of runs. Linux limits paths to 4,096, and a checkpoint's files have the longest ones."""
BASE = "base"
"""Checkpoint name of the model before the first stage."""
BEST = "@best"
"""End of the checkpoint name of a stage's best model (`keep_best`). No stage's name has an @."""
INGEST = "the ingest"
"""Name of the ingest among an experiment's failures. No stage can have this name."""

# Fields of a line of metrics.jsonl. Every stage has the first five, an sft stage also `loss`, an rl stage all others.
# The table `steps` in passk/store/schema.sql describes and types each. In the file, k is text (JSON). Null stands for:
# grad_norm, entropy: not measured; kl: a stage without `kl`; importance_*: a stage without `importance_correction`;
# logprob_gap: no rollouts were sampled; reasons: another reward function.
METRICS = (
    "step", "time", "seconds", "lr", "grad_norm", "loss", "estimator", "k", "reward",
    "pass_at_k", "reward_by_difficulty", "pass_at_k_by_difficulty",
    "all_incorrect", "all_correct", "few_incorrect", "generated_groups", "used_groups", "correct_counts", "distinct",
    "entropy", "length", "truncated", "clip_ratio", "kl",
    "importance_gap", "importance_ratio", "importance_filtered", "logprob_gap", "tokens",
    "seconds_generation", "seconds_experience", "seconds_training", "seconds_sync", "seconds_advantage", "reasons",
)  # fmt: skip
EVALUATIONS = "evaluations.jsonl"
# Fields of its lines. A step and a benchmark have one line.
EVALUATION = {
    "step": "int, steps before the evaluation; 0 is the start of the stage",
    "benchmark": "str",
    "time": "float, Unix seconds at its end",
    "seconds": "float, its wall time",
    "problems": "str, fingerprint of the benchmark's problems",
    "samples": "int, samples per problem",
    "pass_at_k": "object, k as text -> {value, lower, upper}: pass@k, mean over problems, with its 95 % interval",
    "maj_at_k": "object, k above 1 as text -> {value, lower, upper}: maj@k in the same form",
    "correct": "object, problem -> correct samples",
    "length": "float, mean response tokens",
    "truncated": "float, share of responses cut at max_response",
    "tokens": "int, response tokens",
    "reasons": "object, reason of a verdict -> share of the samples",
}
# Columns of the Parquet files, which the tables `rollouts` and `samples` of passk/store/schema.sql describe.
ROLLOUT_COLUMNS = ("step", "problem", "sample", "response", "reward", "advantage", "k", "tokens", "truncated")
SAMPLE_COLUMNS = {
    "problem": "string", "sample": "int64", "response": "string",
    "score": "float64", "correct": "bool", "extracted": "string", "reason": "string",
    "tokens": "int64", "finish_reason": "string", "seed": "int64", "logprob": "float64",
}  # fmt: skip
"""Column -> its Arrow type."""


@dataclass(frozen=True)
class StageRecord:
    """Content of stage.json: everything that decides the stage's result, and its place in the experiment."""

    key: str
    name: str
    kind: str
    experiment: str
    parent: str | None
    """Key of the parent stage, or None if the stage starts from the experiment's model."""
    config: dict[str, Any]
    seed: int
    problems: str
    """Fingerprint of the training problems."""
    first_step: int
    """Number of rl steps of its ancestors; the stage continues in the order of problems after them."""
    versions: dict[str, str]


@dataclass(frozen=True)
class EvaluationRecord:
    """Content of evaluation.json: the evaluation of one checkpoint on one benchmark."""

    key: str
    experiment: str
    checkpoint: str
    """Name of the stage whose model is evaluated, with BEST for its best one, or "base" for the experiment's model."""
    stage: str | None
    """Key of that stage."""
    benchmark: str
    problems: str
    config: dict[str, Any]
    """The Benchmark: samples, k, temperature, top_p and max_response."""
    seed: int
    versions: dict[str, str]
    step: int | None = None
    """Step of the stage whose model is evaluated; None for the stage's last step."""
    best: bool = False
    """Whether `keep_best` chose this step."""
    prompt_format: dict[str, Any] = field(default_factory=dict)
    """What stands around a prompt and what ends a response: "chat_template" (its text, or null), "system_prompt",
    "chat_options", "before" and "after" (the model sees before + prompt + after; null if the template changes the
    prompt), "end_tokens". It is {} in a plan."""


@dataclass(frozen=True)
class ExperimentRecord:
    """Content of experiment.json, which is written at the start of a run and completed at its end."""

    name: str
    question: str
    config: dict[str, Any]
    command: str
    versions: dict[str, str]
    hardware: dict[str, Any]
    code: dict[str, Any]
    """Git commit of the latest session and whether the tree was dirty; {} without a git checkout."""
    stages: dict[str, str]
    """Keys of the stages by name, parents first."""
    evaluations: list[str] = field(default_factory=list)
    """Keys of the evaluations."""
    failures: dict[str, str] = field(default_factory=dict)
    """One-line errors by stage name, "evaluate" or INGEST."""
    sessions: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each `passk run` with work to do: {"started", "code" (of this session), "before" (seconds of its
    process before the start), "seconds", "busy" (seconds during which a phase ran), "phases": {name: seconds},
    "failed": [{"what" (phase), "step" (last finished step), "reason"}], "ended" ("done" or "failed"; null if stopped,
    killed or running), "report_before" (inode, time and size of the report at its start)}"""


def require_usable(runs: Path, name: str) -> None:
    """Raise ConfigError if experiment `name` cannot run under `runs`; call this before anything is written there."""
    path = str(runs.resolve())
    if not path.isprintable():
        raise ConfigError("runs", f"{path!r} has an unprintable character", "name another directory")
    for text, why in _SPLITTERS.items():
        if text in path:
            raise ConfigError("runs", f"{path} contains {text!r}, and {why}", "name a directory without it")
    if (length := len(os.fsencode(path))) > _LONGEST_PATH:
        raise ConfigError("runs", f"the path has {length} bytes", f"name a directory with {_LONGEST_PATH} or fewer")
    if name in (SERVE, STORE, REHEARSALS) or name.startswith(f"{STORE}."):
        raise ConfigError("name", f"{name} is reserved in the directory of runs", "choose another name")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically: no reader sees a partial file. Raise PasskError if the disk is full."""
    write_text(path, json.dumps(content if isinstance(content, dict | list) else asdict(content), indent=1) + "\n")


def export_of(stage: Path, step: int) -> Path:
    """Return the directory of the model that a stage exported after a step."""
    return stage / "exports" / f"step-{step:06d}"


def exported_steps(stage: Path) -> list[int]:
    """Return the steps after which a stage exported its model."""
    names = [path.name.removeprefix("step-") for path in (stage / "exports").glob("step-*") if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())


def kept_model(stage: Path, step: int) -> Path:
    """Return the directory of the model of an earlier checkpoint of a stage."""
    return stage / "models" / f"step-{step:06d}"


def kept_steps(stage: Path) -> list[int]:
    """Return the steps of the models of earlier checkpoints that a stage's directory has."""
    names = [path.name.removeprefix("step-") for path in stage.glob("models/step-*")]
    return sorted(int(name) for name in names if name.isdecimal())


def is_finished(directory: Path) -> bool:
    """Return whether a stage or an evaluation is finished."""
    return (directory / "manifest.json").is_file()
