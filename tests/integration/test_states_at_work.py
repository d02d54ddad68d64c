"""An estimator's state inside the installed experience maker: over steps, through a checkpoint's dict, and not beyond.

tests/integration/test_estimator_state.py kills and resumes a real stage.
"""

import random
from types import SimpleNamespace

import pytest

from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.k_schedule import Schedule

from .installed import source_of

N, PROMPTS, STEPS = 4, 6, 9
SCHEDULE = {1: "curverl", 4: "dr_grpo", 6: "curverl"}


@pytest.fixture
def maker(actor_classes, monkeypatch, tmp_path):
    """maker(states): an experience maker whose estimators have these states."""
    from passk.openrlhf import length_settings, trainer
    from passk.openrlhf.settings import PluginSettings

    monkeypatch.setattr(length_settings, "apply_length_penalties", lambda experiences, args: None)

    def made(states):
        one = object.__new__(trainer.PasskExperienceMaker)
        options = {"curverl": {"window": 3}}
        one.settings = PluginSettings(AdvantageSchedule.of(SCHEDULE), Schedule.of(1), options, tmp_path)
        one.tokenizer, one.states, one.kl_ctl = None, states, SimpleNamespace(value=0.0)
        one.args = SimpleNamespace(rollout=SimpleNamespace(n_samples_per_prompt=N), train=SimpleNamespace(seed=1))
        return one

    return made


def advantages(maker, steps):
    """Advantages of each of the steps, [P, N], whose rewards depend on the step alone."""
    import torch

    found = []
    for step in steps:
        draw = random.Random(step)
        rewards = torch.tensor([float(draw.random() < (i // N + 1) / (PROMPTS + 1)) for i in range(N * PROMPTS)])
        mask = torch.ones(len(rewards), 2, dtype=torch.long)
        experience = SimpleNamespace(
            index=list(range(len(rewards))), rewards=rewards, action_mask=mask, kl=torch.zeros(mask.shape),
            sequences=torch.ones(len(rewards), 3, dtype=torch.long), truncated=torch.zeros(len(rewards)),
            prompts=[str(i // N) for i in range(len(rewards))], labels=["a label"] * len(rewards), info={},
            action_log_probs=None, rollout_log_probs=None,
        )  # fmt: skip
        maker.step = step
        [made] = maker.compute_advantages_and_returns([experience])
        found.append(made.advantages[:, 0].view(PROMPTS, N))
    return found


def test_a_resume_goes_on_with_the_state_of_the_checkpoint(maker):
    import torch

    from passk.openrlhf.estimator_state import restored, saved

    whole = advantages(maker({}), range(1, STEPS + 1))
    for last in range(1, STEPS):
        killed = maker({})
        before = advantages(killed, range(1, last + 1))
        checkpoint = {"global_step": last, **saved(killed.states)}
        after = advantages(maker(restored(checkpoint)), range(last + 1, STEPS + 1))
        assert all(torch.equal(one, other) for one, other in zip(whole, before + after, strict=True)), last
    afresh = advantages(maker({}), range(6, STEPS + 1))
    assert not all(torch.equal(one, other) for one, other in zip(whole[5:], afresh, strict=True)), "state has no effect"


def test_a_state_is_kept_through_the_steps_of_another_estimator_and_nobody_else_has_one(maker):
    one = maker({})
    advantages(one, range(1, 4))
    kept = [list(counts) for counts in one.states["curverl"]["counts"]]
    advantages(one, range(4, 6))
    assert one.states == {"curverl": {"counts": kept}} and len(kept) == 3
    advantages(one, [6])
    assert one.states["curverl"]["counts"][:2] == kept[1:]


def test_openrlhf_saves_the_whole_dict_of_its_trainer_and_gives_it_back():
    actor, strategy = source_of("openrlhf.trainer.ray.ppo_actor"), source_of("openrlhf.utils.deepspeed.deepspeed")
    assert "model.save_checkpoint(save_dir, tag=tag, client_state=client_state" in strategy
    assert "_, states = strategy.load_ckpt(self.actor.model, ckpt_path)" in actor
    assert "self.checkpoint_states = states" in actor and "return self.checkpoint_states" in actor
    trainer = source_of("openrlhf.trainer.ppo_trainer")
    assert 'async_run_method(method_name="get_checkpoint_states")' in trainer and "return checkpoint_states" in trainer
