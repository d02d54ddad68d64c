"""Write the Parquet files of the study from the store, or its tables, figures and page from the Parquet files.

python -m studies.mazes export [EXPERIMENT ...] --runs runs
python -m studies.mazes remake
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from passk.base.errors import PasskError
from passk.store import STORE
from studies import frames
from studies.mazes import claims, figures, goals, pooled, run_to_run, tables
from studies.mazes.study import export, read

HERE = Path(__file__).parent


def remake(directory: Path) -> str:
    """Write tables.md and figures/ from the two Parquet files; return the text of the tables.

    The marked part of a README.md in the directory gets the main tables too.
    """
    study = read(directory)
    goal_table = "\n\n".join(part for part in (goals.markdown(study), pooled.markdown(study)) if part)
    text, numbers = tables.texts(study, goal_table, claims.markdown(study), run_to_run.markdown(study))
    (directory / "tables.md").write_text(text, encoding="utf-8")
    figures.draw(study, directory / "figures")
    frames.fill(directory / "README.md", numbers)
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.mazes", description="Numbers and figures of the study.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("export", "Write the Parquet files from the store, then tables, figures and page."),
        ("remake", "Write tables, figures and page from the Parquet files."),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--directory", type=Path, default=HERE, help="Directory of the files (default: that of the study)."
        )
        if name == "export":
            command.add_argument(
                "experiments", nargs="*", help="Names of experiments (default: all whose name starts with study-)."
            )
            command.add_argument(
                "--runs", type=Path, default=Path("runs"), help="Directory of all runs (default: runs)."
            )
    options = parser.parse_args(arguments)
    try:
        if options.command == "export":
            export(options.runs / STORE, options.directory, options.experiments)
        sys.stdout.write(remake(options.directory))
    except PasskError as error:
        sys.exit(f"study: {error}")


if __name__ == "__main__":
    main()
