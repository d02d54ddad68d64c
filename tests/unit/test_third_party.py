"""An estimator in somebody else's package, docs/examples/passk-halfway, installed as a person would install it."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import indent

import pytest

from tests.unit.experiment.test_config import GOOD

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "passk-halfway"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds the package."""
    directory = tmp_path_factory.mktemp("halfway")
    source, target = directory / "source", directory / "target"
    # pip builds where the source lies
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True)
    path = os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def python(code: str, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True)


PASSK = "from passk.cli.main import main; main()"


def test_the_command_lists_and_shows_it(installed):
    done = python(PASSK, installed, "advantage", "list")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("halfway ")]
    assert "< N" in line and "share=0.5" in line and line.endswith("passk-halfway 1.0")
    done = python(
        PASSK, installed, "advantage", "show", "halfway", "--n", "8", "--k", "4", "--options", '{"share": 0.25}'
    )
    assert done.returncode == 0, done.stderr
    # of (8, 2, 4): a quarter of 0.522233 and three of grpo's sqrt(3)
    assert " 1.429596 " in done.stdout


def test_compute_finds_it_by_name(installed):
    code = """
import torch
from passk import advantage
rewards = torch.tensor([[1.0, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 0]])
expected = (advantage.compute("grpo", rewards, 1) + advantage.compute("passk_analytical", rewards, 4)) / 2
torch.testing.assert_close(advantage.compute("halfway", rewards, 4), expected)
assert expected[1].abs().min() > 0.1  # where Pass@4 alone pays nothing
"""
    done = python(code, installed)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ("{share: 0.25}", ""),
        ("{shar: 0.25}", "stages.arm.options.shar: halfway has no such option; did you mean share?"),
        ("{share: lots}", "stages.arm.options.share: "),
    ],
)
def test_an_experiment_names_it_like_any_other(installed, tmp_path, options, refusal):
    (tmp_path / "experiment.yaml").write_text(
        GOOD.replace("advantage: passk_analytical, k: 4", f"advantage: halfway, k: 4, options: {options}")
    )
    code = "import sys; from passk.experiment import config, validate; validate.check(config.load(sys.argv[1]))"
    done = python(code, installed, str(tmp_path / "experiment.yaml"))
    assert (done.returncode == 0) == (refusal == ""), done.stderr
    assert refusal in done.stderr


@pytest.mark.skipif(bool(entry_points(group="passk.advantage", name="halfway")), reason="installed here")
def test_without_the_package_the_name_is_refused():
    done = python(PASSK, dict(os.environ), "advantage", "show", "halfway", "--k", "4")
    assert done.returncode == 2 and done.stderr.startswith("passk: advantage: 'halfway' does not exist")


def test_the_readme_shows_the_whole_module():
    readme = (EXAMPLE.parents[2] / "README.md").read_text()
    assert indent((EXAMPLE / "passk_halfway.py").read_text(), "  ") in readme
    assert 'halfway = "passk_halfway:halfway"' in readme
