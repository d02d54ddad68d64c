"""Two runs at the same moment in one directory of runs: of two experiments that share a stage, and of the same one."""

import json
import subprocess

import pytest
import yaml

from passk.store import reading

from .conftest import EXPERIMENT, left_after, passk, prepared

pytestmark = pytest.mark.slow

WARM, ARM, MORE = 8, 2, 4


def write(directory, name: str, **more) -> list[str]:
    """Write an experiment with a warm start, an rl stage and more fields. Return the command that runs it."""
    raw = yaml.safe_load(EXPERIMENT)
    warm, arm = raw["stages"].values()
    arm = {key: value for key, value in arm.items() if key != "save_every"}
    short = {"steps": ARM, "k": 4, "lr": 1e-4, "evaluate": False}
    raw |= {"name": name, "stages": {"warm": {**warm, "steps": WARM}, "arm": {**arm, **short}, **more}}
    raw["benchmarks"]["test"]["samples"] = 4
    (directory / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    return passk("run", f"{name}.yaml")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """a twice and b once, all three at the same moment: their output, by who they are. All of a is in b too."""
    directory = tmp_path_factory.mktemp("several")
    environment = prepared(directory)
    more = {"kind": "sft", "from": "warm", "problems": "train", "steps": MORE, "batch_size": 64, "lr": 1e-3}
    a, b = write(directory, "a"), write(directory, "b", more={**more, "evaluate": False})
    commands = {"a": a, "b": b, "a again": a}
    running = {
        who: subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for who, command in commands.items()
    }
    try:
        said = {who: process.communicate(timeout=1200)[0] for who, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
    for who, process in running.items():
        assert process.returncode == 0, f"{who}:\n{said[who][-4000:]}"
    return directory, said


def stages(runs, name: str) -> list:
    return [
        file.parent
        for file in runs.glob("*/stages/*/stage.json")
        if json.loads(file.read_text())["name"] == name and (file.parent / "metrics.jsonl").exists()
    ]


def test_all_end_right_and_no_lock_error_reaches_anyone(ran):
    directory, said = ran
    for who, text in said.items():
        assert "Traceback" not in text, who
        assert "lock" not in text.lower().replace("block", ""), who
        assert (directory / "runs" / who[0] / "report.md").read_text().startswith("#")
    assert left_after(directory, seconds=10) == []


def test_the_stages_that_both_share_were_trained_once_and_whoever_waited_said_so(ran):
    directory, said = ran
    for name, count in {"warm": WARM, "arm": ARM, "more": MORE}.items():
        (only,) = stages(directory / "runs", name)
        assert steps(only) == list(range(1, count + 1))
    assert len(list(directory.glob("runs/*/stages/*/rollouts/*.parquet"))) == ARM
    # a process that starts after its end neither waits nor logs
    waited = sum(" warm: waiting for experiment " in text for text in said.values())
    assert waited <= 1
    for name in ("warm", "arm"):
        assert sum(f" {name}: another process finished it, in runs/" in text for text in said.values()) <= 1
    assert sum(" warm: another process finished it, in runs/" in text for text in said.values()) >= waited


def test_two_runs_of_one_experiment_run_one_after_the_other(ran):
    directory, said = ran
    assert sum(" a: waiting for experiment a, process " in text for text in said.values()) == 1
    assert len(json.loads((directory / "runs/a/experiment.json").read_text())["sessions"]) == 2


def steps(stage) -> list[int]:
    return [json.loads(line)["step"] for line in (stage / "metrics.jsonl").read_text().splitlines()]


def test_the_store_has_everything_once(ran):
    directory, _ = ran
    with reading(directory / "runs" / "passk.duckdb") as store:

        def count(query: str) -> tuple:
            return store.execute(f"select count(*), count(distinct {query}").fetchone()

        assert count("key) from stages") == (3, 3)
        assert count("(stage, step)) from steps") == (WARM + ARM + MORE,) * 2
        assert count("(stage, step, problem, sample)) from rollouts") == (ARM * 64,) * 2
        assert count("(experiment, key)) from evaluations") == (2, 2)
        assert count("(experiment, evaluation, problem, sample)) from samples") == (2 * 40,) * 2
        assert count("name) from experiments") == (2, 2)
