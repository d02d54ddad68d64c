"""Derive experiments from an experiment: a sweep over its fields, or the evaluation of a checkpoint.

Each result is an ordinary `Experiment`, written as YAML beside its run, so that `passk run` repeats it. Stages that
several experiments share have the same key and are trained once.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from passk.base.errors import ConfigError, InvalidError, nearest
from passk.experiment import config, validate, yaml_file
from passk.experiment.config import Experiment
from passk.experiment.stage import RlStage
from passk.files import durable, layout
from passk.files.model_files import contents
from passk.files.usable import require_usable
from passk.problems import fingerprint

_OF_THE_MODEL = {"chat_template", "system_prompt", "chat_options", "opens_thinking", "trust_remote_code"}
"""Fields of `model:` that an evaluation takes from its experiment file."""


def experiments(
    files: Sequence[str],
    of: str = "",
    stage: str = "",
    advantage: Sequence[str] = (),
    k: Sequence[int] = (),
    seeds: Sequence[int] = (),
    settings: Sequence[str] = (),
) -> list[Experiment]:
    """Return the experiments in `files`, or those of a sweep over one file. Raise ConfigError."""
    if files:
        options = {"of": of, "stage": stage, "advantage": advantage, "k": k, "seeds": seeds, "settings": settings}
        for field, value in options.items():
            if value:
                raise ConfigError(field, "belongs to a sweep and cannot be combined with files", "remove one of them")
        result = [validate.load(file) for file in files]
    elif not of:
        raise ConfigError("files", "nothing to run", "name experiment files, or name in `of` the file to vary")
    else:
        result = sweep(config.load(of), stage, advantage, k, seeds, settings)
        for experiment in result:
            validate.check(experiment)
    _refuse_repeated("name", [experiment.name for experiment in result])
    return result


def sweep(
    of: Experiment,
    stage: str = "",
    advantage: Sequence[str] = (),
    k: Sequence[int] = (),
    seeds: Sequence[int] = (),
    settings: Sequence[str] = (),
) -> list[Experiment]:
    """Return an experiment for each combination; every other field is that of `of`. Raise ConfigError.

    stage: the rl stage that gets the estimator and the k; required if there are several. An estimator that differs from
    the stage's own gets its default options. settings: each is `FIELD=VALUE,VALUE`, as in "stages.pass4.lr=1e-4,2e-4".
    """
    for field, values in {"advantage": advantage, "k": k, "seeds": seeds}.items():
        _refuse_repeated(field, values)
    if not (advantage or k or seeds or settings):
        raise ConfigError("advantage", "nothing varies", "set advantage, k, seeds or another field")
    if stage and not (advantage or k):
        raise ConfigError("stage", "has no effect unless advantage or k vary", "remove it")
    varied = f"stages.{_varied_stage(of, stage)}" if advantage or k else ""
    axes = [
        [(f"{varied}.advantage", name, name) for name in advantage],
        [(f"{varied}.k", each, f"k{each}") for each in k],
        *(_axis(setting) for setting in settings),
        [("seed", seed, f"s{seed}") for seed in seeds],
    ]
    result = []
    for changes in product(*filter(None, axes)):
        raw = of.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for path, value, _ in changes:
            _set(raw, path, value)
        raw["name"] = "-".join([of.name, *(word for *_, word in changes)])
        result.append(config.parse(raw))
    return result


def _axis(setting: str) -> list[tuple[str, Any, str]]:
    """Return (field, value, word in the experiment's name) for each value of FIELD=VALUE,VALUE."""
    path, equals, text = setting.partition("=")
    try:
        values = yaml_file.values(text)
    except InvalidError:
        values = []
    if not (path and equals and values):
        raise ConfigError(
            "set", f"{setting!r} is not FIELD=VALUE,VALUE", "write it as in stages.pass4.lr=1.0e-4,2.0e-4"
        )
    _refuse_repeated(path, values)
    words = [re.sub(r"[^a-z0-9.]+", "-", f"{path.rpartition('.')[2]}{value}".lower()).strip("-.") for value in values]
    return [(path, value, word) for value, word in zip(values, words, strict=True)]


def set_one(raw: dict[str, Any], setting: str) -> None:
    """Set one field of an experiment's mapping, as `FIELD=VALUE`. Raise ConfigError."""
    [(path, value, _), *more] = _axis(setting)
    if more:
        raise ConfigError("set", f"{setting!r} has several values", "write one, and a list in brackets")
    _set(raw, path, value)


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set the field at a dotted path; another estimator drops the options of the stage's own."""
    *parents, last = path.split(".")
    section: Any = raw
    for parent in parents:
        if not isinstance(section, dict) or parent not in section:
            raise ConfigError(path, f"the experiment has no {parent!r}", nearest(parent, list(section)))
        section = section[parent]
    if not isinstance(section, dict):
        raise ConfigError(path, f"{parents[-1]} has no fields", "name a field of the experiment file")
    if last == "advantage" and section.get(last) != value:
        section.pop("options", None)
    section[last] = value


def evaluation(of: Experiment, model: str, benchmarks: Sequence[str] = (), samples: int | None = None) -> Experiment:
    """Return an experiment without stages that evaluates `model` on benchmarks of `of`. Raise ConfigError.

    It keeps the training problems of `of`, so that the benchmarks are compared with them as in a run.

    model: name or directory of a HF model, such as the model of a finished stage.
    """
    for name in benchmarks:
        if name not in of.benchmarks:
            raise ConfigError("benchmarks", f"{of.name} has no benchmark {name!r}", nearest(name, of.benchmarks))
    raw = of.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    selected = {name: raw["benchmarks"][name] for name in benchmarks or of.benchmarks}
    for name, benchmark in selected.items():
        benchmark.pop("validation", None)  # it is about the stages of `of`
        if samples is not None:
            benchmark["samples"] = samples
            # pass@k needs k samples
            benchmark["k"] = [k for k in of.benchmarks[name].k if k <= samples] or [1]
    needed = {benchmark["problems"] for benchmark in selected.values()}
    directory = Path(model).expanduser()
    path = str(directory.resolve()) if directory.is_dir() else model
    raw |= {
        "name": f"evaluate-{checkpoint_name(path)}",
        "question": f"How many of the benchmarks' problems does {model} solve?",
        "model": {"path": path} | of.model.model_dump(include=_OF_THE_MODEL, exclude_defaults=True),
        # the training sets too: preparation reports which benchmark problems are in them
        "problems": {
            name: spec for name, spec in raw["problems"].items() if name in needed or of.problems[name].split == "train"
        },
        "stages": {},
        "benchmarks": selected,
    }
    raw.pop("require", None)  # it bounds another model, before a training
    if of.engine:
        raw["engine"] |= {"model": model}
    result = config.parse(raw)
    validate.check(result)
    return result.model_copy(update={"name": f"{result.name}-{_mark(result, path)}"})


def _mark(evaluated: Experiment, model: str) -> str:
    """Return 8 hex characters of a hash of what an evaluation measures; they are part of its directory's name."""
    files = contents(Path(model))
    decides = {
        **({"files": files} if files else {"model": model}),
        "seed": evaluated.seed,
        **({"engine": evaluated.engine.identity()} if evaluated.engine else {}),
        # without max_failed, so an evaluation that it stopped can resume with a larger one
        "benchmarks": {
            name: benchmark.model_dump(mode="json", exclude_defaults=True, exclude={"max_failed", "metrics", "by"})
            for name, benchmark in evaluated.benchmarks.items()
        },
        "problems": {name: fingerprint(spec, evaluated.seed) for name, spec in evaluated.problems.items()},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]


def write(experiment: Experiment, runs: Path) -> Path:
    """Write an experiment as YAML into the directory of its run, and return the file."""
    require_usable(runs, experiment.name)
    file = layout.experiment_file(runs / experiment.name)
    raw = experiment.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    # `stages` is required even if it is empty
    durable.write_text(file, yaml_file.dump({"stages": {}, **raw}))
    return file


def _varied_stage(of: Experiment, stage: str) -> str:
    rl = [name for name, candidate in of.stages.items() if isinstance(candidate, RlStage)]
    if stage and stage not in rl:
        raise ConfigError("stage", f"{of.name} has no rl stage {stage!r}", nearest(stage, rl))
    if not stage and len(rl) != 1:
        raise ConfigError("stage", f"{of.name} has {len(rl)} rl stages", f"name the one to vary: {', '.join(rl)}")
    return stage or rl[0]


def _refuse_repeated(field: str, values: Sequence[Any]) -> None:
    for value in values:
        if list(values).count(value) > 1:
            raise ConfigError(field, f"{value} is listed twice", "remove one")


def checkpoint_name(model: str) -> str:
    """Return a name for a checkpoint in the characters of experiment names; that of a finished stage is its key."""
    words = [part for part in Path(model).parts if part != "model"][-1:]
    return re.sub(r"[^a-z0-9._-]+", "-", "".join(words).lower()).strip("-._")[:40] or "model"
