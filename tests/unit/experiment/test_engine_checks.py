"""Engine settings that exclude each other are refused before anything starts, one line each."""

import yaml

from passk.experiment import config
from passk.experiment.validate import check
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD, changed, refusal


def arm(**fields):
    return changed("stages.arm", yaml.safe_load(GOOD)["stages"]["arm"] | fields)


@every(
    "fields",
    [
        {"kl": {"coef": 0.1}},
        {"kl": {"coef": 0.1, "estimator": "k1", "in": "reward", "reference": "warm"}},
        {"kl": {"coef": 0.1, "estimator": "k1"}, "openrlhf": {"--algo.kl.unbiased_gradient": True}},
        {"loss": {"type": "gspo", "dual_clip": 3}},
        {"overlong": {"buffer": 16}, "advantage": "grpo", "k": 1, "mask_truncated": True},
        {"filter_groups": True, "ema": 0.9},
        {"lora": {"rank": 4}, "kl": {"coef": 0.1}, "filter_groups": {"max_rounds": 2}},
        {"importance_correction": {"level": "seq", "gating": "binary_kl", "threshold": [0.01]}, "loss": {}},
    ],
)
def test_settings_that_work_together_pass(fields):
    check(config.parse(arm(**fields)))


@every(
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
        ({"overlong": {"buffer": 4}}, "overlong: passk_analytical takes rewards of 0 and 1 alone"),
        (
            {"overlong": {"buffer": 4}, "advantage": "edas", "k": 1, "options": {"base": "grpo"}},
            "overlong: edas takes rewards of 0 and 1 alone",
        ),
        (
            {"overlong": {"buffer": 17}, "advantage": "grpo", "k": 1},
            "overlong.buffer: 17 tokens are more than max_response; lower it to 16 or less",
        ),
        ({"lora": {"rank": 4}, "ema": 0.9}, "ema: averages all weights, and lora trains an adapter; remove one"),
        (
            {"lora": {"rank": 4}, "openrlhf": {"--ds.tensor_parallel_size": 2}},
            "lora: needs whole weights on each GPU; remove --ds.tensor_parallel_size or lora",
        ),
        (
            {"filter_groups": True, "advantage": "reinforce_k", "k": 16},
            "filter_groups: a group of 16 rollouts cannot have a correct one and k = 16 incorrect ones; raise",
        ),
        (
            {"filter_groups": True, "advantage": "tea", "k": 1},
            "filter_groups: keeps groups by their rewards of 1, and tea learns from the spread of graded rewards",
        ),
        (
            {"importance_correction": {"level": "token"}, "top_p": 0.9},
            "importance_correction: vLLM's probabilities are those within top_p = 0.9",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_one_line(fields, message):
    assert refusal(arm(**fields)).startswith(f"stages.arm.{message}")


@every(
    ("compute", "stage", "fields", "message"),
    [
        ({"zero_stage": 3}, "arm", {"lora": {"rank": 4}}, "lora: needs whole weights on each GPU; set compute.zero_st"),
        (
            {"zero_stage": 3},
            "warm",
            {"lora": {"rank": 4}},
            "lora: needs whole weights on each GPU; set compute.zero_st",
        ),
        ({"zero_stage": 3}, "arm", {"ema": 0.9}, "ema: needs whole weights on each GPU; set compute.zero_stage to 2"),
        (
            {"deterministic": True},
            "arm",
            {"filter_groups": True},
            "filter_groups: samples an unknown number of prompts",
        ),
    ],
)
def test_settings_that_the_compute_section_excludes_are_one_line(compute, stage, fields, message):
    raw = yaml.safe_load(GOOD)
    raw["compute"] |= compute
    raw["stages"][stage] |= fields
    assert refusal(raw).startswith(f"stages.{stage}.{message}")


def test_the_data_of_a_stage_that_filters_are_bounded_with_its_rounds():
    raw = arm(filter_groups={"max_rounds": 999_999}, steps=99_999)
    assert "steps x prompts_per_step x max_rounds is " in refusal(raw)
