"""An experiment as a person writes it: strict pydantic, read from YAML.

Every mistake in a file becomes one `ConfigError`, a line that names the field and the mend. This module
imports neither torch nor ray nor vllm, so that `passk --help` and `prefect deploy` answer at once.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationError,
    model_validator,
)

from passk.base.errors import ConfigError, nearest
from passk.experiment.k_schedule import Schedule
from passk.problems.maze import MazeProblems as MazeProblems
from passk.problems.sources import SPECS, Problems

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
K = Annotated[Schedule, BeforeValidator(Schedule.of), PlainSerializer(lambda schedule: schedule.written)]
MaxFailed = Annotated[float, Field(ge=0, le=1, description="share of the verifier's timeouts and crashes, at the most")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TinyModel(Strict):
    """A Qwen2 made from scratch, for a machine without a GPU. Sizes as in HF's Qwen2Config."""

    hidden_size: int = Field(96, ge=32)
    layers: int = Field(3, ge=1)
    heads: int = Field(3, ge=1)
    feed_forward: int = Field(256, ge=32)
    max_length: int = Field(128, ge=32)
    alphabet: Literal["maze", "bytes"] = Field("maze", description="a token a maze character, or a byte of any text")

    @model_validator(mode="after")
    def _head_size_has_a_kernel(self) -> Self:
        if self.hidden_size % self.heads or self.hidden_size // self.heads % 32:
            raise ValueError(
                "hidden_size / heads must be a multiple of 32: vLLM has no CPU kernel for other head sizes"
            )
        return self


class Model(Strict):
    """Where training starts: `tiny` from scratch, or `path`: a HF model by name or directory."""

    tiny: TinyModel | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.tiny is None) == (self.path is None):
            raise ValueError("give either tiny: (from scratch) or path: (a HF model), and not both")
        return self


class Stage(Strict):
    """What the two kinds of stage share."""

    parent: Name | None = Field(None, alias="from")
    problems: Name
    steps: int = Field(ge=1)
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(0.0, ge=0)
    max_norm: float = Field(1.0, gt=0)
    warmup: int = Field(0, ge=0, description="steps in which the learning rate rises")
    evaluate: bool = Field(True, description="sample the finished model on every benchmark")
    save_every: int = Field(20, ge=1, description="steps between checkpoints")
    keep_checkpoints: int = Field(2, ge=1, description="checkpoints kept for resuming, at least 2 while training")


class SftStage(Stage):
    """Supervised fine-tuning on the problems' demonstrations: OpenRLHF's train_sft."""

    kind: Literal["sft"]
    lr: float = Field(gt=0)
    batch_size: int = Field(128, ge=1)


class RlStage(Stage):
    """Reinforcement learning with verifiable rewards: OpenRLHF's train_ppo_ray with passk's plugin."""

    kind: Literal["rl"]
    advantage: str
    k: K = Schedule.of(1)
    options: dict[str, Any] = Field(default={}, description="of the estimator; `passk advantage list` lists them")
    lr: Annotated[float, Field(gt=0)] | Literal["auto"]
    base_lr: float | None = Field(None, gt=0, description="with lr: auto, the learning rate that GRPO would get")
    entropy_coef: float = Field(0.0, ge=0, description="entropy bonus in the loss")
    false_positive_rate: float = Field(
        0.0, ge=0, le=1, description="share of the wrong answers that are paid as right ones"
    )
    prompts_per_step: int = Field(32, ge=1, description="prompts a step")
    rollouts_per_prompt: int = Field(16, ge=2, description="sampled answers a prompt, N")
    mini_batch_prompts: int | None = Field(None, ge=1, description="prompts an optimizer step; None: all of them")
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    clip: tuple[float, float] = (0.2, 0.28)
    max_prompt: int = Field(1024, ge=1, description="tokens")
    max_response: int = Field(ge=1, description="tokens")
    max_failed: MaxFailed = 0.05


AnyStage = Annotated[Annotated[SftStage, Tag("sft")] | Annotated[RlStage, Tag("rl")], Discriminator("kind")]


class Benchmark(Strict):
    """A set of problems on which every finished stage is sampled."""

    problems: Name
    samples: int = Field(32, ge=1)
    k: tuple[int, ...] = (1, 4, 8)
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_response: int = Field(ge=1, description="tokens")
    max_failed: MaxFailed = 0.05


class Compute(Strict):
    """Where it runs. `cpu` stands OpenRLHF on the CPU with logical GPUs; `gpu` is the real thing."""

    profile: Literal["cpu", "gpu"]
    nodes: int = Field(1, ge=1)
    gpus_per_node: int = Field(1, ge=1)
    engines: int = Field(1, ge=1, description="vLLM engines; with colocate, engines x tensor_parallel = all GPUs")
    tensor_parallel: int = Field(1, ge=1)
    colocate: bool = Field(False, description="trainer and engines share the GPUs, engines sleep in between")
    zero_stage: int = Field(2, ge=0, le=3)
    micro_batch: int = Field(64, ge=1, description="sequences a forward pass")
    max_tokens_per_gpu: int | None = Field(None, ge=1, description="dynamic batches of that many tokens")
    packing: bool = False
    gradient_checkpointing: bool = False
    attention: str = Field("eager", description="HF's attn_implementation")
    memory_utilization: float = Field(0.6, gt=0, lt=1, description="vLLM's share of a GPU's memory")
    kv_cache_gib: int = Field(1, ge=1, description="vLLM's KV cache on a CPU; vLLM takes whole GiB")
    threads: int = Field(2, ge=1, description="CPU threads of a process that computes")
    stall_timeout_s: int = Field(1800, ge=1, description="seconds without a step after which a stage counts as hung")
    deterministic: bool = Field(False, description="the same numbers to the last digit, killed and resumed or not")
    max_parallel_stages: int = Field(1, ge=1, description="stages that train at once where they do not need each other")

    @model_validator(mode="after")
    def _trainer_and_engines_get_on(self) -> Self:
        gpus = self.nodes * self.gpus_per_node
        if self.colocate and self.engines * self.tensor_parallel != gpus:
            raise ValueError(
                f"colocate needs engines x tensor_parallel = all {gpus} GPUs, "
                f"not {self.engines} x {self.tensor_parallel}: set engines to {gpus // self.tensor_parallel}"
            )
        if self.colocate and not self.zero_stage:
            raise ValueError("colocate needs an optimizer that can leave the GPUs: set zero_stage to 1, 2 or 3")
        if self.max_tokens_per_gpu and self.zero_stage != 3:
            raise ValueError(
                "max_tokens_per_gpu needs zero_stage 3: at any other DeepSpeed keeps of a step only the last of "
                "OpenRLHF's dynamic batches; set it to 3, or leave max_tokens_per_gpu out"
            )
        return self

    def gpus(self, *, rollouts: bool) -> int:
        """That a stage holds, of which on a CPU all are logical. rollouts: whether it needs engines too."""
        trained_on = self.nodes * self.gpus_per_node
        return trained_on if self.colocate or not rollouts else trained_on + self.engines * self.tensor_parallel


class WandbTracker(Strict):
    """W&B. The key is in WANDB_API_KEY or in W&B's own login, the server in WANDB_BASE_URL; never here."""

    project: str = Field(pattern=r"^[^/\\#?%:]{1,128}$")
    entity: str | None = Field(None, min_length=1, description="user or team; None: the login's own")


class MlflowTracker(Strict):
    """MLflow. User and password are in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; never here."""

    experiment: str = Field(min_length=1)
    uri: str | None = Field(None, min_length=1, description="of the server or store; None: MLFLOW_TRACKING_URI")

    @model_validator(mode="after")
    def _no_password(self) -> Self:
        # "user@" alone is a token where the server is asked by HTTP
        at = urlsplit(self.uri or "")
        if at.password is not None or (at.username is not None and at.scheme.startswith("http")):
            raise ValueError("the uri holds a login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead")
        return self


class Trackers(Strict):
    """Who gets the step metrics beside TensorBoard (passk/trackers)."""

    wandb: WandbTracker | None = None
    mlflow: MlflowTracker | None = None


class Experiment(Strict):
    name: Name
    question: str = Field(min_length=1)
    seed: int = Field(ge=0, lt=2**31)
    model: Model
    problems: dict[Name, Problems] = Field(min_length=1)
    stages: dict[Name, AnyStage] = Field(description="none: the model itself is evaluated")
    benchmarks: dict[Name, Benchmark] = Field(min_length=1)
    compute: Compute
    trackers: Trackers | None = None

    @property
    def gpus(self) -> int:
        """That one of its stages holds at the most; on a CPU all are logical."""
        return self.compute.gpus(rollouts=any(isinstance(stage, RlStage) for stage in self.stages.values()))

    @model_validator(mode="after")
    def _something_to_evaluate(self) -> Self:
        if self.model.tiny and not self.stages:
            raise ValueError("a model made from scratch without stages knows nothing; give stages, or model.path")
        return self


def load(path: str | Path) -> Experiment:
    """Read and check an experiment's YAML file. Raises ConfigError: one line, the field and the mend."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: an experiment is a mapping with the keys {', '.join(Experiment.model_fields)}")
    return parse(raw)


def parse(raw: dict[str, Any]) -> Experiment:
    """A mapping as read from YAML -> Experiment. Raises ConfigError."""
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    # pydantic puts the tag of a union ("rl") between the name and its field: not in the file, so not said
    tagged = first["loc"][:1] in (("stages",), ("problems",))
    where = ".".join(str(part) for place, part in enumerate(first["loc"]) if not (tagged and place == 2))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _keys_beside(first["loc"])
        return f"{where}: unknown key{nearest(str(first['loc'][-1]), known)}{more}"
    if first["type"] == "union_tag_invalid" and where.startswith("problems."):
        return f"{where}.source: there is no source {first['ctx']['tag']!r}{nearest(first['ctx']['tag'], SPECS)}{more}"
    if first["type"] == "union_tag_not_found" and where.startswith("problems."):
        return f"{where}.source: is missing; there is {', '.join(SPECS)}{more}"
    message = first["msg"].removeprefix("Value error, ")
    given = f", not {first['input']!r}" if isinstance(first.get("input"), str | int | float | bool) else ""
    return f"{where or 'experiment'}: {message[0].lower()}{message[1:]}{given}{more}"


_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    ("model",): Model,
    ("model", "tiny"): TinyModel,
    ("compute",): Compute,
    ("trackers",): Trackers,
    ("trackers", "wandb"): WandbTracker,
    ("trackers", "mlflow"): MlflowTracker,
}


def _keys_beside(loc: tuple[int | str, ...]) -> list[str]:
    model: Any = Experiment
    fixed = {"stages": {"sft": SftStage, "rl": RlStage}, "problems": SPECS, "benchmarks": Benchmark}
    if len(loc) > 1:
        entry = fixed.get(str(loc[0]))
        if isinstance(entry, dict):
            model = entry[str(loc[2])]
        elif entry is not None:
            model = entry
        else:
            model = _SECTIONS.get(tuple(map(str, loc[:-1])), Experiment)
    return [field.alias or name for name, field in model.model_fields.items()]
