"""The plugin's own flags, beside OpenRLHF's."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from passk import advantage


@dataclass(frozen=True)
class PluginSettings:
    """What the plugin is told. It travels to the trainer's Ray actor by pickle."""

    rule: str
    k: int
    record: Path
    """directory for metrics.jsonl and rollouts/ (passk/layout.py)"""
    keep_order: bool
    """take the prompts in the order of the dataset instead of OpenRLHF's shuffle"""


def split_arguments(arguments: Sequence[str]) -> tuple[PluginSettings, list[str]]:
    """Take the `--passk.*` flags out of a command line; the rest is for OpenRLHF, untouched."""
    parser = argparse.ArgumentParser(
        prog="python -m passk.openrlhf",
        description="OpenRLHF's train_ppo_ray with passk's advantage rules; every other flag is OpenRLHF's.",
        allow_abbrev=False,
    )
    parser.add_argument("--passk.rule", dest="rule", required=True, help=f"one of {', '.join(advantage.names())}")
    parser.add_argument("--passk.k", dest="k", type=int, default=1, help="the k of Pass@k")
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
    own, rest = parser.parse_known_args(arguments)
    return PluginSettings(own.rule, own.k, own.record.resolve(), own.keep_order), rest
