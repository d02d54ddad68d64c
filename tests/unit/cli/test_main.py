import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from passk.base.errors import ConfigError, PasskError, SomeFailed
from passk.cli import main
from passk.experiment import config
from passk.pipeline import run_record
from passk.pipeline import stages as steps
from tests.unit.experiment.test_config import GOOD, changed


def process(directory: Path, *words: str) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name("passk")), *words]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)


@pytest.fixture
def passk(tmp_path, monkeypatch, capsys):
    """The command in `tmp_path`, in this process, which spares its imports."""

    def run(*words: str) -> subprocess.CompletedProcess:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["passk", *words])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return subprocess.CompletedProcess(words, ended.value.code, *capsys.readouterr())

    return run


HUB_MODEL = "nobody-of-this-name/no-such-model"


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("stages.arm.k", 16, "bad.yaml:29: stages.arm.k"),
        ("sede", 1, "bad.yaml:24: sede"),
        ("compute.kv_cache_gib", 1_000_000, "compute.kv_cache_gib"),
        ("model", {"path": "./none"}, "model.path"),
        ("model", {"path": HUB_MODEL}, "model.path"),
    ],
)
def test_bad_input_is_one_line_and_status_2_and_nothing_is_written(tmp_path, passk, path, value, field):
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed(path, value)))
    words = ("run", "bad.yaml")
    # the hub's settings are read at the start of a process
    done = process(tmp_path, *words) if value == {"path": HUB_MODEL} else passk(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"passk: {field}:")
    assert done.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["bad.yaml"]


def test_a_plan_prints_every_stage_with_a_command_and_writes_nothing(tmp_path, passk):
    (tmp_path / "good.yaml").write_text(GOOD)
    done = passk("plan", "good.yaml")
    assert done.returncode == 0
    assert "# warm: sft, 2 steps" in done.stdout
    assert "# arm: rl, passk_analytical k=4, 2 steps from warm" in done.stdout
    assert "--passk.advantage passk_analytical" in done.stdout
    assert "\n# evaluations: memory: about " in done.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["good.yaml"]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("1,two", "seeds: '1,two' is not a list of whole numbers"),
        ("1,1", "seeds: 1 is listed twice"),
    ],
)
def test_seeds_of_a_sweep_that_are_none_are_one_line_and_nothing_is_written(tmp_path, passk, seeds, said):
    (tmp_path / "good.yaml").write_text(GOOD)
    done = passk("sweep", "good.yaml", "--seeds", seeds)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"passk: {said}") and done.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["good.yaml"]


def test_what_a_sweep_lacks_for_every_seed_is_refused_before_anything_is_written(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(changed("model", {"path": str(tmp_path / "none")})))
    with pytest.raises(ConfigError, match="^model.path: the directory .* does not exist; "):
        main.sweep([file], seeds="1,2", runs=tmp_path / "runs", **NOTHING)
    assert list(tmp_path.iterdir()) == [file]


NOTHING = {"advantage": "", "k": "", "settings": [], "stage": ""}


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Run a sweep of GOOD in which some seeds fail: the seeds that were begun, what was compared, how it ended."""
    (tmp_path / "good.yaml").write_text(GOOD)
    monkeypatch.setattr(main, "check_installation", lambda _: None)

    def sweep(failing, compare=lambda *_: None):
        begun, compared = [], []

        def run(laid_out, file):
            begun.append(config.load(file).seed)
            assert laid_out.experiment.seed == begun[-1]
            if error := failing.get(begun[-1]):
                raise error

        monkeypatch.setattr(main, "_run", run)
        monkeypatch.setattr(main, "compare", lambda names, *_: (compared.append(names), compare()))
        ended = None
        try:
            main.sweep([tmp_path / "good.yaml"], seeds="1,2,3,4", runs=tmp_path / "runs", **NOTHING)
        except (PasskError, main.Stopped) as error:
            ended = error
        return begun, compared, ended

    return sweep


def test_a_seed_that_fails_in_whatever_way_keeps_no_other_from_being_run_and_compared(swept):
    failing = {
        1: ConfigError("compute.kv_cache_gib", "too little memory", "lower it"),
        2: SomeFailed("arm failed: out of memory"),
        3: PasskError("Ray did not start"),
    }
    begun, compared, ended = swept(failing)
    assert begun == [1, 2, 3, 4]
    assert compared == [["small-s2", "small-s4"]], "those that have a report"
    assert isinstance(ended, SomeFailed)
    assert str(ended) == (
        "small-s1: compute.kv_cache_gib: too little memory; lower it; small-s2: arm failed: out of memory; "
        "small-s3: Ray did not start"
    )


def test_a_comparison_that_fails_is_told_beside_the_seeds_that_did(swept):
    def compare():
        raise PasskError("passk.duckdb: held by a notebook")

    _, _, ended = swept({3: PasskError("Ray did not start")}, compare)
    assert str(ended) == (
        "small-s3: Ray did not start; comparison of small-s1, small-s2, small-s4: passk.duckdb: held by a notebook"
    )


def test_ctrl_c_stops_all_seeds_of_a_sweep(swept):
    begun, compared, ended = swept({2: main.Stopped("stopped")})
    assert (begun, compared) == ([1, 2], [])
    assert isinstance(ended, main.Stopped)


def test_a_command_that_does_not_exist_is_status_2(tmp_path):
    assert process(tmp_path, "rnu").returncode == 2


def test_every_command_is_in_the_quickstart():
    from passk.cli.main import app

    page = (Path(__file__).parents[3] / "docs" / "quickstart.md").read_text()
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    names += [group.name or group.typer_instance.info.name for group in app.registered_groups]
    assert len(names) >= 12 and "problems" in names
    assert [name for name in names if f"passk {name}" not in page] == []


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Runs an experiment of which all is trained and sampled; returns how often its steps were gone through."""
    sessions = []

    def gone_through(laid_out, file):
        sessions.append(run_record.RunRecord(laid_out, f"passk run {file}"))
        if laid_out.experiment.question != "Stopped?":
            (laid_out.directory / "report.md").write_text("")

    monkeypatch.setattr(steps, "all_finished", lambda _: True)
    monkeypatch.setattr(main, "check_machine", lambda _: None)
    monkeypatch.setattr(main, "_by_prefect", gone_through)
    monkeypatch.setattr("passk.runtime.environment.be_quiet", lambda: None)
    monkeypatch.setattr("reports.results_table", lambda *_: "the table")

    def run(described):
        file = tmp_path / "small.yaml"
        file.write_text(yaml.safe_dump(described))
        main.run(file, tmp_path / "runs")
        return len(sessions)

    return run


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("benchmarks.test.k", [1, 16]),
        ("benchmarks.test.max_failed", 0.5),
        ("question", "Does it harm?"),
        ("stages.arm", None),
        ("benchmarks.second", {"problems": "test", "samples": 16, "k": [1], "max_response": 16}),
    ],
)
def test_what_no_key_tells_apart_is_recorded_and_reported_anew_and_then_done(ran, tmp_path, capsys, path, value):
    assert [ran(yaml.safe_load(GOOD)), ran(yaml.safe_load(GOOD))] == [1, 1]
    assert "small: finished, nothing to do" in capsys.readouterr().out
    assert ran(changed(path, value)) == 2
    assert "nothing to do" not in capsys.readouterr().out
    recorded = json.loads((tmp_path / "runs" / "small" / "experiment.json").read_text())
    assert config.parse(recorded["config"]) == config.parse(changed(path, value))
    assert ran(changed(path, value)) == 2


def test_a_run_that_was_stopped_before_its_report_is_not_done(ran):
    ran(yaml.safe_load(GOOD))
    ran(changed("question", "Stopped?"))
    assert ran(changed("question", "Stopped?")) == 3
