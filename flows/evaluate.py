"""The flow that evaluates a checkpoint on benchmarks."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.experiment import run_here
from passk.experiment import benchmark_presets as named
from passk.experiment import sweep
from passk.experiment.plan import plan
from passk.pipeline.preflight import check_installation
from tasks.logs import to_run


def evaluation_name() -> str:
    """Return the flow run's name, which contains the checkpoint's."""
    return f"evaluate {sweep.checkpoint_name(flow_run.parameters['model'])}"


@flow(name="evaluate", flow_run_name=evaluation_name)
def evaluate(
    model: str,
    file: str = "experiments/maze-cpu.yaml",
    benchmarks: tuple[str, ...] = (),
    samples: int | None = None,
    runs: str = "runs",
) -> None:
    """Evaluate a checkpoint on benchmarks, ingest the samples and write a report.

    Args:
        model: Name of a HF model or a directory in HF format, such as the model of a finished stage.
        file: Experiment file with benchmarks, seed and compute.
        benchmarks: Names of the file's benchmarks or of passk's (default: all of the file).
        samples: Samples per problem; pass@k is reported for k up to it (default: the benchmark's value, else 32).
        runs: Directory of all runs.
    """
    with to_run():
        evaluation = named.experiment(model, benchmarks, samples, Path(file))
        check_installation(evaluation)
        run_here(plan(evaluation, Path(runs)), sweep.write(evaluation, Path(runs)))
