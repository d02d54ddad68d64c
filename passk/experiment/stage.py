"""Fields of a stage: what sft and rl stages share, and what each has of its own."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from passk.base.errors import InvalidError
from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.benchmark import Benchmark
from passk.experiment.engine_settings import FilterGroups, ImportanceCorrection, Kl, Lora, Loss, Overlong
from passk.experiment.fields import (
    HIGHEST_TEMPERATURE,
    LIMIT,
    MOST_ROLLOUTS,
    Betas,
    Clip,
    Count,
    LearningRate,
    MaxFailed,
    Name,
    Natural,
    NotNegative,
    Positive,
    Rollouts,
    Share,
    Stops,
    Strict,
)
from passk.experiment.k_schedule import Schedule
from passk.experiment.keep import Keep
from passk.experiment.method_field import MethodField
from passk.experiment.selection import KeepBest, StopWhen
from passk.experiment.stage_end import Conditions
from passk.experiment.until import Until


def _scheduled(kind: str, words: str) -> WithJsonSchema:
    """Return the JSON schema of one value, or of a schedule as a mapping or a list. words: for people."""
    return WithJsonSchema({"anyOf": [{"type": kind}, {"type": "object"}, {"type": "array"}], "format": words})


Advantage = Annotated[
    AdvantageSchedule,
    BeforeValidator(AdvantageSchedule.of),
    PlainSerializer(lambda schedule: schedule.plain),
    _scheduled("string", "name or schedule"),
]
K = Annotated[
    Schedule,
    BeforeValidator(Schedule.of),
    PlainSerializer(lambda schedule: schedule.written),
    _scheduled("integer", "whole number or schedule"),
]


def _switch(value: Any) -> Any:
    """Return a section in place of true, and none in place of false."""
    return {} if value is True else None if value is False else value


class Stage(Strict):
    """Fields that sft and rl stages share."""

    parent: Name | None = Field(
        None, alias="from", description="stage whose model this one starts from (default: the model itself)"
    )
    problems: Name | None = Field(
        None, description="name of a set of problems of the train split (required without `mix`)"
    )
    mix: dict[Name, Positive] | None = Field(
        None, min_length=2, description="in place of `problems`: sets of problems, each with its weight"
    )
    steps: Count = Field(description="optimizer steps of an sft stage, batches of rollouts of an rl stage")
    betas: Betas = Field((0.9, 0.95), description="Adam's two betas")
    weight_decay: NotNegative = Field(0.0, description="Adam's weight decay")
    max_norm: Positive = Field(1.0, description="norm to which gradients are clipped")
    warmup: Natural = Field(0, description="steps in which the learning rate rises")
    evaluate: bool = Field(True, description="sample the finished model on every benchmark")
    save_every: Count = Field(20, description="steps between checkpoints")
    keep_checkpoints: Count = Field(2, description="checkpoints kept for resuming, at least 2 while training")
    export_every: Count | None = Field(
        None, description="steps between models in HF format that the stage keeps in exports/ (default: none)"
    )
    lora: Lora | None = Field(None, description="adapter that is trained in place of the weights (default: none)")
    openrlhf: dict[str, Any] = Field(
        default={}, description="OpenRLHF's own flags, such as --actor.adam.eps: 1.0e-6; a switch takes true"
    )

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each set of problems."""
        return dict(self.mix) if self.mix else {str(self.problems): 1.0}

    @model_validator(mode="after")
    def _one_source_of_problems(self) -> Self:
        if (self.problems is None) == (self.mix is None):
            raise InvalidError("needs exactly one of problems and mix", "write one of them")
        return self

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Self:
        if self.warmup > self.steps:
            raise InvalidError(
                f"warmup of {self.warmup} steps is longer than the stage", f"lower it to {self.steps} or less"
            )
        return self

    def _limited(self, what: str, size: int) -> Self:
        if size >= LIMIT:
            raise InvalidError(f"{what} is {size} training prompts", f"lower it below {LIMIT}")
        return self


class SftStage(Stage):
    """Supervised fine-tuning on the demonstrations of problems, by OpenRLHF's train_sft."""

    kind: Literal["sft"] = Field(description="kind of the stage")
    lr: LearningRate = Field(description="learning rate")
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
    advantage: Advantage = Field(
        description="advantage estimator, or a schedule of them over the steps; `passk advantage list` lists them"
    )
    k: K = Field(Schedule.of(1), description="k of Pass@k, or a schedule of it over the steps")
    options: dict[str, Any] = Field(
        default={}, description="options of the estimator, by its name if there are several"
    )
    method: MethodField | None = Field(
        None, description="method that needs the model's inner states, with its options (default: none)"
    )
    lr: LearningRate = Field(description="learning rate")
    entropy_coef: NotNegative = Field(0.0, description="entropy bonus in the loss")
    kl: Kl | None = Field(None, description="penalty for the distance from a reference model (default: none)")
    loss: Loss | None = Field(None, description="policy loss (default: PPO's, mean over tokens)")
    importance_correction: ImportanceCorrection | None = Field(
        None, description="correction for vLLM's probabilities, which differ from the trainer's (default: none)"
    )
    false_positive_rate: Share = Field(
        0.0, description="share of the incorrect answers that get the reward of correct ones"
    )
    prompts_per_step: Count = Field(32, description="prompts per step")
    rollouts_per_prompt: int = Field(16, ge=2, lt=MOST_ROLLOUTS, description="rollouts per prompt, N")
    mini_batch_prompts: Count | None = Field(None, description="prompts per optimizer step (default: all of a step)")
    temperature: Positive = Field(1.0, le=HIGHEST_TEMPERATURE, description="temperature of sampling")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus of sampling, share of the probability")
    clip: Clip = Field((0.2, 0.28), description="lower and upper clip of the probability ratio")
    max_prompt: Count = Field(1024, description="longest prompt, tokens")
    max_response: Count = Field(description="longest response, tokens")
    filter_groups: Annotated[FilterGroups | None, BeforeValidator(_switch)] = Field(
        None, description="train on groups that teach, and sample others in place of the rest; `true`, or a section"
    )
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="the model is the average of the weights, with this share kept each update (default: none)"
    )
    overlong: Overlong | None = Field(None, description="penalty for long responses (default: none)")
    mask_truncated: bool = Field(False, description="leave responses that are cut off out of the loss")
    stop: Stops = ()
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

    stop_when: StopWhen | None = Field(
        None, description="condition on these evaluations that ends the stage before `steps` (default: none)"
    )

    keep_best: KeepBest | None = Field(
        None, description="keep and evaluate the best model by these evaluations, beside the last one (default: none)"
    )
    evaluate_last: Count | None = Field(
        None,
        description="number of checkpoints at the end, one each `save_every` steps, that are evaluated; their mean is "
        "the stage's row (default: 1)",
    )

    def held_out_samples(self, benchmark: Benchmark) -> int:
        """Return the samples per problem of an evaluation during the training."""
        return self.evaluate_samples or max(benchmark.k)

    @property
    def keep(self) -> Keep | None:
        """The models that the stage keeps beside its last one."""
        if self.last_checkpoints == 1 and self.keep_best is None:
            return None
        return Keep(every=self.save_every, last=self.last_checkpoints, best=self.keep_best)

    @property
    def last_checkpoints(self) -> int:
        """Number of checkpoints at the end that are evaluated."""
        return self.evaluate_last or 1

    @property
    def conditions(self) -> Conditions:
        """Conditions that end the stage before `steps`."""
        return Conditions(self.until, self.stop_when)

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        return self._limited(f"steps x prompts_per_step{' x max_rounds' * (self.rounds > 1)}", self.most_prompts)

    @property
    def rounds(self) -> int:
        """Rounds of sampling in a step at most."""
        return self.filter_groups.max_rounds if self.filter_groups else 1

    @property
    def most_prompts(self) -> int:
        """Prompts that the stage samples at most."""
        return self.steps * self.prompts_per_step * self.rounds

    @field_validator("until")
    @classmethod
    def _can_be_met(cls, until: Until | None, info: ValidationInfo) -> Until | None:
        steps = info.data.get("steps")
        if until and steps and until.window > steps:
            raise InvalidError(
                f"window of {until.window} steps is longer than the stage",
                f"set window to {steps} or less, or raise steps",
            )
        return until


SECTIONS: dict[str, type[BaseModel]] = {
    "until": Until,
    "stop_when": StopWhen,
    "keep_best": KeepBest,
    "kl": Kl,
    "loss": Loss,
    "importance_correction": ImportanceCorrection,
    "overlong": Overlong,
    "filter_groups": FilterGroups,
    "lora": Lora,
}
"""Models of a stage's fields that are sections."""
STAGES: dict[str, type[Stage]] = {"sft": SftStage, "rl": RlStage}
AnyStage = Annotated[Annotated[SftStage, Tag("sft")] | Annotated[RlStage, Tag("rl")], Discriminator("kind")]
