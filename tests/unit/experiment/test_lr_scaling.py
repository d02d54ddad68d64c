"""`lr: auto`: steps as large as GRPO's, whatever k."""

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, lr_scaling
from passk.experiment.validate import check
from passk.openrlhf import flags
from tests.unit.experiment.test_config import GOOD, changed


def arm(**fields):
    raw = yaml.safe_load(GOOD)
    raw["stages"]["arm"] |= fields
    experiment = config.parse(raw)
    check(experiment)
    return experiment, experiment.stages["arm"]


def emitted(**fields) -> list[str]:
    from pathlib import Path

    experiment, stage = arm(**fields)
    paths = flags.Paths("model", Path("data"), Path("out"))
    return flags.rl(stage, experiment.compute, paths, seed=1, chat=False)


def value(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


@pytest.mark.parametrize(("k", "factor"), [(1, 1.0), (4, 3.1), (8, 6.2), (16, 14.2)])
def test_the_scale_is_32_over_the_peak_of_eta_at_the_papers_32_rollouts(k, factor):
    _, stage = arm(rollouts_per_prompt=32, k=k)
    assert [scale.factor for scale in lr_scaling.scales(stage)] == [pytest.approx(factor, rel=0.02)]


def test_auto_multiplies_the_base_and_a_number_is_taken_as_it_is():
    assert float(
        value(emitted(rollouts_per_prompt=32, k=4, lr="auto", base_lr=1e-6), "--actor.adam.lr")
    ) == pytest.approx(3.088e-6, rel=1e-3)
    assert value(emitted(rollouts_per_prompt=32, k=4, lr=1e-6), "--actor.adam.lr") == "1e-06"


def test_where_k_changes_the_plugin_is_told_the_factor_of_every_change_within_the_stage():
    schedule = [[1, 8], [100, 4], [150, 1], [999, 2]]
    words = emitted(rollouts_per_prompt=32, k=schedule, lr="auto", base_lr=1e-6, steps=200)
    assert float(value(words, "--actor.adam.lr")) == pytest.approx(6.176e-6, rel=1e-3)
    assert value(words, "--passk.lr_scale") == "1:1,100:0.5,150:0.16191"
    assert value(words, "--passk.k") == "1:8,100:4,150:1", "what the stage does not come to is not told"
    assert "--passk.lr_scale" not in emitted(rollouts_per_prompt=32, k=schedule, lr=1e-6, steps=200)


def test_auto_without_a_base_or_for_a_rule_whose_steps_are_unknown_is_refused_by_name():
    for fields, message in (
        ({"lr": "auto"}, "stages.arm.base_lr: lr: auto multiplies it; give the learning rate that GRPO would get"),
        ({"lr": 1e-6, "base_lr": 1e-6}, "stages.arm.base_lr: has no effect beside a number"),
        ({"lr": "auto", "base_lr": 1e-6, "advantage": "passk_adaptive"}, "stages.arm.lr: auto cannot tell how large"),
    ):
        with pytest.raises(ConfigError) as error:
            arm(**fields)
        assert str(error.value).startswith(message)


def test_every_k_of_a_schedule_is_checked_before_anything_starts():
    with pytest.raises(ConfigError, match=r"stages\.arm\.k: must be smaller than the rollouts per prompt \(16\)"):
        check(config.parse(changed("stages.arm.k", [[1, 4], [2, 16]])))
