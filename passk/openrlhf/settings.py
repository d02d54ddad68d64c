"""Flags of the plugin, in addition to OpenRLHF's."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passk import advantage
from passk.base.errors import ConfigError, InvalidError, under
from passk.experiment.k_schedule import Schedule
from passk.experiment.until import Until
from passk.openrlhf.held_out import HeldOut


@dataclass(frozen=True)
class PluginSettings:
    """Settings of the plugin. They reach the trainer's Ray actor by pickle."""

    estimator: str
    k: Schedule
    options: dict[str, Any]
    """Options of the estimator."""
    record: Path
    """Directory for metrics.jsonl and rollouts/ (passk/files/layout.py)."""
    keep_order: bool = False
    """Whether prompts keep the dataset's order instead of OpenRLHF's shuffle."""
    false_positive_rate: float = 0.0
    """Share of the incorrect responses that get reward 1."""
    max_failed: float = 0.05
    """Largest share of a step's responses without a verdict (timeout, crash); training stops above it."""
    until: Until | None = None
    """Condition that ends the training early."""
    held_out: HeldOut | None = None
    """Evaluations during the training."""
    problems: Path | None = None
    """Parquet file of the training problems, for the metrics by difficulty."""

    reference: str | None = None
    """HF model that is the reference of the KL penalty; None for the model that the training starts from."""

    def check(self, rollouts: int) -> None:
        """Raise ConfigError unless the estimator and `until` are defined for every k of the schedule."""
        for _, k in self.k.changes:
            advantage.check(self.estimator, k, rollouts, self.options)
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
        dest="estimator",
        required=True,
        help=f"Advantage estimator: {', '.join(advantage.names())}.",
    )
    parser.add_argument("--passk.k", dest="k", default="1", help="k of Pass@k: 4, or 1:8,1500:1 by step (default: 1).")
    parser.add_argument("--passk.options", dest="options", default="{}", help="Options of the estimator, as JSON.")
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
        "--passk.until",
        dest="until",
        help='Condition that ends the training early, as JSON: {"metric": "reward", "above": 0.9, "window": 10}.',
    )
    parser.add_argument(
        "--passk.held_out",
        dest="held_out",
        help="Evaluations during the training, as JSON: benchmarks and the steps between evaluations (default: none).",
    )
    parser.add_argument(
        "--passk.problems",
        dest="problems",
        type=Path,
        help="Parquet file with the id and difficulty of each problem, for metrics by difficulty (default: none).",
    )
    parser.add_argument(
        "--passk.reference",
        dest="reference",
        help="Reference model of the KL penalty (default: the model that the training starts from).",
    )
    values, rest = parser.parse_known_args(arguments)
    if not 0 <= values.false_positive_rate <= 1:
        given = f"{values.false_positive_rate:g}"
        raise ConfigError("--passk.false_positive_rate", f"must be a share from 0 to 1, not {given}", "change it")
    if not 0 <= values.max_failed <= 1:
        raise ConfigError("--passk.max_failed", f"must be a share from 0 to 1, not {values.max_failed:g}", "change it")
    until = _until(values.until) if values.until is not None else None
    if until and until.difficulty is not None and values.problems is None:
        raise ConfigError(
            "--passk.until", "a difficulty needs --passk.problems FILE", "add it, or remove the difficulty"
        )
    settings = PluginSettings(
        estimator=values.estimator,
        k=_schedule(values.k),
        options=advantage.read_options(values.options, field="--passk.options"),
        record=values.record.resolve(),
        keep_order=values.keep_order,
        false_positive_rate=values.false_positive_rate,
        max_failed=values.max_failed,
        until=until,
        held_out=_held_out(values.held_out) if values.held_out is not None else None,
        problems=values.problems.resolve() if values.problems else None,
        reference=values.reference,
    )
    return settings, rest


def _held_out(text: str) -> HeldOut:
    try:
        return HeldOut.parse(text)
    except ConfigError as error:
        raise error.replaced(where="--passk.held_out") from None


def _until(text: str) -> Until:
    try:
        return Until.parse(text)
    except ConfigError as error:
        raise error.replaced(where="--passk.until") from None


def _schedule(text: str) -> Schedule:
    try:
        return Schedule.parse(text)
    except InvalidError as error:
        raise ConfigError("--passk.k", error.problem, error.fix) from None
