"""A checkpoint on the benchmarks of an experiment."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.experiment import experiment
from passk.experiment import benchmark_presets as named
from passk.experiment import sweep
from tasks.logs import one_line_errors


def evaluation_name() -> str:
    """The flow run's name: the checkpoint's."""
    return f"evaluate {sweep.checkpoint_name(flow_run.parameters['model'])}"


@flow(name="evaluate", flow_run_name=evaluation_name)
def evaluate(
    model: str,
    file: str = "experiments/maze-cpu.yaml",
    benchmarks: tuple[str, ...] = (),
    samples: int | None = None,
    runs: str = "runs",
) -> None:
    """Sample a checkpoint on benchmarks, judge the answers, file them, write a report.

    Args:
        model: The checkpoint: a directory in HF's format, such as a finished stage's model, or a HF model's name.
        file: The experiment whose benchmarks, seed and compute are taken.
        benchmarks: Names of its benchmarks, or of those that passk knows by name. Empty: all of its own.
        samples: Sampled answers a problem; pass@k is told for the benchmark's k up to it. Empty: as the file says.
        runs: Directory of all runs.
    """
    one_line_errors()
    made = named.experiment(model, benchmarks, samples, Path(file))
    experiment(str(sweep.write(made, Path(runs))), runs)
