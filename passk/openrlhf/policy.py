"""The policy's actor. Each step has its own seed."""

from pathlib import Path
from typing import Any

import torch
from openrlhf.trainer.ppo_utils.experience import Experience
from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer, PolicyModelActor
from openrlhf.utils.loss_utils import get_loss_batch_info
from peft import PeftModel
from transformers import set_seed

from passk.base.randomness import seed_of
from passk.methods.method import Changes, Group, Method
from passk.openrlhf import length_settings, lora, method_groups, method_loss, saved_model
from passk.openrlhf.average import Average
from passk.openrlhf.sum_of_tokens import SumOfTokens


class PasskActorTrainer(ActorPPOTrainer):
    """OpenRLHF's policy trainer, whose loss, entropy and KL are those of the step for any micro-batch size."""

    average: Average | None = None
    """Average of the weights, on the first rank of a stage with `ema`."""

    def training_step(
        self, experience: Experience, kl_ctl: float, step: int, loss_batch_info: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        dynamic = self.args.train.dynamic_batch_enable
        info = length_settings.bounded(
            loss_batch_info
            or get_loss_batch_info(
                self.strategy,
                experience.action_mask,
                replay_buffer=self.replay_buffer,
                step=step,
                dynamic_batch=dynamic,
            )
        )
        status = length_settings.defined(super().training_step(experience, kl_ctl, step, info))
        if self.average:
            accumulated = self.strategy.accumulated_gradient
            if self.replay_buffer.dynamic_optimizer_step[step] if dynamic else (step + 1) % accumulated == 0:
                self.average.update(self.actor.model.module)
        metrics, tokens = status["metrics"], status["num_action_tokens"]
        # With the KL in the reward OpenRLHF has its mean over the rollouts, [rows], and not a sum over the loss.
        means = ("policy_loss", "entropy_loss", "kl")
        summed = [name for name in means if name in metrics and metrics[name].dim() == 0]
        for name in summed:
            # OpenRLHF sums them over the tokens of the whole optimizer step, as the loss needs it. It then
            # averages like a mean over the micro-batch, which would depend on the number of micro-batches.
            metrics[name] = metrics[name] * info["batch_num_tokens"] / (info["dp_size"] * tokens)
        return status

    def broadcast_to_vllm(self) -> None:
        """Send the weights to the engines; those of an adapter merged into the base, under the base's names."""
        actor, model = self.actor, self.actor.model.module
        if isinstance(model, PeftModel):
            self.actor = lora.sendable(model)
        try:
            super().broadcast_to_vllm()
        finally:
            self.actor = actor


class PasskPolicy(PolicyModelActor.__ray_metadata__.modified_class):
    """OpenRLHF's policy actor, notified of each step before it trains."""

    def __init__(
        self, *arguments: Any, ema: float | None = None, method: Method | None = None, sum_tokens: bool = False
    ) -> None:
        super().__init__(*arguments)
        self.ema, self.method, self.sum_tokens = ema, method, sum_tokens

    def init_model_from_pretrained(self, *arguments: Any, **options: Any) -> None:
        super().init_model_from_pretrained(*arguments, **options)
        self.trainer.__class__ = PasskActorTrainer
        if self.sum_tokens:
            self.trainer.actor_loss_fn = SumOfTokens(self.trainer.actor_loss_fn)
        if self.method and self.method.changes_loss():
            method_loss.install(self.trainer, self.method)
        if self.ema and self.strategy.is_rank_0():
            self.trainer.average = Average(self.actor.model.module, self.ema)
            if self.checkpoint_states:
                self.trainer.average.load(self._checkpoint(f"global_step{self.checkpoint_states['global_step']}"))

    def save_checkpoint(self, tag: str, *arguments: Any, **options: Any) -> None:
        super().save_checkpoint(tag, *arguments, **options)
        if self.trainer.average:
            self.trainer.average.save(self._checkpoint(tag))

    def save_model(self) -> None:
        self.export(self.strategy.args.ckpt.output_dir)

    def export(self, directory: str) -> None:
        """Write the present model in HF format. All ranks must call."""
        saved_model.write(self.strategy, self.actor, self.tokenizer, directory, self.trainer.average)

    def _checkpoint(self, tag: str) -> Path:
        return Path(self.strategy.args.ckpt.path) / "_actor" / tag

    def begin_step(self, step: int) -> None:
        """Seed the shuffle of step 1 and later."""
        set_seed(seed_of("policy", self.strategy.seed, step))

    def act_on_group(self, group: Group) -> Changes:
        """Return what the method changes of a group. All ranks must call."""
        assert self.method
        return method_groups.acted(
            self.method, group, self.actor, self.strategy.args.rollout.micro_batch_size, self.tokenizer
        )

    def log_probs(self, tokens: list[int]) -> list[float]:
        """Return the policy's log-probability of each token after the first, at temperature 1. All ranks must call."""
        sequences = torch.tensor([tokens])
        mask = torch.ones_like(sequences)
        temperature, self.actor.temperature = self.actor.temperature, 1.0
        try:
            return self.forward(sequences, mask[:, 1:], mask)[0].float().tolist()
        finally:
            self.actor.temperature = temperature
