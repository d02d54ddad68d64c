"""An evaluation by the command line, killed with SIGKILL in the middle and resumed; a stream; engines on Ray."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from ray._private.authentication_test_utils import reset_auth_token_state
from ray.job_submission import JobSubmissionClient

from passk.evaluation.request import PIECE_SAMPLES, Work, problem_seed
from passk.experiment import config, plan
from passk.experiment.compute import Compute
from passk.experiment.model import TinyModel
from passk.files.schema import SAMPLE_COLUMNS
from passk.models.tiny import make_tiny
from passk.pipeline import evaluation_request, stages
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster, request_headers
from passk.store import reading
from tests.log_lines import logged_lines

from .conftest import left_after, passk, prepared

pytestmark = pytest.mark.slow

PROBLEMS, SAMPLES = 64, 32
PIECES = PROBLEMS * SAMPLES // PIECE_SAMPLES
EXPERIMENT = f"""
name: benchmarks
question: What does it solve?
seed: 3
model: {{path: tiny}}
problems:
  test: {{source: maze, split: test, size: {PROBLEMS}, easy_fraction: 1.0, path_length: [1, 3]}}
stages: {{}}
benchmarks:
  test: {{problems: test, samples: {SAMPLES}, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, deterministic: true}}
"""
# The stream's shards are far apart for a model that answers 2,000 samples in a second.
SMALL_PARTS = """
import sys
from pathlib import Path
from passk.evaluation import evaluate, generate

generate.SHARD_SAMPLES = 64
evaluate.main(Path(sys.argv[1]))
"""


@dataclass(frozen=True)
class Evaluated:
    directory: Path
    environment: dict[str, str]
    parts_at_kill: int
    left_behind: list[str]
    said: str
    """by the command that was not disturbed"""
    went_on: str
    """by the command after the kill"""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Evaluated:
    directory = tmp_path_factory.mktemp("evaluated")
    variables = prepared(directory)
    (directory / "benchmarks.yaml").write_text(EXPERIMENT)
    make_tiny(TinyModel(max_length=64), directory / "tiny", seed=1)

    def command(runs: str) -> list[str]:
        words = ["--model", "tiny", "--benchmark", "test", "--file", "benchmarks.yaml", "--runs", runs]
        return passk("evaluate", *words)

    said = finished(command("whole"), directory, variables)
    with (directory / "cut.txt").open("w") as output:
        cut = subprocess.Popen(command("cut"), cwd=directory, env=variables, stdout=output, stderr=output)
        killed_at_shards(cut, directory / "cut", 1)
    left_behind = left_after(directory, seconds=30)
    shards = len(list((directory / "cut").rglob("shards/*.parquet")))
    went_on = finished(command("cut"), directory, variables)
    return Evaluated(directory, variables, shards, left_behind, said, went_on)


def finished(command: list[str], directory: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def killed_at_shards(process: subprocess.Popen, directory: Path, shards: int) -> None:
    """SIGKILL once there are so many shards."""
    deadline = time.monotonic() + 300
    try:
        while len(list(directory.rglob("shards/*.parquet"))) < shards:
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def samples(directory: Path) -> pd.DataFrame:
    [file] = directory.rglob("samples.parquet")
    return pd.read_parquet(file)


def test_the_kill_came_in_the_middle_and_nothing_outlived_it(evaluated):
    assert 1 <= evaluated.parts_at_kill < PIECES
    assert evaluated.left_behind == []


def test_the_evaluation_that_was_killed_has_the_rows_of_the_one_that_was_not(evaluated):
    whole, cut = (samples(evaluated.directory / name) for name in ("whole", "cut"))
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)
    assert tuple(whole.columns) == tuple(SAMPLE_COLUMNS)
    assert len(whole) == PROBLEMS * SAMPLES
    assert not whole.duplicated(["problem", "sample"]).any()
    assert whole.groupby("problem").response.nunique().min() > 1
    assert not list(evaluated.directory.rglob("shards"))


def test_it_says_where_it_goes_on_how_far_it_is_and_how_long_it_takes(evaluated):
    total = PROBLEMS * SAMPLES
    assert "base on test: resuming, " in evaluated.went_on
    assert f" of {total} samples are done" in evaluated.went_on
    assert "resuming" not in evaluated.said
    for said in (evaluated.said, evaluated.went_on):
        assert f"base on test: {total}/{total} samples, " in said
        assert "samples/s" in said
        assert ", took 0:" in said or ", took 1:" in said


def test_settings_are_in_the_record_and_every_sample_in_the_store_with_its_seed_and_log_probability(evaluated):
    [file] = (evaluated.directory / "whole").rglob("evaluation.json")
    record = json.loads(file.read_text())
    settings = {name: record["config"][name] for name in ("samples", "temperature", "top_p", "max_response")}
    assert settings == {"samples": SAMPLES, "temperature": 1.0, "top_p": 0.95, "max_response": 8}
    with reading(evaluated.directory / "whole" / "passk.duckdb") as store:
        frame = store.execute("select * from samples").df()
    assert len(frame) == PROBLEMS * SAMPLES
    expected = [
        problem_seed(problem, 3) + sample for problem, sample in zip(frame.problem, frame["sample"], strict=True)
    ]
    assert frame.seed.tolist() == expected
    assert (frame.logprob < 0).all()


def test_it_prints_figures_with_intervals_and_writes_a_report(evaluated):
    table = evaluated.said[evaluated.said.index("pass@1") :]
    assert "pass@4" in table
    assert "[0." in table
    [report] = (evaluated.directory / "whole").rglob("report.md")
    assert "passk evaluate --model tiny --benchmark test" in report.read_text()


def work(evaluated: Evaluated, directory: Path, **compute) -> tuple[plan.Plan, Path]:
    """The same evaluation, by steps of its own, as a stream; gives its request too."""
    raw = yaml.safe_load(EXPERIMENT)
    raw["compute"] = {"profile": "cpu", **compute}
    raw["model"]["path"] = str(evaluated.directory / "tiny")
    laid_out = plan.plan(config.parse(raw), directory)
    stages.prepare(laid_out)
    return laid_out, laid_out.directory / "evaluations" / "request.json"


def same_rows(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same samples, each once, with the same seeds. Their words may differ in the last bit of a batch's shape."""
    for column in ("problem", "sample", "seed"):
        assert one[column].tolist() == other[column].tolist()
    assert (one.response == other.response).mean() > 0.99


def test_as_a_stream_too_nothing_is_lost_or_doubled_when_it_is_killed(evaluated, tmp_path):
    laid_out, file = work(evaluated, tmp_path)
    Work([evaluation_request.request(laid_out, laid_out.evaluations[0])], engines=1, gpus=1, on_ray=False).write(file)
    variables = environment(laid_out.experiment.compute)
    small = [sys.executable, "-c", SMALL_PARTS, str(file)]
    killed_at_shards(subprocess.Popen(small, env=variables), tmp_path, 2)
    assert 2 <= len(list(tmp_path.rglob("shards/*.parquet"))) < PROBLEMS * SAMPLES // 64
    assert not list(tmp_path.rglob("samples.parquet"))
    stages.evaluate(laid_out)
    same_rows(samples(tmp_path), samples(evaluated.directory / "whole"))


def test_on_a_cluster_that_runs_one_engine_or_two_sample_all_rows_there_each_its_part(evaluated, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with ray_cluster(Compute(profile="cpu", gpus_per_node=2), tmp_path / "ray.log") as cluster:
        # as a user's cluster: the user's own variables say how to join it
        for name, value in (cluster | {"RAY_ADDRESS": cluster["RAY_API_SERVER_ADDRESS"]}).items():
            monkeypatch.setenv(name, value)
        # Ray reads these variables once in a process, and this process has used other clusters.
        reset_auth_token_state()
        for gpus, on in ((1, ""), (2, " on 2 engines")):
            laid_out, _ = work(evaluated, tmp_path / str(gpus), gpus_per_node=gpus)
            with logged_lines() as said:
                stages.evaluate(laid_out)
            assert said[0] == f"evaluations to do: 1 of 1 checkpoints{on}"
            assert said[-1].startswith(f"base on test: {PROBLEMS * SAMPLES}/{PROBLEMS * SAMPLES} samples, ")
            same_rows(samples(tmp_path / str(gpus)), samples(evaluated.directory / "whole"))
        headers = request_headers(cluster)
        assert len(JobSubmissionClient(cluster["RAY_API_SERVER_ADDRESS"], headers=headers).list_jobs()) == 2
