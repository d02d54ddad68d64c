"""The experiment files of the shortcut study differ only as declared, and run in the declared order."""

import sys

import pytest

from passk.base.errors import ConfigError, SomeFailed
from passk.experiment import config
from passk.experiment.plan import plan
from passk.problems import generate
from studies.shortcut import __main__ as cli
from studies.shortcut import design, schedule, theory
from studies.shortcut.design import Run

BASE = config.load(design.BASE)


@pytest.fixture(scope="module")
def experiments():
    chosen = [Run(70, 20, 101), Run(5, 20, 101), Run(70, 5, 101), Run(70, 20, 106), Run(70, 20, 106, 1)]
    return {run.name: design.experiment(run) for run in chosen}


def keys(experiment, tmp_path):
    return {planned.record.name: planned.record.key for planned in plan(experiment, tmp_path).stages}


def test_ten_cells_have_six_seeds_and_the_central_one_ten_runs_of_which_five_share_the_last_seed():
    runs = design.runs()
    assert len(runs) == len({run.name for run in runs}) == 10 * 6 + 4
    assert {run.seed for run in runs} == set(range(101, 107))
    central = [run for run in runs if run.cell == "e70-s20"]
    assert [run.seed for run in central] == [101, 102, 103, 104, 105] + [106] * 5
    assert [run.warm_start for run in central[5:]] == [0, 1, 2, 3, 4]


def test_one_seed_of_every_main_cell_comes_first_and_more_seeds_come_last():
    runs = design.runs()
    assert {run.cell for run in runs[:5]} == {"e70-s20", "e50-s20", "e30-s20", "e90-s20", "e05-s20"}
    assert {(run.states, run.seed) for run in runs[5:10]} == {(5, 101)}
    assert design.runs(9)[: len(runs)] == runs and len(design.runs(9)) == len(runs) + 3 * 10


def test_the_cells_of_a_seed_share_the_warm_start_and_differ_in_rl(experiments, tmp_path):
    first, other = (keys(experiments[name], tmp_path) for name in ("e70-s20-101", "e05-s20-101"))
    assert {name for name in first if first[name] == other[name]} == {"skill", "warm"}


def test_further_warm_starts_differ_in_their_demonstrations_alone(experiments):
    last, further = (experiments[name].model_dump() for name in ("e70-s20-106", "e70-s20-106-w1"))
    changed = {name for name in last["problems"] if last["problems"][name] != further["problems"][name]}
    assert changed == {"skill", "habit"}
    assert {key for key in last if last[key] != further[key]} == {"name", "problems"}


def test_warm_start_and_rl_are_those_of_the_demo_but_for_the_steps(experiments):
    own = experiments["e70-s20-101"]
    for name in ("skill", "habit"):
        assert own.problems[name] == BASE.problems[name]
    assert own.stages["warm"] == BASE.stages["warm"] and own.model == BASE.model and own.compute == BASE.compute
    switch = {"k": {"from": 4, "to": 1, "at": theory.SWITCH}}
    for name, demo, changed in (("pass1", "pass1", {}), ("passk_pass1", "pass4-pass1", switch)):
        declared = BASE.stages[demo].model_dump(by_alias=True) | {"steps": theory.STEPS, "evaluate_every": None}
        assert own.stages[name].model_dump(by_alias=True) == declared | changed
    assert own.problems["training"].size == theory.STEPS * own.stages["pass1"].prompts_per_step


def test_the_theory_has_the_estimator_and_the_k_of_each_step(experiments):
    for method, phases in theory.PHASES.items():
        stage = experiments["e70-s20-101"].stages[method]
        each = [(estimator, k) for estimator, k, steps in phases for _ in range(steps)]
        assert each == [(stage.advantage.names[0], stage.k.at(step)) for step in range(1, stage.steps + 1)]


def test_demonstrations_have_walks_without_a_random_state_as_often_with_more_luck(experiments):
    for name in ("e70-s20-101", "e70-s5-101"):
        habit = experiments[name].problems["habit"]
        assert (1 - habit.step_noise) ** habit.steps == pytest.approx(theory.KNOWN, rel=1e-3)


@pytest.mark.parametrize("name", ["e70-s20-101", "e70-s5-101"])
def test_tests_have_all_walks_with_a_correct_hint_and_200_with_an_incorrect_one(experiments, name):
    own = experiments[name]
    correct, incorrect = own.problems["correct"], own.problems["incorrect"]
    assert {p.difficulty for p in generate(correct, 101)} == {"hint correct"}
    assert {p.difficulty for p in generate(incorrect, 101)} == {"hint incorrect"} and incorrect.size == 200
    with pytest.raises(ConfigError, match="test walks"):
        generate(correct.model_copy(update={"size": correct.size + 1}), 101)
    assert all((each.samples, each.top_p) == (8, 1.0) for each in own.benchmarks.values())
    longest = max(len(p.prompt) for p in generate(incorrect, 101))
    assert longest <= own.stages["pass1"].max_prompt
    computed = max(len(p.demonstration) for p in generate(own.problems["skill"].model_copy(update={"size": 50}), 101))
    assert computed < own.stages["pass1"].max_response


@pytest.fixture
def three(tmp_path):
    """A directory with three files; a further file is not of the study."""
    directory = tmp_path / "files"
    directory.mkdir()
    for name in ("e70-s20-102", "e05-s5-101", "e70-s20-101", "notes"):
        (directory / f"{name}.yaml").write_text("")
    return directory


def test_files_run_in_the_declared_order_and_only_those_of_a_cell(three):
    assert [file.stem for file in schedule.files(three)] == ["e70-s20-101", "e05-s5-101", "e70-s20-102"]
    assert [file.stem for file in schedule.files(three, "e05-s5")] == ["e05-s5-101"]


@pytest.mark.parametrize(("only", "message"), [("e7", "only: no cell"), ("e30-s20", "directory: .* no experiment")])
def test_a_cell_without_files_is_refused(three, only, message):
    with pytest.raises(ConfigError, match=message):
        schedule.files(three, only)


def test_finished_experiments_are_skipped_and_a_failure_does_not_stop_the_others(three, tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "finished", lambda file, runs, known: file.stem == "e70-s20-101")
    lines, code = [], "import sys; print(sys.argv[1:]); sys.exit('s5' in sys.argv[1])"
    with pytest.raises(SomeFailed, match="e05-s5-101"):
        schedule.run_all(three, tmp_path / "runs", command=(sys.executable, "-c", code), show=lines.append)
    assert [line.split(",")[0] for line in lines] == [
        "e70-s20-101: finished before", "e05-s5-101: exit status 1", "e70-s20-102: done"
    ]  # fmt: skip
    assert lines[-1].endswith(" min")
    log = (three / "e70-s20-102.log").read_text()
    assert str(three / "e70-s20-102.yaml") in log and str(tmp_path / "runs") in log


def test_no_experiment_starts_after_the_hours(three, tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "finished", lambda file, runs, known: False)
    lines = []
    schedule.run_all(three, tmp_path, hours=0, command=(sys.executable, "-c", ""), show=lines.append)
    assert lines == ["stopped after 0 h; repeat the command to continue with e70-s20-101"]


def test_an_experiment_is_finished_with_its_last_evaluation_and_its_report(experiments, tmp_path):
    own, runs = experiments["e70-s20-101"], tmp_path / "runs"
    file = tmp_path / "e70-s20-101.yaml"
    file.write_text(schedule.design.yaml_file.dump(own.model_dump(mode="json", by_alias=True, exclude_defaults=True)))
    assert not schedule.finished(file, runs)
    whole = plan(own, runs)
    directories = [*(stage.directory for stage in whole.stages), *(e.directory for e in whole.evaluations)]
    for directory in directories:
        directory.mkdir(parents=True)
    for directory in directories[:-1]:
        (directory / "manifest.json").write_text("{}")
    (whole.directory / "report.md").write_text("")
    assert not schedule.finished(file, runs)
    (directories[-1] / "manifest.json").write_text("{}")
    (whole.directory / "report.md").unlink()
    assert not schedule.finished(file, runs)
    (whole.directory / "report.md").write_text("")
    assert schedule.finished(file, runs)


def test_an_exported_experiment_is_finished_by_its_cell_seed_and_warm_start(experiments, tmp_path):
    own = experiments["e70-s20-101"]
    file = tmp_path / "e70-s20-101.yaml"
    file.write_text(schedule.design.yaml_file.dump(own.model_dump(mode="json", by_alias=True, exclude_defaults=True)))
    row = (0.7, 1 / 20, 101, keys(own, tmp_path)["warm"])
    assert schedule.finished(file, tmp_path, {row})
    for other in ((0.5, *row[1:]), (0.7, 1 / 5, *row[2:]), (0.7, 1 / 20, 102, row[3]), (*row[:3], "other")):
        assert not schedule.finished(file, tmp_path, {other})


def test_a_mistake_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit, match="^study: directory: .*; write them with `design`$"):
        cli.main(["run", str(tmp_path)])
    with pytest.raises(SystemExit, match="^study: .*no such file; write it with"):
        cli.main(["remake", "--directory", str(tmp_path)])
