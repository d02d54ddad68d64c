import json

import pytest

from passk.files.layout import write_json
from passk.store import rebuild
from studies.mazes import study

_STAGES = {"pass4": "passk", "pass4-pass1": "passk_pass1"}
_SEEDS = {"study-trap": (11, 12), "study-trap-more": (12,), "study-control": (11, 12)}


def _renamed(run):
    """Rename the stages as in the experiments of the study."""
    record = json.loads((run.directory / "experiment.json").read_text())
    stages = record["config"]["stages"]
    for old, new in _STAGES.items():
        record["stages"][new] = record["stages"].pop(old)
        stages[new] = stages.pop(old)
        for stage in stages.values():
            stage["from"] = new if stage.get("from") == old else stage["from"]
    write_json(run.directory / "experiment.json", record)


@pytest.fixture(scope="session")
def study_runs(tmp_path_factory, run_factory):
    """Write two regimes; a seed of the trap is also in the experiment with further methods."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    for name, seeds in _SEEDS.items():
        for seed in seeds:
            run = run_factory(runs, name=f"{name}-s{seed}", seed=seed, problems=30)
            _renamed(run)
            if "more" in name:
                record = json.loads((run.directory / "experiment.json").read_text())
                for part in (record["stages"], record["config"]["stages"]):
                    part["passk_all"] = part.pop("passk_pass1")
                write_json(run.directory / "experiment.json", record)
    run_factory(runs, name="maze-cpu", seed=17)
    assert rebuild(runs).skipped == []
    return runs


@pytest.fixture(scope="session")
def made_study(study_runs, tmp_path_factory):
    directory = tmp_path_factory.mktemp("docs") / "study"
    study.export(study_runs / "passk.duckdb", directory)
    return directory
