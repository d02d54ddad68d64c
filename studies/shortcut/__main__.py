"""Predict, design, run and report the study.

python -m studies.shortcut predict
python -m studies.shortcut design DIRECTORY
python -m studies.shortcut run DIRECTORY [--only e70-s20] [--hours H]
python -m studies.shortcut export
python -m studies.shortcut remake
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from passk.base.errors import PasskError
from passk.store import STORE
from studies import frames
from studies.shortcut import calibration, data, design, figure, schedule, tables, theory

HERE = Path(__file__).parent


def remake(directory: Path) -> str:
    """Write tables.md, the figure and the marked part of the page from problems.parquet; return the tables."""
    problems = data.read(directory)
    text, numbers = tables.texts(problems)
    (directory / "tables.md").write_text(text, encoding="utf-8")
    figure.draw(problems, directory / "figures" / "leave")
    fill = f"{numbers}\n\n![Share of runs that leave the shortcut over e](figures/leave.svg)"
    frames.fill(directory / "README.md", fill)
    return text


def predict() -> str:
    """Return the speed of the theory with the error of its fit, then all predictions."""
    error = calibration.error(theory.SPEED)
    return f"speed {theory.SPEED} logits a step (fit: error {error:.2f} logits)\n\n{tables.predictions()}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "predict":
            sys.stdout.write(predict())
        elif options.command == "design":
            files = design.write(options.experiments, options.seeds)
            sys.stdout.write(f"{len(files)} files in {options.experiments}\n")
        elif options.command == "run":
            schedule.run_all(options.experiments, options.runs, options.only, options.hours, options.directory)
        else:
            if options.command == "export":
                data.export(options.runs / STORE, options.directory)
            sys.stdout.write(remake(options.directory))
    except PasskError as error:
        sys.exit(f"study: {error}")
    except KeyboardInterrupt:
        sys.exit("study: stopped; repeat the command to resume")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studies.shortcut", description="The study of the shortcut.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("predict", help="Print the predictions of theory for each cell.")
    for name, text in (
        ("design", "Write an experiment file for each cell and seed."),
        ("run", "Run the experiment files in the declared order; skip finished and exported ones."),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("experiments", metavar="DIRECTORY", type=Path, help="Directory of the experiment files.")
        if name == "design":
            command.add_argument(
                "--seeds", type=int, choices=(design.SEEDS, *design.LOOKS[1:]), default=design.SEEDS,
                help=f"Seeds of each cell (default: {design.SEEDS}).",
            )  # fmt: skip
        else:
            command.add_argument("--only", default="", metavar="CELL", help="Cell, as e70-s20 (default: all).")
            command.add_argument("--hours", type=float, help="Hours after which none starts (default: no limit).")
    for name, text in (
        ("export", "Add the store to the Parquet files, then write tables, figure and page."),
        ("remake", "Write tables, figure and page from the Parquet files."),
    ):
        commands.add_parser(name, help=text)
    for name in ("run", "export", "remake"):
        command = commands.choices[name]
        command.add_argument("--directory", type=Path, default=HERE, help="Directory of the files (default: this one).")
    for name in ("run", "export"):
        command = commands.choices[name]
        command.add_argument("--runs", type=Path, default=Path("runs"), help="Directory of all runs (default: runs).")
    return parser


if __name__ == "__main__":
    main()
