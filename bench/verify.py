"""Measure verdicts per second, in this process and through the pool, on the same responses in one run.

    python -m bench.verify [--responses 2000] [--processes 1 2]

The responses are like those of a training step: 16 per problem, with a few different answers among them, and some
hundred words before each. `in place` is this process without a deadline, `pool` children with one. The last line
shows the cost of a deadline, in a step in which one response in a hundred hangs.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence

from passk import verifiers
from passk.verifiers.pool import Pool

ROLLOUTS = 16
SECONDS = 1.0
HANGS = "\\boxed{\\gcd(10^{10^6}, 6^{10^6})}"
PROSE = "First we look at what is given, and then at what is asked; let x be the number of them. " * 12


def rows(name: str, count: int) -> list[tuple[str, str, str]]:
    """Return (verifier, response, answer) for `count` responses, ROLLOUTS per problem."""
    rng = random.Random(0)
    work = []
    for problem in range(-(-count // ROLLOUTS)):
        if name == "maze":
            answer, responses = "S....\n.*.*.\n...*E", ["RRRRDD", "RDDR", "<answer>DDRRURRD</answer>"]
        elif name == "reasoning_gym":
            entry = {"question": "", "answer": str(problem), "metadata": {}}
            answer, responses = json.dumps({"task": "chain_sum", "entry": entry}), [str(problem), str(problem + 1)]
        else:
            answer = f"\\frac{{{problem * 2 + 1}}}{{{problem + 2}}}"
            responses = [answer, f"\\frac{{{problem}}}{{7}}", f"{problem}\\sqrt{{2}}", str(problem), f"x^2 + {problem}"]
        tag = "<answer>{}</answer>" if name != "math" else "$\\boxed{{{}}}$"
        work += [(name, PROSE + tag.format(rng.choice(responses)), answer) for _ in range(ROLLOUTS)]
    return work[:count]


def in_place(work: Sequence[tuple[str, str, str]]) -> float:
    started = time.perf_counter()
    for row in work:
        verifiers.verify(*row)
    return len(work) / (time.perf_counter() - started)


def pooled(work: Sequence[tuple[str, str, str]], processes: int) -> float:
    with Pool(processes, SECONDS, in_place=False) as pool:
        # Children are running and have imported their packages before the clock starts.
        warm = [pool.submit(*work[0]) for _ in range(4 * processes)]
        for future in warm:
            future.result()
        started = time.perf_counter()
        for future in [pool.submit(*row) for row in work]:
            future.result()
        return len(work) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses", type=int, default=2000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    pools = "".join(f"{f'pool of {n}':>12}{'ratio':>8}" for n in arguments.processes)
    print(f"{'verdicts per second':<20}{'in place':>12}{pools}")
    for name in ("maze", "math", "reasoning_gym"):
        work = rows(name, arguments.responses)
        in_place(work[:1])
        # The pool runs first, since this process caches verdicts and forked children would inherit them.
        speeds = [pooled(work, n) for n in arguments.processes]
        here = in_place(work)
        print(
            f"{name:<20}{here:>12.0f}" + "".join(f"{speed:>12.0f}{speed / here:>8.2f}" for speed in speeds), flush=True
        )
    work = rows("math", arguments.responses)
    work[::100] = [("math", HANGS, "5")] * len(work[::100])
    speeds = [pooled(work, n) for n in arguments.processes]
    print(f"{'math, 1 % hang':<20}{'never ends':>12}" + "".join(f"{speed:>12.0f}{'':>8}" for speed in speeds))


if __name__ == "__main__":
    main()
