"""`passk`: thin, every command is one call. Bad input is one line on standard error and exit status 2."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from passk.base.errors import ConfigError, PasskError, SomeFailed
from passk.base.redact import hidden
from passk.cli import advantage, problems, store, verifiers
from passk.experiment import config
from passk.experiment.config import RlStage
from passk.experiment.plan import Plan, plan
from passk.experiment.validate import check, check_installation, check_machine
from passk.files.durable import FULL

app = typer.Typer(
    help="Train language models by Pass@k reinforcement learning, and find out whether it helped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(advantage.app, name="estimators")
app.add_typer(problems.app, name="problems")
app.command()(verifiers.verify)
store.add_to(app)
File = Annotated[Path, typer.Argument(help="the experiment's YAML file")]
Runs = Annotated[Path, typer.Option(help="directory of all runs")]
SCALES = 16  # of a schedule, shown beside each k in a plan; a longer line is not read


class Stopped(PasskError):
    """Ctrl-C."""


@app.command()
def run(file: File, runs: Runs = Path("runs")) -> None:
    """Prepare, train, evaluate and report. What an earlier run finished is not done again."""
    _carry_out(_laid_out(file, runs), lambda laid_out: _by_prefect(laid_out, file))


@app.command()
def study(
    files: Annotated[list[Path], typer.Argument(help="experiments, each of which is run with every seed")],
    seeds: Annotated[str, typer.Option(help="numbers, with commas between")],
    runs: Runs = Path("runs"),
) -> None:
    """Run experiments over seeds, a seed of each in turn, and compare each over its seeds.

    The same command goes on where one was stopped. What fails does not keep the others from being run.
    """
    from passk.experiment import sweep
    from passk.pipeline import stages

    numbers = _numbers("seeds", seeds)
    made = {file: sweep.study([], of=str(file), seeds=numbers) for file in files}
    for experiments in made.values():
        if not all(stages.all_finished(plan(each, runs)) for each in experiments):
            check_installation(experiments[0])  # what is not there for one seed is there for none
    failed: dict[str, PasskError] = {}
    for turn in range(len(numbers)):
        for experiments in made.values():
            described = experiments[turn]
            with _noted(described.name, failed):
                run(sweep.write(described, runs), runs)
    for experiments in made.values():
        # what failed otherwise than by SomeFailed came to no report
        names = [each.name for each in experiments if isinstance(failed.get(each.name), SomeFailed | None)]
        if len(names) > 1:
            with _noted(f"comparison of {', '.join(names)}", failed):
                compare(names, None, runs)
    if failed:
        raise SomeFailed("; ".join(f"{name}: {reason}" for name, reason in failed.items()))


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="a directory in HF's format, or a HF model's name")],
    benchmark: Annotated[str, typer.Option(help="names, with commas between")] = "",
    samples: Annotated[int | None, typer.Option(help="a problem; 32 where the file says nothing else")] = None,
    file: Annotated[Path | None, typer.Option(help="experiment whose benchmarks and compute are taken")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Sample a checkpoint on benchmarks, judge its answers, report. The same command goes on where one was stopped."""
    from passk.evaluation import table
    from passk.experiment import benchmark_presets, sweep

    names = [name.strip() for name in benchmark.split(",") if name.strip()]
    made = benchmark_presets.experiment(model, names, samples, file)
    check_machine(made)  # before anything is written
    sweep.write(made, runs)
    _carry_out(plan(made, runs), _without_prefect)
    typer.echo(f"\nmeans over problems with their 95 % intervals:\n{table.table(plan(made, runs).evaluations)}")


@app.command("plan")
def show_plan(file: File, runs: Runs = Path("runs")) -> None:
    """Print the stages in order, what is done, and the exact command of each."""
    from passk.pipeline import stages

    laid_out = _laid_out(file, runs)
    for planned in laid_out.stages:
        stage, record = planned.stage, planned.record
        state = "done" if planned.finished else "to do"
        start = f"from {stage.parent}" if stage.parent else f"from {laid_out.model}"
        estimator = f", {stage.advantage} k={stage.k.label}" if stage.kind == "rl" else ""
        typer.echo(f"# {record.name}: {stage.kind}{estimator}, {stage.steps} steps {start}, key {record.key}, {state}")
        if stage.kind == "rl":
            typer.echo(f"#   {_learning_rate(stage)}")
        typer.echo(_wrapped(stages.command(laid_out, planned)) + "\n")
    for planned in laid_out.evaluations:
        state = "done" if planned.finished else "to do"
        record, benchmark = planned.record, planned.benchmark
        typer.echo(f"# sample {record.checkpoint} on {record.benchmark}: {benchmark.samples} a problem, {state}")


@app.command()
def report(experiment: Annotated[str, typer.Argument(help="its name")], runs: Runs = Path("runs")) -> None:
    """Write an experiment's report again, from the store."""
    import reports
    from passk.store import STORE

    typer.echo(f"report: {os.path.relpath(reports.write_report(runs / STORE, runs / experiment))}")


@app.command()
def compare(
    experiments: Annotated[list[str], typer.Argument(help="two names or more, seeds of one design among them")],
    to: Annotated[
        Path | None, typer.Option(help="directory of the report; else comparisons/A+B beside the directory of runs")
    ] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Compare experiments: arms by their names, over all seeds, in a report like that of one."""
    import reports
    from passk.store import STORE

    written, table = reports.compare(runs / STORE, experiments, to)
    typer.echo(f"{table}\n\nreport: {os.path.relpath(written)}")


@contextmanager
def _noted(what: str, failed: dict[str, PasskError]) -> Iterator[None]:
    """Put the failure of what is done inside into `failed`, and go on. Ctrl-C stops the others too."""
    try:
        yield
    except Stopped:
        raise
    except PasskError as error:
        failed[what] = error


def _carry_out(laid_out: Plan, do: Callable[[Plan], None]) -> None:
    """Do what is left, if anything is, and print the results with the report's path."""
    from passk.pipeline import stages
    from passk.pipeline.run_record import is_reported

    name, report = laid_out.experiment.name, laid_out.directory / "report.md"
    failed: SomeFailed | None = None
    if stages.all_finished(laid_out) and is_reported(laid_out):
        typer.echo(f"{name}: everything is done already")
    else:
        check_machine(laid_out.experiment)
        from passk.runtime.environment import be_quiet

        be_quiet()
        try:
            do(laid_out)
        except SomeFailed as error:
            failed = error
        except KeyboardInterrupt:
            raise Stopped("stopped; the same command goes on from the last checkpoint") from None
    import reports

    typer.echo(f"\n{reports.results_table(laid_out.store, name)}")
    typer.echo(f"\nreport: {os.path.relpath(report)}")
    if failed:
        raise failed


def _by_prefect(laid_out: Plan, file: Path) -> None:
    from flows.experiment import experiment
    from flows.server import prefect_server
    from passk.pipeline.run_record import spelled_command

    with prefect_server(laid_out.directory / "prefect.log") as address:
        typer.echo(hidden(f"watch it at {address.removesuffix('/api')}"))
        experiment(str(file), str(laid_out.directory.parent), spelled_command())


def _without_prefect(laid_out: Plan) -> None:
    """For what trains nothing: a server would take longer to start than many an evaluation."""
    import reports
    from passk.pipeline import stages
    from passk.pipeline.run_record import RunRecord, spelled_command

    with stages.alone(laid_out, typer.echo):
        run = RunRecord(laid_out, spelled_command())
        with run.to_its_end():
            with run.phase("prepare"):
                stages.prepare(laid_out, typer.echo)
            try:
                with run.phase("evaluate"):
                    stages.evaluate(laid_out, typer.echo)
            except PasskError as error:
                run.failed("evaluate", str(error))
            run.ended()
            try:
                stages.ingest(laid_out)
            except PasskError as error:
                run.filing_failed(str(error))
            reports.write_report(laid_out.store, laid_out.directory)
    run.require_no_failure()


def _learning_rate(stage: RlStage) -> str:
    """Beside k, what GRPO's learning rate would be multiplied by for steps as large as its own."""
    from passk.experiment import lr_scaling

    shown = [
        f"k={scale.k} {f'x{scale.factor:.3g}' if scale.factor else 'not known'}"
        + (f" from step {scale.step}" if scale.step > 1 else "")
        for scale in lr_scaling.scales(stage)
    ]
    more = f", ... {len(shown)} in all" if len(shown) > SCALES else ""
    rate = f"{lr_scaling.first_rate(stage):.3g}" + (", by lr: auto" if stage.lr == "auto" else "")
    return (
        f"lr {rate}; GRPO-sized steps want ({stage.rollouts_per_prompt} / max eta): {', '.join(shown[:SCALES])}{more}"
    )


def _numbers(field: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise ConfigError(f"{field}: must be whole numbers with commas between, as in 1,2,3, not {text!r}") from None


def _laid_out(file: Path, runs: Path) -> Plan:
    described = config.load(file)
    check(described)
    return plan(described, runs)


def _wrapped(command: list[str]) -> str:
    import shlex

    lines, line = [], ""
    for word in map(shlex.quote, command):
        if word.startswith("--") and line:
            lines.append(line)
            line = f"    {word}"
        else:
            line = f"{line} {word}" if line else word
    return " \\\n".join([*lines, line])


def main() -> None:
    """The `passk` command."""
    # said by torch when it is imported, of a package that vLLM wants
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
        _exit(" ".join(str(error).split()), 1)


def _exit(message: str, status: int) -> None:
    print(f"passk: {message}", file=sys.stderr)
    sys.exit(status)
