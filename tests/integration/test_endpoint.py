"""vLLM's own server as an endpoint on loopback: the samples are those of the built-in engine, within noise."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml

from passk.experiment.compute import Compute
from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from passk.runtime.environment import environment
from passk.runtime.ports import free_port

from .conftest import passk, prepared

pytestmark = pytest.mark.slow
PROBLEMS, SAMPLES = 32, 16
EXPERIMENT = {
    "name": "benchmarks",
    "question": "What does it solve?",
    "seed": 3,
    "model": {"path": "tiny"},
    "problems": {
        "test": {"source": "maze", "split": "test", "size": PROBLEMS, "easy_fraction": 1.0, "path_length": [1, 2]}
    },
    "stages": {},
    "benchmarks": {
        "test": {
            "problems": "test",
            "samples": SAMPLES,
            "k": [1, 4],
            "max_response": 6,
            "metrics": ["best-of", "bayes"],
        }
    },
    "compute": {"profile": "cpu", "threads": 1},
}


@dataclass(frozen=True)
class Both:
    directory: Path
    built_in: pd.DataFrame
    endpoint: pd.DataFrame
    manifest: dict
    compared: str
    refused: str


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Both:
    directory = tmp_path_factory.mktemp("endpoint")
    variables = prepared(directory) | {"OPENAI_API_KEY": "passk-test-key-of-nobody"}
    make_tiny(TinyModel(max_length=64), directory / "tiny", seed=1)
    (directory / "built-in.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    evaluated("built-in.yaml", directory, variables)
    port = free_port()
    engine = {
        "url": f"http://127.0.0.1:{port}/v1",
        "model": "tiny",
        "api": "completions",
        "logprobs": True,
        "price": {"input": 1.0, "output": 2.0},
    }
    (directory / "endpoint.yaml").write_text(yaml.safe_dump(EXPERIMENT | {"engine": engine}))
    away = subprocess.run(command("endpoint.yaml"), cwd=directory, env=variables, capture_output=True, text=True)
    assert away.returncode == 2
    with served(directory, port, variables["OPENAI_API_KEY"]):
        evaluated("endpoint.yaml", directory, variables)
    names = sorted(file.parent.name for file in (directory / "runs").glob("*/experiment.json"))
    compared = finished(passk("compare", *names, "--runs", "runs"), directory, variables)
    frames, manifests = {}, {}
    for file in (directory / "runs").rglob("samples.parquet"):
        record = json.loads((file.parents[2] / "experiment.json").read_text())
        kind = "endpoint" if record["config"]["engine"] else "built-in"
        frames[kind] = pd.read_parquet(file)
        manifests[kind] = json.loads((file.parent / "manifest.json").read_text())
    return Both(directory, frames["built-in"], frames["endpoint"], manifests["endpoint"], compared, away.stderr)


def command(file: str) -> list[str]:
    return passk("evaluate", "--model", "tiny", "--benchmark", "test", "--file", file, "--runs", "runs")


def evaluated(file: str, directory: Path, variables: dict[str, str]) -> None:
    finished(command(file), directory, variables)


def finished(words: list[str], directory: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(words, cwd=directory, env=variables, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


class served:
    """vLLM's server with the tiny model, which demands a key."""

    def __init__(self, directory: Path, port: int, key: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        words = (
            "--model tiny --served-model-name tiny --host 127.0.0.1 --dtype bfloat16 --enforce-eager --max-model-len 64"
        )
        words += f" --no-enable-chunked-prefill --generation-config vllm --port {port} --api-key {key}"
        with (directory / "server.txt").open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words.split()],
                cwd=directory,
                env=environment(Compute(profile="cpu", threads=1)),
                stdout=output,
                stderr=output,
            )
        self.log = directory / "server.txt"

    def __enter__(self) -> None:
        deadline = time.monotonic() + 300
        while True:
            try:
                if httpx.get(f"{self.url}/health", trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            ended = self.process.poll() is not None or time.monotonic() > deadline
            if ended:
                self.__exit__()
                raise AssertionError(self.log.read_text()[-4000:])
            time.sleep(1)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)


def test_an_endpoint_that_is_away_is_one_line_before_anything_is_written(both):
    assert both.refused.count("\n") == 1
    assert both.refused.startswith("passk: engine.url: http://127.0.0.1:")


def test_the_samples_are_those_of_the_built_in_engine_within_noise(both):
    ours, theirs = both.built_in, both.endpoint
    assert len(ours) == len(theirs) == PROBLEMS * SAMPLES
    assert ours[["problem", "sample", "seed"]].equals(theirs[["problem", "sample", "seed"]])
    for column in ("correct", "tokens", "logprob"):
        a, b = (frame[column].to_numpy(dtype=float) for frame in (ours, theirs))
        noise = np.sqrt(a.var() / len(a) + b.var() / len(b))
        print(f"{column}: {a.mean():.4f} and {b.mean():.4f}, noise {noise:.4f}")
        assert abs(a.mean() - b.mean()) <= 4 * noise + 1e-9
    same = (ours["response"] == theirs["response"]).mean()
    print(f"the same response for {same:.1%} of the seeds")
    assert same > 0.5


def test_tokens_are_counted_and_priced_and_both_stand_in_one_table(both):
    assert both.manifest["tokens"] == both.endpoint["tokens"].sum()
    assert both.manifest["prompt_tokens"] > PROBLEMS * SAMPLES
    assert both.compared.count("\ntest ") >= 2, both.compared
    [report] = [file for file in (both.directory / "runs").glob("*/report.md") if "prompt tokens" in file.read_text()]
    text = report.read_text()
    cost = (both.manifest["prompt_tokens"] + 2 * both.manifest["tokens"]) / 1e6
    assert f" {cost:,.2f} |" in text and "best-of-4" in text and "Bayes@N" in text


def test_the_key_is_in_no_file(both):
    for file in (both.directory / "runs").rglob("*"):
        if file.is_file():
            assert b"passk-test-key-of-nobody" not in file.read_bytes(), file
