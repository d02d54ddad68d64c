"""How to do it again: command, configuration, versions, hardware, seeds, hashes of data and code. Markdown."""

import json
import re
import shlex
from typing import Any

import yaml

from passk.files.layout import ExperimentRecord
from reports.data.comparison import Comparison
from reports.data.markdown import code, inline, listed, table
from reports.data.results import Results


def facts(comparison: Comparison) -> list[str]:
    """A line a fact; experiments that agree in it share the line."""
    runs = comparison.results
    shown = {
        "Code": [_code(run.record) for run in runs],
        "Versions": [inline(", ".join(f"{k} {v}" for k, v in sorted(run.record.versions.items()))) for run in runs],
        "Hardware": [inline(_hardware(run.record.hardware)) for run in runs],
        "Trained elsewhere": [_elsewhere(run) for run in runs],
    }
    if len(runs) == 1:  # of several, the table of experiments has them
        shown["Seeds"] = [_seeds(runs[0].stages["seed"], runs[0].evaluations["seed"])]
    lines = []
    for what, each in shown.items():
        agree: dict[str, list[str]] = {}
        for run, value in zip(runs, each, strict=True):
            if value:
                agree.setdefault(value, []).append(code(run.name))
        for value, names in agree.items():
            whose = f" of {', '.join(names)}" if len(names) < len(runs) else ""
            lines.append(f"{what}{whose}: {value}")
    return lines


def _seeds(*columns: Any) -> str:
    return ", ".join(str(seed) for seed in sorted({int(seed) for column in columns for seed in column})) or "–"


def _elsewhere(run: Results) -> str:
    """The stages that another experiment had trained already, and by what; empty where there are none."""
    parts = []
    for experiment, own in run.trained_elsewhere.groupby("experiment", sort=True):
        named = listed([code(name) for name in sorted(own["name"])])
        record = run.foreign.get(str(experiment))
        made = f"{_code(record)}, {inline(_hardware(record.hardware))}" if record else "not in this store"
        parts.append(f"{named} by {code(str(experiment))} ({made})")
    return "; ".join(parts)


def _code(record: ExperimentRecord) -> str:
    """The commits of all runs of the command, with the runs where there are several; that of the latest in records of
    before each run had its own."""
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
                [f"of run{'s' if len(commits['']) > 1 else ''} {listed(commits[''])} not on record"]
                if "" in commits
                else []
            ),
        ]
    )


def _revision(made_by: dict[str, Any]) -> str:
    commit = made_by.get("commit")
    if not commit:
        return "not known: the code was not in a git checkout"
    return f"{code(str(commit))}, {'with uncommitted changes' if made_by.get('dirty') else 'clean'}"


def hashes(comparison: Comparison) -> str:
    """A row a stage and set of problems; in a comparison the hashes of all experiments, in their order, and without
    those of the samples: each experiment's own report has them."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for run in comparison.results:
        for what, of, key in _hashes(run, with_samples=len(comparison.results) == 1):
            found.setdefault((what, of), {})[key] = None
    return (
        table(["what", "of", "hash"], [[*of, ", ".join(keys)] for of, keys in found.items()], left=3) if found else ""
    )


def _hashes(run: Any, *, with_samples: bool) -> list[list[str]]:
    keys = run.record.stages
    rows = [["stage", code(node.name), code(keys[node.name])] for node in run.graph if node.name in keys]
    for fingerprint, own in run.stages.groupby("problems", sort=True):
        names = ", ".join(code(name) for name in sorted(own["name"]))
        rows.append(["training problems", names, code(str(fingerprint))])
    tests = run.evaluations[["benchmark", "problems"]].drop_duplicates().sort_values("benchmark")
    rows += [["benchmark problems", code(row.benchmark), code(row.problems)] for row in tests.itertuples(index=False)]
    if not with_samples:
        return rows
    own = run.evaluations.sort_values(["checkpoint", "benchmark"])
    return rows + [
        ["samples", f"{code(row.checkpoint)} on {code(row.benchmark)}", code(row.key)]
        for row in own.itertuples(index=False)
    ]


def commands(comparison: Comparison) -> str:
    """Those of the experiments, and that of the comparison."""
    own = list(dict.fromkeys(run.record.command for run in comparison.results))
    if len(comparison.results) > 1:
        words = ["passk", "compare", *(run.name for run in comparison.results), *_runs_directory(own)]
        own.append(shlex.join(words))
    return "\n".join(own)


def _runs_directory(commands: list[str]) -> list[str]:
    """--runs DIR, where all commands have the same: the store is there."""
    found = {tuple(re.findall(r"(?:^| )--runs[ =](\S+)", command)[-1:]) for command in commands}
    (first, *others) = found
    return ["--runs", *shlex.split(first[0])] if first and not others else []


def configurations(comparison: Comparison) -> list[tuple[str, str]]:
    """(names of the experiments, their resolved configuration as YAML), one for each design; seeds differ in it."""
    return [
        (", ".join(code(run.name) for run in design), spelled(design[0].record.config)) for design in comparison.designs
    ]


def spelled(config: dict[str, Any]) -> str:
    """YAML in the order of the experiment file, a line a small part."""
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


def _hardware(found: dict[str, Any]) -> str:
    """Intel Xeon, 2 cores, 23.5 GiB of memory, GPUs: none; and whatever else was noted."""
    left = dict(found)
    parts = [
        f"{left.pop(key)}{unit}"
        for key, unit in (("cpu", ""), ("cores", " cores"), ("memory_gib", " GiB of memory"))
        if key in left
    ]
    gpus = [f"GPUs: {_plain(left.pop('gpus'))}"] if "gpus" in left else []
    return ", ".join(parts + gpus + [f"{key}: {_plain(value)}" for key, value in sorted(left.items())])


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
