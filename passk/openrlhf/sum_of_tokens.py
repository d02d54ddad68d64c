"""OpenRLHF's policy loss with the aggregation `seq-mean-token-sum`, which OpenRLHF does not have."""

from typing import Any

import torch
from torch import nn


class SumOfTokens(nn.Module):
    """The mean over sequences of the sums over their tokens.

    OpenRLHF's token-mean is the sum over all tokens of an optimizer step, divided by their number. Divided by the
    number of sequences instead, it is the mean of the sums. A sequence without a token in the loss does not count, as
    in OpenRLHF's seq-mean-token-mean. The KL penalty and the entropy bonus stay means of tokens.

    loss: OpenRLHF's PolicyLoss with token-mean. Source of the name: verl, `agg_loss`.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(
        self, *arguments: torch.Tensor, batch_num_tokens: torch.Tensor, global_batch_size: torch.Tensor, **options: Any
    ) -> tuple[torch.Tensor | None, ...]:
        """Return what the loss returns. batch_num_tokens, global_batch_size: of `get_loss_batch_info`."""
        return self.loss(*arguments, batch_num_tokens=global_batch_size, global_batch_size=global_batch_size, **options)
