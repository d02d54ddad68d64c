"""The answer in sentences, made from the numbers and from nothing else."""

from collections.abc import Callable

from passk.files.layout import INGEST
from passk.statistics.bootstrap import Estimate
from reports.data.comparison import Comparison, Difference, Entry, MethodRuns
from reports.data.markdown import listed
from reports.data.results import ALL

NO_DIFFERENCE = "no difference that these data can show"
EVALUATION = "evaluate"
"""under which an experiment's failures have that of the evaluation"""
STATED = 4
"""checkpoints whose numbers are in the answer where no methods compete; the table has all"""


def interval(estimate: Estimate, signed: bool = False) -> str:
    """0.412 [0.380, 0.444]; with a sign in front for a difference, unless it is none."""
    sign = "+" if signed else ""
    value = "0.000" if abs(estimate.value) < 0.0005 else f"{estimate.value:{sign}.3f}"
    return f"{value} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def p_text(p: float) -> str:
    return "≤0.001" if p < 0.0005 else f"{p:.3f}"


def answer(comparison: Comparison, name: Callable[[str], str] = str) -> list[str]:
    """The answer in its first sentence, and what is to be known beside it in others.

    `name` dresses the names of stages and benchmarks (in markdown: as code).
    """
    sentences = _failed_methods(comparison, name) + _not_filed(comparison, name) + _no_pair(comparison, name)
    for method, baseline in comparison.comparisons:
        sentences += _between(comparison, method, baseline, name)
    return sentences + _over_warm_start(comparison, name)


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
        lines.append(f"{evaluation} before its end: some samples are missing.")
    return lines


def _not_filed(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    filing = _failed(comparison, "Filing", INGEST, name)
    return [f"{filing}: what could not be filed is missing here."] if filing else []


def _failed(comparison: Comparison, what: str, under: str, name: Callable[[str], str]) -> str:
    """`what` failed, and of several runs in which. under: its name among their failures."""
    failed = [run.name for run in comparison.results if under in run.record.failures]
    if not failed:
        return ""
    return f"{what} failed{f' in {listed([name(run) for run in failed])}' if len(comparison.results) > 1 else ''}"


def _failed_stages(trained: MethodRuns) -> dict[str, list[str]]:
    """The first stage of the method that failed in each run -> names of those runs."""
    found: dict[str, list[str]] = {}
    for run in trained.entry.runs:
        stages = [node.name for node in trained.method.chain if node.name in run.record.failures]
        if stages:
            found.setdefault(stages[0], []).append(run.name)
    return found


def _without_methods(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    """Nothing was trained by rl: what each checkpoint solves, and a lone one on each benchmark."""
    evaluation = _failed(comparison, "Evaluation", EVALUATION, name)
    lines = [
        f"{name(stage)} failed{f' in {name(run.name)}' if len(comparison.results) > 1 else ''}."
        for run in comparison.results
        for stage in run.record.failures
        if stage not in (EVALUATION, INGEST)
    ]
    if not comparison.groups:
        return [*lines, f"{evaluation}; there are no samples." if evaluation else "Nothing has been sampled yet."]
    lines += [f"{evaluation}."] if evaluation else []
    overall = comparison.groups[0]
    for entry in comparison.sampled[:STATED]:
        found = [(k, comparison.estimate(entry, overall, k)) for k in comparison.ends(overall)]
        parts = [f"{interval(estimate)} at pass@{k}" for k, estimate in found if estimate]
        where = "of all problems together" if overall == ALL else f"of {name(overall)}"
        if parts:
            lines.append(f"{name(entry.label)} solves {listed(parts)} {where}.")
    if len(comparison.sampled) == 1 and len(comparison.benchmarks) > 1:
        found = [(each, comparison.estimate(comparison.sampled[0], each, 1)) for each in comparison.benchmarks]
        lines.append(f"At pass@1: {listed([f'{name(each)} {interval(one)}' for each, one in found if one])}.")
    return lines


def _no_pair(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    if comparison.comparisons:
        return []
    if not comparison.trained_methods:
        return _without_methods(comparison, name)
    return ["There is no other method to compare with."]


def _between(comparison: Comparison, method: Entry, baseline: Entry, name: Callable[[str], str]) -> list[str]:
    own = [d for d in comparison.between_methods if (d.of, d.to) == (method.label, baseline.label)]
    first_of = next((group for group in comparison.groups if any(d.benchmark == group for d in own)), None)
    overall = [d for d in own if d.benchmark == first_of]
    if not overall:
        if method in comparison.sampled and baseline in comparison.sampled:
            return [f"{name(method.label)} and {name(baseline.label)} have no seed and problems in common."]
        return []
    where = "Over all benchmarks together" if overall[0].benchmark == ALL else f"On {name(overall[0].benchmark)}"
    parts = [_verdict(overall, sign, name(baseline.label)) for sign in (1, -1, 0)]
    first = f"{where}, {name(method.label)} {', but '.join(part for part in parts if part)}."
    return [
        first,
        *_corrected(comparison, overall),
        *_by_seed(overall),
        *_against_the_grain(comparison, own, overall, name),
    ]


def _corrected(comparison: Comparison, overall: list[Difference]) -> list[str]:
    """Where a difference that is called one is not below 0.05 once it is corrected for how many are looked at."""
    weak = [d for d in overall if d.sign and comparison.p_values[d][1] >= 0.05]
    numbers = listed([f"at pass@{d.k} (p {p_text(comparison.p_values[d][1])})" for d in weak])
    return [f"Corrected for all {len(comparison.p_values)} differences, it is not clear {numbers}."] if weak else []


def _verdict(differences: list[Difference], sign: int, baseline: str) -> str:
    own = [d for d in differences if d.sign == sign]
    if not own:
        return ""
    words = {
        1: f"solves more than {baseline}",
        -1: f"solves less than {baseline}",
        0: f"makes {NO_DIFFERENCE} against {baseline}",
    }
    numbers = [
        f"at pass@{d.k} ({d.value_of:.3f} against {d.value_to:.3f}, {interval(d.estimate, signed=True)})" for d in own
    ]
    return f"{words[sign]} {listed(numbers)}"


def _by_seed(overall: list[Difference]) -> list[str]:
    parts = [
        f"{sum(value > 0 for value in d.by_seed)} of {len(d.by_seed)} seeds at pass@{d.k}"
        for d in overall
        if len(d.by_seed) > 1
    ]
    return [f"It is ahead in {listed(parts)}."] if parts else []


def _told(comparison: Comparison, difference: Difference) -> str:
    """Its interval, and where it is called a difference and does not outlive the correction, that too."""
    corrected = comparison.p_values[difference][1]
    weak = f", p {p_text(corrected)} once corrected" if difference.sign and corrected >= 0.05 else ""
    return f"{interval(difference.estimate, signed=True)}{weak}"


def _against_the_grain(
    comparison: Comparison, own: list[Difference], overall: list[Difference], name: Callable[[str], str]
) -> list[str]:
    """Benchmarks that clearly say other than all together: a mean must not hide them."""
    parts = [
        f"{'more' if d.sign > 0 else 'less'} on {name(d.benchmark)} at pass@{d.k} ({_told(comparison, d)})"
        for d in _others(own, overall)
    ]
    return [f"Not so on every benchmark: {listed(parts)}."] if parts else []


def _others(own: list[Difference], overall: list[Difference]) -> list[Difference]:
    """Those of single benchmarks that are clear of zero and have another sign than the same of all together."""
    signs = {(d.of, d.to, d.k): d.sign for d in overall}
    together = {d.benchmark for d in overall}
    return [d for d in own if d.benchmark not in together and d.sign not in (0, signs.get((d.of, d.to, d.k), 0))]


def _over_warm_start(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    overall = [d for d in comparison.over_warm_start if d.benchmark == comparison.groups[0]]
    words = {1: "better than", 0: "not clearly different from", -1: "worse than"}
    told = []
    for k in dict.fromkeys(d.k for d in overall):
        parts = []
        for warm_start in dict.fromkeys(d.to for d in overall):
            for sign, word in words.items():
                same = [d for d in overall if (d.k, d.to, d.sign) == (k, warm_start, sign)]
                if same:
                    methods = listed([f"{name(d.of)} ({_told(comparison, d)})" for d in same])
                    parts.append(f"{methods} {'are' if len(same) > 1 else 'is'} {word} {name(warm_start)}")
        told.append(f"at pass@{k} {', '.join(parts)}")
    others = [
        f"{name(d.of)} is {words[d.sign]} {name(d.to)} on {name(d.benchmark)} at pass@{d.k} ({_told(comparison, d)})"
        for d in _others(comparison.over_warm_start, overall)
    ]
    lines = [f"Against the warm start: {'; '.join(told)}."] if told else []
    return [*lines, f"Not so on every benchmark: {listed(others)}."] if others else lines
