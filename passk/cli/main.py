"""The `passk` command. Each subcommand is one call. Invalid input prints one line on stderr and exits with status 2."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from passk.base import extras, logs
from passk.base.errors import ConfigError, PasskError, SomeFailed, one_line
from passk.base.redact import hidden
from passk.cli import advantage, listed, listing, probe, problems, store, verifiers
from passk.cli.launch import launch
from passk.cli.listing import Runs
from passk.cli.prune import prune
from passk.cli.report import compare, report, require
from passk.cli.show_plan import File, show_plan
from passk.cli.verifiers import OpensThinking
from passk.experiment import validate
from passk.experiment.plan import Plan, plan
from passk.files import layout
from passk.files.durable import FULL
from passk.pipeline.capacity import check_disk
from passk.pipeline.preflight import check_installation, check_machine


class Stopped(Exception):
    """The user pressed Ctrl-C."""


class Commands(TyperGroup):
    """All commands: Ctrl-C or a missing extra is one line in any of them, and Ctrl-C exits with status 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped("stopped; repeat the command to resume") from None
        except ModuleNotFoundError as error:
            if absent := extras.missing(error, ctx.invoked_subcommand or "passk"):
                raise absent from None
            raise


app = typer.Typer(
    cls=Commands,
    help="Train language models by Pass@k reinforcement learning and measure whether it helped.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(advantage.app, name="advantage")
app.add_typer(problems.app, name="problems")
app.add_typer(verifiers.app, name="verifiers")
app.add_typer(listing.benchmarks, name="benchmarks")
app.add_typer(probe.app, name="probe")
app.command()(verifiers.verify)
app.command("list")(listing.list_experiments)
app.command()(listing.schema)
store.add_to(app)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Train language models by Pass@k reinforcement learning and measure whether it helped."""
    logs.show()
    if show:
        from importlib.metadata import version as installed

        typer.echo(f"passk {installed('passk')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


@app.command()
def run(file: File, runs: Runs = Path("runs")) -> None:
    """Prepare, train, evaluate and report an experiment. Repeat the command to resume; finished work is reused."""
    require("run", "train")
    _run(plan(validate.load(file), runs), file)


@app.command()
def rehearse(file: File, runs: Runs = Path("runs")) -> None:
    """Run the whole graph of an experiment with a tiny model on CPUs, and estimate the real run's memory and time."""
    require("rehearse", "train")
    from passk.cli import rehearse as rehearsals

    rehearsals.rehearse(file, runs, _run)


@app.command()
def sweep(
    files: Annotated[list[Path], typer.Argument(help="Experiment files to vary.")],
    advantage: Annotated[str, typer.Option(help="Advantage estimators, comma-separated (default: the file's).")] = "",
    k: Annotated[str, typer.Option(help="Values of k, comma-separated (default: the file's).")] = "",
    seeds: Annotated[str, typer.Option(help="Seeds, comma-separated (default: the file's).")] = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="Other field to vary, as FIELD=VALUE,VALUE. Repeatable (default: none).")
    ] = [],  # noqa: B006
    stage: Annotated[
        str, typer.Option(help="Stage that --advantage and --k vary (default: the file's only rl stage).")
    ] = "",
    runs: Runs = Path("runs"),
) -> None:
    """Run one experiment for each combination of values, then compare them. Repeat the command to resume."""
    require("sweep", "train")
    from passk.experiment import sweep as sweeps
    from passk.pipeline import stages
    from passk.pipeline.sweep import run_all

    estimators = [name.strip() for name in advantage.split(",") if name.strip()]
    ks, numbers = listed.whole("k", k), listed.whole("seeds", seeds)
    experiments_by_file = {
        str(file): sweeps.experiments([], str(file), stage, estimators, ks, numbers, settings) for file in files
    }
    for experiments in experiments_by_file.values():
        if not all(stages.all_finished(plan(each, runs)) for each in experiments):
            check_installation(experiments[0])  # what is missing for one is missing for all
    run_all(
        experiments_by_file,
        runs,
        # planned when its turn comes, since an experiment before it may have made its model
        run=lambda experiment, file: _run(plan(experiment, runs), file),
        compare=lambda names: compare(names, None, runs),
    )


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="Model directory in HF format, or name of a HF or an endpoint's model.")],
    benchmark: Annotated[str, typer.Option(help="Benchmarks, comma-separated (default: all of --file).")] = "",
    samples: Annotated[
        int | None, typer.Option(help="Samples per problem (default: the benchmark's value, else 32).")
    ] = None,
    temperature: Annotated[
        str, typer.Option(help="Temperatures, comma-separated, a row each (default: the benchmark's value, else 1).")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="Experiment file with benchmarks, seed and compute (default: this machine).")
    ] = None,
    max_response: Annotated[
        int | None, typer.Option(help="Longest response in tokens (default: the benchmark's value).")
    ] = None,
    settings: Annotated[
        list[str],
        typer.Option("--set", help="Other field, as model.chat_template=none. Repeatable (default: none)."),
    ] = [],  # noqa: B006
    engine: Annotated[
        str, typer.Option(help="URL of an OpenAI-compatible endpoint that serves the model (default: vLLM here).")
    ] = "",
    opens_thinking: OpensThinking = False,
    runs: Runs = Path("runs"),
) -> None:
    """Evaluate a checkpoint on benchmarks and write a report. Repeat the command to resume."""
    require("evaluate", "evaluate")
    from passk.evaluation import table
    from passk.experiment import benchmark_presets, sweep

    names = [name.strip() for name in benchmark.split(",") if name.strip()]
    experiment = benchmark_presets.experiment(
        model,
        names,
        samples,
        file,
        temperature=listed.real("temperature", temperature),
        engine=engine,
        opens_thinking=opens_thinking,
        max_response=max_response,
        settings=settings,
    )
    check_machine(experiment)  # before anything is written
    sweep.write(experiment, runs)
    laid_out = plan(experiment, runs)
    _carry_out(laid_out, _without_prefect)
    typer.echo(f"\nmean over problems [95 % interval]:\n{table.table(laid_out.evaluations)}")


app.command("plan")(show_plan)
app.command()(launch)
app.command()(prune)
app.command()(report)
app.command()(compare)


def _run(laid_out: Plan, file: Path) -> None:
    _carry_out(laid_out, lambda laid_out: _by_prefect(laid_out, file))


def _carry_out(laid_out: Plan, do: Callable[[Plan], None]) -> None:
    """Do the unfinished work, then print the results and the path of the report."""
    from passk.pipeline import stages
    from passk.pipeline.run_record import is_reported

    name, report = laid_out.experiment.name, layout.report(laid_out.directory)
    failed: SomeFailed | None = None
    if stages.all_finished(laid_out) and is_reported(laid_out):
        typer.echo(f"{name}: finished, nothing to do")
    else:
        check_machine(laid_out.experiment)
        check_disk(laid_out)
        from passk.runtime.environment import be_quiet

        be_quiet()
        try:
            do(laid_out)
        except SomeFailed as error:
            failed = error
        except KeyboardInterrupt:
            raise Stopped("stopped; repeat the command to resume from the last checkpoint") from None
    import reports

    typer.echo(f"\n{reports.results_table(laid_out.store, name)}")
    typer.echo(f"\nreport: {os.path.relpath(report)}")
    if failed:
        raise failed


def _by_prefect(laid_out: Plan, file: Path) -> None:
    from flows.experiment import run_here
    from flows.server import prefect_server
    from flows.server_auth import page_asks
    from passk.pipeline.run_record import spelled_command

    asks = page_asks()
    with prefect_server(layout.prefect_log(laid_out.directory)) as address:
        typer.echo(hidden(f"Prefect UI: {address.removesuffix('/api')}{asks}"))
        run_here(laid_out, file, spelled_command())


def _without_prefect(laid_out: Plan) -> None:
    """Evaluate without Prefect, whose server takes longer to start than many evaluations."""
    import reports
    from passk.pipeline import local, stages
    from passk.pipeline.run_record import RunRecord, spelled_command

    with stages.alone(laid_out):
        run = RunRecord(laid_out, spelled_command())
        local.run_all(run, local.Here(laid_out, run, reports.write_report))


def main() -> None:
    """Run the `passk` command."""
    # torch warns on import about a package that vLLM requires
    warnings.filterwarnings("ignore", message="The pynvml package", category=FutureWarning)
    try:
        app()
    except ConfigError as error:
        _exit(str(error), 2)
    except Stopped as error:
        _exit(str(error), 130)
    except PasskError as error:
        _exit(str(error), 1)
    except OSError as error:
        if error.errno not in FULL:
            raise
        _exit(one_line(error), 1)


def _exit(message: str, status: int) -> None:
    print(f"passk: {message}", file=sys.stderr)
    sys.exit(status)
