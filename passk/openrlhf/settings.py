"""Flags of the plugin, in addition to OpenRLHF's."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passk import advantage
from passk.base.errors import ConfigError, under
from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.fields import LIMIT
from passk.experiment.k_schedule import Schedule
from passk.experiment.keep import Keep
from passk.experiment.selection import Selection, StopWhen, held_out_ks
from passk.experiment.stage_end import Conditions
from passk.experiment.until import Until
from passk.methods import Method
from passk.openrlhf import flag_readers
from passk.openrlhf.held_out import HeldOut


@dataclass(frozen=True)
class PluginSettings:
    """Settings of the plugin. They reach the trainer's Ray actor by pickle."""

    advantage: AdvantageSchedule
    k: Schedule
    options: dict[str, Any]
    """Options of the estimator, or of each estimator by its name if there are several."""
    record: Path
    """Directory for metrics.jsonl and rollouts/ (passk/files/layout.py)."""
    keep_order: bool = False
    """Whether prompts keep the dataset's order instead of OpenRLHF's shuffle."""
    false_positive_rate: float = 0.0
    """Share of the incorrect responses that get reward 1."""
    max_failed: float = 0.05
    """Largest share of a step's responses without a verdict (timeout, crash); training stops above it."""
    stop: tuple[str, ...] = ()
    """Texts that end a response."""
    until: Until | None = None
    """Condition on the steps that ends the training early."""
    stop_when: StopWhen | None = None
    """Condition on the evaluations that ends the training early."""
    held_out: HeldOut | None = None
    """Evaluations during the training."""
    keep: Keep | None = None
    """Models that are kept beside that of the last step."""
    problems: Path | None = None
    """Parquet file of the training problems, for the metrics by difficulty."""

    filter_groups: int | None = None
    """Rounds of sampling in a step at most, to replace groups that teach nothing; None without a filter."""
    steps: int | None = None
    """Step at which the training ends; None for the end of the prompts."""
    export_every: int | None = None
    """Steps between models in HF format below the record; None for none."""
    ema: float | None = None
    """Share of the average of the weights that an update keeps; None for the weights themselves."""
    sum_tokens: bool = False
    """Whether the policy loss sums the tokens of a sequence; else it is a mean."""
    mask_truncated: bool = False
    """Whether the loss leaves out responses that are cut off."""
    method: Method | None = None
    """Method beside the estimator."""
    reference: str | None = None
    """HF model that is the reference of the KL penalty; None for the model that the training starts from."""

    @property
    def conditions(self) -> Conditions:
        """Conditions that end the training early."""
        return Conditions(self.until, self.stop_when)

    def check(self, rollouts: int) -> None:
        """Raise ConfigError unless the estimators and `until` are defined for every k of the schedule."""
        self.advantage.check(self.k, LIMIT, rollouts, self.options)
        if self.until:
            with under("--passk.until"):
                self.until.check(max(k for _, k in self.k.changes), rollouts)


def split_arguments(arguments: Sequence[str]) -> tuple[PluginSettings, list[str]]:
    """Split off the `--passk.*` flags of a command line. The rest is for OpenRLHF, unchanged.

    Raise ConfigError for an invalid value.
    """
    parser = argparse.ArgumentParser(
        prog="python -m passk.openrlhf",
        description="OpenRLHF's train_ppo_ray with passk's advantage estimators; every other flag is OpenRLHF's.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--passk.advantage",
        dest="advantage",
        required=True,
        help=f"Advantage estimator, or 1:grpo,200:maxrl by step. There are {', '.join(advantage.names())}.",
    )
    parser.add_argument("--passk.k", dest="k", default="1", help="k of Pass@k: 4, or 1:8,1500:1 by step (default: 1).")
    parser.add_argument(
        "--passk.options",
        dest="options",
        default="{}",
        help="Options of the estimator, as JSON; by its name if there are several.",
    )
    parser.add_argument(
        "--passk.method", dest="method", help='Method beside the estimator, as JSON: {"name": "simko"} (default: none).'
    )
    parser.add_argument(
        "--passk.record",
        dest="record",
        type=Path,
        default=Path("passk-record"),
        help="Directory for metrics and rollouts (default: passk-record).",
    )
    parser.add_argument(
        "--passk.keep_order",
        dest="keep_order",
        action="store_true",
        help="Keep the dataset's order of prompts (default: shuffle).",
    )
    parser.add_argument(
        "--passk.false_positive_rate",
        dest="false_positive_rate",
        type=float,
        default=0.0,
        help="Share of incorrect responses that get reward 1 (default: 0). It is the noise baseline.",
    )
    parser.add_argument(
        "--passk.max_failed",
        dest="max_failed",
        type=float,
        default=0.05,
        help="Stop if more than this share of a step's responses has no verdict (default: 0.05).",
    )
    parser.add_argument(
        "--passk.stop", dest="stop", default="[]", help="Texts that end a response, as a JSON list (default: none)."
    )
    parser.add_argument(
        "--passk.until",
        dest="until",
        help='Condition that ends the training early, as JSON: {"metric": "reward", "above": 0.9, "window": 10}.',
    )
    parser.add_argument(
        "--passk.stop_when",
        dest="stop_when",
        help='Condition on the evaluations that ends the training early, as JSON: {"benchmark": "hard", "k": 8, '
        '"evaluations": 3}.',
    )
    parser.add_argument(
        "--passk.held_out",
        dest="held_out",
        help="Evaluations during the training, as JSON: benchmarks and the steps between evaluations (default: none).",
    )
    parser.add_argument(
        "--passk.keep",
        dest="keep",
        help="Models of earlier checkpoints that the record keeps in models/, as JSON: "
        '{"every": 20, "last": 5} (default: none).',
    )
    parser.add_argument(
        "--passk.problems",
        dest="problems",
        type=Path,
        help="Parquet file with the id and difficulty of each problem, for metrics by difficulty (default: none).",
    )
    parser.add_argument(
        "--passk.filter_groups",
        dest="filter_groups",
        type=flag_readers.count,
        help="Replace all-incorrect groups and those with fewer than k incorrect, in this many rounds (default: keep).",
    )
    parser.add_argument(
        "--passk.steps",
        dest="steps",
        type=flag_readers.count,
        help="Step at which the training ends (default: that of the data).",
    )
    parser.add_argument(
        "--passk.export_every",
        dest="export_every",
        type=flag_readers.count,
        help="Steps between models in HF format in exports/ of the record (default: none).",
    )
    parser.add_argument(
        "--passk.ema",
        dest="ema",
        type=flag_readers.inner_share,
        help="Save an average of the weights, of which an update keeps this share (default: the weights).",
    )
    parser.add_argument(
        "--passk.sum_tokens",
        dest="sum_tokens",
        action="store_true",
        help="Sum the policy loss over the tokens of a sequence (default: the mean of --actor.loss_agg_mode).",
    )
    parser.add_argument(
        "--passk.mask_truncated",
        dest="mask_truncated",
        action="store_true",
        help="Leave responses that are cut off out of the loss (default: they are in it).",
    )
    parser.add_argument(
        "--passk.reference",
        dest="reference",
        help="Reference model of the KL penalty (default: the model that the training starts from).",
    )
    values, rest = parser.parse_known_args(arguments)
    if not 0 <= values.false_positive_rate <= 1:
        value = f"{values.false_positive_rate:g}"
        raise ConfigError("--passk.false_positive_rate", f"must be a share from 0 to 1, not {value}", "change it")
    if not 0 <= values.max_failed <= 1:
        raise ConfigError("--passk.max_failed", f"must be a share from 0 to 1, not {values.max_failed:g}", "change it")
    until = flag_readers.parsed(Until, "--passk.until", values.until)
    held_out = flag_readers.parsed(HeldOut, "--passk.held_out", values.held_out)
    stop_when = flag_readers.parsed(StopWhen, "--passk.stop_when", values.stop_when)
    if stop_when:
        _require_evaluated("--passk.stop_when", stop_when, held_out)
    if until and until.difficulty is not None and values.problems is None:
        raise ConfigError(
            "--passk.until", "a difficulty needs --passk.problems FILE", "add it, or remove the difficulty"
        )
    keep = flag_readers.parsed(Keep, "--passk.keep", values.keep)
    if keep and keep.best:
        _require_evaluated("--passk.keep", keep.best, held_out)
    settings = PluginSettings(
        advantage=flag_readers.schedule(AdvantageSchedule, "--passk.advantage", values.advantage),
        k=flag_readers.schedule(Schedule, "--passk.k", values.k),
        options=advantage.read_options(values.options, field="--passk.options"),
        record=values.record.resolve(),
        keep_order=values.keep_order,
        false_positive_rate=values.false_positive_rate,
        max_failed=values.max_failed,
        stop=flag_readers.stop(values.stop),
        until=until,
        stop_when=stop_when,
        held_out=held_out,
        keep=keep,
        problems=values.problems.resolve() if values.problems else None,
        filter_groups=values.filter_groups,
        steps=values.steps,
        export_every=values.export_every,
        ema=values.ema,
        sum_tokens=values.sum_tokens,
        mask_truncated=values.mask_truncated,
        reference=values.reference,
        method=flag_readers.method(values.method),
    )
    return settings, rest


def _require_evaluated(flag: str, selection: Selection, held_out: HeldOut | None) -> None:
    """Raise ConfigError unless the evaluations during the training have the value that decides."""
    benchmark = held_out.benchmarks.get(selection.benchmark) if held_out else None
    if benchmark is None:
        raise ConfigError(flag, f"--passk.held_out has no benchmark {selection.benchmark}", "add it there")
    if selection.k not in held_out_ks(benchmark.samples, benchmark.k):
        raise ConfigError(
            flag, f"pass@{selection.k} on {selection.benchmark} is not evaluated", f"add {selection.k} to its k"
        )
