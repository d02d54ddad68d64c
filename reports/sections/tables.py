"""Tables of results and differences."""

from collections.abc import Callable, Mapping, Sequence

from passk.statistics.bootstrap import Estimate
from reports.data.comparison import Comparison, Difference
from reports.data.markdown import code, listed, table
from reports.data.results import ALL, Results
from reports.data.seed_statistics import sign
from reports.sections.answer import interval, p_text


def main_table(
    comparison: Comparison, mark: Callable[[str], str], dress: Callable[[str], str], groups: Sequence[str] | None = None
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: one row for each benchmark and checkpoint, one column for each k.

    mark: formats the best cell of a column. dress: formats names. groups: of the table; None: all of the comparison.
    """
    ks = sorted({k for group in comparison.groups for k in comparison.ks(group)})
    with_seeds = any(len(entry.runs) > 1 for entry in comparison.sampled)
    rows = []
    for group in comparison.groups if groups is None else groups:
        for entry in comparison.sampled:
            cells = [comparison.cells.get((group, entry.label, k)) for k in ks]
            texts = [interval(cell.estimate) if cell else "–" for cell in cells]
            marked = [mark(text) if cell and cell.best else text for cell, text in zip(cells, texts, strict=True)]
            if any(cells):
                seeds = [str(len(entry.sampled(group)))] if with_seeds else []
                rows.append([_group(group, dress), dress(entry.label), *seeds, *marked])
    return ["benchmark", "checkpoint", *(["seeds"] if with_seeds else []), *(f"pass@{k}" for k in ks)], rows


def _group(group: str, dress: Callable[[str], str] = code) -> str:
    return "all together" if group == ALL else dress(group)


def sizes(comparison: Comparison) -> list[str]:
    """Return a phrase for each benchmark: its number of problems and samples, temperature and top-p."""
    configured = {
        name
        for run in comparison.results
        for name, benchmark in run.record.config["benchmarks"].items()
        if not benchmark.get("validation")
    }
    lines = []
    if len(comparison.together) > 1 and configured - set(comparison.together):
        lines.append(f"all together: the mean of {listed([code(name) for name in comparison.together])} only")
    for benchmark in comparison.benchmarks:
        runs = [run for run in comparison.results if benchmark in run.benchmarks]
        frames = [run.counts[run.counts["benchmark"] == benchmark] for run in runs]
        samples = _range([int(value) for counts in frames for value in counts["n"]])
        problems = _range([counts["problem"].nunique() for counts in frames])
        settings = [run.record.config["benchmarks"][benchmark] for run in runs]
        temperature, top_p = (_range([one[name] for one in settings]) for name in ("temperature", "top_p"))
        lines.append(
            f"{code(benchmark)}: {problems} problems{_varying(comparison, benchmark)}, {samples} samples each, "
            f"temperature {temperature}, top-p {top_p}"
        )
    return lines


def about_top_p(comparison: Comparison) -> str:
    """Return a sentence on the benchmarks whose top-p is below 1; empty without one."""
    below = {
        run.record.config["benchmarks"][name]["top_p"]
        for run in comparison.results
        for name in run.benchmarks
        if run.record.config["benchmarks"][name]["top_p"] < 1
    }
    values = " or ".join(f"{value:g}" for value in sorted(below))
    return f"pass@k at top-p {values} cuts off strategies of small probability." if below else ""


def _varying(comparison: Comparison, benchmark: str) -> str:
    """Return whether the problems of a benchmark differ between seeds or experiments; empty if they do not."""
    problems = [
        {frozenset(run.counts.loc[run.counts["benchmark"] == benchmark, "problem"]) for run in design} - {frozenset()}
        for design in comparison.designs
    ]
    if any(len(sets) > 1 for sets in problems):
        return ", different for each seed"
    return ", different for each experiment" if len(set.union(*problems)) > 1 else ""


def _range(values: Sequence[float]) -> str:
    low, high = (str(end).removesuffix(".0") for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def difference_table(differences: list[Difference], p_values: Mapping[Difference, tuple[float, float]]) -> str:
    """Return a table of differences: one row for each pair and benchmark, with p-values if some rows have them.

    Intervals over several runs that exclude zero are bold.
    """
    ks = sorted({d.k for d in differences})
    by_place = {(d.of, d.to, d.benchmark, d.k): d for d in differences}
    with_seeds = any(len(d.by_seed) > 1 for d in differences)
    rows = []
    for of, to, group in dict.fromkeys((d.of, d.to, d.benchmark) for d in differences):
        row = [by_place.get((of, to, group, k)) for k in ks]
        seeds = [str(max(len(d.by_seed) for d in row if d))] if with_seeds else []
        cells = [cell for d in row for cell in _cells(d, p_values)[: 3 if with_seeds else 1]]
        rows.append([f"{code(of)} − {code(to)}", _group(group), *seeds, *cells])
    columns = difference_columns(ks) if with_seeds else [f"pass@{k}" for k in ks]
    header = ["difference", "benchmark", *(["seeds"] if with_seeds else []), *columns]
    return table(header, rows, left=2) if rows else ""


def _cells(difference: Difference | None, p_values: Mapping[Difference, tuple[float, float]]) -> list[str]:
    if difference is None:
        return ["–"] * 3
    if difference not in p_values:
        return [interval(difference.estimate, signed=True), "–", "–"]
    return signed(difference.estimate, *p_values[difference])


def difference_columns(ks: Sequence[int]) -> list[str]:
    """Return the three column names of each k."""
    return [name for k in ks for name in (f"pass@{k}", "p", "p (Holm)")]


def signed(estimate: Estimate, p: float, corrected: float) -> list[str]:
    """Return the three cells of a difference: interval, p and corrected p."""
    return [marked(estimate), p_text(p), p_text(corrected)]


def marked(estimate: Estimate) -> str:
    """Return a difference as text, bold if its interval excludes zero."""
    text = interval(estimate, signed=True)
    return f"**{text}**" if sign(estimate) else text


def about_p(p_values: Mapping[Difference, tuple[float, float]]) -> list[str]:
    """Return sentences on bold cells, Holm's correction and disagreements between intervals and p-values.

    Empty without a p-value.
    """
    count = len(p_values)
    if not count:
        return []
    lines = [
        "**Bold**: over several seeds, and the interval excludes zero. p: two-sided. "
        f"p (Holm): corrected for all {count} differences over several seeds, those by benchmark included. "
        "Intervals are not corrected."
    ]
    disagreeing = [d for d, (p, _) in p_values.items() if bool(d.sign) != (p < 0.05)]
    if disagreeing:
        where = listed([f"{code(d.of)} − {code(d.to)}, {_group(d.benchmark)}, pass@{d.k}" for d in disagreeing])
        lines.append(f"Interval and p disagree at 0.05 (bold follows the interval): {where}.")
    lost = sum(bool(d.sign) and corrected >= 0.05 for d, (_, corrected) in p_values.items())
    if lost:
        bold = sum(bool(d.sign) for d in p_values)
        lines.append(
            f"Of the {bold} differences in bold, {lost} {'has' if lost == 1 else 'have'} p (Holm) of 0.05 or more."
        )
    return lines


def seed_table(comparison: Comparison) -> str:
    """Return a table of single seeds: one row for each seed and method, one column for each benchmark.

    Empty if no method has several seeds.
    """
    methods = [trained.entry for trained in comparison.trained_methods]
    if not any(len(entry.runs) > 1 for entry in methods):
        return ""
    rows = []
    for design in comparison.designs:
        for run in design:
            for entry in (entry for entry in methods if run in entry.runs):
                cells = [_of_run(comparison, run, entry.checkpoint, group) for group in comparison.groups]
                if any(cell != "–" for cell in cells):
                    rows.append([str(run.seed if run.seed is not None else run.name), code(entry.label), *cells])
    return table(["seed", "method", *map(_group, comparison.groups)], rows, left=2)


def _of_run(comparison: Comparison, run: Results, checkpoint: str, group: str) -> str:
    if run.problems(checkpoint, group) is None:
        return "–"
    return " / ".join(f"{run.values(checkpoint, group, k).mean():.3f}" for k in comparison.ends(group))
