"""`passk probe`: measurements on the models of finished stages."""

from pathlib import Path
from typing import Annotated

import typer

from passk.base.terminal import aligned
from passk.cli.listing import Runs
from passk.cli.report import require
from passk.cli.show_plan import File

app = typer.Typer(help="Measure something on the model of a finished stage.", no_args_is_help=True)


@app.callback()
def probe() -> None:
    """Measure something on the model of a finished stage."""


@app.command()
def interference(
    file: File,
    stage: Annotated[str, typer.Option(help="Finished rl stage of the experiment.")],
    step: Annotated[
        int | None, typer.Option(min=1, help="Step of an exported or kept model (default: the stage's last step).")
    ] = None,
    last_steps: Annotated[
        int, typer.Option(min=1, help="Last steps up to the model whose rollouts count (default: 1).")
    ] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON (default: a table).")] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Print inner products of policy gradients by difficulty. A negative one means that the two interfere."""
    require("probe", "train")
    from passk.experiment import validate
    from passk.experiment.plan import plan
    from passk.pipeline.interference import as_json, measured

    result = measured(plan(validate.load(file), runs), stage, last_steps, step)
    if json:
        typer.echo(as_json(result))
        return
    rows = [(each.of, each.by, each.gradient, f"{each.inner:.3e}", f"{each.cosine:+.3f}") for each in result.products]
    head = ("pass@1 of", "step on", "gradient", "inner product", "cosine")
    typer.echo("\n".join(aligned([head, *rows], right=(3, 4))))
    counts = ", ".join(f"{name} {number}" for name, number in sorted(result.problems.items()))
    typer.echo(f"groups of rollouts: {counts}; steps {result.steps[0]} to {result.steps[-1]}")
