"""AR-OPD on numbers worked by hand: the privileged prompts, and the anchored residual."""

from dataclasses import replace

import pytest
import torch

from passk.base.errors import ConfigError, PasskError
from passk.experiment.method_field import chosen
from passk.methods.ar_opd import AROPD
from tests.unit.methods.test_sage import group

METHOD = AROPD(template="{hint}|{problem}", partial=0.5)
GROUP = replace(
    group([[-1.0, -2.0, -1.0], [-1.0, -1.0, -1.0]], mask=[[True, True, True], [True, True, False]]),
    prompt="<user>maze {hint}<end>", problem="maze {hint}", demonstration="RRDD",
)  # fmt: skip


class Teacher:
    """Log-probabilities by what a prompt shows."""

    def __init__(self):
        self.prompts = []

    def log_probs(self, group, prompt):
        self.prompts.append(prompt)
        known = {
            "<user>RR|maze {hint}<end>": [[-1.0, -1.0, -9.0], [-0.5, -1.0, -7.0]],
            "<user>RRDD|maze {hint}<end>": [[-0.5, -3.0, -1.0], [-0.5, -8.0, -7.0]],
        }
        return torch.tensor(known[prompt])


def test_a_token_gets_what_the_anchored_teacher_adds_to_it():
    changes = METHOD.of_group(GROUP, Teacher())
    # The residuals are 0.5, -2 and 8, which is bounded by 5; then 0, and -7, which is bounded by -5.
    expected = [[-0.5 + 1, -3.0 + 2, -4.0 + 1], [-0.5 + 1, -6.0 + 1, 0]]
    torch.testing.assert_close(changes.advantages, torch.tensor(expected))
    assert changes.base_log_probs is None
    half = AROPD(template="{hint}|{problem}", weight=0.5, bound=1.0).of_group(GROUP, Teacher())
    torch.testing.assert_close(half.advantages[0], torch.tensor([-0.75 + 1, -1.5 + 2, -8.5 + 1]))


def test_the_hints_stand_in_the_problem_of_the_formatted_prompt():
    assert METHOD.privileged(GROUP, 0.5) == "<user>RR|maze {hint}<end>"
    assert METHOD.privileged(GROUP, 1.0) == "<user>RRDD|maze {hint}<end>"
    assert METHOD.privileged(replace(GROUP, demonstration="R"), 0.2) == "<user>R|maze {hint}<end>"


def test_the_mean_over_sampled_tokens_is_the_gradient_over_the_whole_vocabulary():
    torch.manual_seed(1)
    logits = torch.randn(5, dtype=torch.float64, requires_grad=True)
    part, full = (torch.randn(5, dtype=torch.float64).log_softmax(-1) for _ in range(2))
    residual = part + (full - part).clamp(-5, 5)
    log_probs = logits.log_softmax(-1)
    whole = (log_probs.exp() * (log_probs - residual.log_softmax(-1))).sum()
    (expected,) = torch.autograd.grad(-whole, logits, retain_graph=True)
    advantages = (residual - log_probs).detach()  # without the constant that normalizes q*
    (found,) = torch.autograd.grad((log_probs.exp().detach() * advantages * log_probs).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_a_prompt_without_its_problem_and_a_template_without_its_slots_are_refused():
    with pytest.raises(PasskError, match="^method: ar_opd does not find the problem in its prompt; use"):
        METHOD.privileged(replace(GROUP, prompt="MAZE"), 0.5)
    with pytest.raises(ConfigError, match="^name: template does not contain {problem} and {hint} once;"):
        chosen({"name": "ar_opd", "template": "{problem}"})
