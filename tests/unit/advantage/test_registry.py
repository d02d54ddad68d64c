import subprocess
import sys

import pytest
import torch

from passk import advantage
from passk.advantage import Rule
from passk.errors import ConfigError, PasskError


def test_names_are_those_of_the_rules():
    assert advantage.names() == ["grpo", "passk_analytical"]


def test_checking_an_experiment_leaves_torch_out():
    code = (
        "import sys, passk.advantage as advantage\n"
        "advantage.check('passk_analytical', 4, 16); advantage.check('grpo', 1, 16); advantage.names()\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "k", "n", "message"),
    [
        ("pass_analytical", 4, 16, "rule: 'pass_analytical' does not exist; did you mean passk_analytical?"),
        ("zzz", 4, 16, "rule: 'zzz' does not exist; there is grpo, passk_analytical"),
        ("passk_analytical", 0, 16, "k: must be 1 or more, not 0"),
        ("passk_analytical", 16, 16, "k: must be smaller than the rollouts a prompt (16), not 16"),
        ("passk_analytical", 17, 16, "k: must be smaller than the rollouts a prompt (16), not 17"),
        (
            "grpo",
            4,
            16,
            "k: grpo is a Pass@1 rule, not one for k = 4; set k to 1 or rule to passk_analytical",
        ),
    ],
)
def test_what_a_rule_is_not_defined_for_is_refused_in_the_file_and_in_the_trainer_alike(name, k, n, message):
    for refused in (
        lambda: advantage.check(name, k, n),
        lambda: advantage.compute(name, torch.zeros(2, n), k),
    ):
        with pytest.raises(ConfigError) as raised:
            refused()
        assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_a_name_that_is_taken_is_refused(monkeypatch):
    monkeypatch.setattr(advantage, "_rules", dict(advantage._rules))
    advantage.register(Rule("mine", "my.package:mine", k="< N"))
    for name in ("mine", "grpo"):
        with pytest.raises(PasskError, match=f"rule: {name} is .* already"):
            advantage.register(Rule(name, "other:rule", k="1"))
    assert advantage._rules["grpo"].function == "passk.advantage.grpo:grpo"


@pytest.mark.parametrize("name", advantage.names())
@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        (torch.zeros(8), r"rewards: must be \[prompts, rollouts\], not of shape \[8\]"),
        (torch.zeros(2, 8, 1), r"rewards: must be \[prompts, rollouts\], not of shape \[2, 8, 1\]"),
        (torch.zeros(2, 0), r"rewards: must be \[prompts, rollouts\], not of shape \[2, 0\]"),
        (torch.tensor([[0.0, 1.0, float("nan")]]), "rewards: 1 of 3 are NaN or infinite"),
        (torch.tensor([[0.0, float("inf"), -float("inf")]]), "rewards: 2 of 3 are NaN or infinite"),
    ],
)
def test_rewards_that_no_rule_can_take_are_refused_by_name(name, rewards, message):
    with pytest.raises(PasskError, match=message):
        advantage.compute(name, rewards, 1)


@pytest.mark.parametrize("name", advantage.names())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_any_dtype_of_rewards_gives_float32_and_leaves_the_rewards_alone(name, dtype):
    rewards = torch.tensor([[0, 1, 1, 0, 0]]).to(dtype)
    kept = rewards.clone()
    advantages = advantage.compute(name, rewards, 1)
    assert advantages.dtype == torch.float32 and advantages.shape == rewards.shape
    assert torch.equal(rewards, kept) and not advantages.requires_grad
    assert torch.equal(advantages, advantage.compute(name, rewards.float(), 1))


@pytest.mark.parametrize("name", advantage.names())
def test_no_prompts_give_no_advantages(name):
    assert advantage.compute(name, torch.zeros(0, 8), 1).shape == (0, 8)
