"""Experiments made from experiments: a sweep over estimators, k and seeds, and the evaluation of a checkpoint.

What comes out is an `Experiment` like any other, and is written down as YAML beside its run, so that
`passk run` does the same again. Stages that several have in common have the same key, and are trained once.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from passk.base.errors import ConfigError, nearest
from passk.experiment import config
from passk.experiment.config import Experiment, RlStage
from passk.experiment.validate import check
from passk.models.tiny import weights
from passk.problems import fingerprint

FILE = "experiment.yaml"


def study(
    files: Sequence[str],
    of: str = "",
    stage: str = "",
    estimators: Sequence[str] = (),
    k: Sequence[int] = (),
    seeds: Sequence[int] = (),
) -> list[Experiment]:
    """The experiments of a study: those in `files`, or those of a sweep of one file. Raises ConfigError."""
    if files:
        for field, value in {"of": of, "stage": stage, "estimators": estimators, "k": k, "seeds": seeds}.items():
            if value:
                raise ConfigError(f"{field}: belongs to a sweep; leave it empty beside files, or leave files empty")
        found = [config.load(file) for file in files]
    elif not of:
        raise ConfigError("files: nothing to study; name experiment files, or in `of` the one to vary")
    else:
        found = sweep(config.load(of), stage, estimators, k, seeds)
    _refuse_twice("name", [experiment.name for experiment in found])
    for experiment in found:
        check(experiment)
    return found


def sweep(
    of: Experiment, stage: str = "", estimators: Sequence[str] = (), k: Sequence[int] = (), seeds: Sequence[int] = ()
) -> list[Experiment]:
    """An experiment for each combination, every other field as it is in `of`. Raises ConfigError.

    stage: the rl stage that gets the estimator and the k; it may be left out where there is one alone. An estimator
    other than the stage's own comes with its default options.
    """
    for field, values in {"estimators": estimators, "k": k, "seeds": seeds}.items():
        _refuse_twice(field, values)
    if not (estimators or k or seeds):
        raise ConfigError("estimators: nothing varies; give estimators, k or seeds")
    if stage and not (estimators or k):
        raise ConfigError("stage: has no effect where neither estimators nor k vary; leave it empty")
    varied = _varied_stage(of, stage) if estimators or k else None
    made = []
    for estimator, each_k, seed in product(estimators or [None], k or [None], seeds or [None]):
        raw = of.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        words = [of.name]
        if varied and estimator is not None:
            if estimator != raw["stages"][varied]["advantage"]:
                raw["stages"][varied].pop("options", None)
            raw["stages"][varied]["advantage"] = estimator
            words.append(estimator)
        if varied and each_k is not None:
            raw["stages"][varied]["k"] = each_k
            words.append(f"k{each_k}")
        if seed is not None:
            raw["seed"] = seed
            words.append(f"s{seed}")
        raw["name"] = "-".join(words)
        made.append(config.parse(raw))
    return made


def evaluation(of: Experiment, model: str, benchmarks: Sequence[str] = (), samples: int | None = None) -> Experiment:
    """An experiment without stages: `model` is sampled on benchmarks of `of`, on its compute. Raises ConfigError.

    The training problems of `of` are made too, and the benchmarks compared with them, as for a run.

    model: a HF model's name, or its directory: that of a finished stage, for one.
    """
    for name in benchmarks:
        if name not in of.benchmarks:
            raise ConfigError(f"benchmarks: {of.name} has no benchmark {name!r}{nearest(name, of.benchmarks)}")
    raw = of.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    chosen = {name: raw["benchmarks"][name] for name in benchmarks or of.benchmarks}
    for name, benchmark in chosen.items():
        if samples is not None:
            benchmark["samples"] = samples
            # pass@k needs k samples
            benchmark["k"] = [k for k in of.benchmarks[name].k if k <= samples] or [1]
    needed = {benchmark["problems"] for benchmark in chosen.values()}
    directory = Path(model).expanduser()
    path = str(directory.resolve()) if directory.is_dir() else model
    raw |= {
        "name": f"evaluate-{checkpoint_name(path)}",
        "question": f"How many of the benchmarks' problems does {model} solve?",
        "model": {"path": path},
        # the training sets too: preparation says what of the benchmarks is in them
        "problems": {
            name: spec for name, spec in raw["problems"].items() if name in needed or of.problems[name].split == "train"
        },
        "stages": {},
        "benchmarks": chosen,
    }
    made = config.parse(raw)
    check(made)
    return made.model_copy(update={"name": f"{made.name}-{_mark(made, path)}"})


def _mark(evaluated: Experiment, model: str) -> str:
    """8 hex characters of what an evaluation measures: who measures something else has another directory."""
    decides = {
        "model": model,
        "weights": weights(Path(model)),
        "seed": evaluated.seed,
        # without what only stops it: an evaluation that failed too often goes on with a larger share
        "benchmarks": {
            name: benchmark.model_dump(mode="json", exclude_defaults=True, exclude={"max_failed"})
            for name, benchmark in evaluated.benchmarks.items()
        },
        "problems": {name: fingerprint(spec, evaluated.seed) for name, spec in evaluated.problems.items()},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]


def write(experiment: Experiment, runs: Path) -> Path:
    """Write an experiment as YAML into the directory of its run, and give the file."""
    file = runs / experiment.name / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    raw = experiment.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    # what must be there, must be there when it is empty too
    file.write_text(yaml.safe_dump({"stages": {}, **raw}, sort_keys=False, allow_unicode=True))
    return file


def _varied_stage(of: Experiment, stage: str) -> str:
    rl = [name for name, candidate in of.stages.items() if isinstance(candidate, RlStage)]
    if stage and stage not in rl:
        raise ConfigError(f"stage: {of.name} has no rl stage {stage!r}{nearest(stage, rl)}")
    if not stage and len(rl) != 1:
        raise ConfigError(f"stage: {of.name} has {len(rl)} rl stages; name the one that varies: {', '.join(rl)}")
    return stage or rl[0]


def _refuse_twice(field: str, values: Sequence[Any]) -> None:
    for value in values:
        if list(values).count(value) > 1:
            raise ConfigError(f"{field}: {value} is there more than once; name it once")


def checkpoint_name(model: str) -> str:
    """What to call a checkpoint, in the letters of an experiment's name: a finished stage's directory by its key."""
    words = [part for part in Path(model).parts if part != "model"][-1:]
    return re.sub(r"[^a-z0-9._-]+", "-", "".join(words).lower()).strip("-._")[:40] or "model"
