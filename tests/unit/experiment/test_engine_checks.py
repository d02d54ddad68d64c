"""Engine settings that exclude each other are refused before anything starts, one line each."""

import pytest
import yaml

from passk.experiment import config
from passk.experiment.validate import check
from tests.unit.experiment.test_config import GOOD, changed, refusal


def arm(**fields):
    return changed("stages.arm", yaml.safe_load(GOOD)["stages"]["arm"] | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"kl": {"coef": 0.1}},
        {"kl": {"coef": 0.1, "estimator": "k1", "in": "reward", "reference": "warm"}},
        {"kl": {"coef": 0.1, "estimator": "k1"}, "openrlhf": {"--algo.kl.unbiased_gradient": True}},
        {"loss": {"type": "gspo", "dual_clip": 3}},
        {"importance_correction": {"level": "seq", "gating": "binary_kl", "threshold": [0.01]}, "loss": {}},
    ],
)
def test_settings_that_work_together_pass(fields):
    check(config.parse(arm(**fields)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kl": {"coef": 0.1, "reference": "wram"}}, "kl.reference: wram is not a stage that arm comes from; did you"),
        ({"kl": {"coef": 0.1, "reference": "arm"}}, "kl.reference: arm is not a stage that arm comes from; did you"),
        ({"kl": {"coef": 0.1, "estimator": "k1"}}, "kl.estimator: the gradient of k1 in the loss is zero on average"),
        (
            {"kl": {"coef": 0.1, "in": "reward"}, "openrlhf": {"--algo.kl.unbiased_gradient": True}},
            "openrlhf.--algo.kl.unbiased_gradient: has no effect in the reward; remove it",
        ),
        (
            {"importance_correction": {"level": "token"}, "loss": {"type": "gspo"}},
            "importance_correction: OpenRLHF applies no bounds to gspo; remove it, or set loss.type to ppo",
        ),
        (
            {"importance_correction": {"level": "token"}, "top_p": 0.9},
            "importance_correction: vLLM's probabilities are those within top_p = 0.9",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_one_line(fields, message):
    assert refusal(arm(**fields)).startswith(f"stages.arm.{message}")
