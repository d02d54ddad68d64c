"""Draw problems of a task of reasoning_gym, a JSON object a line on standard output.

    PYTHONHASHSEED=0 python -m passk.problems.reasoning_gym_worker '{"task", "options", "count", "split", "seed"}'

Each line is {"id", "entry"} as it is drawn, so that whoever asked may go away; where there are not as many
different problems, {"error"} is the last.
"""

import hashlib
import json
import math
import random
import sys
from collections.abc import Iterator
from typing import Any

# Of 256 values of the first byte of a question's hash, these many mean test: a quarter. More than the mazes'
# tenth, since some tasks take half a second a problem.
TEST_BYTES = 64
# Problems drawn without a new one before giving up.
PATIENCE = 3000


def main(asked: dict[str, Any]) -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # some tasks print
    for line in draw(**asked):
        out.write(json.dumps(line) + "\n")
        out.flush()


def draw(task: str, options: dict[str, Any], count: int, split: str, seed: int) -> Iterator[dict[str, Any]]:
    """{"id", "entry"} of each problem. A task may make all it is asked for at once, so it is asked for pieces."""
    import reasoning_gym

    rng = random.Random(seed)
    share = TEST_BYTES / 256 if split == "test" else 1 - TEST_BYTES / 256
    seen: set[str] = set()
    barren = 0
    while len(seen) < count:
        size = min(1000, max(8, math.ceil((count - len(seen)) / share)))
        random.seed(rng.random())  # a few tasks draw from Python's own generator
        dataset = reasoning_gym.create_dataset(task, size=size, seed=rng.randrange(2**31), **options)
        for index in range(size):
            entry = dataset[index]
            digest = hashlib.sha256(entry["question"].encode(errors="replace")).digest()
            identity = f"{task}-{digest.hex()[:12]}"
            barren += 1
            if (digest[0] < TEST_BYTES) == (split == "test") and identity not in seen:
                seen.add(identity)
                barren = 0
                kept = {name: entry[name] for name in ("question", "answer", "metadata")}
                yield {"id": identity, "entry": kept}
                if len(seen) == count:
                    return
            if barren > PATIENCE:
                yield {
                    "error": f"size: {count} different problems of {task} asked for, {len(seen)} found when "
                    f"{PATIENCE} tries brought no new one for {split}; lower size, or give it other options"
                }
                return


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
