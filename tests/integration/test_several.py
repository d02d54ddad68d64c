"""Two runs at the same moment in one directory of runs: of two experiments that share a stage, and of the same one."""

import json
import subprocess

import pytest
import yaml

from passk.store import reading

from .conftest import EXPERIMENT, left_after, passk, prepared

WARM, ARM = 8, 2


def write(directory, name: str, rule: str) -> list[str]:
    """The small experiment under a name and with a rule of its own; gives the command that runs it."""
    raw = yaml.safe_load(EXPERIMENT)
    warm, arm = raw["stages"].values()
    short = {**arm, "rule": rule, "k": 1 if rule == "grpo" else 4, "steps": ARM, "lr": 1e-4, "evaluate": False}
    short = {name: value for name, value in short.items() if name not in ("base_lr", "save_every")}
    raw |= {
        "name": name,
        "stages": {"warm": {**warm, "steps": WARM}, "arm": short},
        "compute": {**raw["compute"], "threads": 1},
    }
    raw["benchmarks"]["test"]["samples"] = 4
    (directory / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    return passk("run", f"{name}.yaml")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """a twice and b once, all three at the same moment: their output, by who they are."""
    directory = tmp_path_factory.mktemp("several")
    environment = prepared(directory)
    grpo, pass4 = write(directory, "a", "grpo"), write(directory, "b", "passk_analytical")
    commands = {"a": grpo, "b": pass4, "a again": grpo}
    running = {
        who: subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for who, command in commands.items()
    }
    try:
        said = {who: process.communicate(timeout=600)[0] for who, process in running.items()}
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


def test_the_stage_that_both_share_was_trained_once_and_whoever_waited_said_so(ran):
    directory, said = ran
    (warm,) = stages(directory / "runs", "warm")
    assert steps(warm) == list(range(1, WARM + 1))
    assert sum("warm: waits for experiment " in text for text in said.values()) == 1
    assert sum("warm: finished meanwhile, in runs/" in text for text in said.values()) == 1


def test_two_runs_of_one_experiment_run_one_after_the_other(ran):
    directory, said = ran
    assert sum("a: waits for experiment a, process " in text for text in said.values()) == 1
    arms = stages(directory / "runs", "arm")
    assert sorted(arm.parents[1].name for arm in arms) == ["a", "b"]
    for arm in arms:
        assert steps(arm) == list(range(1, ARM + 1))
        assert len(list((arm / "rollouts").glob("*.parquet"))) == ARM
    assert len(json.loads((directory / "runs/a/experiment.json").read_text())["sessions"]) == 2


def steps(stage) -> list[int]:
    return [json.loads(line)["step"] for line in (stage / "metrics.jsonl").read_text().splitlines()]


def test_the_store_has_everything_once(ran):
    directory, _ = ran
    with reading(directory / "runs" / "passk.duckdb") as store:

        def count(query: str) -> tuple:
            return store.execute(f"select count(*), count(distinct {query}").fetchone()

        assert count("key) from stages") == (3, 3)
        assert count("(stage, step)) from steps") == (WARM + 2 * ARM,) * 2
        assert count("(stage, step, problem, sample)) from rollouts") == (2 * ARM * 64,) * 2
        assert count("(experiment, key)) from samplings") == (2, 2)
        assert count("(experiment, sampling, problem, sample)) from samples") == (2 * 40,) * 2
        assert count("name) from experiments") == (2, 2)
