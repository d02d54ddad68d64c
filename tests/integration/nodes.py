"""What the tests on several nodes share: processes and records of a run whose nodes are namespaces (dev/cluster.py)."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

from dev.cluster import Nodes, permitted
from passk.runtime.job_watchdog import MARK
from tests.processes import command_lines

NEEDS_NAMESPACES = pytest.mark.skipif(
    not permitted(), reason="namespaces are not permitted here (root, iproute2 and util-linux)"
)
PROBLEMS = """
problems:
  train: {source: maze, split: train, size: 128, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 4, easy_fraction: 1.0, path_length: [2, 3]}
"""
"""Part of the experiments on several nodes."""
OURS = ("PasskPolicy", "PasskEngine", "PasskTrainer", "passk.openrlhf", "passk.evaluation", "job_watchdog")
"""Words in the command lines of ranks, engines, drivers, evaluations and watchdogs."""


def ours(nodes: Nodes, number: int) -> list[str]:
    """Command lines of passk's processes on a node, known by their words or by the mark of their job."""
    found = []
    for process, words in command_lines(nodes.processes(number)):
        with contextlib.suppress(psutil.Error):
            if any(word in " ".join(words) for word in OURS) or MARK in process.environ():
                found.append(" ".join(words))
    return found


def left_on(nodes: Nodes, count: int, seconds: float) -> list[str]:
    """Command lines of passk's processes on any node that are left when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        left = [line for number in range(count) for line in ours(nodes, number)]
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(0.5)


def stages_of(experiment: Path) -> dict[str, Path]:
    """The directory of each stage that has begun, by its name."""
    records = experiment.glob("stages/*/stage.json")
    return {json.loads(record.read_text())["name"]: record.parent for record in records}


def steps_of(stage: Path) -> list[int]:
    """The steps in the order of their record. A last line that is being written does not count."""
    file = stage / "metrics.jsonl"
    text = file.read_text() if file.exists() else ""
    return [json.loads(line)["step"] for line in text.splitlines(keepends=True) if line.endswith("\n")]


def rollouts_of(stage: Path) -> pd.DataFrame:
    return pd.concat(pd.read_parquet(file) for file in sorted(stage.glob("rollouts/*.parquet")))


def wait_for(true: Callable[[], object], seconds: float, about: Callable[[], str]) -> None:
    """Wait until `true()` is. about: what to show if it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, about()
        time.sleep(0.1)
