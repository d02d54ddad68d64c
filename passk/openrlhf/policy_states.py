"""The policy's inner states for methods, computed by OpenRLHF's actor in micro-batches of a group's rollouts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from openrlhf.models import Actor

from passk.methods.method import Group
from passk.openrlhf.method_loss import padded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PolicyStates:
    """The policy as a method may ask it (passk.methods.method.Policy)."""

    def __init__(self, actor: Actor, micro_batch: int, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._actor, self._micro_batch, self._tokenizer = actor, micro_batch, tokenizer

    def hidden_states(self, group: Group) -> torch.Tensor:
        """Return the hidden states before the last layer, [N, A, H]."""

        def states(sequences: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            options: dict[str, Any] = {"return_output": True, "output_hidden_states": True}
            output = self._actor(sequences, attention_mask=attention_mask, **options)
            return padded(output.hidden_states[-2], attention_mask)[:, :-1]

        return self._in_parts(states, group.sequences, group.attention_mask)

    def entropy(self, group: Group) -> torch.Tensor:
        """Return the entropy at the temperature of sampling, [N, A], nats."""

        def entropies(sequences: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            options: dict[str, Any] = {"return_output": True, "return_entropy": True}
            return self._actor(sequences, attention_mask=attention_mask, **options).entropy

        return self._in_parts(entropies, group.sequences, group.attention_mask)

    def log_probs(self, group: Group, prompt: str) -> torch.Tensor:
        """Return the log-probabilities of the group's responses after another prompt, [N, A]; 0 outside the mask."""
        tokens, other = (torch.tensor(self._tokens(text), device=group.mask.device) for text in (group.prompt, prompt))
        rows, start = len(group.sequences), len(tokens)
        sequences = torch.cat([other.expand(rows, -1), group.sequences[:, start:]], dim=1)
        seen = group.attention_mask.new_ones(rows, len(other))
        attention_mask = torch.cat([seen, group.attention_mask[:, start:]], dim=1)

        def log_probs(sequences: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self._actor(sequences, attention_mask=attention_mask, return_logprobs=True)

        values = torch.zeros_like(group.log_probs)
        values[:, start - 1 :] = self._in_parts(log_probs, sequences, attention_mask)[:, len(other) - 1 :]
        return values * group.mask

    def _tokens(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]  # as OpenRLHF tokenizes prompts

    def _in_parts(
        self,
        function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        sequences: torch.Tensor,
        attention_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return a function of sequences and their masks, [N, T] both, computed in micro-batches."""
        parts = zip(sequences.split(self._micro_batch), attention_mask.split(self._micro_batch), strict=True)
        return torch.cat([function(*part) for part in parts])
