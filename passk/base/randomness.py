"""Randomness as a function of seed and step, so that a run which goes on draws what it would have drawn.

OpenRLHF seeds its processes where they start and saves no random state with a checkpoint: after a resume the
policy would shuffle, and vLLM sample, as at step 1. Seeded anew for each step there is no state to save.
"""

import hashlib


def seed_of(*parts: object) -> int:
    """A seed below 2**31 from whatever identifies the draw: the run's seed, the step, the prompt, the sample."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()) >> 1
