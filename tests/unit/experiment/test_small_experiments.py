"""The small experiments vary one thing each, and their page names all of them."""

import re
from pathlib import Path

import pytest

from passk.experiment import config
from passk.experiment.plan import plan
from passk.experiment.validate import check

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "experiments-small.md"
FILES = sorted(set(re.findall(r"\]\(\.\./experiments/([a-z0-9-]+)\.yaml\)", PAGE.read_text())))


@pytest.fixture(scope="module")
def small():
    return {name: config.load(ROOT / "experiments" / f"{name}.yaml") for name in FILES}


def keys(experiment, tmp_path):
    return {planned.record.name: planned.record.key for planned in plan(experiment, tmp_path).stages}


def rl(experiment):
    return {name: stage for name, stage in experiment.stages.items() if stage.kind == "rl"}


def varied(stages):
    """Return the fields in which the stages differ."""
    first, *others = [stage.model_dump(mode="json") for stage in stages]
    return {field for other in others for field in first if first[field] != other[field]}


def test_every_file_is_valid_and_its_page_has_its_command_and_its_prediction(small):
    page = PAGE.read_text()
    for name, experiment in small.items():
        check(experiment)
        assert experiment.name == name and f"    passk run experiments/{name}.yaml\n" in page
        head, _, _ = (ROOT / "experiments" / f"{name}.yaml").read_text().partition("\nname:")
        assert "# Prediction, written before any run:\n" in head and "--seeds 1,2,3" in head
    assert page.count("**Prediction.**") == page.count("**Result.**") == page.count("**Open after it.**") == len(FILES)


def test_the_methods_of_a_file_have_equal_steps_on_fresh_problems_and_a_curve(small):
    for experiment in small.values():
        stages = rl(experiment).values()
        assert varied(stages) <= {"advantage", "k", "parent"}
        for stage in stages:
            assert stage.evaluate_every <= stage.steps / 2
            assert experiment.problems[stage.problems].size >= stage.steps * stage.prompts_per_step


def test_warm_starts_of_different_depth_differ_in_their_steps_alone(small):
    experiment = small["warm-start-depth"]
    warm = {name: stage for name, stage in experiment.stages.items() if stage.kind == "sft"}
    assert varied(warm.values()) == {"steps"}
    size = experiment.problems["demonstrations"].size
    assert [stage.steps * stage.batch_size / size for stage in warm.values()] == [2, 4, 8, 16]
    assert varied(rl(experiment).values()) == {"parent"}
    assert [stage.parent for stage in rl(experiment).values()] == list(warm)


def test_sizes_of_k_start_from_the_warm_start_of_the_maze_demo(small, tmp_path):
    experiment = small["size-of-k"]
    assert varied(rl(experiment).values()) == {"advantage", "k"}
    assert [stage.k.at(1) for stage in rl(experiment).values()] == [1, 2, 4, 8]
    demo = config.load(ROOT / "experiments" / "maze-cpu.yaml")
    assert keys(experiment, tmp_path)["warm"] == keys(demo, tmp_path)["warm"]


def test_maxrl_and_pass_at_4_training_share_warm_start_and_mazes_and_no_prompt_is_cut(small):
    experiment = small["maxrl-maze"]
    stages = rl(experiment)
    assert varied(stages.values()) == {"advantage", "k"}
    assert {stage.advantage.names for stage in stages.values()} == {("grpo",), ("maxrl",), ("passk_analytical",)}
    assert {spec.source for spec in experiment.problems.values()} == {"maze_perfect"}
    width = experiment.problems["training"].width
    assert {(stage.parent, stage.max_prompt) for stage in stages.values()} == {("warm", width * (width + 1) + 1)}
