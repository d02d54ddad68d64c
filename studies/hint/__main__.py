"""Write the problems of the pilot, and its table.

python -m studies.hint problems DIRECTORY
python -m studies.hint table RUNS
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from studies.hint import sums, table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    problems = commands.add_parser("problems", help="Write the files of problems.")
    problems.add_argument("directory", type=Path, help="Directory of the files.")
    tables = commands.add_parser("table", help="Print the table of an evaluation.")
    tables.add_argument("runs", type=Path, help="Directory of all runs.")
    options = parser.parse_args(arguments)
    if options.command == "problems":
        sums.write(options.directory)
    else:
        print(table.text(table.read(options.runs)))


if __name__ == "__main__":
    main()
