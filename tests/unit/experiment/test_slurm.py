"""The sbatch script: valid bash, the nodes that the experiment needs, Ray only where there are several."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from passk.experiment import config
from passk.experiment.slurm import nodes, script
from tests.unit.experiment.test_config import changed

GPU = {"profile": "gpu", "gpus_per_node": 8, "engines": 8, "micro_batch": 8, "zero_stage": 3}
COMPUTES = {
    "cpu": ({"profile": "cpu", "threads": 3}, 1, "--cpus-per-task=6"),
    "cpu, two nodes": (
        {"profile": "cpu", "threads": 3, "nodes": 2, "gpus_per_node": 1, "engines": 1},
        2,
        "--cpus-per-task=6",
    ),
    "one node": ({**GPU, "colocate": True}, 1, "--gpus-per-node=8"),
    "engines on a second node": (GPU, 2, "--gpus-per-node=8"),
    "two nodes": ({**GPU, "nodes": 2, "colocate": True, "engines": 16}, 2, "--gpus-per-node=8"),
}
HOSTILE = "a b'; touch $(echo c) \"d"


def written(compute: dict, name: str = "x.yaml") -> str:
    experiment = config.parse(changed("compute", compute))
    return script(experiment, Path(name), Path("runs"), directory=Path("/a b"), programs=Path("/env/bin"))


@pytest.mark.parametrize(("compute", "count", "option"), COMPUTES.values(), ids=COMPUTES)
def test_a_script_is_valid_bash_and_requests_what_the_experiment_needs(compute, count, option, tmp_path):
    text = written(compute)
    lines = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH ")]
    assert {f"--nodes={count}", option, "--requeue", "--signal=B:USR1@180"} <= set(lines)
    assert nodes(config.parse(changed("compute", compute))) == count
    assert ("ray_head start" in text) == (count > 1)
    per_node = re.findall(r"--num-gpus=(\d+)", text)
    # Two ranks and the engine of a CPU share two nodes, so each has two logical GPUs.
    assert per_node == ([] if count == 1 else ["2" if compute["profile"] == "cpu" else "8"])
    assert text.splitlines().index(f"#SBATCH {lines[-1]}") == len(lines), "sbatch reads no option after a command"
    for command in (["bash", "-n"], ["shellcheck", "--shell=bash"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "/dev/stdin"], input=text, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_with_any_name_is_one_word(tmp_path):
    text = written({"profile": "cpu"}, HOSTILE)
    line = next(line for line in text.splitlines() if line.startswith("passk run"))
    words = f'printf "%s\\n" {line.removesuffix(" &")}'
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines() == ["passk", "run", HOSTILE, "--runs", "runs"]
    assert not list(tmp_path.iterdir())


def test_a_line_end_in_a_file_name_ends_no_comment(tmp_path):
    text = written({"profile": "cpu"}, "x\ntouch pwned #\r.yaml")
    head = text.partition("set -euo")[0]
    assert all(line.startswith("#") for line in head.split("\n") if line)
    subprocess.run(["bash", "-c", head], check=True, cwd=tmp_path)
    assert not list(tmp_path.iterdir())
