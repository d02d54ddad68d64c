"""passk in OpenRLHF's trainer: the estimator in the experience maker, and a record of every step.

`PPOTrainer` is a Ray actor class. This module subclasses its plain class and makes it an actor class again.
tests/integration/test_contract_hooks.py checks every overridden method.
"""

import itertools
import time
from functools import partial
from pathlib import Path
from typing import Any

import ray
import torch
from openrlhf.models.utils import compute_reward
from openrlhf.trainer.ppo_trainer import PPOTrainer
from openrlhf.trainer.ppo_utils.experience import Experience
from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker
from transformers import set_seed

from passk import advantage, verifiers
from passk.base.randomness import seed_of
from passk.files.metrics_log import read_metrics
from passk.openrlhf import checkpoints, estimator_state, group_filter, length_settings, method_groups, mismatch
from passk.openrlhf.demonstrations import Demonstrations
from passk.openrlhf.estimator_inputs import false_positive_rate, inputs
from passk.openrlhf.evaluation_log import EvaluationLog
from passk.openrlhf.exports import Exports
from passk.openrlhf.held_out import evaluate
from passk.openrlhf.kept_models import KeptModels
from passk.openrlhf.prompt_label import ANSWER_HALVES, REASON
from passk.openrlhf.samples_generator import PasskSamplesGenerator
from passk.openrlhf.settings import PluginSettings
from passk.openrlhf.step_recorder import Rollouts, StepRecorder, gathered

_STEP_SEEDS = 1_000_003
"""Distance of the seeds of two runs, so that neighbouring seeds of experiments do not collide."""


class PasskExperienceMaker(RemoteExperienceMaker):
    """OpenRLHF's experience maker with an estimator of passk instead of its own."""

    settings: PluginSettings
    step: int
    """Current step, from 1."""
    dropped: list[list[Experience]] | None = None
    """Groups that the filter left out of the batch; None without a filter."""
    states: dict[str, dict[str, Any]]
    """State over steps of each estimator that keeps one, by its name."""
    demonstrations: Demonstrations | None = None
    """Demonstrations of the problems, for a method that needs them."""
    rollouts: Rollouts
    """Rollouts of the last batch in the order of generation, those of a prompt together."""

    @torch.no_grad()
    def compute_advantages_and_returns(self, experiences: list[Experience]) -> list[Experience]:
        for experience in experiences:
            experience.rewards = experience.rewards.float()
        penalties = length_settings.penalties(experiences, self.args)

        # OpenRLHF may have reordered experiences to balance lengths. `index` is the original position of each.
        order = torch.tensor(list(itertools.chain.from_iterable(e.index for e in experiences)))
        rewards = self._in_order([e.rewards for e in experiences], order)
        rollouts = gathered(experiences, order)
        for experience in experiences:
            for key in (REASON, *ANSWER_HALVES):
                experience.info.pop(key, None)  # their means have no meaning, and OpenRLHF would log them

        name, k = self.settings.advantage.at(self.step), self.settings.k.at(self.step)
        estimator, options = advantage.get(name), self.settings.advantage.options(name, self.settings.options)
        # Each step has its own seed, so that a resumed run draws the same numbers.
        generator = torch.Generator().manual_seed(self.args.train.seed + _STEP_SEEDS * self.step)
        verified = (
            false_positive_rate(rewards, self.settings.false_positive_rate, generator)
            if self.settings.false_positive_rate
            else rewards
        )
        state = self.states.setdefault(name, {}) if "state" in estimator.inputs else {}
        extra = inputs(estimator, rollouts, rewards.shape[1], generator, state)
        started = time.perf_counter()
        penalized = verified + self._in_order(penalties, order)
        advantages = advantage.compute(estimator, penalized, k, **options, **extra)  # [P, N]
        seconds = time.perf_counter() - started

        sizes = [len(e.index) for e in experiences]
        for experience, scalar in zip(experiences, advantages.view(-1)[order].split(sizes), strict=True):
            # No clipping: --reward.clip_range would cut the advantage, not a reward.
            per_token = compute_reward(
                scalar,
                self.kl_ctl.value,
                experience.kl,
                action_mask=experience.action_mask,
                reward_clip_range=None,
            )
            experience.returns = self.get_cumulative_returns(per_token, experience.action_mask, 1.0)
            experience.advantages = experience.returns.clone()
            experience.info["return"] = per_token.sum(-1)
            experience.kl = None
        self.rollouts = Rollouts.of(
            rollouts,
            rewards,
            advantages,
            k,
            seconds,
            mismatch.of_rollouts(experiences),
            dropped=None if self.dropped is None else self._dropped(self.dropped, k),
        )
        if self.settings.mask_truncated:
            length_settings.mask_truncated(experiences)
        if (method := self.settings.method) and method.changes_groups():
            groups = method_groups.gathered(
                experiences, order, verified, self.step, self.args.train.seed, self.demonstrations
            )
            method_groups.change(groups, self.actor_model_group)
        return experiences

    def _dropped(self, groups: list[list[Experience]], k: int) -> Rollouts:
        """Return the rollouts of groups that the filter dropped. No advantage is computed for them."""
        experiences = [experience for group in groups for experience in group]
        for place, experience in enumerate(experiences):
            experience.index = [place]
        rewards = torch.tensor([float(each.rewards[0]) for each in experiences])
        rewards = rewards.view(-1, self.args.rollout.n_samples_per_prompt)
        rollouts = gathered(experiences, torch.arange(len(experiences)))
        return Rollouts.of(rollouts, rewards, torch.zeros_like(rewards), k, 0.0, {})

    def _in_order(self, values: list[torch.Tensor], order: torch.Tensor) -> torch.Tensor:
        """Return values of rows, one tensor for each experience, as [P, N] in the order of generation."""
        reordered = torch.cat(values)
        ordered = torch.empty_like(reordered)
        ordered[order] = reordered
        return ordered.view(-1, self.args.rollout.n_samples_per_prompt)


class PasskTrainer(PPOTrainer.__ray_metadata__.modified_class):
    """OpenRLHF's synchronous PPO trainer with an estimator of passk and a record of every step."""

    def __init__(self, *arguments: Any, settings: PluginSettings, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.settings = settings
        self.experience_maker.__class__ = PasskExperienceMaker
        self.experience_maker.settings, self.experience_maker.states = settings, {}
        if settings.method and settings.method.needs_demonstrations and settings.problems:
            self.experience_maker.demonstrations = Demonstrations(settings.problems)
        self.samples_generator.__class__ = PasskSamplesGenerator
        self.samples_generator.policy = self.actor_model_group
        self.samples_generator.between_steps = self._evaluate
        self.samples_generator.max_rounds = settings.filter_groups
        self.samples_generator.keeps = self._keeps
        self.samples_generator.stop = settings.stop
        self.recorder = StepRecorder(settings)
        self.evaluations = EvaluationLog(settings.record)
        self.exports = Exports(settings.record, settings.export_every)
        self.kept = KeptModels(settings.record, settings.keep, self._export)
        self.seconds_evaluation = 0.0
        """Wall time of the evaluations since the last recorded step."""
        self.recorded = time.perf_counter()
        """Time at which the last step was recorded, or training started."""
        if settings.keep_order:
            self._keep_order()

    def _keep_order(self) -> None:
        shuffled = self.prompts_dataloader
        self.prompts_dataloader = self.strategy.setup_dataloader(
            shuffled.dataset, 1, True, False, shuffled.dataset.collate_fn, num_workers=shuffled.num_workers
        )
        self.samples_generator.prompts_dataloader = self.prompts_dataloader

    def init_checkpoint_states(self) -> dict:
        states = super().init_checkpoint_states()
        if not self.args.ckpt.load_enable:
            self.recorder.begin_anew()
        self.experience_maker.states = estimator_state.restored(states)
        # Steps after the checkpoint are repeated, so their records are deleted.
        self.recorder.forget_after(states["global_step"])
        self.evaluations.forget_after(states["global_step"])
        self.exports.forget_after(states["global_step"])
        self.kept.forget_after(states["global_step"])
        self.samples_generator.step = states["global_step"] + 1
        self.samples_generator.ended = self._is_ended()
        self.recorded = time.perf_counter()
        return states

    def train_step(self, rollout_samples: list[Experience], global_step: int) -> tuple[dict, int]:
        step = self.experience_maker.step = global_step + 1
        set_seed(seed_of("trainer", self.args.train.seed, step))
        ray.get(self.actor_model_group.async_run_method(method_name="begin_step", step=step))
        self.experience_maker.dropped = self.samples_generator.dropped
        status, done = super().train_step(rollout_samples, global_step)
        if self.args.algo.kl.init_coef <= 0:
            status.pop("kl", None)  # a 0 that nothing measured
        status["logprob_gap"], self.samples_generator.logprob_gap = self.samples_generator.logprob_gap, None
        self.samples_generator.step = step + 1
        return status, done

    def save_logs_and_checkpoints(
        self, global_step: int, logs_dict: dict | None = None, client_states: dict | None = None
    ) -> None:
        # The record is written first, so that no checkpoint is ahead of it.
        rollouts = self.experience_maker.rollouts
        now = time.perf_counter()
        status = dict(logs_dict or {})
        if self.seconds_evaluation:  # OpenRLHF counts it as a part of the generation
            status["timing/generation"] -= self.seconds_evaluation
            self.seconds_evaluation = 0.0
        self.recorder.write(global_step, rollouts, status, now - self.recorded, self.tokenizer)
        self.recorded = now
        # A verifier that always fails on a group makes it all-incorrect, so a filter drops the failures first.
        verifiers.stop_above(self.settings.max_failed, rollouts.generated.reasons or {}, where=f"step {global_step}")
        self.samples_generator.ended = self._is_ended()
        if self.samples_generator.ended:
            self.args.ckpt.save_steps = 1  # the last checkpoint is that of the last step
        self.exports.write(global_step, self._export)
        self.kept.checkpoint(global_step)
        with checkpoints.saving(Path(self.args.ckpt.path) / "_actor" / f"global_step{global_step}"):
            states = estimator_state.saved(self.experience_maker.states)
            super().save_logs_and_checkpoints(global_step, logs_dict, {**(client_states or {}), **states})
        if self.settings.keep:
            self.kept.prune(global_step, self.evaluations.lines(), Path(self.args.ckpt.path))

    def fit(self, global_step: int = 0) -> None:
        super().fit(global_step)
        self.samples_generator.ended = True
        self._evaluate()

    def _evaluate(self) -> None:
        """Evaluate the policy after the last step, on each benchmark that is due and not recorded."""
        held_out, step = self.settings.held_out, self.samples_generator.step - 1
        if held_out is None or not held_out.is_due(step, last=self.samples_generator.ended):
            return
        for name in held_out.benchmarks:
            if self.evaluations.has(step, name):
                continue
            started = time.perf_counter()
            seed = seed_of("held out", self.args.train.seed, step, name)
            sample = partial(self.samples_generator.sample, seed)
            line = evaluate(held_out, name, step, sample, self.tokenizer)
            seconds = time.perf_counter() - started
            self.evaluations.write(line, seconds)
            self.seconds_evaluation += seconds
        self.samples_generator.ended = self.samples_generator.ended or self._is_ended()
        self.kept.evaluated(step, self.evaluations.lines(), last=self.samples_generator.ended)

    def _export(self, directory: Path) -> None:
        """Write the policy's present model in HF format."""
        ray.get(self.actor_model_group.async_run_method(method_name="export", directory=str(directory)))

    def _keeps(self, correct: int, rollouts: int) -> bool:
        """Return whether the filter keeps a group of the coming step."""
        return group_filter.teaches(correct, rollouts, self.settings.k.at(self.samples_generator.step))

    def _is_ended(self) -> bool:
        """Return whether all steps are recorded, or a condition that ends the training is met."""
        conditions, steps = self.settings.conditions, self.settings.steps
        if not any(conditions) and steps is None:
            return False
        lines = read_metrics(self.recorder.log.path)
        evaluations = self.evaluations.lines() if conditions.stop_when else []
        return (steps is not None and len(lines) >= steps) or conditions.are_met(lines, evaluations)


class TrainerFactory:
    """Replacement for the actor class that OpenRLHF's driver expects. It passes passk's settings on."""

    def __init__(self, settings: PluginSettings) -> None:
        self.settings = settings

    def remote(self, *arguments: Any, **options: Any) -> ray.actor.ActorHandle:
        """Start the trainer's actor."""
        return ray.remote(PasskTrainer).remote(*arguments, settings=self.settings, **options)
