"""The flow that runs several experiments in a row: a list of them, or a sweep over one."""

import logging
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

import reports
from flows.experiment import run_here
from passk.base.errors import PasskError
from passk.experiment import sweep as sweeps
from passk.experiment.config import Experiment
from passk.experiment.plan import plan
from passk.files import layout
from passk.pipeline.preflight import check_installation
from passk.pipeline.sweep import run_all
from tasks import artifacts
from tasks.logs import to_run

log = logging.getLogger(__name__)


def sweep_name() -> str:
    """Return the flow run's name: what it runs or varies."""
    parameters = flow_run.parameters
    if files := parameters.get("files"):
        return f"sweep {', '.join(Path(file).stem for file in files)}"[:100]
    varied = [name for name in ("advantage", "k", "settings", "seeds") if parameters.get(name)]
    return f"sweep {Path(parameters.get('of') or 'nothing').stem} over {', '.join(varied) or 'nothing'}"


@flow(name="sweep", flow_run_name=sweep_name)
def sweep(
    files: tuple[str, ...] = (),
    of: str = "",
    stage: str = "",
    advantage: tuple[str, ...] = (),
    k: tuple[int, ...] = (),
    seeds: tuple[int, ...] = (),
    settings: tuple[str, ...] = (),
    runs: str = "runs",
) -> None:
    """Run experiments one after the other and compare them. Stages that several share are trained once.

    An experiment that fails does not stop the others; the flow fails at its end.

    Args:
        files: Experiment files to run unchanged. Leave empty for a sweep.
        of: Experiment file that the sweep varies, with one experiment per combination of values.
        stage: Stage that `advantage` and `k` vary (default: the file's only rl stage).
        advantage: Advantage estimators; `passk advantage list` lists them (default: the file's).
        k: Values of k (default: the file's).
        seeds: Seeds of the experiment (default: the file's).
        settings: Other fields with their values, as in "stages.pass4.lr=1.0e-4,2.0e-4".
        runs: Directory of all runs.
    """
    with to_run():
        _run(sweeps.experiments(files, of, stage, advantage, k, seeds, settings), Path(runs))


def _run(experiments: list[Experiment], directory: Path) -> None:
    def run(described: Experiment, file: Path) -> None:
        check_installation(described)
        try:
            run_here(plan(described, directory), file)
        except PasskError:
            raise
        except Exception as error:  # a bug in one experiment does not stop the others
            raise PasskError(str(error)) from error

    def compare(names: list[str]) -> None:
        written, _ = reports.compare(layout.store(directory), names, None)
        log.info("comparison: %s", written)

    run_all(
        {"sweep": experiments},
        directory,
        run=run,
        compare=compare,
        show=lambda outcomes: artifacts.sweep(sweep_name(), outcomes, directory),
    )
