"""Configuration of an experiment: strict pydantic models, read from YAML.

Each mistake in a file becomes one `ConfigError`: a line with the field, the fault and the fix. docs/experiment-files.md
lists what each field takes. This module imports neither torch nor ray nor vllm, so that `passk --help` and
`prefect deploy` answer at once.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from passk.base.errors import ConfigError
from passk.experiment import yaml_file
from passk.experiment.benchmark import Benchmark, ReferenceLine
from passk.experiment.compute import Compute
from passk.experiment.field_errors import Location, one_line, require_plain
from passk.experiment.fields import (
    LIMIT,
    MOST_ROLLOUTS,
    Betas,
    Clip,
    Count,
    MaxFailed,
    Name,
    Natural,
    NotNegative,
    Positive,
    Rollouts,
    Share,
    Strict,
    Text,
)
from passk.experiment.k_schedule import Schedule
from passk.experiment.tracker_config import MlflowTracker, Trackers, WandbTracker
from passk.experiment.until import Until
from passk.problems.maze import MazeProblems as MazeProblems
from passk.problems.sources import SPECS, Problems

K = Annotated[Schedule, BeforeValidator(Schedule.of), PlainSerializer(lambda schedule: schedule.written)]


class TinyModel(Strict):
    """A Qwen2 with random weights, for a machine without a GPU. Sizes as in HF's Qwen2Config."""

    hidden_size: int = Field(96, ge=32, lt=LIMIT, description="size of the hidden layer; a multiple of 32 x heads")
    layers: Count = Field(3, description="number of layers")
    heads: Count = Field(3, description="number of attention heads")
    feed_forward: int = Field(256, ge=32, lt=LIMIT, description="size of the feed-forward layer")
    max_length: int = Field(128, ge=32, lt=LIMIT, description="longest sequence, tokens")
    alphabet: Literal["maze", "bytes"] = Field("maze", description="a token a maze character, or a byte of any text")
    tie_word_embeddings: bool = Field(False, description="the output head shares the weights of the embeddings")

    @model_validator(mode="after")
    def _head_size_has_a_kernel(self) -> Self:
        if self.hidden_size % self.heads or self.hidden_size // self.heads % 32:
            raise ValueError(
                "hidden_size / heads must be a multiple of 32, since vLLM has no CPU kernel for other head sizes; "
                "set hidden_size to 32 x heads or a multiple"
            )
        return self


class Model(Strict):
    """The model that training starts from: `tiny` (random weights) or `path` (name or directory of a HF model)."""

    tiny: TinyModel | None = Field(None, description="sizes of a model from scratch")
    path: Text | None = Field(None, description="Hugging Face model, by name or directory")
    opens_thinking: bool = Field(
        False,
        description="the prompts end with <think>, by the chat template or their own text: a response without "
        "</think> never gives an answer",
    )
    trust_remote_code: bool = Field(
        False,
        description="run the Python code of the model in `path` (default: refuse such a model)",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.tiny is None) == (self.path is None):
            raise ValueError("needs exactly one of tiny and path; write tiny: (random weights) or path: (a HF model)")
        if self.tiny and self.trust_remote_code:
            raise ValueError("trust_remote_code has no effect on a tiny model; remove it")
        return self


class Stage(Strict):
    """Fields that sft and rl stages share."""

    parent: Name | None = Field(
        None, alias="from", description="stage whose model this one starts from (default: the model itself)"
    )
    problems: Name = Field(description="name of a set of problems of the train split")
    steps: Count = Field(description="optimizer steps of an sft stage, batches of rollouts of an rl stage")
    betas: Betas = Field((0.9, 0.95), description="Adam's two betas")
    weight_decay: NotNegative = Field(0.0, description="Adam's weight decay")
    max_norm: Positive = Field(1.0, description="norm to which gradients are clipped")
    warmup: Natural = Field(0, description="steps in which the learning rate rises")
    evaluate: bool = Field(True, description="sample the finished model on every benchmark")
    save_every: Count = Field(20, description="steps between checkpoints")
    keep_checkpoints: Count = Field(2, description="checkpoints kept for resuming, at least 2 while training")

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Self:
        if self.warmup > self.steps:
            raise ValueError(
                f"warmup of {self.warmup} steps is longer than the stage; lower it to {self.steps} or less"
            )
        return self

    def _limited(self, what: str, size: int) -> Self:
        if size >= LIMIT:
            raise ValueError(f"{what} is {size} training prompts; lower it below {LIMIT}")
        return self


class SftStage(Stage):
    """Supervised fine-tuning on the demonstrations of problems, by OpenRLHF's train_sft."""

    kind: Literal["sft"] = Field(description="kind of the stage")
    lr: Positive = Field(description="learning rate")
    batch_size: Count = Field(128, description="demonstrations per step")
    max_length: Count | None = Field(
        None,
        ge=4,
        description="most tokens of a prompt with its demonstration (default: the tiny model's max_length, else 4096)",
    )

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        return self._limited("steps x batch_size", self.steps * self.batch_size)


class RlStage(Stage):
    """Reinforcement learning with verifiable rewards, by OpenRLHF's train_ppo_ray with passk's plugin."""

    kind: Literal["rl"] = Field(description="kind of the stage")
    advantage: Text = Field(description="advantage estimator; `passk advantage list` lists them")
    k: K = Field(Schedule.of(1), description="k of Pass@k, or a schedule of it over the steps")
    options: dict[str, Any] = Field(
        default={}, description="options of the estimator; `passk advantage list` lists them"
    )
    lr: Positive = Field(description="learning rate")
    entropy_coef: NotNegative = Field(0.0, description="entropy bonus in the loss")
    false_positive_rate: Share = Field(
        0.0, description="share of the incorrect answers that get the reward of correct ones"
    )
    prompts_per_step: Count = Field(32, description="prompts per step")
    rollouts_per_prompt: int = Field(16, ge=2, lt=MOST_ROLLOUTS, description="rollouts per prompt, N")
    mini_batch_prompts: Count | None = Field(None, description="prompts per optimizer step (default: all of a step)")
    temperature: Positive = Field(1.0, description="temperature of sampling")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus of sampling, share of the probability")
    clip: Clip = Field((0.2, 0.28), description="lower and upper clip of the probability ratio")
    max_prompt: Count = Field(1024, description="longest prompt, tokens")
    max_response: Count = Field(description="longest response, tokens")
    max_failed: MaxFailed = 0.05
    until: Until | None = Field(None, description="condition that ends the stage before `steps` (default: none)")
    evaluate_every: Count | None = Field(
        None, description="steps between evaluations during the training (default: none); also the first and last step"
    )
    evaluate_on: tuple[Name, ...] | None = Field(
        None, strict=False, min_length=1, description="benchmarks of these evaluations (default: all)"
    )
    evaluate_samples: Rollouts | None = Field(
        None, description="samples per problem of these evaluations (default: the largest `k` of the benchmark)"
    )

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        return self._limited("steps x prompts_per_step", self.steps * self.prompts_per_step)

    @field_validator("until")
    @classmethod
    def _can_be_met(cls, until: Until | None, info: ValidationInfo) -> Until | None:
        steps = info.data.get("steps")
        if until and steps and until.window > steps:
            raise ValueError(
                f"window of {until.window} steps is longer than the stage; set window to {steps} or less, or raise "
                "steps"
            )
        return until


STAGES: dict[str, type[Stage]] = {"sft": SftStage, "rl": RlStage}
AnyStage = Annotated[Annotated[SftStage, Tag("sft")] | Annotated[RlStage, Tag("rl")], Discriminator("kind")]


class Experiment(Strict):
    name: Name = Field(description="name of the experiment and of its directory below runs/")
    question: Text = Field(description="question that the report answers")
    seed: int = Field(ge=0, lt=2**31, description="seed of problems, weights, training and evaluation")
    model: Model = Field(description="model that training starts from")
    problems: dict[Name, Problems] = Field(min_length=1, description="sets of problems by name")
    stages: dict[Name, AnyStage] = Field(description="stages by name; without stages the model itself is evaluated")
    benchmarks: dict[Name, Benchmark] = Field(min_length=1, description="benchmarks by name")
    compute: Compute = Field(description="where and how the experiment runs")
    trackers: Trackers | None = Field(None, description="trackers of step metrics beside TensorBoard")

    @property
    def gpus(self) -> int:
        """Largest number of GPUs that one of its stages needs; on a CPU they are logical."""
        return self.compute.gpus(rollouts=any(isinstance(stage, RlStage) for stage in self.stages.values()))

    @model_validator(mode="after")
    def _something_to_evaluate(self) -> Self:
        if self.model.tiny and not self.stages:
            raise ValueError("a tiny model without stages is untrained; add stages, or set model.path")
        return self


def load(path: str | Path) -> Experiment:
    """Return the experiment in a YAML file. Raise ConfigError: one line with file, line, field, fault and fix."""
    return parsed(yaml_file.read(path))


def parsed(source: yaml_file.Source) -> Experiment:
    """Return the experiment in the content of a file. Raise ConfigError as `load` does."""
    if not isinstance(source.content, dict):
        known = ", ".join(Experiment.model_fields)
        raise ConfigError(f"{source.path}: not an experiment; write a mapping with the keys {known}")
    with source.located():
        return parse(source.content)


def parse(raw: dict[str, Any]) -> Experiment:
    """Return the experiment in a mapping from YAML. Raise ConfigError that begins with the field."""
    require_plain(raw)
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(one_line(error, _keys_beside, sources=SPECS, kinds=STAGES)) from None


_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    ("model",): Model,
    ("model", "tiny"): TinyModel,
    ("compute",): Compute,
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
            model = Until if loc[3:4] == ("until",) and len(loc) > 4 else entry[str(loc[2])]
        elif entry is not None:
            model = ReferenceLine if loc[2:3] == ("reference_line",) and len(loc) > 3 else entry
        else:
            model = _SECTIONS.get(tuple(map(str, loc[:-1])), Experiment)
    return [field.alias or name for name, field in model.model_fields.items()]
