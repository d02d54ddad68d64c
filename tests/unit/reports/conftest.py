import json
import shutil

import pytest

from passk.files.layout import write_json
from passk.store import ingest_experiment_record, rebuild
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.report import render
from studies.mazes import study

_STUDY_STAGES = {"pass4": "passk", "pass4-pass1": "passk_pass1"}
_STUDY_SEEDS = {"study-trap": (11, 12), "study-trap-more": (12,), "study-control": (11, 12)}


def text_of(store, *names):
    """The markdown alone: figures are what takes the time."""
    comparison = Comparison([load(store, name) for name in names])
    return render(store, comparison, names[0], dict.fromkeys(("curves", "counts", "pass_at_k", "difficulty"), False))


def amend(run, **changes):
    """Change experiment.json as a later run would, and file it."""
    record = json.loads((run.directory / "experiment.json").read_text()) | changes
    write_json(run.directory / "experiment.json", record)
    ingest_experiment_record(run.store, run.directory)


@pytest.fixture(scope="session")
def seeds_once(tmp_path_factory, write_run_of):
    """Three seeds of one design, in one store."""
    runs = tmp_path_factory.mktemp("seeds") / "runs"
    made = [write_run_of(runs, name=f"maze-s{seed}", seed=seed, problems=40) for seed in (11, 12, 13)]
    assert rebuild(runs) == []
    return made


@pytest.fixture
def seeds(seeds_once, tmp_path):
    shutil.copytree(seeds_once[0].runs, tmp_path / "runs")
    return [type(run)(tmp_path / "runs", run.name) for run in seeds_once]


def _renamed(run):
    """With the names that the study's experiments have."""
    record = json.loads((run.directory / "experiment.json").read_text())
    stages = record["config"]["stages"]
    for old, new in _STUDY_STAGES.items():
        record["stages"][new] = record["stages"].pop(old)
        stages[new] = stages.pop(old)
        for stage in stages.values():
            stage["from"] = new if stage.get("from") == old else stage["from"]
    write_json(run.directory / "experiment.json", record)


@pytest.fixture(scope="session")
def study_runs(tmp_path_factory, write_run_of):
    """Two regimes; a seed of the trap also in the experiment with further methods."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    for name, seeds in _STUDY_SEEDS.items():
        for seed in seeds:
            run = write_run_of(runs, name=f"{name}-s{seed}", seed=seed, problems=30)
            _renamed(run)
            if "more" in name:
                record = json.loads((run.directory / "experiment.json").read_text())
                for part in (record["stages"], record["config"]["stages"]):
                    part["passk_all"] = part.pop("passk_pass1")
                write_json(run.directory / "experiment.json", record)
    write_run_of(runs, name="maze-cpu", seed=17)
    assert rebuild(runs) == []
    return runs


@pytest.fixture(scope="session")
def made_study(study_runs, tmp_path_factory):
    directory = tmp_path_factory.mktemp("docs") / "study"
    study.export(study_runs / "passk.duckdb", directory)
    return directory
