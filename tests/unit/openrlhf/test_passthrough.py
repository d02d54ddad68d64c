"""OpenRLHF's own flags on a stage: only those that its parser takes and that passk leaves free."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from passk.base.errors import ConfigError
from passk.experiment import config
from passk.openrlhf import flags, passthrough
from passk.openrlhf.installed_parser import installed
from tests.unit.each import every
from tests.unit.experiment.test_config import changed

RL = {
    "--actor.adam.eps": 1e-6,
    "--ds.adam_offload": True,
    "--actor.optim": "muon",
    "--ds.zpg": 2,
    "--actor.muon.momentum": -1e-05,
}


def experiment(stage: str, value):
    return config.parse(changed(f"stages.{stage}.openrlhf", value))


def test_free_flags_stand_on_the_command_line_as_openrlhf_reads_them():
    taken = experiment("arm", RL)
    passthrough.check(taken)
    paths = flags.Paths("model", Path("data"), Path("out"))
    words = flags.rl(taken.stages["arm"], taken.compute, paths, seed=1)
    values = installed("rl").parse_args([*itertools.takewhile(lambda word: not word.startswith("--passk."), words)])
    read = {flag: getattr(values, flag.removeprefix("--")) for flag in RL}
    assert read == RL
    assert getattr(values, "actor.adam.lr") == 1e-4, "passk's own flags are there as well"


@every(
    ("stage", "flag", "value", "message"),
    [
        ("arm", "--actor.adam.epsilon", 1, "OpenRLHF has no such flag for rl; did you mean --actor.adam.eps?"),
        ("warm", "--actor.adam.eps", 1, "OpenRLHF has no such flag for sft; did you mean --adam.eps?"),
        ("arm", "adam.eps", 1, "OpenRLHF has no such flag for rl; did you mean --actor.adam.eps?"),
        ("arm", "--help", True, "OpenRLHF has no such flag for rl; choose one of"),
        ("arm", "--actor.adam.lr", 1e-6, "is not free; use lr"),
        ("warm", "--adam.lr", 1e-6, "is not free; use lr"),
        ("arm", "--train.seed", 1, "is not free; use seed of the experiment"),
        ("arm", "--train.async_enable", True, "is not free; the plugin is a subclass of the synchronous trainer"),
        ("arm", "--critic.adam.lr", 1e-6, "is not free; passk's estimators use no critic"),
        ("arm", "--logger.wandb.key", "x", "is not free; use trackers.wandb"),
        ("arm", "--ds.adam_offload", False, "is a switch, not False; write true, or remove it"),
        ("arm", "--ds.adam_offload", 1, "is a switch, not 1; write true, or remove it"),
        ("arm", "--ds.zpg", "2", "must be a whole number, not '2'; write one"),
        ("arm", "--ds.zpg", 2.0, "must be a whole number, not 2.0; write one"),
        ("arm", "--ds.zpg", True, "must be a whole number, not True; write one"),
        ("arm", "--ds.zpg", [2], "must be a whole number, not [2]; write one"),
        ("arm", "--actor.adam.eps", "1e-6", "must be a number, not '1e-6'; write one"),
        ("arm", "--actor.optim", "sgd", "invalid choice: 'sgd' (choose from 'adam', 'muon'); write a value"),
        ("arm", "--ds.grad_accum_dtype", 5, "must be text, not 5; write one"),
    ],
)
def test_another_flag_or_value_is_one_line_with_the_field(stage, flag, value, message):
    with pytest.raises(ConfigError) as error:
        passthrough.check(experiment(stage, {flag: value}))
    assert str(error.value).startswith(f"stages.{stage}.openrlhf.{flag}: {message}") and "\n" not in str(error.value)


def test_the_check_reads_the_parser_without_an_engine():
    code = (
        "import sys; from passk.openrlhf.installed_parser import installed; installed('rl'); installed('sft');"
        "print(sorted({'torch', 'ray', 'vllm', 'openrlhf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_and_a_plan_check_the_flags_before_they_start(tmp_path, monkeypatch):
    import yaml
    from typer.testing import CliRunner

    from passk.cli.main import app

    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(changed("stages.arm.openrlhf", {"--actor.adam.epsilon": 1})))
    monkeypatch.chdir(tmp_path)
    for command in ("plan", "run"):
        done = CliRunner().invoke(app, [command, str(file)])
        assert done.exit_code != 0
        assert "stages.arm.openrlhf.--actor.adam.epsilon" in f"{done.output}{done.exception}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.yaml"]
