"""Several experiments in a row: a list of them, or a sweep of one."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.experiment import experiment
from passk.base.errors import SomeFailed
from passk.experiment import sweep
from tasks import artifacts
from tasks.logs import one_line_errors


def study_name() -> str:
    """The flow run's name: what is studied, as far as it is short."""
    parameters = flow_run.parameters
    if files := parameters.get("files"):
        return f"study {', '.join(Path(file).stem for file in files)}"[:100]
    varied = [name for name in ("estimators", "k", "seeds") if parameters.get(name)]
    return f"study {Path(parameters.get('of') or 'nothing').stem} over {', '.join(varied) or 'nothing'}"


@flow(name="study", flow_run_name=study_name)
def study(
    files: tuple[str, ...] = (),
    of: str = "",
    stage: str = "",
    estimators: tuple[str, ...] = (),
    k: tuple[int, ...] = (),
    seeds: tuple[int, ...] = (),
    runs: str = "runs",
) -> None:
    """Run experiments one after the other. Stages that several have in common are trained once.

    An experiment that fails does not stop the others; the study fails at its end.

    Args:
        files: Experiment files to run as they are. Leave empty for a sweep.
        of: The experiment file that a sweep varies: an experiment for each combination of estimators, k and seeds.
        stage: The rl stage that gets the estimators and the k. Empty where the file has one alone.
        estimators: Names of advantage estimators; `passk advantage list` lists them.
        k: The k of Pass@k.
        seeds: Seeds of the whole experiment.
        runs: Directory of all runs.
    """
    one_line_errors()
    made = sweep.study(files, of, stage, estimators, k, seeds)
    written = {described.name: sweep.write(described, Path(runs)) for described in made}
    outcomes = dict.fromkeys(written, "waits")
    for name, file in written.items():
        ended = experiment(str(file), runs, return_state=True)
        outcomes[name] = "done" if ended.is_completed() else str(ended.result(raise_on_failure=False))
        artifacts.study(study_name(), outcomes, Path(runs))
    if failed := {name: outcome for name, outcome in outcomes.items() if outcome != "done"}:
        raise SomeFailed("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
