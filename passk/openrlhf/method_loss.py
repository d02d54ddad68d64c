"""Let a method change what OpenRLHF's policy loss gets, without a change of the loss itself.

OpenRLHF's `training_step` calls the actor, and then the loss with the log-probabilities alone. A hook keeps the actor's
output in between. The method reads it and returns other log-probabilities and advantages for the loss.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from passk.methods.method import LossBatch, Method


def install(trainer: Any, method: Method) -> None:
    """Put the method between the actor and the loss of OpenRLHF's policy trainer."""
    loss = MethodLoss(trainer.actor_loss_fn, method)
    trainer.actor.register_forward_hook(loss.keep, with_kwargs=True)
    trainer.actor_loss_fn = loss


class MethodLoss(nn.Module):
    """OpenRLHF's policy loss after a method."""

    def __init__(self, loss: nn.Module, method: Method) -> None:
        super().__init__()
        self.loss, self.method = loss, method
        self._forward: tuple[tuple[Any, ...], dict[str, Any], Any] | None = None

    def keep(self, actor: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any], result: Any) -> None:
        """Keep a forward pass of the training until its loss."""
        if actor.training and options.get("return_output"):
            self._forward = arguments, options, result[1]

    def forward(
        self,
        log_probs: torch.Tensor,
        old_log_probs: torch.Tensor,
        advantages: torch.Tensor,
        action_mask: torch.Tensor,
        **options: Any,
    ) -> tuple[torch.Tensor | None, ...]:
        assert self._forward, "no forward pass before the loss"
        (sequences, *_), options_of_forward, output = self._forward
        self._forward = None  # frees the logits as soon as the loss has its own
        actions = action_mask.shape[1]
        batch = LossBatch(
            log_probs=log_probs,
            advantages=advantages,
            mask=action_mask.bool(),
            tokens=sequences[:, -actions:],
            entropy=output.entropy[:, -actions:],
            of_logits=partial(of_logits, output["logits"], options_of_forward["attention_mask"], actions),
        )
        log_probs, advantages = self.method.in_loss(batch)
        return self.loss(log_probs, old_log_probs, advantages, action_mask=action_mask, **options)


def of_logits(
    logits: torch.Tensor,
    attention_mask: torch.Tensor,
    actions: int,
    function: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Return a function of the logits at the last `actions` predictions of each sequence, [B, A, D].

    logits: [B, T, V], or [1, tokens, V] of the tokens that `attention_mask` [B, T] has, if they are packed.
    """
    return padded(function(logits), attention_mask)[:, -1 - actions : -1]


def padded(values: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return values [B, T, D] of tokens that may be packed, [1, tokens, D]. Padding has zeros."""
    if values.shape[:2] == attention_mask.shape:
        return values
    whole = values.new_zeros(*attention_mask.shape, values.shape[-1])
    whole[attention_mask.bool()] = values[0]
    return whole
