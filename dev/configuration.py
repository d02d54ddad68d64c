"""Write docs/configuration.md and the pages beside it from the models of an experiment file.

python -m dev.configuration docs/configuration.md
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from passk.experiment.benchmark import Benchmark, ReferenceLine
from passk.experiment.compute import Compute
from passk.experiment.config import Experiment
from passk.experiment.engine import Engine, Price
from passk.experiment.engine_settings import FilterGroups, ImportanceCorrection, Kl, Lora, Loss, Overlong
from passk.experiment.model import Model, TinyModel
from passk.experiment.require import BaseRequirement, Require
from passk.experiment.selection import KeepBest, StopWhen
from passk.experiment.stage import RlStage, SftStage
from passk.experiment.tracker_config import MlflowTracker, Trackers, WandbTracker
from passk.experiment.units import with_units
from passk.experiment.until import Until
from passk.methods import get, names
from passk.problems.sources import SPECS

PAGE, STAGES, SETS = "configuration.md", "configuration-stages.md", "configuration-problems.md"
HEADS = {
    PAGE: """# Configuration

Every field of an experiment file, with its type, its unit, its default and its meaning. `passk schema` prints the same
as a JSON schema for editors. [experiment-files.md](experiment-files.md) describes how passk reads and checks the file.

| page | fields of |
|---|---|
| this page | the experiment, the model, benchmarks, the engine, `compute`, `require` and trackers |
| [configuration-stages.md](configuration-stages.md) | stages |
| [configuration-problems.md](configuration-problems.md) | sets of problems |

A field without a default is required. A whole number without an upper bound is below 10^9. A number with the unit
`none` has no dimension.

These pages are generated: `python -m dev.configuration docs/configuration.md`.
""",
    STAGES: """# Configuration of stages

Every field of a stage. [configuration.md](configuration.md) explains the columns and has the other sections.
""",
    SETS: """# Configuration of problems

Every field of a set of problems. [configuration.md](configuration.md) explains the columns and has the other sections.
""",
}
SECTIONS: dict[str, tuple[str, type[BaseModel]]] = {
    "Experiment": ("The file itself.", Experiment),
    "`model:`": ("Either `tiny` or `path` is required.", Model),
    "`model.tiny:`": ("A Qwen2 model from scratch, for machines without a GPU.", TinyModel),
    "`stages.NAME:` with `kind: sft`": ("Supervised fine-tuning on demonstrations.", SftStage),
    "`stages.NAME:` with `kind: rl`": ("Reinforcement learning with verifiable rewards.", RlStage),
    "`stages.NAME.until:`": ("Exactly one of `above` and `below` is required.", Until),
    "`stages.NAME.stop_when:`": ("`benchmark` and `evaluations` are required.", StopWhen),
    "`stages.NAME.keep_best:`": ("`benchmark` is required.", KeepBest),
    "`stages.NAME.lora:`": ("An adapter, in sft and rl stages.", Lora),
    "`stages.NAME.filter_groups:`": ("`true` stands for the defaults.", FilterGroups),
    "`stages.NAME.kl:`": ("A penalty for the distance from a reference model.", Kl),
    "`stages.NAME.loss:`": ("The policy loss.", Loss),
    "`stages.NAME.importance_correction:`": (
        "[engine-settings.md](engine-settings.md#loss-kl-and-correction) explains it.",
        ImportanceCorrection,
    ),
    "`stages.NAME.overlong:`": ("A penalty for responses near `max_response`.", Overlong),
    "`benchmarks.NAME:`": ("Problems on which passk evaluates every finished stage.", Benchmark),
    "`benchmarks.NAME.reference_line:`": ("A dashed line in the report.", ReferenceLine),
    "`engine:`": ("For an experiment without stages. The key is in the environment, never in the file.", Engine),
    "`engine.price:`": ("Without it the report has token counts and no cost.", Price),
    "`compute:`": ("Hardware and engine.", Compute),
    "`require:`": ("What must hold before the training.", Require),
    "`require.base:`": (
        "Beside `benchmark`, one or more bounds as in `pass_at_8: [0.05, 0.95]`.",
        BaseRequirement,
    ),
    "`trackers:`": ("Services that get the step metrics, beside TensorBoard.", Trackers),
    "`trackers.wandb:`": ("The key is in WANDB_API_KEY or in the login of W&B, never in the file.", WandbTracker),
    "`trackers.mlflow:`": ("The login is in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.", MlflowTracker),
}
METHODS = """## `stages.NAME.method:`
`name` is required and decides which other fields there are. [methods.md](methods.md) describes the methods.

| field | of | type | unit | default | meaning |
|---|---|---|---|---|---|
"""
PROBLEMS = """## `problems.NAME:`
A set of problems. `source` is required and decides which other fields there are. [problems.md](problems.md) describes
the sources.

| field | of the sources | type | unit | default | meaning |
|---|---|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return each page by its name: a table for each section of an experiment file."""
    parts = {name: [head] for name, head in HEADS.items()}
    for title, (about, model) in SECTIONS.items():
        rows = "\n".join(f"| `{name}` | {cells} |" for name, cells in _rows(model))
        page = STAGES if title.startswith("`stages.") else PAGE
        head = "| field | type | unit | default | meaning |\n|---|---|---|---|---|\n"
        parts[page].append(f"## {title}\n{about}\n\n{head}{rows}\n")
    rows = "\n".join(f"| `{field}` | {name} | {cells} |" for name in names() for field, cells in _rows(get(name)))
    parts[STAGES].append(f"{METHODS}{rows}\n")
    sources: dict[tuple[str, str], list[str]] = {}
    for source, spec in SPECS.items():
        for row in _rows(spec):
            if row[0] != "source":
                sources.setdefault(row, []).append(source)
    rows = "\n".join(f"| `{name}` | {', '.join(of)} | {cells} |" for (name, cells), of in sorted(sources.items()))
    parts[SETS].append(f"{PROBLEMS}{rows}\n")
    return {name: "\n".join(texts) for name, texts in parts.items()}


def _rows(model: type[BaseModel]) -> list[tuple[str, str]]:
    """Return each field with its cells: type, unit, default and meaning."""
    schema = with_units(model.model_json_schema(by_alias=True))
    required = schema.get("required", [])
    return [(name, _cells(field, name in required)) for name, field in schema["properties"].items()]


def _cells(field: dict[str, Any], required: bool) -> str:
    default = field.get("default")
    if isinstance(default, dict) and "written" in default:  # a schedule of k
        default = default["written"]
    shown = "" if required else "none" if default is None else f"`{json.dumps(default)}`"
    meaning = field.get("description", "").replace("|", "\\|").replace("<", "\\<")
    return f"{_type(field)} | {field.get('unit', '')} | {shown} | {meaning}"


def _type(field: dict[str, Any]) -> str:
    """Return the type of a field in words, with its range."""
    if "format" in field:  # a schedule
        return field["format"]
    if "anyOf" in field:
        return " or ".join(_type(choice) for choice in field["anyOf"] if choice.get("type") != "null")
    if "$ref" in field:
        return "section"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    kind = field.get("type")
    if kind == "array":
        items = field.get("prefixItems")
        return f"{len(items)} of: {_type(items[0])}" if items else f"list of: {_type(field['items'])}"
    if kind == "string":
        return "name" if field.get("pattern", "").startswith("^[a-z0-9]") else "text"
    words = {"integer": "whole number", "number": "number", "boolean": "true or false", "object": "mapping"}
    return f"{words[kind]}{_range(field)}" if kind else "any"


def _range(field: dict[str, Any]) -> str:
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    parts = []
    if low is not None:
        parts.append(f"{'from' if 'minimum' in field else 'above'} {low:g}")
    if high is not None and high != 10**9:
        parts.append(f"{'to' if 'maximum' in field else 'below'} {high:.15g}")
    return f", {', '.join(parts)}" if parts else ""


if __name__ == "__main__":
    for name, text in pages().items():
        Path(sys.argv[1]).with_name(name).write_text(text)
