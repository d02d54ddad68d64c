"""What must hold before anything is trained.

    require: {base: {benchmark: gsm8k, pass_at_8: [0.05, 0.95]}}

Training on problems that the base model never solves, or always solves, has nothing to learn from.
"""

import re
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from passk.base.errors import ConfigError, InvalidError, nearest
from passk.experiment.benchmark import Benchmark
from passk.experiment.fields import Name, Share, Strict

_KEY = re.compile(r"pass_at_([1-9][0-9]{0,3})")
Band = Annotated[tuple[Share, Share], Field(strict=False)]


class BaseRequirement(Strict):
    """Bounds of the base model's pass@k on a benchmark: one key `pass_at_K: [lowest, highest]` for each k."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Band]

    benchmark: Name = Field(description="benchmark on which the base model is evaluated; pass_at_K are its bounds")

    @model_validator(mode="before")
    @classmethod
    def _only_pass_at_k(cls, content: Any) -> Any:
        keys = content if isinstance(content, dict) else {}
        if unknown := [key for key in keys if key != "benchmark" and not _KEY.fullmatch(key)]:
            raise InvalidError(f"unknown key {unknown[0]}", "write benchmark and bounds, as in pass_at_8: [0.05, 0.95]")
        return content

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        if not self.bounds:
            raise InvalidError("has no bounds", "add some, as in pass_at_8: [0.05, 0.95]")
        for k, (low, high) in self.bounds.items():
            if low >= high:
                raise InvalidError(f"pass_at_{k}: {low:g} is not below {high:g}", "write the lower bound first")
        return self

    @property
    def bounds(self) -> dict[int, tuple[float, float]]:
        """The lowest and highest accepted pass@k by k."""
        return {int(_KEY.fullmatch(key)[1]): band for key, band in (self.__pydantic_extra__ or {}).items()}

    def check(self, benchmarks: dict[str, Benchmark]) -> None:
        """Raise ConfigError unless the base model is evaluated on the benchmark with enough samples for each k."""
        if self.benchmark not in benchmarks:
            raise ConfigError("benchmark", f"{self.benchmark!r} does not exist", nearest(self.benchmark, benchmarks))
        if benchmarks[self.benchmark].validation:
            raise ConfigError(
                "benchmark",
                f"the base model is not evaluated on {self.benchmark}, which has validation: true",
                "name a benchmark without validation",
            )
        samples = benchmarks[self.benchmark].samples
        if (k := max(self.bounds)) > samples:
            raise ConfigError(
                f"pass_at_{k}",
                f"benchmarks.{self.benchmark} has {samples} samples per problem",
                f"raise them to {k} or more, or lower k",
            )


class Require(Strict):
    """What must hold before anything is trained."""

    base: BaseRequirement = Field(description="bounds of the base model's pass@k; outside of them the run ends")
