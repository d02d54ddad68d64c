"""Write the study's Parquet files from the store, or its tables, figures and page from these files.

python -m studies.mazes export [EXPERIMENT ...] --runs runs
python -m studies.mazes remake
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from passk.base.errors import PasskError
from passk.store import STORE
from studies.mazes import claims, figures, goals, tables
from studies.mazes.study import MARKED, export, read

HERE = Path(__file__).parent


def remake(directory: Path) -> str:
    """tables.md and figures/ from the two files alone; gives the tables' text.

    The README.md in the directory has its main tables too, where it is MARKED.
    """
    study = read(directory)
    text, numbers = tables.texts(study, goals.markdown(study), claims.markdown(study))
    (directory / "tables.md").write_text(text, encoding="utf-8")
    figures.draw(study, directory / "figures")
    page = directory / "README.md"
    if page.is_file():
        words = page.read_text(encoding="utf-8")
        page.write_text(MARKED.sub(lambda found: f"{found[1]}\n\n{numbers}\n\n{found[2]}", words), encoding="utf-8")
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.mazes", description="The study's numbers.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("export", "write the Parquet files from the store"), ("remake", "tables and figures again")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--directory", type=Path, default=HERE, help="of the files (default: the study's own)")
        if name == "export":
            command.add_argument("experiments", nargs="*", help="none: all that are called study-...")
            command.add_argument("--runs", type=Path, default=Path("runs"), help="directory of all runs")
    given = parser.parse_args(arguments)
    try:
        if given.command == "export":
            export(given.runs / STORE, given.directory, given.experiments)
        sys.stdout.write(remake(given.directory))
    except PasskError as error:
        sys.exit(f"study: {error}")


if __name__ == "__main__":
    main()
