"""Types of an experiment's fields: each says what it takes, so that no value is converted without a word.

A truth value is not a number, text is not a number, a number is finite and below LIMIT, and a list may stand
for a pair.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LIMIT = 10**9
"""Whole numbers of an experiment are smaller."""
MOST_ROLLOUTS = 10**4
"""Rollouts of a prompt, and samples of a problem, are fewer."""


class Strict(BaseModel):
    """A section of an experiment file: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank; write some text")
    return text


def _rate(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != "auto" and not (number and 0 < value < float("inf")):
        raise ValueError(f"must be a finite number above 0, or auto, not {value!r}; write one as in 1e-6")
    return value


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Text = Annotated[str, AfterValidator(_not_blank)]
Natural = Annotated[int, Field(ge=0, lt=LIMIT)]
Count = Annotated[int, Field(ge=1, lt=LIMIT)]
Rollouts = Annotated[int, Field(ge=1, lt=MOST_ROLLOUTS)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
LearningRate = Annotated[float | Literal["auto"], BeforeValidator(_rate)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[tuple[Beta, Beta], Field(strict=False)]
Clip = Annotated[tuple[NotNegative, NotNegative], Field(strict=False)]
