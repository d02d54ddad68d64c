"""The numbers of studies/mazes/README.md are those of its two Parquet files."""

import re
import shutil
from contextlib import contextmanager
from fractions import Fraction
from math import comb
from pathlib import Path

import pandas as pd
import pytest

from reports.figures import style
from studies import frames
from studies.mazes import __main__ as cli
from studies.mazes import study

DOCS = Path(__file__).parents[3] / "studies" / "mazes"
SPLITS = {"easy": ["easy"], "hard": ["hard"], "easy and hard": ["easy", "hard"], "ood": ["ood"]}
ENDS = {"before rl": ("pass1", "warm"), "`passk`": ("passk_pass1", "passk")}
ROW = re.compile(r"^\| (easy|hard|easy and hard|ood) +\| (before rl|`\w+`) +\| +(\d+) \|(.*)\|$", re.M)


@pytest.fixture(scope="module")
def problems():
    return pd.read_parquet(DOCS / study.PROBLEMS)


def pass_at_k(rows, k):
    """Return pass@k by its definition in exact arithmetic: the share of sets of k samples with a correct one."""
    counts = [(int(n), int(c)) for n, c in zip(rows.n, rows.c, strict=True)]
    return sum(1 - Fraction(comb(n - c, k), comb(n, k)) for n, c in counts) / len(counts)


def test_every_number_of_the_main_tables_is_that_of_the_committed_samples(problems):
    page = (DOCS / "README.md").read_text()
    parts = re.split(r"^## ([\w-]+)$", page[page.index("<!-- numbers -->") :], flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    checked = 0
    for regime in problems.regime.unique():
        rows = ROW.findall(sections[regime])
        assert len(rows) >= 4 * 4, regime
        for split, label, seeds, cells in rows:
            method, at = ENDS.get(label, (label.strip("`"), "final"))
            of_method = (problems.regime == regime) & (problems.method == method) & (problems.checkpoint == at)
            own = problems[of_method & problems.split.isin(SPLITS[split])]
            assert own.seed.nunique() == int(seeds)
            shown = [float(cell.split()[0]) for cell in cells.split("|")]
            for k, value in zip((1, 8), shown, strict=True):
                mean = sum(pass_at_k(rows, k) for _, rows in own.groupby("seed")) / own.seed.nunique()
                assert abs(float(mean) - value) <= 0.0005 + 1e-9, (regime, split, label, k)
                checked += 1
    assert checked >= 32


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    """The study's directory made again from its committed files, and the panels that were drawn."""
    directory, panels, figure = tmp_path_factory.mktemp("remade") / "study", [], style.figure

    @contextmanager
    def recorded(*arguments, **options):
        with figure(*arguments, **options) as (drawing, grid):
            yield drawing, grid
            panels.extend(axes for axes in grid.flat if axes.lines)

    shutil.copytree(DOCS, directory, ignore=shutil.ignore_patterns("figures", "tables.md"))
    page = directory / "README.md"
    page.write_text(frames.MARKED.sub(r"\1 nothing \2", page.read_text()))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(style, "figure", recorded)
        cli.remake(directory)
    return directory, panels


@pytest.mark.slow  # all intervals and figures of the whole study; test_mazes.py remakes a small one
def test_tables_page_and_figures_are_remade_from_the_committed_files_alone(remade):
    directory, _ = remade
    for name in ("README.md", "tables.md"):
        assert (directory / name).read_text() == (DOCS / name).read_text(), name
    for figure in re.findall(r"\]\((figures/[^)]*)\)", (DOCS / "README.md").read_text()):
        assert (directory / figure).is_file()


def test_the_files_have_32_samples_of_200_mazes_a_split_each_row_once_and_are_small(problems):
    assert (problems.n == 32).all()
    whose = ["regime", "method", "seed", "checkpoint", "split"]
    assert (problems.groupby(whose).problem_id.nunique() == 200).all()
    assert not problems.duplicated([*whose, "problem_id"]).any()
    steps = pd.read_parquet(DOCS / study.STEPS)
    assert not steps.duplicated(["regime", "method", "seed", "step"]).any()
    assert sum((DOCS / name).stat().st_size for name in (study.PROBLEMS, study.STEPS)) < 5_000_000


@pytest.mark.slow
def test_no_line_of_a_figure_leaves_its_panel(remade):
    _, panels = remade
    assert len(panels) > 20
    for axes in panels:
        for values, limits in (("get_xdata", axes.get_xlim()), ("get_ydata", axes.get_ylim())):
            drawn = [float(value) for line in axes.lines for value in getattr(line, values)()]
            assert min(limits) <= min(drawn) and max(drawn) <= max(limits), axes.get_title()
