"""A sweep's experiments are whole experiments; nonsense is refused in one line."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, sweep, validate
from passk.experiment.plan import plan
from passk.problems import preparation
from tests.log_lines import logged_lines
from tests.unit.each import every

ROOT = Path(__file__).parents[3]
MAZE = str(ROOT / "experiments" / "maze-cpu.yaml")


@pytest.fixture
def maze():
    return config.load(MAZE)


def test_a_sweep_makes_an_experiment_for_each_combination(maze):
    made = sweep.sweep(maze, "pass4", advantage=["passk_analytical", "pkpo_sloo"], k=[2, 4], seeds=[1, 2])
    assert len({experiment.name for experiment in made}) == 8
    assert {(e.stages["pass4"].advantage.names, e.stages["pass4"].k.written, e.seed) for e in made} == {
        ((estimator,), k, seed) for estimator in ("passk_analytical", "pkpo_sloo") for k in (2, 4) for seed in (1, 2)
    }
    assert made[0].name == "maze-cpu-passk_analytical-k2-s1"
    assert all(experiment.stages["pass1"] == maze.stages["pass1"] for experiment in made)


def test_stages_that_do_not_vary_keep_their_keys_and_are_trained_once(maze, tmp_path):
    def keys(experiment):
        return {planned.record.name: planned.record.key for planned in plan(experiment, tmp_path).stages}

    one, other = (keys(experiment) for experiment in sweep.sweep(maze, "pass4", k=[2, 8]))
    assert {name for name in one if one[name] == other[name]} == {"warm", "pass1"}


def test_options_of_the_rule_that_was_there_do_not_go_to_another(maze):
    raw = yaml.safe_load(Path(MAZE).read_text())
    raw["stages"]["pass4"]["options"] = {"sigma": False}
    kept, dropped = sweep.sweep(config.parse(raw), "pass4", advantage=["passk_analytical", "grpo"])
    assert kept.stages["pass4"].options == {"sigma": False}
    assert dropped.stages["pass4"].options == {}


def test_what_is_written_reads_as_the_same_experiment(maze, tmp_path):
    for experiment in (maze, *sweep.sweep(maze, seeds=[7]), evaluation(maze, tmp_path)):
        assert config.load(sweep.write(experiment, tmp_path)) == experiment


def evaluation(maze, tmp_path, **more):
    return sweep.evaluation(maze, str(tmp_path), **more)


def test_an_evaluation_samples_the_checkpoint_and_trains_nothing(maze, tmp_path):
    made = evaluation(maze, tmp_path, benchmarks=["hard"], samples=6)
    laid_out = plan(made, tmp_path)
    assert laid_out.stages == ()
    assert [(s.record.checkpoint, s.record.benchmark, s.model) for s in laid_out.evaluations] == [
        ("base", "hard", str(tmp_path.resolve()))
    ]
    assert made.benchmarks["hard"].samples == 6
    assert made.benchmarks["hard"].k == (1, 4)
    assert set(made.problems) == {"demonstrations", "training", "hard"}


def test_an_evaluation_says_which_of_its_problems_are_in_the_training_sets_of_its_file(maze, tmp_path):
    raw = yaml.safe_load(Path(MAZE).read_text())
    for name, split in (("training", "train"), ("easy", "test")):
        file = tmp_path / f"{name}.jsonl"
        file.write_text(json.dumps({"problem": "Maze a, go:", "answer": "SE"}))
        raw["problems"][name] = {"source": "jsonl", "split": split, "file": str(file), "verifier": "maze"}
    raw["problems"]["demonstrations"]["size"] = 8
    made = evaluation(config.parse(raw), tmp_path, benchmarks=["easy"])
    laid_out = plan(made, tmp_path / "runs")
    with logged_lines() as said:
        preparation.prepare(made.problems, laid_out.problems, made.seed)
    start = "problems easy: NOT SEPARATE, of its 1 problems 1 is exactly in training"
    assert any(line.startswith(start) for line in said)
    assert "problems easy: none of its 1 problems is in demonstrations, exactly or nearly" in said


def test_an_evaluation_leaves_out_what_its_file_says_about_a_training(maze, tmp_path):
    raw = yaml.safe_load(Path(MAZE).read_text())
    raw |= {"model": {"path": "owner/name"}, "require": {"base": {"benchmark": "easy", "pass_at_8": [0.05, 0.95]}}}
    raw["benchmarks"]["hard"]["validation"] = True
    raw["stages"]["pass1"] |= {"evaluate_every": 20}
    of = config.parse(raw)
    validate.check(of)
    for names, samples in ((["hard"], None), (["easy"], 4), ([], None)):
        made = evaluation(of, tmp_path, benchmarks=names, samples=samples)
        assert made.require is None
        evaluated = {one.record.benchmark for one in plan(made, tmp_path / "runs").evaluations}
        assert evaluated == set(names or of.benchmarks)


def test_evaluations_of_two_checkpoints_do_not_share_a_directory(maze, tmp_path):
    (tmp_path / "a" / "model").mkdir(parents=True)
    (tmp_path / "b" / "model").mkdir(parents=True)
    names = {sweep.evaluation(maze, str(tmp_path / name / "model")).name for name in "ab"}
    assert len(names) == 2


def test_a_checkpoint_that_was_written_over_is_evaluated_anew(maze, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before, again = evaluation(maze, tmp_path), evaluation(maze, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert before.name == again.name != evaluation(maze, tmp_path).name


def test_a_checkpoint_that_is_moved_continues_its_evaluation(maze, tmp_path):
    checkpoint = tmp_path / "here" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"one")
    before = evaluation(maze, checkpoint)
    moved = (tmp_path / "here").rename(tmp_path / "there") / "checkpoint"
    assert evaluation(maze, moved).name == before.name


def test_evaluations_on_benchmarks_that_share_a_name_alone_do_not_share_a_directory(maze, tmp_path):
    trap = config.load(ROOT / "studies" / "mazes" / "experiments" / "study-trap.yaml")
    names = {evaluation(of, tmp_path, benchmarks=["easy"]).name for of in (maze, trap)}
    raw = yaml.safe_load(Path(MAZE).read_text())
    for section, name, field, value in (
        ("problems", "easy", "size", 100),
        ("benchmarks", "easy", "temperature", 0.7),
        ("benchmarks", "easy", "samples", 16),
    ):
        changed = copy.deepcopy(raw)
        changed[section][name][field] = value
        names.add(evaluation(config.parse(changed), tmp_path, benchmarks=["easy"]).name)
    names.add(evaluation(config.parse(raw | {"seed": 2}), tmp_path, benchmarks=["easy"]).name)
    assert len(names) == 6


def test_an_evaluation_asked_for_in_other_words_goes_on_in_its_directory(maze, tmp_path):
    raw = yaml.safe_load(Path(MAZE).read_text())
    raw["benchmarks"]["easy"]["max_failed"] = 0.5
    made = [
        evaluation(maze, tmp_path, benchmarks=["easy", "hard"]),
        evaluation(maze, tmp_path, benchmarks=["hard", "easy"]),
        evaluation(maze, tmp_path, benchmarks=["easy", "hard"], samples=32),
        evaluation(config.parse(raw), tmp_path, benchmarks=["easy", "hard"]),
    ]
    assert len({each.name for each in made}) == 1


def test_an_evaluation_on_a_file_of_problems_that_was_written_over_has_another_directory(maze, tmp_path):
    file = tmp_path / "mazes.jsonl"
    raw = yaml.safe_load(Path(MAZE).read_text())
    raw["problems"]["easy"] = {"source": "jsonl", "split": "test", "file": str(file), "verifier": "maze"}
    names = set()
    for grid in ("SE", "ES"):
        file.write_text(json.dumps({"problem": grid, "answer": grid}))
        names.add(evaluation(config.parse(raw), tmp_path, benchmarks=["easy"]).name)
    assert len(names) == 2


@every(
    ("asked", "said"),
    [
        ({}, "files: nothing to run"),
        ({"files": [MAZE], "seeds": [1]}, "seeds: belongs to a sweep"),
        ({"files": [MAZE, MAZE]}, "name: maze-cpu is listed twice"),
        ({"files": ["nowhere.yaml"]}, "nowhere.yaml: no such file"),
        ({"of": MAZE}, "advantage: nothing varies"),
        ({"of": MAZE, "seeds": [1, 1]}, "seeds: 1 is listed twice"),
        ({"of": MAZE, "k": [2]}, "stage: maze-cpu has 3 rl stages; name the one to vary"),
        ({"of": MAZE, "k": [2], "stage": "warm"}, "stage: maze-cpu has no rl stage 'warm'"),
        ({"of": MAZE, "k": [2], "stage": "pass5"}, "did you mean pass4?"),
        ({"of": MAZE, "seeds": [2], "stage": "pass4"}, "stage: has no effect"),
        ({"of": MAZE, "advantage": ["grop"], "stage": "pass4"}, "did you mean grpo?"),
        ({"of": MAZE, "k": [99], "stage": "pass4"}, "stages.pass4."),
        ({"of": MAZE, "seeds": [-1]}, "seed:"),
        ({"of": MAZE, "settings": ["stages.pass4.lr"]}, "set: 'stages.pass4.lr' is not FIELD=VALUE,VALUE"),
        ({"of": MAZE, "settings": ["stages.pass4.lr="]}, "is not FIELD=VALUE,VALUE"),
        ({"of": MAZE, "settings": ["stages.pass5.lr=1.0e-4"]}, "did you mean pass4?"),
        ({"of": MAZE, "settings": ["stages.pass4.rl=1.0e-4"]}, "stages.pass4.rl: unknown key; choose one of"),
        ({"of": MAZE, "settings": ["seed.a=1"]}, "seed.a: seed has no fields"),
        ({"of": MAZE, "settings": ["seed=1,1"]}, "seed: 1 is listed twice"),
    ],
)
def test_nonsense_is_refused_in_one_line(asked, said):
    with pytest.raises(ConfigError) as refused:
        sweep.experiments(**{"files": (), **asked})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_evaluation_of_what_is_not_there_is_refused(maze, tmp_path):
    with pytest.raises(ConfigError, match="did you mean hard?"):
        evaluation(maze, tmp_path, benchmarks=["hrad"])
    with pytest.raises(ConfigError, match=r"benchmarks.easy.samples"):
        evaluation(maze, tmp_path, samples=0)


def test_a_sweep_sets_any_field_and_names_the_experiments_by_it(maze):
    made = sweep.sweep(maze, settings=["stages.pass4.lr=1.0e-4,2.5e-4", "problems.training.size=1600"], seeds=[1, 2])
    found = {each.name: (each.stages["pass4"].lr, each.problems["training"].size, each.seed) for each in made}
    assert found == {
        "maze-cpu-lr0.0001-size1600-s1": (1e-4, 1600, 1),
        "maze-cpu-lr0.0001-size1600-s2": (1e-4, 1600, 2),
        "maze-cpu-lr0.00025-size1600-s1": (2.5e-4, 1600, 1),
        "maze-cpu-lr0.00025-size1600-s2": (2.5e-4, 1600, 2),
    }
    assert all(each.stages["pass1"].lr == maze.stages["pass1"].lr for each in made)
