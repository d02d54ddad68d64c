"""`passk problems`: every source of problems as a table, and one of them with its fields and templates."""

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

app = typer.Typer(help="List the sources of problems, or show how one of them words its prompts.", no_args_is_help=True)
HEAD = ("source", "splits", "judged by", "what it is")
WIDTH = 110


@app.command("list")
def list_sources() -> None:
    """Print every source of problems: its splits, its verifier, what it is."""
    rows = [(name, splits(spec), spec.judged_by, spec.about) for name, spec in SPECS.items()]
    typer.echo("\n".join(aligned([HEAD, *rows])))


@app.command()
def show(name: Annotated[str, typer.Argument(help="the source's")]) -> None:
    """Print what a source takes in an experiment file, where it is from, and its prompt templates."""
    if name not in SPECS:
        raise ConfigError(f"source: there is none called {name!r}{nearest(name, SPECS)}")
    spec = SPECS[name]
    typer.echo(f"{name}: {spec.about}; judged by {spec.judged_by}\n")
    fields = [_described(field, info) for field, info in spec.model_fields.items() if field != "source"]
    typer.echo("\n".join(aligned(fields)))
    if issubclass(spec, hub.HubSpec):
        dataset, revision = (spec.model_fields[field].default for field in ("dataset", "revision"))
        typer.echo(f"\nfrom https://huggingface.co/datasets/{dataset}/tree/{revision}")
    for template, text in spec.templates.items():
        typer.echo(f"\n--- template {template}, with the problem for {spec.slot} ---\n{text}")
    if name == "reasoning_gym":
        typer.echo("\n--- tasks ---\n" + textwrap.fill(", ".join(tasks()), WIDTH, break_on_hyphens=False))


def splits(spec: type[Spec]) -> str:
    """test, or train and test, as the field's type allows."""
    return " ".join(spec.model_json_schema()["properties"]["split"].get("enum", ["test"]))


def _described(name: str, info: FieldInfo) -> tuple[str, str, str]:
    """Field, its default, what it is."""
    default = "required" if info.is_required() else "" if info.default is None else str(info.default)
    return name, default or "-", info.description or ""
