"""Provenance as markdown: command, configuration, versions, hardware, seeds, hashes of data and code."""

import json
import re
import shlex
from typing import Any

import pandas as pd
import yaml

from passk.files.layout import ExperimentRecord
from reports.data.comparison import Comparison
from reports.data.markdown import code, inline, listed, table
from reports.data.results import Results


def facts(comparison: Comparison) -> list[str]:
    """Return one line for each fact; experiments with the same value share the line."""
    runs = comparison.results
    shown = {
        "Code": [_code(run.record) for run in runs],
        "Versions": [inline(", ".join(f"{k} {v}" for k, v in sorted(run.record.versions.items()))) for run in runs],
        "Hardware": [inline(_hardware(run.record.hardware)) for run in runs],
        "Trained elsewhere": [_elsewhere(run) for run in runs],
    }
    if len(runs) == 1:  # a comparison shows the seeds in its table of experiments
        shown["Seeds"] = [_seeds(runs[0].stages["seed"], _of_last(runs[0].evaluations)["seed"])]
    lines = []
    for what, each in shown.items():
        names_of: dict[str, list[str]] = {}
        for run, value in zip(runs, each, strict=True):
            if value:
                names_of.setdefault(value, []).append(code(run.name))
        for value, names in names_of.items():
            owners = f" of {', '.join(names)}" if len(names) < len(runs) else ""
            lines.append(f"{what}{owners}: {value}")
    return lines


def _seeds(*columns: Any) -> str:
    return ", ".join(str(seed) for seed in sorted({int(seed) for column in columns for seed in column})) or "–"


def _elsewhere(run: Results) -> str:
    """Return the stages that another experiment trained, with its code and hardware; empty without any."""
    parts = []
    for experiment, rows in run.trained_elsewhere.groupby("experiment", sort=True):
        names = listed([code(name) for name in sorted(rows["name"])])
        record = run.foreign.get(str(experiment))
        origin = f"{_code(record)}, {inline(_hardware(record.hardware))}" if record else "not in this store"
        parts.append(f"{names} by {code(str(experiment))} ({origin})")
    return "; ".join(parts)


def _code(record: ExperimentRecord) -> str:
    """Return the commits of all runs of the command, with the numbers of the runs if there are several commits.

    A record without a commit for each run has only that of the latest run.
    """
    commits: dict[str, list[str]] = {}
    for number, session in enumerate(record.sessions, start=1):
        commits.setdefault(_revision(session["code"]) if "code" in session else "", []).append(str(number))
    known = {revision: numbers for revision, numbers in commits.items() if revision}
    if not known or len(commits) == 1:
        return next(iter(known), _revision(record.code))
    parts = [
        f"{revision} (run{'s' if len(numbers) > 1 else ''} {listed(numbers)} of the command)"
        for revision, numbers in known.items()
    ]
    return "; ".join(
        [
            *parts,
            *(
                [f"not recorded for run{'s' if len(commits['']) > 1 else ''} {listed(commits[''])}"]
                if "" in commits
                else []
            ),
        ]
    )


def _revision(checkout: dict[str, Any]) -> str:
    commit = checkout.get("commit")
    if not commit:
        return "unknown, because the code was not in a git checkout"
    return f"{code(str(commit))}, {'with uncommitted changes' if checkout.get('dirty') else 'clean'}"


def hashes(comparison: Comparison) -> str:
    """Return a table with one row for each stage and set of problems, and of one experiment for its samples.

    A row of a comparison has the hashes of all experiments in their order.
    """
    keys_of: dict[tuple[str, str], dict[str, None]] = {}
    for run in comparison.results:
        for what, of, key in _hashes(run, with_samples=len(comparison.results) == 1):
            keys_of.setdefault((what, of), {})[key] = None
    rows = [[*of, ", ".join(keys)] for of, keys in keys_of.items()]
    return table(["what", "of", "hash"], rows, left=3) if rows else ""


def _hashes(run: Any, *, with_samples: bool) -> list[list[str]]:
    keys = run.record.stages
    rows = [["stage", code(node.name), code(keys[node.name])] for node in run.graph if node.name in keys]
    for fingerprint, stages in run.stages.groupby("problems", sort=True):
        names = ", ".join(code(name) for name in sorted(stages["name"]))
        rows.append(["training problems", names, code(str(fingerprint))])
    tests = run.evaluations[["benchmark", "problems"]].drop_duplicates().sort_values("benchmark")
    rows += [["benchmark problems", code(row.benchmark), code(row.problems)] for row in tests.itertuples(index=False)]
    if not with_samples:
        return rows
    evaluations = run.evaluations.sort_values(["checkpoint", "benchmark"])
    return rows + [
        ["samples", f"{code(row.checkpoint)}{_step(row.step)} on {code(row.benchmark)}", code(row.key)]
        for row in evaluations.itertuples(index=False)
    ]


def _of_last(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the evaluations of last checkpoints. The seeds of earlier ones are derived from the experiment's."""
    return evaluations[evaluations["step"].isna()]


def _step(step: float) -> str:
    return "" if pd.isna(step) else f", step {int(step)},"


def commands(comparison: Comparison) -> str:
    """Return the commands of the experiments, then that of the comparison."""
    lines = list(dict.fromkeys(run.record.command for run in comparison.results))
    if len(comparison.results) > 1:
        words = ["passk", "compare", *(run.name for run in comparison.results), *_runs_directory(lines)]
        lines.append(shlex.join(words))
    return "\n".join(lines)


def _runs_directory(commands: list[str]) -> list[str]:
    """Return the --runs option that all commands share, which is the store's directory; empty if they differ."""
    directories = {tuple(re.findall(r"(?:^| )--runs[ =](\S+)", command)[-1:]) for command in commands}
    (first, *others) = directories
    return ["--runs", *shlex.split(first[0])] if first and not others else []


def configurations(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (names of the experiments, resolved configuration of the first as YAML) for each design."""
    return [
        (", ".join(code(run.name) for run in design), spelled(design[0].record.config)) for design in comparison.designs
    ]


def spelled(config: dict[str, Any]) -> str:
    """Return the configuration as YAML in the order of an experiment file, one line for each small part."""
    lines = []
    order = ("name", "question", "seed", "model", "problems", "stages", "benchmarks", "compute")
    for key in sorted(config, key=lambda key: (order.index(key) if key in order else len(order), key)):
        value = config[key]
        if value is None:
            continue
        if isinstance(value, dict) and key in ("problems", "stages", "benchmarks"):
            lines.append(f"{key}:")
            lines += [f"  {name}: {_flow(value[name])}" for name in sorted(value)]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines)


def _flow(value: Any) -> str:
    used = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
    text = yaml.safe_dump(used, default_flow_style=True, width=10**6, sort_keys=True, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _hardware(recorded: dict[str, Any]) -> str:
    """Return the hardware, such as Intel Xeon, 2 cores, 23.5 GiB of memory, GPUs: none; then other recorded fields."""
    rest = dict(recorded)
    parts = [
        f"{rest.pop(key)}{unit}"
        for key, unit in (("cpu", ""), ("cores", " cores"), ("memory_gib", " GiB of memory"))
        if key in rest
    ]
    gpus = [f"GPUs: {_plain(rest.pop('gpus'))}"] if "gpus" in rest else []
    return ", ".join(parts + gpus + [f"{key}: {_plain(value)}" for key, value in sorted(rest.items())])


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
