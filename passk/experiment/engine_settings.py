"""Settings of an rl stage's engine: the loss, what it is computed from, and what is trained.

They are those of OpenRLHF 0.11.2. A combination that it would refuse late, or ignore, is refused here.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from passk.base.errors import InvalidError
from passk.experiment.fields import Count, Name, Positive, Strict, Text

START = "start"
"""Reference of `kl` that is the model from which the stage starts."""


class Kl(Strict):
    """Penalty for the distance from a reference model."""

    coef: Positive = Field(description="weight of the KL divergence")
    estimator: Literal["k1", "k2", "k3"] = Field("k3", description="estimator of the KL divergence of a token")
    place: Literal["loss", "reward"] = Field("loss", alias="in", description="whether the loss or each token's reward")
    reference: Name = Field(
        START, description="`start` (the model that the stage starts from) or an earlier stage of it"
    )


class Loss(Strict):
    """The policy loss."""

    type: Literal["ppo", "gspo"] = Field("ppo", description="clipped ratio of each token, or of each sequence (GSPO)")
    aggregation: Literal["token-mean", "seq-mean-token-mean", "seq-mean-token-sum"] | None = Field(
        None,
        description="mean of tokens, or of the means or sums of sequences (default: token-mean for ppo, "
        "seq-mean-token-mean for gspo)",
    )
    dual_clip: Annotated[float, Field(gt=1)] | None = Field(
        None, description="bound of the loss for negative advantages, as a multiple of the advantage (default: none)"
    )

    @property
    def mean(self) -> str:
        """The aggregation, with the default filled in."""
        return self.aggregation or ("seq-mean-token-mean" if self.type == "gspo" else "token-mean")

    @property
    def sums_tokens(self) -> bool:
        """Whether a sequence counts by the sum of its tokens."""
        return self.mean == "seq-mean-token-sum"

    @model_validator(mode="after")
    def _sequences_have_a_mean(self) -> Self:
        if self.type == "gspo" and self.mean != "seq-mean-token-mean":
            raise InvalidError(
                "gspo has one ratio a sequence", "set aggregation to seq-mean-token-mean, or leave it out"
            )
        return self


class ImportanceCorrection(Strict):
    """Weight of a token by the ratio of its probability in the trainer to that in vLLM, within bounds."""

    level: Literal["token", "seq"] = Field(description="whether the bounds are for tokens, or for means of sequences")
    mode: Literal["mask", "clip"] = Field("mask", description="drop what is out of bounds, or clip its ratio")
    gating: Literal["ratio", "binary_kl", "tv"] = Field("ratio", description="statistic that the bounds are for")
    threshold: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1, max_length=2)] | None = Field(
        None, description="bounds: low and high, or high alone (default for ratio: 0.5 and 5)"
    )

    @property
    def bounds(self) -> tuple[float, ...]:
        """The threshold, with the default filled in."""
        return self.threshold or (0.5, 5.0)

    @model_validator(mode="after")
    def _works_together(self) -> Self:
        if self.mode == "clip" and (self.level, self.gating) != ("token", "ratio"):
            raise InvalidError("clip needs level token and gating ratio", "set mode to mask, or change the other two")
        if self.gating != "ratio" and (self.threshold is None or len(self.threshold) != 1):
            raise InvalidError(f"{self.gating} needs one upper bound", "set threshold to a list of one, as in [0.01]")
        if len(self.bounds) == 2 and self.bounds[0] >= self.bounds[1]:
            raise InvalidError("threshold must be low and high, the lower first", "write them in this order")
        return self


class Overlong(Strict):
    """Penalty for long responses (DAPO, arXiv 2503.14476, equation 13)."""

    buffer: Count = Field(description="tokens before max_response over which the penalty rises from 0")
    penalty: Positive = Field(1.0, description="penalty of a response of max_response tokens")


class FilterGroups(Strict):
    """Train on groups that most estimators learn from, and sample more prompts in place of the others."""

    max_rounds: Count = Field(4, description="rounds of sampling in a step; then dropped groups fill the step")


class Lora(Strict):
    """Train an adapter of low rank. It is merged into the model at the end of the stage."""

    rank: Count = Field(description="rank of the adapter")
    alpha: Count = Field(16, description="the adapter counts alpha / rank times")
    targets: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = Field(
        None, description="names of the adapted layers (default: all linear layers but the head)"
    )
