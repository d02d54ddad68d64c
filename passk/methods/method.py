"""The contract of a method.

    class Mine(Method):
        source: ClassVar[str] = "arXiv ..."
        strength: float = Field(0.1, gt=0, description="factor of the advantages")

        def in_loss(self, batch: LossBatch) -> tuple[torch.Tensor, torch.Tensor]:
            return batch.log_probs, batch.advantages * self.strength

A field is an option with its default, checked by pydantic. A method acts at one or both of two places. `of_group` sees
each prompt's rollouts together, before the training of a step. `in_loss` sees a micro-batch inside the policy loss.

Shapes: N rollouts of a prompt, B responses of a micro-batch, T tokens of a sequence, A = T - 1 positions, V entries of
the vocabulary, H of a hidden state. Position a stands for token a + 1, which the model predicts there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Group:
    """The rollouts of one prompt in one step, padded on the right."""

    step: int
    """From 1."""
    seed: int
    """Of this step and group, for methods that draw."""
    rewards: "torch.Tensor"
    """Rewards, [N], with those of false positives."""
    sequences: "torch.Tensor"
    """Tokens of prompt and response, [N, T] int64."""
    attention_mask: "torch.Tensor"
    """Which tokens are no padding, [N, T]."""
    mask: "torch.Tensor"
    """Which positions are tokens of the loss, [N, A] bool."""
    log_probs: "torch.Tensor"
    """Log-probabilities of the policy before the step, [N, A]."""
    advantages: "torch.Tensor"
    """Advantages of the estimator, the same for all tokens of a rollout, [N, A]."""
    base_log_probs: "torch.Tensor | None" = None
    """Log-probabilities of the reference, [N, A]; None unless the loss has a KL penalty."""
    prompt: str = ""
    """The prompt as the model sees it."""
    problem: str = ""
    """The prompt before the chat template, if the method needs demonstrations."""
    demonstration: str = ""
    """A correct response, if the method needs demonstrations."""


@dataclass(frozen=True)
class Changes:
    """What a method puts in the place of a group's values; None leaves them."""

    advantages: "torch.Tensor | None" = None
    base_log_probs: "torch.Tensor | None" = None


class Policy(Protocol):
    """The policy before the step, as `of_group` may ask it."""

    def hidden_states(self, group: Group) -> "torch.Tensor":
        """Return the hidden states before the last layer, [N, A, H]."""

    def entropy(self, group: Group) -> "torch.Tensor":
        """Return the entropy at the temperature of sampling, [N, A], nats."""

    def log_probs(self, group: Group, prompt: str) -> "torch.Tensor":
        """Return the log-probabilities of the group's responses after another prompt, [N, A]; 0 outside the mask."""


@dataclass(frozen=True)
class LossBatch:
    """A micro-batch in the policy loss."""

    log_probs: "torch.Tensor"
    """Log-probabilities of the sampled tokens under the model that is trained, [B, A], with gradient."""
    advantages: "torch.Tensor"
    """Advantages of the tokens, [B, A]."""
    mask: "torch.Tensor"
    """Which positions are tokens of the loss, [B, A] bool."""
    tokens: "torch.Tensor"
    """The sampled tokens, [B, A] int64."""
    entropy: "torch.Tensor"
    """Entropy of the model at each position, [B, A], nats."""
    of_logits: "Callable[[Callable[[torch.Tensor], torch.Tensor]], torch.Tensor]"
    """Apply a function [..., V] -> [..., D] to the logits at the temperature of sampling, and return [B, A, D]."""


class Method(BaseModel):
    """Options of a method, and what it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    source: ClassVar[str]
    """Where the method is published."""
    reconstruction: ClassVar[bool] = False
    """Whether its formula is passk's reading, because none was retrievable."""
    ratio_of_tokens: ClassVar[bool] = False
    """Whether it needs a loss with one probability ratio per token, as PPO's."""
    needs_kl: ClassVar[bool] = False
    """Whether it needs a KL penalty in the loss."""

    needs_demonstrations: ClassVar[bool] = False
    """Whether a group needs the demonstration of its problem."""

    @property
    def written(self) -> str:
        """Text of its own that the method writes into prompts."""
        return ""

    def of_group(self, group: Group, policy: Policy) -> Changes:
        """Return what replaces the values of a group. It runs in the policy's process, on its device, without gradient.

        Every group asks the policy equally often: with ZeRO 3 all processes must compute together.
        """
        return Changes()

    def in_loss(self, batch: LossBatch) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the log-probabilities and the advantages, both [B, A], that the policy loss gets instead."""
        return batch.log_probs, batch.advantages

    @classmethod
    def changes_groups(cls) -> bool:
        """Return whether the method has an `of_group` of its own."""
        return cls.of_group is not Method.of_group

    @classmethod
    def changes_loss(cls) -> bool:
        """Return whether the method has an `in_loss` of its own."""
        return cls.in_loss is not Method.in_loss
