"""Rewards less their mean, by their deviation: the step that GRPO and the sampled Pass@k estimators share."""

import torch


def standardize(values: torch.Tensor, *, ddof: int = 0) -> torch.Tensor:
    """values [P, N], float64 and finite -> [P, N], rows of mean 0 and deviation 1 (1 / (N - ddof)).

    A row whose values are all equal gets exactly 0. No epsilon is added, so that every other row has exactly
    unit deviation and neither scale nor offset of the values matters.
    """
    low, high = values.aminmax(dim=1, keepdim=True)
    spread = high - low
    flat = spread == 0
    # into [0, 1] first: the spread of float32 values may be too small or too large to be squared
    unit = (values - low) / spread.masked_fill(flat, 1.0)
    centred = unit - unit.mean(dim=1, keepdim=True)
    deviation = centred.square().sum(dim=1, keepdim=True).div(max(1, values.shape[1] - ddof)).sqrt()
    return (centred / deviation.masked_fill(flat, 1.0)).masked_fill(flat, 0.0)
