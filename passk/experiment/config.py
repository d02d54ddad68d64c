"""Configuration of an experiment: strict pydantic models, read from YAML.

Each mistake in a file becomes one `ConfigError`: a line with the field, the fault and the fix. docs/experiment-files.md
lists what each field takes. This module imports neither torch nor ray nor vllm, so that `passk --help` and
`prefect deploy` answer at once.
"""

from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from passk.base.errors import ConfigError, InvalidError
from passk.experiment import temperatures, yaml_file
from passk.experiment.benchmark import Benchmark, ReferenceLine
from passk.experiment.compute import Compute
from passk.experiment.engine import Engine, Price, with_model
from passk.experiment.field_errors import Location, first_fault, require_plain
from passk.experiment.fields import (
    Name,
    Strict,
    Text,
)
from passk.experiment.model import Model, TinyModel
from passk.experiment.require import BaseRequirement, Require
from passk.experiment.stage import SECTIONS, STAGES, AnyStage, RlStage
from passk.experiment.tracker_config import MlflowTracker, Trackers, WandbTracker
from passk.problems.sources import SPECS, Problems


class Experiment(Strict):
    name: Name = Field(description="name of the experiment and of its directory below runs/")
    question: Text = Field(description="question that the report answers")
    seed: int = Field(ge=0, lt=2**31, description="seed of problems, weights, training and evaluation")
    model: Model = Field(description="model that training starts from")
    problems: dict[Name, Problems] = Field(min_length=1, description="sets of problems by name")
    stages: dict[Name, AnyStage] = Field(description="stages by name; without stages the model itself is evaluated")
    benchmarks: dict[Name, Benchmark] = Field(min_length=1, description="benchmarks by name")
    engine: Engine | None = Field(
        None, description="an OpenAI-compatible endpoint that samples the evaluations in place of vLLM (default: none)"
    )
    compute: Compute = Field(description="where and how the experiment runs")
    require: Require | None = Field(None, description="what must hold before anything is trained (default: nothing)")
    trackers: Trackers | None = Field(None, description="trackers of step metrics beside TensorBoard")

    @property
    def gpus(self) -> int:
        """Largest number of GPUs that one of its stages needs; on a CPU they are logical."""
        return self.compute.gpus(rollouts=any(isinstance(stage, RlStage) for stage in self.stages.values()))

    @model_validator(mode="after")
    def _something_to_evaluate(self) -> Self:
        if self.model.tiny and not self.stages:
            raise InvalidError("a tiny model without stages is untrained", "add stages, or set model.path")
        return self


def load(path: str | Path) -> Experiment:
    """Return the experiment in a YAML file. Raise ConfigError: one line with file, line, field, fault and fix."""
    return parsed(yaml_file.read(path))


def parsed(source: yaml_file.Source) -> Experiment:
    """Return the experiment in the content of a file. Raise ConfigError as `load` does."""
    if not isinstance(source.content, dict):
        known = ", ".join(Experiment.model_fields)
        raise ConfigError(str(source.path), "not an experiment", f"write a mapping with the keys {known}")
    with source.located():
        return parse(source.content)


def parse(raw: dict[str, Any]) -> Experiment:
    """Return the experiment in a mapping from YAML. Raise ConfigError that begins with the field."""
    require_plain(raw)
    try:
        return Experiment.model_validate(temperatures.expanded(with_model(raw)))
    except ValidationError as error:
        raise first_fault(error, _keys_beside, sources=SPECS, kinds=STAGES) from None


_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    ("model",): Model,
    ("model", "tiny"): TinyModel,
    ("compute",): Compute,
    ("require",): Require,
    ("require", "base"): BaseRequirement,
    ("engine",): Engine,
    ("engine", "price"): Price,
    ("trackers",): Trackers,
    ("trackers", "wandb"): WandbTracker,
    ("trackers", "mlflow"): MlflowTracker,
}


def _keys_beside(loc: Location) -> list[str]:
    model: Any = Experiment
    fixed = {"stages": STAGES, "problems": SPECS, "benchmarks": Benchmark}
    if len(loc) > 1:
        entry = fixed.get(str(loc[0]))
        if isinstance(entry, dict):
            model = SECTIONS.get(str(loc[3])) if len(loc) > 4 else None
            model = model or entry[str(loc[2])]
        elif entry is not None:
            model = ReferenceLine if loc[2:3] == ("reference_line",) and len(loc) > 3 else entry
        else:
            model = _SECTIONS.get(tuple(map(str, loc[:-1])), Experiment)
    return [field.alias or name for name, field in model.model_fields.items()]
