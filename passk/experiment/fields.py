"""Types of an experiment's fields. No value is converted silently.

A truth value or text is not a number. A number is finite. A whole number is below LIMIT. A pair is written as a list.
"""

import os
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from passk.base.errors import InvalidError

LIMIT = 10**9
"""Upper bound, exclusive, of whole numbers in an experiment."""
MOST_ROLLOUTS = 10**4
"""Upper bound, exclusive, of rollouts per prompt and samples per problem."""
_LONGEST_FILE_NAME, _LONGEST_PATH = 255, 3500
BY_STEP = re.compile(r"stages\..+\.advantage")
"""Fields whose keys may be whole numbers: the steps of a schedule."""


class Strict(BaseModel):
    """A section of an experiment file. Unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise InvalidError("must not be blank", "write some text")
    return text


def _fits(path: str) -> str:
    """Return a path whose names the file system can hold."""
    if (longest := max(len(os.fsencode(part)) for part in path.split("/"))) > _LONGEST_FILE_NAME:
        raise InvalidError(f"a name in it has {longest} bytes", f"use names of at most {_LONGEST_FILE_NAME} bytes")
    if (length := len(os.fsencode(path))) > _LONGEST_PATH:
        raise InvalidError(f"the path has {length} bytes", f"use a path of at most {_LONGEST_PATH} bytes")
    return path


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Text = Annotated[str, AfterValidator(_not_blank)]
PathText = Annotated[Text, AfterValidator(_fits)]
Natural = Annotated[int, Field(ge=0, lt=LIMIT)]
Count = Annotated[int, Field(ge=1, lt=LIMIT)]
Rollouts = Annotated[int, Field(ge=1, lt=MOST_ROLLOUTS)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
HIGHEST_TEMPERATURE = 100
Share = Annotated[float, Field(ge=0, le=1)]
MaxFailed = Annotated[Share, Field(description="largest share of samples that the verifier may fail on")]
Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[tuple[Beta, Beta], Field(strict=False)]
Clip = Annotated[tuple[NotNegative, NotNegative], Field(strict=False)]
Stops = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(strict=False, max_length=16, description="texts that end a response, which is judged without them"),
]
