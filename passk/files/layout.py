"""Paths and records of a run. The files are the source of truth; the DuckDB database is built from them.

    comparisons/<names of experiments>/         report.md, report.html and figures/ of `passk compare`, beside runs/
    runs/passk.duckdb                           the index over all experiments
    runs/.locks/                                locks of experiments and of stages (passk/files/file_lock.py)
    runs/rehearsals/                            the same tree for rehearsals (`passk rehearse`)
    runs/rehearsals/.models/, mlflow/           tiny models of the rehearsals, and their MLflow store
    runs/<experiment>/experiment.json           configuration and sessions: ExperimentRecord
    runs/<experiment>/experiment.yaml           the file of an experiment that passk made, as in a sweep
    runs/<experiment>/report.md, report.html    results, figures/*.png beside them
    runs/<experiment>/rehearsal.md              what a rehearsal exercised
    runs/<experiment>/ray.log, prefect.log      output of the run's Ray cluster and of its Prefect server
    runs/<experiment>/model/                    the experiment's tiny model
    runs/<experiment>/problems/<fingerprint>.parquet
                                                Problem records (passk/problems)
    runs/<experiment>/problems/separation.json  problems in both train and test (passk/problems/contamination.py)
    runs/<experiment>/stages/<key>/
        stage.json                              StageRecord
        data/                                   the training data, as OpenRLHF reads it
        metrics.jsonl                           one line per step (METRICS in passk/files/schema.py)
        evaluations.jsonl                       one line per evaluation during the training (EVALUATION)
        rollouts/step-000001.parquet            one row per rollout (ROLLOUT_COLUMNS)
        checkpoints/                            OpenRLHF's, each with a seal (passk/openrlhf/checkpoints.py)
        model/                                  the trained weights in HF format
        exports/step-000020/                    models of earlier steps in HF format, if the stage exports any
        models/step-000020/                     the same of an earlier checkpoint (passk/experiment/keep.py)
        log.txt                                 the trainer's output
        failure.json                            cause of the last attempt's failure (passk/runtime/failure_record.py)
        manifest.json                           written last: the stage is finished
        .writer, .alive-<job>                   lock of the process that writes there, heartbeat of the one that waits
    runs/<experiment>/tensorboard/<stage's name>/
                                                the metrics for TensorBoard (passk/trackers)
    runs/<experiment>/wandb/                    files of W&B's client, if W&B is a tracker
    runs/<experiment>/evaluations/
        metrics.jsonl                           progress of the evaluation: lines for people, with their times
        request.json                            the evaluations to do (passk/evaluation/request.py)
        log.txt, ray.log, failure.json, .writer as for a stage
    runs/<experiment>/evaluations/<key>/
        evaluation.json                         EvaluationRecord
        shards/000001.parquet                   shards of samples (passk/evaluation/shards.py)
        shards/replies.jsonl                    replies of an endpoint (passk/evaluation/endpoint.py)
        samples.parquet                         one row per sample (SAMPLE_COLUMNS)
        manifest.json                           written last: the evaluation is finished

A directory with a manifest is finished and never changes. A directory without one is resumed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from passk.files.durable import write_text

STORE = "passk.duckdb"
SERVE = "serve"
"""Directory with the logs of `make serve`."""
REHEARSALS = "rehearsals"
"""Directory of the rehearsals, which have a database of their own."""
BASE = "base"
"""Checkpoint name of the model before the first stage."""
BEST = "@best"
"""End of the checkpoint name of a stage's best model (`keep_best`). No stage's name has an @."""
INGEST = "the ingest"
"""Name of the ingest among an experiment's failures. No stage can have this name."""


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


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically: no reader sees a partial file. Raise PasskError if the disk is full."""
    write_text(path, json.dumps(content if isinstance(content, dict | list) else asdict(content), indent=1) + "\n")


def _path(name: str) -> Callable[[Path], Path]:
    """Return the function from a directory to the path of `name` in it."""
    return lambda directory: directory / name


# Beside the directory of all runs.
comparisons = _path("comparisons")
# In the directory of all runs.
rehearsals = _path(REHEARSALS)
store = _path(STORE)
locks = _path(".locks")
# In the directory of rehearsals.
stand_ins = _path(".models")
mlflow_of_rehearsals = _path("mlflow")
# In an experiment's directory.
experiment_record = _path("experiment.json")
experiment_file = _path("experiment.yaml")
"""The file of an experiment that passk made."""
report = _path("report.md")
report_page = _path("report.html")
figures = _path("figures")
rehearsal_page = _path("rehearsal.md")
prefect_log = _path("prefect.log")
problem_sets = _path("problems")
stages = _path("stages")
evaluations = _path("evaluations")
tensorboard = _path("tensorboard")
wandb = _path("wandb")
# In the directory of problem sets.
separation = _path("separation.json")
# In the directory of a stage, of an evaluation or of all evaluations, some also in that of an experiment.
manifest = _path("manifest.json")
metrics = _path("metrics.jsonl")
log = _path("log.txt")
ray_log = _path("ray.log")
failure = _path("failure.json")
model = _path("model")
writer = _path(".writer")
"""Lock of the process that writes into the directory."""
# In a stage's directory.
stage_record = _path("stage.json")
training_evaluations = _path("evaluations.jsonl")
rollouts = _path("rollouts")
checkpoints = _path("checkpoints")
_exports = _path("exports")
_kept = _path("models")
data = _path("data")
# In the directory of all evaluations.
request = _path("request.json")
# In an evaluation's directory.
evaluation_record = _path("evaluation.json")
samples = _path("samples.parquet")
shards = _path("shards")


def experiment_records(runs: Path) -> list[Path]:
    """Return the record of each experiment under `runs`."""
    return sorted(runs.glob("*/experiment.json"))


def stages_under(runs: Path, key: str = "*") -> list[Path]:
    """Return the directories of the stages of all experiments under `runs`. key: of the only stage that is wanted."""
    return sorted(runs.glob(f"*/stages/{key}"))


def experiment_lock(runs: Path, name: str) -> Path:
    """Return the lock of an experiment's name."""
    return locks(runs) / f"experiment-{name}"


def problem_set(experiment: Path, fingerprint: str) -> Path:
    return problem_sets(experiment) / f"{fingerprint}.parquet"


def problem_files(experiment: Path) -> list[Path]:
    """Return the problem sets of an experiment."""
    return sorted(problem_sets(experiment).glob("*.parquet"))


def shard(evaluation: Path, number: int) -> Path:
    return shards(evaluation) / f"{number:06d}.parquet"


def shard_files(evaluation: Path) -> list[Path]:
    """Return the shards of an evaluation in their order."""
    return sorted(file for file in shards(evaluation).glob("*.parquet") if file.stem.isdecimal())


def replies(evaluation: Path) -> Path:
    """Return the file of an endpoint's replies (passk/evaluation/endpoint.py)."""
    return shards(evaluation) / "replies.jsonl"


def heartbeat(directory: Path, job: str) -> Path:
    """Return the file that lives as long as the process that follows a Ray job (passk/runtime/job_watchdog.py)."""
    return directory / f".alive-{job}"


def heartbeats(directory: Path) -> dict[str, Path]:
    """Return the heartbeat of each job of a directory."""
    return {path.name.removeprefix(".alive-"): path for path in directory.glob(".alive-*")}


def rollouts_of(stage: Path, step: int) -> Path:
    return rollouts(stage) / f"step-{step:06d}.parquet"


def rollout_files(stage: Path) -> dict[Path, int | None]:
    """Return the files of a stage's rollouts in their order, with their steps. A damaged name has None."""
    files = sorted(rollouts(stage).glob("step-*.parquet"))
    return {file: int(name) if (name := file.stem[5:]).isascii() and name.isdecimal() else None for file in files}


def export_of(stage: Path, step: int) -> Path:
    """Return the directory of the model that a stage exported after a step."""
    return _exports(stage) / f"step-{step:06d}"


def exported_steps(stage: Path) -> list[int]:
    """Return the steps after which a stage exported its model."""
    return _steps(_exports(stage))


def kept_model(stage: Path, step: int) -> Path:
    """Return the directory of the model of an earlier checkpoint of a stage."""
    return _kept(stage) / f"step-{step:06d}"


def kept_steps(stage: Path) -> list[int]:
    """Return the steps of the models of earlier checkpoints that a stage's directory has."""
    return _steps(_kept(stage))


def is_finished(directory: Path) -> bool:
    """Return whether a stage or an evaluation is finished."""
    return manifest(directory).is_file()


def _steps(models: Path) -> list[int]:
    names = [path.name.removeprefix("step-") for path in models.glob("step-*") if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())
