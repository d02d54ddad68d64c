"""The policy's actor. Each step has its own seed."""

from typing import Any

import torch
from openrlhf.trainer.ppo_utils.experience import Experience
from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer, PolicyModelActor
from openrlhf.utils.loss_utils import get_loss_batch_info
from transformers import set_seed

from passk.base.randomness import seed_of


class PasskActorTrainer(ActorPPOTrainer):
    """OpenRLHF's policy trainer, with entropy and KL in nats per token for any micro-batch size."""

    def training_step(
        self, experience: Experience, kl_ctl: float, step: int, loss_batch_info: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        status = super().training_step(experience, kl_ctl, step, loss_batch_info)
        metrics, tokens = status["metrics"], status["num_action_tokens"]
        # With the KL in the reward OpenRLHF has its mean over the rollouts, [rows], and not a sum over the loss.
        summed = [name for name in ("entropy_loss", "kl") if name in metrics and metrics[name].dim() == 0]
        if summed and tokens:
            # OpenRLHF sums them over the tokens of the whole optimizer step, as the loss needs it. It then
            # averages like a mean over the micro-batch, which would depend on the number of micro-batches.
            info = loss_batch_info or get_loss_batch_info(
                self.strategy,
                experience.action_mask,
                replay_buffer=self.replay_buffer,
                step=step,
                dynamic_batch=self.args.train.dynamic_batch_enable,
            )
            for name in summed:
                metrics[name] = metrics[name] * info["batch_num_tokens"] / (info["dp_size"] * tokens)
        return status


class PasskPolicy(PolicyModelActor.__ray_metadata__.modified_class):
    """OpenRLHF's policy actor, notified of each step before it trains."""

    def init_model_from_pretrained(self, *arguments: Any, **options: Any) -> None:
        super().init_model_from_pretrained(*arguments, **options)
        self.trainer.__class__ = PasskActorTrainer

    def begin_step(self, step: int) -> None:
        """Seed the shuffle of step 1 and later."""
        set_seed(seed_of("policy", self.strategy.seed, step))

    def export(self, directory: str) -> None:
        """Write the present model in HF format, as OpenRLHF writes the last one. All ranks must call."""
        model = self.ema_model if self.strategy.args.train.enable_ema else self.actor
        self.strategy.save_model(model, self.tokenizer, directory)

    def log_probs(self, tokens: list[int]) -> list[float]:
        """Return the policy's log-probability of each token after the first, at temperature 1. All ranks must call."""
        sequences = torch.tensor([tokens])
        mask = torch.ones_like(sequences)
        temperature, self.actor.temperature = self.actor.temperature, 1.0
        try:
            return self.forward(sequences, mask[:, 1:], mask)[0].float().tolist()
        finally:
            self.actor.temperature = temperature
