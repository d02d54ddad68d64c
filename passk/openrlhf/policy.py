"""The policy's actor: seeded anew each step, with a learning rate that follows k where `lr: auto` is asked for."""

from openrlhf.trainer.ray.ppo_actor import PolicyModelActor
from transformers import set_seed

from passk.openrlhf.randomness import seed_of


class PasskPolicy(PolicyModelActor.__ray_metadata__.modified_class):
    """OpenRLHF's policy actor, told of each step before it trains on it."""

    def begin_step(self, step: int, lr_factor: float | None) -> None:
        """step, from 1, decides how the batch is shuffled. lr_factor: None leaves the learning rate to OpenRLHF."""
        set_seed(seed_of("policy", self.strategy.seed, step))
        if lr_factor is not None:
            self._scale_learning_rate(lr_factor)

    def _scale_learning_rate(self, factor: float) -> None:
        """From the next optimizer step on: factor x --actor.adam.lr, times what the warm-up says."""
        scheduler = self.actor_scheduler
        scheduler.base_lrs = [self.strategy.args.actor.adam.lr * factor for _ in scheduler.base_lrs]
        for group, base, warmup in zip(
            scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True
        ):
            group["lr"] = base * warmup(scheduler.last_epoch)
