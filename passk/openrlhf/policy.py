"""The actor whose learning rate follows the k of a step. Used where k changes and `lr: auto` is asked for."""

from openrlhf.trainer.ray.ppo_actor import PolicyModelActor


class PasskPolicy(PolicyModelActor.__ray_metadata__.modified_class):
    """OpenRLHF's policy actor, with a factor on its learning rate."""

    def scale_learning_rate(self, factor: float) -> None:
        """From the next optimizer step on: factor x --actor.adam.lr, times what the warm-up says."""
        scheduler = self.actor_scheduler
        scheduler.base_lrs = [self.strategy.args.actor.adam.lr * factor for _ in scheduler.base_lrs]
        for group, base, warmup in zip(
            scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True
        ):
            group["lr"] = base * warmup(scheduler.last_epoch)
