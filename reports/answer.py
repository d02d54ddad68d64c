"""The experiment's answer in sentences, made from the numbers and from nothing else."""

from collections.abc import Callable

from passk.evaluate.intervals import Estimate
from reports.arms import Arm
from reports.results import Difference, Results
from reports.text import listed

NO_DIFFERENCE = "no difference that these data can show"


def interval(estimate: Estimate, signed: bool = False) -> str:
    """0.412 [0.380, 0.444]; with a sign in front for a difference."""
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def answer(results: Results, name: Callable[[str], str] = str) -> list[str]:
    """One sentence or a few. `name` dresses the names of stages and benchmarks (in markdown: as code)."""
    failures = _failed_arms(results, name)
    sentences = failures or _no_matchup(results)
    for challenger, baseline in results.matchups:
        sentences += _between(results, challenger, baseline, name)
    return sentences + _over_warm_start(results, name)


def _failed_arms(results: Results, name: Callable[[str], str]) -> list[str]:
    failed = {arm.name: [n.name for n in arm.chain if n.name in results.record.failures] for arm in results.arms}
    lines = [f"{name(arm)} failed in stage {name(stages[0])}." for arm, stages in failed.items() if stages]
    missing = [arm.name for arm in results.arms if not failed[arm.name] and arm.name not in results.checkpoints]
    if missing:
        lines.append(f"There are no samples of {listed([name(arm) for arm in missing])} yet.")
    return lines


def _no_matchup(results: Results) -> list[str]:
    if results.matchups:
        return []
    if not results.arms:
        return ["No arm ends in an rl stage, so there is nothing to compare."]
    which = "Pass@k" if results.arms[0].is_baseline else "Pass@1-only"
    return [f"There is no {which} arm to compare with."]


def _between(results: Results, challenger: Arm, baseline: Arm, name: Callable[[str], str]) -> list[str]:
    own = [d for d in results.between_arms if (d.of, d.to) == (challenger.name, baseline.name)]
    if not own:
        return []
    overall = [d for d in own if d.benchmark == results.groups[0]]
    where = "Over all benchmarks together" if len(results.benchmarks) > 1 else f"On {name(results.benchmarks[0])}"
    parts = [_verdict(overall, sign, name(baseline.name)) for sign in (1, -1, 0)]
    first = f"{where}, {name(challenger.name)} {', but '.join(part for part in parts if part)}."
    return [first, *_against_the_grain(own, overall, name)]


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


def _against_the_grain(own: list[Difference], overall: list[Difference], name: Callable[[str], str]) -> list[str]:
    """Benchmarks that clearly say other than all together: a mean must not hide them."""
    signs = {d.k: d.sign for d in overall}
    other = [d for d in own if d.benchmark != overall[0].benchmark and d.sign not in (0, signs.get(d.k, 0))]
    parts = [
        f"{'more' if d.sign > 0 else 'less'} on {name(d.benchmark)} at pass@{d.k} ({interval(d.estimate, signed=True)})"
        for d in other
    ]
    return [f"Not so on every benchmark: {listed(parts)}."] if parts else []


def _over_warm_start(results: Results, name: Callable[[str], str]) -> list[str]:
    own = [d for d in results.over_warm_start if d.benchmark == results.groups[0] and d.k == 1]
    words = {1: "better than", 0: "not clearly different from", -1: "worse than"}
    parts = []
    for warm_start in dict.fromkeys(d.to for d in own):
        for sign, word in words.items():
            same = [d for d in own if d.to == warm_start and d.sign == sign]
            if same:
                arms = listed([f"{name(d.of)} ({interval(d.estimate, signed=True)})" for d in same])
                parts.append(f"{arms} {'are' if len(same) > 1 else 'is'} {word} {name(warm_start)}")
    return [f"At pass@1, against the warm start: {'; '.join(parts)}."] if parts else []
