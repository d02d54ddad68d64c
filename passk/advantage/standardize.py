"""Standardise rewards: subtract the mean, divide by the deviation. GRPO and the sampled Pass@k estimators share it."""

import torch


def standardize(values: torch.Tensor, *, ddof: int = 0) -> torch.Tensor:
    """Return rows of mean 0 and deviation 1 (1 / (N - ddof)): values [P, N], float64 and finite -> [P, N].

    A row whose values are all equal gets exactly 0. No epsilon is added. Every other row has exactly unit deviation,
    and scale and offset of the values do not matter.
    """
    low, high = values.aminmax(dim=1, keepdim=True)
    spread = high - low
    flat = spread == 0
    # Map to [0, 1] first: the spread of float32 values may be too small or too large to be squared.
    unit = (values - low) / spread.masked_fill(flat, 1.0)
    centred = unit - unit.mean(dim=1, keepdim=True)
    deviation = centred.square().sum(dim=1, keepdim=True).div(max(1, values.shape[1] - ddof)).sqrt()
    return (centred / deviation.masked_fill(flat, 1.0)).masked_fill(flat, 0.0)
