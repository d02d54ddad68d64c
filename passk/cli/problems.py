"""`passk problems list` and `show`: all problem sources as a table, and one with its fields and templates."""

import textwrap
from typing import Annotated

import typer
from pydantic.fields import FieldInfo

from passk.base.errors import ConfigError, nearest
from passk.base.terminal import aligned
from passk.problems import hub
from passk.problems.reasoning_gym import tasks
from passk.problems.record import Spec
from passk.problems.sources import SPECS

app = typer.Typer(help="List the problem sources, or show the fields and prompts of one.", no_args_is_help=True)
HEAD = ("source", "splits", "verifier", "description")
WIDTH = 110


@app.command("list")
def list_sources() -> None:
    """Print each problem source with its splits, its verifier and a description."""
    rows = [(name, splits(spec), spec.judged_by, spec.about) for name, spec in SPECS.items()]
    typer.echo("\n".join(aligned([HEAD, *rows])))


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of the source.")]) -> None:
    """Print the fields of a source in an experiment file, its origin and its prompt templates."""
    if name not in SPECS:
        raise ConfigError("source", f"{name!r} does not exist", nearest(name, SPECS))
    spec = SPECS[name]
    typer.echo(f"{name}: {spec.about}; verifier: {spec.judged_by}\n")
    fields = [_described(field, info) for field, info in spec.model_fields.items() if field != "source"]
    typer.echo("\n".join(aligned(fields)))
    if issubclass(spec, hub.HubSpec):
        dataset, revision = (spec.model_fields[field].default for field in ("dataset", "revision"))
        typer.echo(f"\nfrom https://huggingface.co/datasets/{dataset}/tree/{revision}")
    if spec.example:
        typer.echo(spec.example)
    for template, text in spec.templates.items():
        typer.echo(f"\n--- template {template}: the problem replaces {spec.slot} ---\n{text}")
    if name == "reasoning_gym":
        typer.echo("\n--- tasks ---\n" + textwrap.fill(", ".join(tasks()), WIDTH, break_on_hyphens=False))


def splits(spec: type[Spec]) -> str:
    """Return the splits of a source: "test" or "train test"."""
    return " ".join(spec.model_json_schema()["properties"]["split"].get("enum", ["test"]))


def _described(name: str, info: FieldInfo) -> tuple[str, str, str]:
    """Return (field, default, description)."""
    default = "required" if info.is_required() else "" if info.default is None else str(info.default)
    return name, default or "-", info.description or ""
