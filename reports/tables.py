"""The tables of the first screen."""

from collections.abc import Callable

from reports.answer import interval
from reports.comparison import Comparison, Difference
from reports.results import ALL, Results
from reports.text import code, table


def main_table(
    comparison: Comparison, mark: Callable[[str], str], dress: Callable[[str], str]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a row a benchmark and checkpoint, a column a k. `mark` marks the best of a column."""
    ks = sorted({k for group in comparison.groups for k in comparison.ks(group)})
    with_seeds = any(len(entry.runs) > 1 for entry in comparison.sampled)
    rows = []
    for group in comparison.groups:
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
    lines = []
    for benchmark in comparison.benchmarks:
        runs = [run for run in comparison.results if benchmark in run.benchmarks]
        own = [run.counts[run.counts["benchmark"] == benchmark] for run in runs]
        samples = _range([int(value) for counts in own for value in counts["n"]])
        problems = _range([counts["problem"].nunique() for counts in own])
        prints = [set(run.samplings.loc[run.samplings["benchmark"] == benchmark, "problems"]) for run in runs]
        others = ", other ones for each seed" if any(one != prints[0] for one in prints) else ""
        lines.append(f"{code(benchmark)}: {problems} problems{others}, {samples} samples each")
    return lines


def _range(values: list[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)} to {max(values)}"


def difference_table(differences: list[Difference]) -> str:
    """A row a pair and benchmark, a column a k; bold where the interval is clear of zero."""
    ks = sorted({d.k for d in differences})
    found = {(d.of, d.to, d.benchmark, d.k): d for d in differences}
    with_seeds = any(len(d.by_seed) > 1 for d in differences)
    rows = []
    for of, to, group in dict.fromkeys((d.of, d.to, d.benchmark) for d in differences):
        own = [found.get((of, to, group, k)) for k in ks]
        seeds = [str(max(len(d.by_seed) for d in own if d))] if with_seeds else []
        rows.append([f"{code(of)} − {code(to)}", _group(group), *seeds, *map(_signed, own)])
    header = ["difference", "benchmark", *(["seeds"] if with_seeds else []), *(f"pass@{k}" for k in ks)]
    return table(header, rows, left=2) if rows else ""


def _signed(difference: Difference | None) -> str:
    if difference is None:
        return "–"
    text = interval(difference.estimate, signed=True)
    return f"**{text}**" if difference.sign else text


def seed_table(comparison: Comparison) -> str:
    """Every seed's own numbers: a row a seed and arm, a column a benchmark; empty for one seed."""
    arms = [contest.entry for contest in comparison.contests]
    if not any(len(entry.runs) > 1 for entry in arms):
        return ""
    rows = []
    for design in comparison.designs:
        for run in design:
            for entry in (entry for entry in arms if run in entry.runs):
                cells = [_own(comparison, run, entry.checkpoint, group) for group in comparison.groups]
                if any(cell != "–" for cell in cells):
                    rows.append([str(run.seed if run.seed is not None else run.name), code(entry.label), *cells])
    return table(["seed", "arm", *map(_group, comparison.groups)], rows, left=2)


def _own(comparison: Comparison, run: Results, checkpoint: str, group: str) -> str:
    if run.problems(checkpoint, group) is None:
        return "–"
    return " / ".join(f"{run.values(checkpoint, group, k).mean():.3f}" for k in comparison.ends(group))
