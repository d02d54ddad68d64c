"""The GPUs of a training's flags are those of its experiment."""

from dataclasses import fields
from pathlib import Path

import pytest

from passk.experiment import config
from passk.experiment.stage import RlStage
from passk.openrlhf import flags
from passk.openrlhf.flags import Paths
from passk.openrlhf.needed_gpus import needed

FLAGS = "--actor.num_nodes 2 --actor.num_gpus_per_node=4 --vllm.num_engines 3 --vllm.tensor_parallel_size 2 --other x"


def test_trainer_and_engines_are_apart_unless_they_are_colocated():
    assert needed(FLAGS.split()) == 2 * 4 + 3 * 2
    assert needed([*FLAGS.split(), "--train.colocate_all"]) == 2 * 4


def test_without_one_of_the_flags_the_number_is_unknown():
    assert needed(FLAGS.split()[2:]) is None


@pytest.mark.parametrize("file", ["maze-cpu", "qwen2.5-7b-maze"])
def test_the_flags_of_an_experiment_need_what_its_stages_hold(file, tmp_path):
    experiment = config.load(Path(f"experiments/{file}.yaml"))
    paths = Paths(*(tmp_path,) * len(fields(Paths)))
    stages = [stage for stage in experiment.stages.values() if isinstance(stage, RlStage)]
    found = [needed(flags.rl(stage, experiment.compute, paths, seed=1)) for stage in stages]
    assert found == [experiment.compute.gpus(rollouts=True)] * len(stages) != []
