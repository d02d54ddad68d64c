import json
import shutil

import pytest

from passk.files.layout import write_json
from passk.store import ingest, ingest_experiment_record, rebuild
from passk.store.connection import turn
from reports import write_report
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.report import FIGURES, render


def text_of(store, *names):
    """Return the markdown alone, because figures take most of the time."""
    comparison = Comparison([load(store, name) for name in names])
    return render(store, comparison, names[0], dict.fromkeys(FIGURES, False))


def amend(run, **changes):
    """Change experiment.json as a later run would, and ingest it."""
    record = json.loads((run.directory / "experiment.json").read_text()) | changes
    write_json(run.directory / "experiment.json", record)
    ingest_experiment_record(run.store, run.directory)


def ingest_again(run, *items):
    """Ingest what a test changed: directories of an experiment, of stages and of evaluations, and problem sets.

    A rebuild would read everything else too, which takes ten times as long.
    """
    kinds = {"stages": ingest.stage, "evaluations": ingest.evaluation, "problems": ingest.problem_set}
    with turn(run.store) as connection:
        for item in items:
            ingest.ingest(connection, (kinds.get(item.parent.name, ingest.experiment_record), item))


@pytest.fixture(scope="session")
def text_once(filed_once):
    """The Markdown of the report of the default run."""
    return text_of(filed_once.store, filed_once.name)


@pytest.fixture(scope="session")
def written(filed_once, tmp_path_factory):
    """The default run in a copy of its own, the path of its report and its text."""
    run = type(filed_once)(tmp_path_factory.mktemp("written") / "runs", filed_once.name)
    shutil.copytree(filed_once.runs, run.runs)
    path = write_report(run.store, run.directory)
    return run, path, path.read_text()


@pytest.fixture(scope="session")
def seeds_once(tmp_path_factory, run_factory):
    """Three seeds of one design, in one store."""
    runs = tmp_path_factory.mktemp("seeds") / "runs"
    written = [run_factory(runs, name=f"maze-s{seed}", seed=seed, problems=40) for seed in (11, 12, 13)]
    assert rebuild(runs).skipped == []
    return written


@pytest.fixture(scope="session")
def compared(seeds_once):
    """The comparison of the three seeds, for tests that change nothing of it. It keeps what it computed."""
    return Comparison([load(run.store, run.name) for run in seeds_once])


@pytest.fixture(scope="session")
def seeds_text(seeds_once, compared):
    """The Markdown of their report."""
    return render(seeds_once[0].store, compared, seeds_once[0].name, dict.fromkeys(FIGURES, False))


@pytest.fixture
def seeds(seeds_once, tmp_path):
    runs = tmp_path / "seeds"  # beside the run of `filed`
    shutil.copytree(seeds_once[0].runs, runs)
    return [type(run)(runs, run.name) for run in seeds_once]
