"""The page of a rehearsal: what it exercised, what it did not, and what the real run needs."""

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from passk.experiment.config import Experiment
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedEvaluation, PlannedStage
from passk.experiment.rehearsal import changes
from passk.files import layout
from passk.files.metrics_log import read_metrics
from passk.models.model_size import ModelSize
from passk.openrlhf import flags, gpu_coverage
from passk.pipeline.needs import needs
from passk.problems.sources import SPECS

BANNER = (
    "**This is a rehearsal, not a result.** A tiny model with random weights ran a cut-down copy of the experiment. "
    "Its numbers say nothing about the experiment."
)
_PATHS = flags.Paths("MODEL", Path("DATA"), Path("OUTPUT"))


def page(real: Experiment, laid_out: Plan, *, tokenizer: str, size: tuple[ModelSize, str] | None, file: str) -> str:
    """Return the page in Markdown.

    laid_out: the plan of the rehearsal, after its run. tokenizer: a sentence on the stand-in's tokenizer. size: the
    size of the real model and its source, if they are known. file: path of the real experiment's file.
    """
    runs = laid_out.directory.parents[1]
    exercised = [[what, seen, f"`{os.path.relpath(source, runs)}`"] for what, seen, source in _exercised(laid_out)]
    failed = [each for each in laid_out.stages if not each.finished]
    failed += [each for each in laid_out.evaluations if not each.finished]
    parts = [
        f"# Rehearsal of {real.name}",
        BANNER,
        f"`passk rehearse {file}` wrote this page. Paths are relative to the directory of runs. {tokenizer}",
        "## Exercised",
        _table(["what", "in the rehearsal", "source"], exercised),
        f"{len(failed)} stages or evaluations did not finish." if failed else "All stages and evaluations finished.",
        "## Not exercised",
        "These flags of the real run have another value here. `docs/gpu-coverage.md` has the parts without a flag.",
        _table(
            ["flag", "real run", "rehearsal", "not reached here"],
            [list(row) for row in _flags(real, laid_out.experiment)],
        ),
        "## Cut down",
        _table(
            ["field", "real run", "rehearsal", "reason"],
            [[*row] for row in _cut_down(real, laid_out.experiment, f"{runs.resolve()}{os.sep}")],
        ),
        "## What the real run needs",
        *_needs(real, size),
    ]
    return "\n\n".join(parts) + "\n"


def _needs(real: Experiment, size: tuple[ModelSize, str] | None) -> list[str]:
    if real.compute.profile == "cpu":
        return ["The experiment has `profile: cpu`. docs/cluster.md (Speed and size) has measured times."]
    if size is None:
        return [
            f"The sizes of {real.model.path} are not known on this machine. Download its config.json, and repeat the "
            "command."
        ]
    rows = [[need.what, need.amount, need.formula, need.source] for need in needs(real, *size)]
    return [
        "These are estimates for full lengths: each prompt has `max_prompt` and each response `max_response` tokens. "
        "Tokens and training time shrink with the mean length. The time to sample is a lower bound. No run has "
        "confirmed the numbers.",
        _table(["what", "estimate", "how", "source"], rows),
    ]


def _exercised(laid_out: Plan) -> Iterator[tuple[str, str, Path]]:
    """Yield (what, what was seen, the file that shows it)."""
    compute = laid_out.experiment.compute
    seen = f"{compute.gpus_per_node} ranks, {compute.engines} engines, ZeRO {compute.zero_stage}"
    seen += ", packed sequences" if compute.packing else ""
    seen += ", dynamic batches" if compute.max_tokens_per_gpu else ""
    seen += ", gradient checkpointing" if compute.gradient_checkpointing else ""
    yield "topology", seen, layout.experiment_record(laid_out.directory)
    for name, spec in laid_out.experiment.problems.items():
        judged = getattr(spec, "verifier", SPECS[spec.source].judged_by)
        template = getattr(spec, "template", "-")
        seen = f"source {spec.source}, template {_short(template)}, verifier {judged}"
        yield f"problems {name}", seen, laid_out.problems[name]
    for planned in laid_out.stages:
        yield from _stage(planned)
    for evaluation in laid_out.evaluations:
        yield _evaluation(evaluation)
    report = layout.report(laid_out.directory)
    yield "report", "written" if report.exists() else "not written", report


def _stage(planned: PlannedStage) -> Iterator[tuple[str, str, Path]]:
    name, file = planned.record.name, layout.metrics(planned.directory)
    lines = read_metrics(file)
    seen = f"{planned.stage.kind}: {len(lines)} of {planned.stage.steps} steps"
    if planned.stage.kind == "rl":
        ks = ", ".join(dict.fromkeys(str(line["k"]) for line in lines))
        reasons = sorted({reason for line in lines for reason in line.get("reasons") or {}})
        tokens = sum(line["tokens"] for line in lines)
        seen += f", {planned.stage.advantage.label} with k = {ks or '-'}, {tokens} response tokens"
        seen += f", verdicts: {', '.join(reasons)}" if reasons else ""
    yield f"stage {name}", seen, file
    model = layout.model(planned.directory) / "config.json"
    yield f"stage {name}: weights", "written" if model.exists() else "not written", model
    if (evaluations := layout.training_evaluations(planned.directory)).exists():
        count = len(evaluations.read_text().splitlines())
        yield f"stage {name}: evaluations during the training", str(count), evaluations


def _evaluation(planned: PlannedEvaluation) -> tuple[str, str, Path]:
    what = f"evaluation of {planned.record.checkpoint} on {planned.record.benchmark}"
    manifest = layout.manifest(planned.directory)
    if not manifest.exists():
        return what, "not finished", manifest
    content: Mapping[str, Any] = json.loads(manifest.read_text())
    return what, f"{content.get('samples', '?')} samples", manifest


def _cut_down(real: Experiment, rehearsed: Experiment, runs: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield (field, real value, value here, reason); stages or benchmarks with the same values share a row.

    runs: prefix of paths that the page leaves out.
    """
    names: dict[tuple[str, ...], list[str]] = {}
    for change in changes(real, rehearsed):
        section, _, rest = change.field.partition(".")
        name, _, field = rest.partition(".") if section in ("problems", "stages", "benchmarks") else ("", "", rest)
        row = (section, field, change.real, change.rehearsed.replace(runs, ""), change.reason)
        names.setdefault(row, []).append(name)
    for (section, field, *values), named in names.items():
        yield (f"`{'.'.join(filter(None, (section, ', '.join(filter(None, named)), field)))}`", *values)


def _flags(real: Experiment, rehearsed: Experiment) -> list[tuple[str, str, str, str]]:
    """Return (flag, real value, value here, what is not reached) of each flag that the profiles set differently."""
    unreached = {row.flag: row.unreached for row in gpu_coverage.ROWS}
    differences: dict[str, tuple[str, str, str, str]] = {}
    for name in real.stages:
        one, other = (_values(_arguments(experiment, name)) for experiment in (real, rehearsed))
        for flag in unreached.keys() & (one.keys() | other.keys()):
            values = one.get(flag, "-"), other.get(flag, "-")
            if values[0] != values[1] or flag in ("--ds.attn_implementation", "--ds.packing_samples"):
                differences[flag] = (f"`{flag}`", *values, unreached[flag])
    return [differences[row.flag] for row in gpu_coverage.ROWS if row.flag in differences]


def _arguments(experiment: Experiment, name: str) -> list[str]:
    stage = experiment.stages[name]
    if stage.kind == "rl":
        return flags.rl(stage, experiment.compute, _PATHS, seed=experiment.seed)
    return flags.sft(stage, experiment.compute, _PATHS, seed=experiment.seed, max_tokens=0)


def _values(words: Sequence[str]) -> dict[str, str]:
    """Return the flags of a command line with their values; a switch has the value "on"."""
    pairs = itertools.pairwise([*words, "--"])
    return {flag: "on" if value.startswith("--") else value for flag, value in pairs if flag.startswith("--")}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:37]}..."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
