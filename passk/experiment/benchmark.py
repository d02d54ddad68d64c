"""A benchmark of an experiment: problems on which every finished stage is evaluated."""

from pydantic import Field, ValidationInfo, field_validator

from passk.base.errors import InvalidError
from passk.experiment.fields import (
    HIGHEST_TEMPERATURE,
    Count,
    MaxFailed,
    Name,
    NotNegative,
    Rollouts,
    Share,
    Stops,
    Strict,
    Text,
)

REPORTED = {"metrics", "by", "reference_line"}
"""Fields of a benchmark that the report alone reads."""


class ReferenceLine(Strict):
    """A value of pass@k that needs no training, such as the share that a fixed answer solves."""

    value: Share = Field(description="value of pass@k, at every k")
    label: Text = Field(description="text beside the line")


class Benchmark(Strict):
    """A problem set on which every finished stage is evaluated."""

    problems: Name = Field(description="name of a set of problems of the test split")
    samples: Rollouts = Field(32, description="samples per problem")
    k: tuple[int, ...] = Field((1, 4, 8), strict=False, validate_default=True, description="values of k of pass@k")
    temperature: NotNegative = Field(
        1.0,
        le=HIGHEST_TEMPERATURE,
        description="temperature of sampling, or a list: a benchmark for each; 0 takes the likeliest token",
    )
    top_p: float = Field(0.95, gt=0, le=1, description="nucleus of sampling, share of the probability")
    max_response: Count = Field(description="longest response, tokens")
    stop: Stops = ()
    max_failed: MaxFailed = 0.05
    metrics: tuple[Text, ...] = Field(
        (), strict=False, description="further metrics of the report: g-pass@TAU, mg-pass, cover@TAU, bayes, best-of"
    )
    by: Text | None = Field(
        None, description="metadata of the problems, such as subject, by which the report has a table (default: none)"
    )
    validation: bool = Field(
        False,
        description="only evaluations during the training use it: no finished stage is evaluated on it, so a stage may "
        "choose by it",
    )
    reference_line: ReferenceLine | None = Field(
        None, description="a value that the report draws beside the curves of this benchmark (default: none)"
    )

    @field_validator("metrics")
    @classmethod
    def _are_known(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        from passk.statistics import further  # imports numpy

        for place, name in enumerate(metrics):
            if fault := further.fault(name):
                raise InvalidError(*fault)
            if name in metrics[:place]:
                raise InvalidError(f"{name} is listed twice", "remove one")
        return metrics

    @field_validator("k")
    @classmethod
    def _can_be_reported(cls, k: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        samples = info.data.get("samples")
        if not k:
            raise InvalidError("is empty", "write at least one, as in [1]")
        if repeated := [each for place, each in enumerate(k) if each in k[:place]]:
            raise InvalidError(f"{repeated[0]} is listed twice", "remove one")
        if min(k) < 1:
            raise InvalidError(f"must be 1 or more, not {min(k)}", "raise or remove it")
        if samples is not None and max(k) > samples:
            raise InvalidError(
                f"pass@{max(k)} needs {max(k)} samples, not {samples}", f"set samples to {max(k)} or more, or lower k"
            )
        return k
