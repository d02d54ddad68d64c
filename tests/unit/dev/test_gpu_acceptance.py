"""The acceptance script of the GPU profile: its dry run, its list of wheels, and what it does without a GPU."""

import csv
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dev import gpu_acceptance, gpu_wheels
from passk.experiment import validate

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "dev" / "gpu_acceptance.sh"
LONGEST = 12 * 60


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(SCRIPT), *words], capture_output=True, text=True, check=False, timeout=120)


def wheels() -> list[dict[str, str]]:
    with (ROOT / "dev" / "gpu_wheels.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_dry_run_lists_every_wheel_with_its_size_and_need_and_the_steps_within_twelve_minutes():
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for wheel in wheels():
        size = f"{int(wheel['bytes']) / 2**20:.2f}" if int(wheel["bytes"]) else "source"
        assert [wheel["name"], wheel["version"], size, wheel["need"]] in [line.split() for line in lines]
    total = sum(int(wheel["bytes"]) for wheel in wheels())
    assert f"{total / 2**20:.0f} MiB, {-(-total // (64 * 2**20))} parts of 64 MiB" in done.stdout
    steps = re.findall(r"^  (\w+) +at most +(\d+) s", done.stdout, re.MULTILINE)
    assert [name for name, _ in steps] == ["unpack", "install", "smoke", "stock", "run", "resume", "summary"]
    assert sum(int(seconds) for _, seconds in steps) <= LONGEST


def test_the_wheels_are_the_pinned_engine_and_lack_what_the_machine_has():
    versions = {wheel["name"]: wheel["version"] for wheel in wheels()}
    lock = (ROOT / "requirements" / "gpu.lock").read_text()
    for name in ("openrlhf", "deepspeed", "ray", "transformers"):
        assert f"\n{name}=={versions[name]}\n" in lock
    assert not {"torch", "triton", "flash-attn", "nvidia-nccl-cu13"} & versions.keys()


def test_a_package_is_needed_by_the_first_engine_that_leads_to_it_and_what_torch_has_is_left_out():
    def package(name: str, *needs: str, size: int = 1) -> dict:
        wheel = {"url": f"https://x/{name}-1-py3-none-any.whl", "size": size}
        return {"name": name, "version": "1", "dependencies": [{"name": need} for need in needs], "wheels": [wheel]}

    lock = {
        "package": [
            package("project", "vllm", "openrlhf", "ray", "deepspeed", "pandas"),
            package("torch", "sympy", "setuptools"), package("sympy"), package("setuptools"),
            package("vllm", "torch", "sympy", "shared"),
            package("openrlhf", "shared", "own"), package("ray"), package("own", size=5), package("shared"),
            package("pandas"), {"name": "deepspeed", "version": "2"},
        ]
    }  # fmt: skip
    assert gpu_wheels.rows(lock, "project") == [
        ("deepspeed", "2", 0, "deepspeed"), ("openrlhf", "1", 1, "openrlhf"), ("own", "1", 5, "openrlhf"),
        ("pandas", "1", 1, "passk"), ("ray", "1", 1, "ray"), ("setuptools", "1", 1, "passk"),
        ("shared", "1", 1, "vllm"), ("vllm", "1", 1, "vllm"),
    ]  # fmt: skip


def test_passk_installs_under_the_machines_python_with_the_setuptools_that_builds_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [command] = [line for line in SCRIPT.read_text().splitlines() if "pip" in line and " -e ." in line]
    supported = SpecifierSet(project["project"]["requires-python"])
    assert "3.12" in supported or "--ignore-requires-python" in command.split()
    [needed] = map(Requirement, project["build-system"]["requires"])
    [version] = [wheel["version"] for wheel in wheels() if wheel["name"] == needed.name]
    assert version in needed.specifier


def test_a_failed_first_step_is_recorded_and_ends_the_script(tmp_path):
    done = run(str(tmp_path), str(tmp_path / "out"))
    assert done.returncode == 1
    [row] = [line.split("\t") for line in (tmp_path / "out" / "steps.tsv").read_text().splitlines()]
    assert row[:2] == ["unpack", "failed"]
    assert "SHA256SUMS" in (tmp_path / "out" / "unpack.txt").read_text()


def test_whole_parts_are_unpacked_and_a_damaged_one_is_not(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a.whl").write_text("a")
    (tmp_path / "requirements.txt").write_text("no-such-package==1\n")
    subprocess.run(["tar", "-cf", "part-000", "wheels", "requirements.txt"], cwd=tmp_path, check=True)
    sums = subprocess.run(["sha256sum", "part-000"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "SHA256SUMS").write_text(sums.replace(sums[0], "0" if sums[0] != "0" else "1", 1))
    run(str(tmp_path), str(tmp_path / "out"))
    assert "unpack\tfailed" in (tmp_path / "out" / "steps.tsv").read_text()
    (tmp_path / "SHA256SUMS").write_text(sums)
    if shutil.which("python3.12") is None:
        pytest.skip("python3.12 is not installed")
    run(str(tmp_path), str(tmp_path / "out"))
    assert "unpack\tpassed" in (tmp_path / "out" / "steps.tsv").read_text()
    assert (tmp_path / "out" / "wheels" / "a.whl").read_text() == "a"


def test_the_experiment_is_valid_and_its_model_is_that_of_the_smoke_test():
    experiment = validate.load(ROOT / "dev" / "gpu_acceptance.yaml")
    compute = experiment.compute
    assert (compute.colocate, compute.zero_stage, compute.packing, compute.profile) == (True, 3, True, "gpu")
    assert experiment.model.tiny.model_dump(include=set(gpu_acceptance.MODEL)) == gpu_acceptance.MODEL


def test_the_page_has_each_step_and_the_tokens_per_second_after_the_first_step(tmp_path):
    (tmp_path / "steps.tsv").write_text("unpack\tpassed\t3\t-\nrun\tfailed\t9\t4096\n")
    stage = tmp_path / "runs" / "a" / "stages" / "k"
    stage.mkdir(parents=True)
    line = '{"step": %d, "tokens": 100, "seconds": %d, "seconds_generation": 1, "logprob_gap": 0.5}\n'
    (stage / "metrics.jsonl").write_text(line % (1, 50) + line % (2, 2) + line % (3, 2))
    status = "{'policy_loss': -1e-05, 'timing/broadcast': 1.0, 'rollout/response_length_mean': 24.5, "
    status += "'rollout/num_samples': 1024.0, 'timing/generation': %s, 'timing/step_total': %s}"
    lines = [
        f"(PPOTrainer pid=1) INFO: ✨ Global step {n}: {status % t}" for n, t in ((1, (50.0, 90.0)), (2, (2.0, 8.0)))
    ]
    (tmp_path / "stock.txt").write_text("\n".join(["loading", *lines, "Global step 3: killed"]))
    page = gpu_acceptance.summary(tmp_path, tmp_path / "runs")
    assert "OpenRLHF alone: 3,136 response tokens/s of a step, 12,544 while sampling." in page
    (tmp_path / "stock.txt").write_text(lines[0])
    assert "OpenRLHF alone" not in gpu_acceptance.summary(tmp_path, tmp_path / "runs"), "a first step is no measurement"
    assert "| run | failed | 9 | 4096 |" in page
    assert "k: 50 response tokens/s of a step, 100 while sampling, largest logprob_gap 0.5 nats." in page
