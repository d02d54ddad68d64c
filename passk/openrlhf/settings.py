"""The plugin's own flags, beside OpenRLHF's."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passk import advantage
from passk.base.errors import ConfigError
from passk.experiment.k_schedule import Schedule, held


@dataclass(frozen=True)
class PluginSettings:
    """What the plugin is told. It travels to the trainer's Ray actor by pickle."""

    estimator: str
    k: Schedule
    options: dict[str, Any]
    """of the estimator"""
    record: Path
    """directory for metrics.jsonl and rollouts/ (passk/files/layout.py)"""
    keep_order: bool = False
    """take the prompts in the order of the dataset instead of OpenRLHF's shuffle"""
    false_positive_rate: float = 0.0
    """share of the wrong answers that are paid as right ones"""
    lr_scale: tuple[tuple[int, float], ...] = ()
    """(step, factor) of the actor's learning rate, each from its step on; empty: OpenRLHF's alone"""
    max_failed: float = 0.05
    """share of a step's responses without a verdict (timeout, crash) above which training stops"""

    def check(self, rollouts: int) -> None:
        """Raise ConfigError unless the estimator is defined for every k of the schedule."""
        for _, k in self.k.changes:
            advantage.check(self.estimator, k, rollouts, self.options)

    def lr_factor(self, step: int) -> float:
        return held(self.lr_scale, step)


def split_arguments(arguments: Sequence[str]) -> tuple[PluginSettings, list[str]]:
    """Take the `--passk.*` flags out of a command line; the rest is for OpenRLHF, untouched.

    Raises ConfigError for a value that cannot be read.
    """
    parser = argparse.ArgumentParser(
        prog="python -m passk.openrlhf",
        description="OpenRLHF's train_ppo_ray with passk's advantage estimators; every other flag is OpenRLHF's.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--passk.advantage", dest="estimator", required=True, help=f"one of {', '.join(advantage.names())}"
    )
    parser.add_argument("--passk.k", dest="k", default="1", help="the k of Pass@k: 4, or 1:8,1500:1 by step")
    parser.add_argument("--passk.options", dest="options", default="{}", help="the estimator's options, as JSON")
    parser.add_argument(
        "--passk.record",
        dest="record",
        type=Path,
        default=Path("passk-record"),
        help="where metrics and rollouts go",
    )
    parser.add_argument(
        "--passk.keep_order",
        dest="keep_order",
        action="store_true",
        help="take prompts in the dataset's order",
    )
    parser.add_argument(
        "--passk.false_positive_rate",
        dest="false_positive_rate",
        type=float,
        default=0.0,
        help="pay this share of the wrong answers as right ones: the noise baseline",
    )
    parser.add_argument(
        "--passk.lr_scale",
        dest="lr_scale",
        default="",
        help="factors of the actor's learning rate by step, as in 1:1,1500:0.16",
    )
    parser.add_argument(
        "--passk.max_failed",
        dest="max_failed",
        type=float,
        default=0.05,
        help="stop where the verifier came to no verdict on more than this share of a step's answers",
    )
    own, rest = parser.parse_known_args(arguments)
    if not 0 <= own.false_positive_rate <= 1:
        raise ConfigError(f"--passk.false_positive_rate: is a share from 0 to 1, not {own.false_positive_rate:g}")
    if not 0 <= own.max_failed <= 1:
        raise ConfigError(f"--passk.max_failed: is a share from 0 to 1, not {own.max_failed:g}")
    settings = PluginSettings(
        estimator=own.estimator,
        k=_schedule(own.k),
        options=advantage.read_options(own.options, field="--passk.options"),
        record=own.record.resolve(),
        keep_order=own.keep_order,
        false_positive_rate=own.false_positive_rate,
        lr_scale=_lr_scale(own.lr_scale),
        max_failed=own.max_failed,
    )
    return settings, rest


def _schedule(text: str) -> Schedule:
    try:
        return Schedule.parse(text)
    except ValueError as error:
        raise ConfigError(f"--passk.k: {error}") from None


def _lr_scale(text: str) -> tuple[tuple[int, float], ...]:
    try:
        changes = tuple(
            (int(step), float(factor)) for step, factor in (part.split(":") for part in text.split(",") if part)
        )
    except ValueError:
        raise ConfigError(f"--passk.lr_scale: is step:factor,step:factor as in 1:1,1500:0.16, not {text!r}") from None
    if changes and (
        changes[0][0] != 1 or any(factor <= 0 for _, factor in changes) or list(changes) != sorted(changes)
    ):
        raise ConfigError(f"--passk.lr_scale: begins at step 1, ascends, and has factors above 0, unlike {text!r}")
    return changes
