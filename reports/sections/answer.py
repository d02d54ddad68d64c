"""The answer of a report in sentences, computed from the numbers alone."""

from collections.abc import Callable

from passk.files.layout import INGEST
from passk.statistics.bootstrap import Estimate
from reports.data.comparison import Comparison, Difference, Entry, MethodRuns
from reports.data.markdown import listed
from reports.data.results import ALL
from reports.sections.run_to_run import about_runs

NO_DIFFERENCE = "no clear difference"
EVALUATION = "evaluate"
"""Key of the evaluation in the failures of an experiment."""
STATED = 4
"""Number of checkpoints in an answer without methods; the table has all of them."""


def interval(estimate: Estimate, signed: bool = False) -> str:
    """Return an estimate as 0.412 [0.380, 0.444]; `signed` adds the sign of a difference unless it rounds to zero."""
    sign = "+" if signed else ""
    value = "0.000" if abs(estimate.value) < 0.0005 else f"{estimate.value:{sign}.3f}"
    return f"{value} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def p_text(p: float) -> str:
    """Return a p-value with three digits."""
    return "≤0.001" if p < 0.0005 else f"{p:.3f}"


def answer(comparison: Comparison, name: Callable[[str], str] = str) -> list[str]:
    """Return the sentences of the answer, the most important one first.

    name: formats the names of stages and benchmarks; markdown shows them as code.
    """
    sentences = _failed_methods(comparison, name) + _not_ingested(comparison, name) + _no_pair(comparison, name)
    for method, baseline in comparison.comparisons:
        sentences += _between(comparison, method, baseline, name)
    return sentences + _over_warm_start(comparison, name) + about_runs(comparison, name)


def _failed_methods(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    lines, missing = [], []
    for trained in comparison.trained_methods:
        failed = _failed_stages(trained)
        for stage, runs in failed.items():
            seeds = f" of {listed([name(run) for run in runs])}" if len(comparison.results) > 1 else ""
            lines.append(f"{name(trained.entry.label)} failed in stage {name(stage)}{seeds}.")
        if not failed and trained.entry not in comparison.sampled:
            missing.append(name(trained.entry.label))
    evaluation = _failed(comparison, "Evaluation", EVALUATION, name)
    if missing and evaluation:
        lines.append(f"{evaluation}; there are no samples of {listed(missing)}.")
    elif missing:
        lines.append(f"There are no samples of {listed(missing)} yet.")
    elif evaluation and comparison.trained_methods:
        lines.append(f"{evaluation} before its end; some samples are missing.")
    return lines


def _not_ingested(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    ingest = _failed(comparison, "Ingest", INGEST, name)
    return [f"{ingest}; this report lacks the items that were not ingested."] if ingest else []


def _failed(comparison: Comparison, what: str, key: str, name: Callable[[str], str]) -> str:
    """Return that `what` failed, with the names of the runs if there are several; empty without a failure.

    key: of `what` in the failures of a run.
    """
    failed = [run.name for run in comparison.results if key in run.record.failures]
    if not failed:
        return ""
    return f"{what} failed{f' in {listed([name(run) for run in failed])}' if len(comparison.results) > 1 else ''}"


def _failed_stages(trained: MethodRuns) -> dict[str, list[str]]:
    """Return first failed stage of the method in a run -> names of the runs."""
    runs_of: dict[str, list[str]] = {}
    for run in trained.entry.runs:
        stages = [node.name for node in trained.method.chain if node.name in run.record.failures]
        if stages:
            runs_of.setdefault(stages[0], []).append(run.name)
    return runs_of


def _without_methods(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    """Return the answer of an experiment without rl: pass@k of each checkpoint, by benchmark if there is only one."""
    evaluation = _failed(comparison, "Evaluation", EVALUATION, name)
    lines = [
        f"{name(stage)} failed{f' in {name(run.name)}' if len(comparison.results) > 1 else ''}."
        for run in comparison.results
        for stage in run.record.failures
        if stage not in (EVALUATION, INGEST)
    ]
    if not comparison.groups:
        return [
            *lines,
            f"{evaluation}; there are no samples." if evaluation else "No checkpoint has been evaluated yet.",
        ]
    lines += [f"{evaluation}."] if evaluation else []
    overall = comparison.groups[0]
    for entry in comparison.sampled[:STATED]:
        estimates = [(k, comparison.estimate(entry, overall, k)) for k in comparison.ends(overall)]
        parts = [f"{interval(estimate)} at pass@{k}" for k, estimate in estimates if estimate]
        where = "of all benchmarks together" if overall == ALL else f"of {name(overall)}"
        if parts:
            lines.append(f"{name(entry.label)} solves {listed(parts)} {where}.")
    if len(comparison.sampled) == 1 and len(comparison.benchmarks) > 1:
        by_benchmark = [(each, comparison.estimate(comparison.sampled[0], each, 1)) for each in comparison.benchmarks]
        lines.append(f"At pass@1: {listed([f'{name(each)} {interval(one)}' for each, one in by_benchmark if one])}.")
    return lines


def _no_pair(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    if comparison.comparisons:
        return []
    if not comparison.trained_methods:
        return _without_methods(comparison, name)
    return ["There is no other method to compare with."]


def _between(comparison: Comparison, method: Entry, baseline: Entry, name: Callable[[str], str]) -> list[str]:
    differences = [d for d in comparison.between_methods if (d.of, d.to) == (method.label, baseline.label)]
    first = next((group for group in comparison.groups if any(d.benchmark == group for d in differences)), None)
    overall = [d for d in differences if d.benchmark == first]
    if not overall:
        if method in comparison.sampled and baseline in comparison.sampled:
            return [f"{name(method.label)} and {name(baseline.label)} have no seed and problems in common."]
        return []
    where = "Over all benchmarks together" if overall[0].benchmark == ALL else f"On {name(overall[0].benchmark)}"
    steps = _unequal_steps(comparison, method, baseline, name)
    if not overall[0].several_runs:
        return [f"{_checkpoints(where, overall, name)}{steps}"]
    parts = [_verdict(overall, sign, name(baseline.label)) for sign in (1, -1, 0)]
    return [
        f"{where}, {name(method.label)} {', but '.join(part for part in parts if part)}.{steps}",
        *_corrected(comparison, overall),
        *_by_seed(overall),
        *_exceptions(comparison, differences, overall, name),
    ]


def _unequal_steps(comparison: Comparison, method: Entry, baseline: Entry, name: Callable[[str], str]) -> str:
    """Return a sentence with the rl steps of two methods after a space; empty if they are equal or unknown.

    Steps are those that the runs have done: `until` and `stop_when` end a stage early.
    """
    of, to = (_rl_steps(comparison, entry) for entry in (method, baseline))
    if not of or not to or of == to:
        return ""
    return f" The methods differ in rl steps: {name(method.label)} has {of}, {name(baseline.label)} has {to}."


def _rl_steps(comparison: Comparison, entry: Entry) -> str:
    """Return the rl steps of a method's chain, as a range if its runs differ; empty for an entry that is no method."""
    stages = [{each.checkpoint for each in one.rl} for one in comparison.trained_methods if one.entry is entry]
    if not stages:
        return ""
    rl = [run.steps[(run.steps["kind"] == "rl") & run.steps["stage"].isin(stages[0])] for run in entry.runs]
    counts = {len(frame) for frame in rl}
    return f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(*counts)


def _checkpoints(where: str, overall: list[Difference], name: Callable[[str], str]) -> str:
    """Return a sentence on two checkpoints of one training run each, which claims nothing about their methods."""
    of, to = name(overall[0].of), name(overall[0].to)
    values = [
        f"{d.value_of:.3f} and {d.value_to:.3f} at pass@{d.k} (difference {interval(d.estimate, signed=True)})"
        for d in overall
    ]
    return f"{where}, this checkpoint of {of} and this checkpoint of {to} solve {', and '.join(values)}."


def _corrected(comparison: Comparison, overall: list[Difference]) -> list[str]:
    """Return a sentence about the stated differences whose corrected p-value is 0.05 or more."""
    weak = [d for d in overall if d.sign and comparison.p_values[d][1] >= 0.05]
    numbers = listed([f"at pass@{d.k} (p {p_text(comparison.p_values[d][1])})" for d in weak])
    count = len(comparison.p_values)
    return [f"After correction for all {count} differences, the difference is not clear {numbers}."] if weak else []


def _verdict(differences: list[Difference], sign: int, baseline: str) -> str:
    same = [d for d in differences if d.sign == sign]
    if not same:
        return ""
    words = {
        1: f"solves more than {baseline}",
        -1: f"solves less than {baseline}",
        0: f"shows {NO_DIFFERENCE} from {baseline}",
    }
    numbers = [
        f"at pass@{d.k} ({d.value_of:.3f} against {d.value_to:.3f}, {interval(d.estimate, signed=True)})" for d in same
    ]
    return f"{words[sign]} {listed(numbers)}"


def _by_seed(overall: list[Difference]) -> list[str]:
    parts = [
        f"{sum(value > 0 for value in d.by_seed)} of {len(d.by_seed)} seeds at pass@{d.k} "
        f"({', '.join(f'{value:+.3f}' for value in d.by_seed)})"
        for d in overall
        if d.several_runs
    ]
    return [f"It is ahead in {listed(parts)}."] if parts else []


def _numbers(comparison: Comparison, difference: Difference) -> str:
    """Return a difference with its interval; with its corrected p-value if only the interval excludes zero."""
    corrected = comparison.p_values[difference][1]
    weak = f", corrected p {p_text(corrected)}" if difference.sign and corrected >= 0.05 else ""
    return f"{interval(difference.estimate, signed=True)}{weak}"


def _exceptions(
    comparison: Comparison, differences: list[Difference], overall: list[Difference], name: Callable[[str], str]
) -> list[str]:
    """Return a sentence about single benchmarks that differ from the overall result, which the mean would hide."""
    parts = [
        f"{'more' if d.sign > 0 else 'less'} on {name(d.benchmark)} at pass@{d.k} ({_numbers(comparison, d)})"
        for d in _others(differences, overall)
    ]
    return [f"Single benchmarks differ from this: {listed(parts)}."] if parts else []


def _others(differences: list[Difference], overall: list[Difference]) -> list[Difference]:
    """Return the clear differences on single benchmarks whose sign is not that of the overall difference."""
    signs = {(d.of, d.to, d.k): d.sign for d in overall}
    together = {d.benchmark for d in overall}
    return [
        d for d in differences if d.benchmark not in together and d.sign not in (0, signs.get((d.of, d.to, d.k), 0))
    ]


def _over_warm_start(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    overall = [d for d in comparison.over_warm_start if d.benchmark == comparison.groups[0]]
    words = {1: "better than", 0: "not clearly different from", -1: "worse than"}
    by_k = []
    for k in dict.fromkeys(d.k for d in overall):
        parts = []
        for warm_start in dict.fromkeys(d.to for d in overall):
            for sign, word in words.items():
                same = [d for d in overall if (d.k, d.to, d.sign, d.several_runs) == (k, warm_start, sign, True)]
                if same:
                    methods = listed([f"{name(d.of)} ({_numbers(comparison, d)})" for d in same])
                    parts.append(f"{methods} {'are' if len(same) > 1 else 'is'} {word} {name(warm_start)}")
        if parts:
            by_k.append(f"at pass@{k} {', '.join(parts)}")
    others = [
        f"{name(d.of)} is {words[d.sign]} {name(d.to)} on {name(d.benchmark)} at pass@{d.k} ({_numbers(comparison, d)})"
        for d in _others(comparison.over_warm_start, overall)
    ]
    return [
        *([f"Against the warm start: {'; '.join(by_k)}."] if by_k else []),
        *([f"Single benchmarks differ from this: {listed(others)}."] if others else []),
        *_checkpoints_over_warm_start([d for d in overall if not d.several_runs], name),
    ]


def _checkpoints_over_warm_start(single: list[Difference], name: Callable[[str], str]) -> list[str]:
    by_k = []
    for k in dict.fromkeys(d.k for d in single):
        parts = [f"{name(d.of)} − {name(d.to)} {interval(d.estimate, signed=True)}" for d in single if d.k == k]
        by_k.append(f"at pass@{k} {listed(parts)}")
    return [f"Differences of these checkpoints to the warm start: {'; '.join(by_k)}."] if by_k else []
