"""Draw problems of a reasoning_gym task and print one JSON object per line.

    PYTHONHASHSEED=0 python -m passk.problems.reasoning_gym_worker '{"task", "options", "count", "split", "seed"}'

Each line is {"id", "entry"} and is printed as soon as it is drawn. If too few different problems exist, the last line
is {"error": {"field", "problem", "fix"}}.
"""

import hashlib
import json
import math
import random
import sys
from collections.abc import Iterator
from typing import Any

# A problem is a test problem if the first byte of its question's hash is below this number: a quarter of 256. That is
# more than the tenth of mazes, since some tasks take half a second per problem.
TEST_BYTES = 64
# Problems drawn without a new one before an error.
PATIENCE = 3000


def main(request: dict[str, Any]) -> None:
    """Print the problems of a request."""
    out, sys.stdout = sys.stdout, sys.stderr  # some tasks print
    for line in draw(**request):
        out.write(json.dumps(line) + "\n")
        out.flush()


def draw(task: str, options: dict[str, Any], count: int, split: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield {"id", "entry"} of each problem. A task may make its whole data set at once, so this requests batches."""
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
                    "error": {
                        "field": "size",
                        "problem": f"{count} different problems of {task} requested, but {PATIENCE} tries in a row "
                        f"gave no new one for {split} after {len(seen)}",
                        "fix": "lower size, or change options",
                    }
                }
                return


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
